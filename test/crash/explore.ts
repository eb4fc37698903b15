import { Dice } from '../sim/dice.ts';
import type { FaultKind, PortCall } from '../sim/process.ts';
import type { Ending } from '../sim/world.ts';
import { drawRounds, drawRun, type Ground } from './draw.ts';
import { faultsOf, KNOWN_COMMIT_WRITES, KNOWN_INIT_WRITES } from './faults.ts';
import { check, checkDone, checkOpened, digest, forget } from './invariant.ts';
import { play } from './play.ts';
import { copyOf, prepare, type Setting, type Start } from './prepare.ts';
import { everyReboot } from './reboots.ts';
import { describe, flowOf, type Outcome, type Verb } from './resume.ts';
import { Resumes } from './resumes.ts';
import type { Round, Schedule } from './schedule.ts';
import { dies, runOptions } from './strike.ts';
import { emptyTally, note, type Tally } from './tally.ts';

export { prepare, type Setting, type Start } from './prepare.ts';

export interface Instant extends Start { readonly at: number; readonly when: 'a' | 'b' }

export interface Trace {
  readonly calls: readonly PortCall[];
  readonly instants: readonly Instant[];
  readonly ending: Ending;
  readonly wrong: string | undefined;
  /** The world when the run is over. */
  readonly after: Start;
}

/** The run without any fault (but those of `round`), and the world as it was at each boundary of a call at which it differed from the one before. */
export async function trace(verb: Verb, start: Start, fresh = true, round: Round = []): Promise<Trace> {
  const { world, seen } = copyOf(start);
  if (!world.vault.initialised) forget(seen);
  const instants: Instant[] = [];
  let last = '';
  let wrong: string | undefined;
  const { calls, ending } = await world.run(flowOf(verb), {
    ...runOptions(round),
    boundary: (call, when) => {
      wrong ??= check(world, seen) ?? (fresh ? checkOpened(world, seen) : undefined);
      const now = digest(world, seen);
      if (now === last) return;
      last = now;
      instants.push({ ...copyOf({ world, seen }), at: call.index, when: when === 'before' ? 'b' : 'a' });
    },
  });
  return { calls, instants, ending, after: { world, seen }, wrong: wrong ?? (ending.is === 'done' ? await checkDone(world, seen, verb) : undefined) };
}

/** The deaths at one instant: the process alone, one manager with it (every way its disk may come back), or everything. */
export function deathsAt(instant: Instant, tally: Pick<Tally, 'truncated'>): Schedule[] {
  const { at, when, world } = instant;
  const deaths: Schedule[] = [{ kind: 'die', at, when, detail: [] }];
  for (const [name, machine] of world.machines) {
    const { all, truncated } = everyReboot(machine);
    if (truncated) tally.truncated += 1;
    for (const choices of all) deaths.push({ kind: 'reboot', at, when, detail: [name, choices] });
  }
  for (const letter of ['k', 'l', 't', 'z']) deaths.push({ kind: 'power', at, when, detail: [letter.repeat(32)] });
  return deaths;
}

/** Every n-th of the schedules, from the `offset`-th on. */
export interface Sample { readonly every?: number; readonly offset?: number }

/** Hears of the run without any fault, and of each single fault of it. */
export interface Watcher {
  readonly begun: (calls: readonly PortCall[]) => void;
  readonly ended: (fault: Schedule, outcome: Outcome) => void;
}

/** One setting, explored: every schedule of one fault, each end state resumed once. */
export class Exploration {
  readonly setting: Setting;
  readonly tally: Tally;
  readonly #resumes: Resumes;
  readonly #watcher: Watcher | undefined;

  constructor(setting: Setting, watcher?: Watcher) {
    this.setting = setting;
    this.#watcher = watcher;
    this.tally = emptyTally(setting.name);
    this.#resumes = new Resumes(this.tally);
  }

  /** @param every n-th schedule only, from the `offset`-th on: a sample with a seed for what is too large to exhaust */
  async all({ every = 1, offset = 0 }: Sample = {}): Promise<Tally> {
    const start = await prepare(this.setting);
    this.tally.calls = await this.#from(start, this.setting.verb, [], { every, offset });
    return this.tally;
  }

  /** The run that mends a death is struck in its turn: by every fault there is (or a sample), after every `stride`-th death of a first run. */
  async mending({ stride, every = 1, offset = 0 }: Sample & { stride: number }): Promise<Tally> {
    const { verb } = this.setting;
    const start = await prepare(this.setting);
    const { calls, instants } = await trace(verb, start);
    this.tally.calls = calls.length;
    for (let index = offset % stride; index < instants.length; index += stride) {
      const { at, when } = instants[index]!;
      await this.#from(copyOf(instants[index]!), verb, [[{ kind: 'die', at, when, detail: [] }]], { every, offset: offset + index });
    }
    return this.tally;
  }

