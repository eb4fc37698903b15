import { copyOf, prepare, type Setting, type Start } from './prepare.ts';
import { deathsAt, type Instant, livingFaults, trace } from './explore.ts';
import { checkDone, digest } from './invariant.ts';
import { describe, nextAfter, type Outcome, type Verb } from './resume.ts';
import { Resumes } from './resumes.ts';
import type { Round, Schedule } from './schedule.ts';
import { dies, struck } from './strike.ts';
import { emptyTally, note, type Tally } from './tally.ts';

export interface Share { readonly part: number; readonly parts: number; readonly tell?: (tally: Tally) => void }

/** What stands after a run that a fault struck: stopped somewhere, or done all the same. */
interface Stopped extends Start { readonly rounds: readonly Round[]; readonly verb: Verb }

/**
 * Every schedule of two faults of one world, without repeating itself:
 *
 * - a first run with every single fault; of the worlds that they leave each distinct one is resumed with every single fault;
 * - a first run with a fault that it survives, and in the same run every later fault, deaths at every later instant among them.
 *
 * Equal worlds (`digest`) have equal futures, so whatever leads to a known one is counted and not played again.
 */
export class Pairs {
  readonly setting: Setting;
  readonly tally: Tally;
  readonly #share: Share;
  readonly #resumes: Resumes;
  readonly #struckFrom = new Set<string>();
  readonly #struckHere = new Set<string>();

  constructor(setting: Setting, share: Share = { part: 0, parts: 1 }) {
    this.setting = setting;
    this.#share = share;
    this.tally = emptyTally(setting.name);
    this.#resumes = new Resumes(this.tally);
  }

  async all(): Promise<Tally> {
    const { verb } = this.setting;
    const start = await prepare(this.setting);
    const { calls, instants, ending, wrong } = await trace(verb, start);
    this.tally.calls = calls.length;
    if (wrong !== undefined || ending.is !== 'done') throw new Error(`${this.setting.name} without any fault: ${wrong ?? describe(ending)}`);
    const { part, parts, tell } = this.#share;
    let count = 0;
    const mine = () => (count += 1) % parts === part;
    for (const { first, from } of this.#deaths(instants)) {
      const stopped: Stopped = { ...from, rounds: [[first]], verb };
      if (mine()) this.#note(stopped.rounds, await this.#resumes.from(copyOf(from), verb));
      if (this.#isNew(stopped) && mine()) await this.#mended(stopped);
    }
    for (const first of livingFaults(calls, verb, this.setting)) {
      const isMine = mine();
      if (isMine) await this.#living(start, verb, [], [first]);
      const stopped = await this.#first(start, first);
      if (stopped !== undefined && this.#isNew(stopped) && mine()) await this.#mended(stopped);
      if (isMine) await this.#within(start, first);
      tell?.(this.tally);
    }
    return this.tally;
  }

  /** One state as a run finds it is struck by every second fault once, by whichever worker meets it in its turn. */
  #isNew({ world, seen, verb }: Stopped): boolean {
    const key = `${verb} ${digest(world, seen)}`;
    if (this.#struckFrom.has(key)) return false;
    this.#struckFrom.add(key);
    return true;
  }

  /** States that a fault-free run halts in are few; each worker strikes those that it meets. */
  #isNewHere({ world, seen, verb }: Stopped): boolean {
    const key = `${verb} ${digest(world, seen)}`;
    if (this.#struckHere.has(key)) return false;
    this.#struckHere.add(key);
    return true;
  }

  *#deaths(instants: readonly Instant[]): Generator<{ first: Schedule; from: Start }> {
    for (const instant of instants) {
      for (const first of deathsAt(instant, this.tally)) {
        const from = copyOf(instant);
        dies(from, first);
        yield { first, from };
      }
    }
  }

  /** The world after a first run with a fault that it survives; undefined where that run was done all the same. */
  async #first(start: Start, first: Schedule): Promise<Stopped | undefined> {
    const from = copyOf(start);
    const { verb } = this.setting;
    const { ending, wrong } = await struck(from, verb, [first]);
    if (wrong !== undefined || ending.is === 'done') return undefined;
    const next = nextAfter(ending, verb, from.world, from.seen, true);
    return 'verb' in next ? { ...from, rounds: [[first]], verb: next.verb } : undefined;
  }

  /** The run that is to mend it, with every single fault; and the run after that, where it can only say what is to be done. */
  async #mended({ world, seen, rounds, verb }: Stopped): Promise<void> {
    const start: Start = { world, seen };
    const { calls, instants, wrong, ending, after } = await trace(verb, start, false);
    if (wrong !== undefined) { this.#note(rounds, { wrong, runs: 1, story: [], said: [] }); return; }
    for (const { first: death, from } of this.#deaths(instants)) this.#note([...rounds, [death]], await this.#resumes.from(from, verb));
    for (const second of livingFaults(calls, verb, this.setting)) await this.#living(start, verb, rounds, [second]);
    if (ending.is === 'done') return;
    const next = nextAfter(ending, verb, after.world, after.seen, false);
    if (!('verb' in next)) { this.#note(rounds, { ...('wrong' in next ? { wrong: next.wrong } : {}), runs: 1, story: [], said: [] }); return; }
    const stopped: Stopped = { ...after, rounds: [...rounds, []], verb: next.verb };
    if (this.#isNewHere(stopped)) await this.#mended(stopped);
  }

  /** The first fault, and in the same run every later one. */
  async #within(start: Start, first: Schedule): Promise<void> {
    const { verb } = this.setting;
    const { calls, instants } = await trace(verb, start, false, [first]);
    const from = first.kind === 'commit' ? -1 : first.at;
    for (const { first: death, from: after } of this.#deaths(instants.filter(({ at }) => at > from))) this.#note([[first, death]], await this.#resumes.from(after, verb));
    for (const second of livingFaults(calls.slice(from + 1), verb, this.setting)) {
      // Beside a commit that is cut off every other fault was tried from the other side.
      if (second.kind === 'commit' ? first.kind !== 'commit' : true) await this.#living(start, verb, [], [first, second]);
    }
  }

  async #living(start: Start, verb: Verb, rounds: readonly Round[], round: Round): Promise<void> {
    const from = copyOf(start);
    const { ending, wrong, said } = await struck(from, verb, round);
    const story = [`${verb}: ${describe(ending)}`];
    const end = (broken: string | undefined) => this.#note([...rounds, round], { runs: 1, story, said, ...(broken === undefined ? {} : { wrong: broken }) });
    if (wrong !== undefined) { end(wrong); return; }
    if (ending.is === 'done') { end(await checkDone(from.world, from.seen, 'struck')); return; }
    const next = nextAfter(ending, verb, from.world, from.seen, true);
    if (!('verb' in next)) { end('wrong' in next ? next.wrong : undefined); return; }
    const after = await this.#resumes.from(from, next.verb);
    this.#note([...rounds, round], { ...after, runs: after.runs + 1, story: [...story, ...after.story] });
  }

  #note(rounds: readonly Round[], outcome: Outcome): void { note(this.tally, rounds, outcome); }
}
