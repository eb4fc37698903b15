import type { Start } from './prepare.ts';
import { check, digest } from './invariant.ts';
import { type Outcome, resume, type Verb } from './resume.ts';
import type { Tally } from './tally.ts';

/** Equal worlds have equal futures: each is resumed once. */
export class Resumes {
  readonly #states: Tally['states'];
  readonly #outcomes = new Map<string, Outcome>();

  /** @param tally where distinct worlds are counted */
  constructor({ states }: Tally) { this.#states = states; }

  /** @param errand what the operator came for, where another command is to come first */
  async from({ world, seen }: Start, verb: Verb, errand?: Verb): Promise<Outcome> {
    const wrong = check(world, seen);
    const key = `${verb} ${errand ?? ''} ${digest(world, seen)}`;
    this.#states.add(key);
    if (wrong !== undefined) return { wrong, runs: 0, story: [], said: [] };
    const known = this.#outcomes.get(key);
    if (known !== undefined) return known;
    const outcome = await resume(world, verb, seen, { errand });
    // Of a hundred thousand worlds nobody reads what a good run said.
    const kept: Outcome = outcome.wrong === undefined ? { ...outcome, said: [] } : outcome;
    this.#outcomes.set(key, kept);
    return kept;
  }
}