  /** Every single fault of one run that begins here; returns how many calls it has without any. */
  async #from(start: Start, verb: Verb, earlier: readonly Round[], { every = 1, offset = 0 }: Sample): Promise<number> {
    const { calls, instants, ending, wrong: broken } = await trace(verb, start, earlier.length === 0);
    // A run that mends a death may rightly end in a halt (nobody ever held the keys): what follows is resumed elsewhere.
    const wrong = broken ?? (earlier.length === 0 && ending.is !== 'done' ? `without any fault it ended in ${describe(ending)}` : undefined);
    if (wrong !== undefined) note(this.tally, [...earlier, [{ kind: 'none', at: 0, when: '', detail: [] }]], { wrong, runs: 0, story: [], said: [] });
    const watcher = earlier.length === 0 ? this.#watcher : undefined;
    watcher?.begun(calls);
    let count = 0;
    const mine = () => (count += 1) % every === offset % every;
    for (const instant of instants) {
      for (const death of deathsAt(instant, this.tally)) {
        if (!mine()) continue;
        const after = copyOf(instant);
        dies(after, death);
        const outcome = note(this.tally, [...earlier, [death]], await this.#resumes.from(after, verb));
        watcher?.ended(death, outcome);
      }
    }
    for (const fault of livingFaults(calls, verb, this.setting)) {
      if (fault.kind !== 'commit' && !mine()) continue;
      const outcome = await this.#play(copyOf(start), verb, [[fault]], earlier);
      watcher?.ended(fault, outcome);
    }
    return calls.length;
  }

  /** Pairs of faults, drawn with a seed: the second one strikes the run that was to mend the first. */
  async pairs(count: number, seed: number): Promise<Tally> {
    const { start, ground } = await this.#ground();
    const dice = new Dice(seed);
    for (let drawing = 0; drawing < count; drawing += 1) await this.#play(copyOf(start), this.setting.verb, [[drawRun(dice, ground)], [drawRun(dice, ground)]]);
    return this.tally;
  }

  /** Two to four things of every kind, drawn with a seed: faults in one run and in several, harm, a second operator. */
  async deeper(count: number, seed: number, untilMs = Infinity): Promise<Tally> {
    const { start, ground } = await this.#ground();
    const dice = new Dice(seed);
    for (let drawing = 0; drawing < count && Date.now() < untilMs; drawing += 1) await this.#play(copyOf(start), this.setting.verb, drawRounds(dice, ground));
    return this.tally;
  }

  async #ground(): Promise<{ start: Start; ground: Ground }> {
    const start = await prepare(this.setting);
    const { calls } = await copyOf(start).world.run(flowOf(this.setting.verb));
    this.tally.calls = calls.length;
    return { start, ground: { setting: this.setting, calls } };
  }

  /** While the server's commit is to be cut off, one more thing goes wrong in the same run. */
  async besideCommit(write: number): Promise<Tally> {
    const { start, ground: { calls } } = await this.#ground();
    const commit: Schedule = { kind: 'commit', at: write, when: '', detail: [] };
    for (const call of calls) for (const kind of faultsOf(call, this.setting)) if (kind === 'fails' || kind === 'reply-lost') await this.#play(copyOf(start), this.setting.verb, [[{ kind, at: call.index, when: '', detail: [] }, commit]]);
    return this.tally;
  }

  /** What an id names; with all that was said. */
  async one(rounds: readonly Round[]): Promise<Outcome> {
    return this.#play(await prepare(this.setting), this.setting.verb, rounds);
  }

  async #play(start: Start, verb: Verb, rounds: readonly Round[], earlier: readonly Round[] = []): Promise<Outcome> {
    return note(this.tally, [...earlier, ...rounds], await play(start, verb, rounds, (from, next, errand) => this.#resumes.from(from, next, errand)));
  }
}

/** Every single fault that the process survives, and the deaths of the server in its commit or its init. */
export function livingFaults(calls: readonly PortCall[], verb: Verb, setting: Setting): Schedule[] {
  const faults = calls.flatMap((call) => faultsOf(call, setting).map((kind: FaultKind): Schedule => ({ kind, at: call.index, when: '', detail: [] })));
  const writes = verb === 'rotate' ? KNOWN_COMMIT_WRITES : verb === 'install' ? KNOWN_INIT_WRITES : 0;
  const commits = Array.from({ length: writes }, (_, at): Schedule => ({ kind: 'commit', at, when: '', detail: [] }));
  return [...faults, ...commits];
}
