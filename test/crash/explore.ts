import { Dice } from '../sim/dice.ts';
import { mayDeny } from '../sim/host.ts';
import type { FaultKind, PortCall } from '../sim/process.ts';
import { type WorldShape, World } from '../sim/world.ts';
import { check, checkDone, checkOpened, digest, nothingSeen, type Seen } from './invariant.ts';
import { everyReboot, powerCut, reboot } from './reboots.ts';
import { describe, flowOf, nextAfter, type Outcome, resume, type Verb, watched } from './resume.ts';

/** What is explored: a command on a world of a certain shape, after the commands that came before it. */
export interface Setting extends WorldShape {
  readonly name: string;
  readonly before: readonly Verb[];
  readonly verb: Verb;
}

export interface Failure { readonly schedule: string; readonly wrong: string; readonly story: readonly string[]; readonly said: readonly string[] }
export interface Tally {
  readonly setting: string;
  calls: number;
  schedules: number;
  /** Schedules by the kind of their fault. */
  readonly kinds: Map<string, number>;
  readonly states: Set<string>;
  /** How often each number of runs was needed until all was quiet. */
  readonly resumes: Map<number, number>;
  readonly failures: Failure[];
  truncated: number;
}

/** `install-1x1/fails@12`, `rotate-2x1/reboot:m1:kl@57a`, `rotate-1x1/commit:2@0`. */
export interface Schedule { readonly kind: string; readonly at: number; readonly when: 'a' | 'b' | ''; readonly detail: readonly string[] }

export function formatSchedules(setting: Setting, schedules: readonly Schedule[]): string {
  return `${setting.name}/${schedules.map(({ kind, at, when, detail }) => `${[kind, ...detail].join(':')}@${at}${when}`).join('+')}`;
}

export function parseSchedules(text: string): { setting: string; schedules: Schedule[] } {
  const [setting = '', faults = ''] = text.split('/');
  return {
    setting,
    schedules: faults.split('+').map((fault): Schedule => {
      const found = /^([^@]+)@(\d+)([ab]?)$/.exec(fault);
      if (found === null) throw new Error(`"${text}" is not a schedule: SETTING/FAULT@CALL+FAULT@CALL`);
      const [kind = '', ...detail] = found[1]!.split(':');
      return { kind, at: Number(found[2]), when: found[3] as 'a' | 'b' | '', detail };
    }),
  };
}

export interface Start { readonly world: World; readonly seen: Seen }

export async function prepare(setting: Setting): Promise<Start> {
  const world = new World(setting);
  const seen = nothingSeen();
  for (const verb of setting.before) {
    const { ending, wrong } = await watched(world, verb, seen);
    if (ending.is !== 'done' || wrong !== undefined) throw new Error(`${setting.name}: ${verb} without any fault ended in ${describe(ending)} ${wrong ?? ''}`);
  }
  return { world, seen };
}

interface Instant extends Start { readonly at: number; readonly when: 'a' | 'b' }
const copyOf = ({ world, seen }: Start): Start => ({ world: world.clone(), seen: { ...seen } });

/** The run without any fault, and the world as it was at each boundary of a call at which it differed from the one before. */
async function trace(verb: Verb, start: Start, fresh = true): Promise<{ calls: readonly PortCall[]; instants: Instant[]; ending: string; wrong: string | undefined }> {
  const { world, seen } = copyOf(start);
  const instants: Instant[] = [];
  let last = '';
  let wrong: string | undefined;
  const { calls, ending } = await world.run(flowOf(verb), {
    boundary: (call, when) => {
      wrong ??= check(world, seen) ?? (fresh ? checkOpened(world, seen) : undefined);
      const now = digest(world, seen);
      if (now === last) return;
      last = now;
      instants.push({ ...copyOf({ world, seen }), at: call.index, when: when === 'before' ? 'b' : 'a' });
    },
  });
  return { calls, instants, ending: describe(ending), wrong: wrong ?? (ending.is === 'done' ? await checkDone(world) : undefined) };
}

/** Which single faults can happen to a call while the process lives on. */
export function faultsOf(call: PortCall, setting: Setting): FaultKind[] {
  const local = setting.onFirst === true && call.where === 'm1';
  switch (call.port) {
    case 'vault': return ['fails', ...(call.changes ? ['reply-lost', 'node-restarts-after'] as const : []), 'node-restarts-before', 'node-gone', 'steps-down', 'signal'];
    case 'host': return local ? ['signal'] : ['fails', 'reply-lost', 'host-gone', 'signal'];
    // Closing a descriptor frees its lock whatever close(2) says.
    case 'disk': return [...(call.what.startsWith('unlock') ? [] : ['fails'] as const), ...(mayDeny(call.what) ? ['reply-lost'] as const : []), ...(/^(create|file\.write|makeFolder) /.test(call.what) ? ['disk-full'] as const : []), ...(local || !call.changes ? [] : ['cut', 'host-reboots'] as const)];
  }
}

/** The deaths at one instant: the process alone, one manager with it (every way its disk may come back), or everything. */
function deathsAt(instant: Instant, tally: Tally): Schedule[] {
  const { at, when, world } = instant;
  const deaths: Schedule[] = [{ kind: 'die', at, when, detail: [] }];
  for (const [name, machine] of world.machines) {
    const { all, truncated } = everyReboot(machine);
    if (truncated) tally.truncated += 1;
    for (const choices of all) deaths.push({ kind: 'reboot', at, when, detail: [name, choices] });
  }
  for (const letter of ['k', 'l', 't']) deaths.push({ kind: 'power', at, when, detail: [letter.repeat(32)] });
  return deaths;
}

function dies({ world }: Start, { kind, detail }: Schedule): void {
  if (kind === 'reboot') reboot(world.machines.get(detail[0]!)!, detail[1] ?? '');
  if (kind === 'power') powerCut(world, detail[0]!);
}

/** Every n-th of the schedules, from the `offset`-th on. */
export interface Sample { readonly every?: number; readonly offset?: number }

const KNOWN_COMMIT_WRITES = 5;
const DEATHS = new Set(['die', 'reboot', 'power']);

/** One watched run that a fault strikes: it goes on, or dies at that boundary and its machines with it. */
export async function struck(start: Start, verb: Verb, schedule: Schedule): Promise<Awaited<ReturnType<typeof watched>>> {
  const { world, seen } = start;
  const { kind, at, when, detail } = schedule;
  if (!DEATHS.has(kind)) {
    const commitDiesAt = kind === 'commit' ? at : detail[0] === undefined ? undefined : Number(detail[0]);
    return watched(world, verb, seen, { commitDiesAt, fault: kind === 'commit' ? undefined : { at, kind: kind as FaultKind } });
  }
  let kill: () => void = () => undefined;
  const finished = await watched(world, verb, seen, {
    started: (die) => { kill = die; },
    boundary: (call, side) => { if (call.index === at && side === (when === 'b' ? 'before' : 'after')) kill(); },
  });
  if (finished.ending.is === 'died' && finished.wrong === undefined) dies(start, schedule);
  return finished;
}

/** One setting, explored: every schedule of one fault, each end state resumed once. */
export class Exploration {
  readonly setting: Setting;
  readonly tally: Tally;
  readonly #outcomes = new Map<string, Outcome>();

  constructor(setting: Setting) {
    this.setting = setting;
    this.tally = { setting: setting.name, calls: 0, schedules: 0, kinds: new Map(), states: new Set(), resumes: new Map(), failures: [], truncated: 0 };
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
      await this.#from(copyOf(instants[index]!), verb, [{ kind: 'die', at, when, detail: [] }], { every, offset: offset + index });
    }
    return this.tally;
  }

  /** Every single fault of one run that begins here; returns how many calls it has without any. */
  async #from(start: Start, verb: Verb, earlier: readonly Schedule[], { every = 1, offset = 0 }: Sample): Promise<number> {
    const { calls, instants, ending, wrong: broken } = await trace(verb, start, earlier.length === 0);
    // A run that mends a death may rightly end in a halt (nobody ever held the keys): what follows is resumed elsewhere.
    const wrong = broken ?? (earlier.length === 0 && ending !== 'done' ? `without any fault it ended in ${ending}` : undefined);
    if (wrong !== undefined) this.#note([...earlier, { kind: 'none', at: 0, when: '', detail: [] }], { wrong, runs: 0, story: [], said: [] });
    let count = 0;
    const mine = () => (count += 1) % every === offset % every;
    for (const instant of instants) {
      for (const death of deathsAt(instant, this.tally)) {
        if (!mine()) continue;
        const after = copyOf(instant);
        dies(after, death);
        this.#note([...earlier, death], await this.#afterwards(after, verb));
      }
    }
    for (const call of calls) for (const kind of faultsOf(call, this.setting)) if (mine()) await this.#many(copyOf(start), verb, [{ kind, at: call.index, when: '', detail: [] }], earlier);
    if (verb === 'rotate') for (let write = 0; write < KNOWN_COMMIT_WRITES; write += 1) await this.#many(copyOf(start), verb, [{ kind: 'commit', at: write, when: '', detail: [] }], earlier);
    return calls.length;
  }

  /** Pairs of faults, drawn with a seed: the second one strikes the run that was to mend the first. */
  async pairs(count: number, seed: number): Promise<Tally> {
    const start = await prepare(this.setting);
    const { calls, instants } = await trace(this.setting.verb, start);
    const dice = new Dice(seed);
    const below = (limit: number) => ((dice.byte() << 16) | (dice.byte() << 8) | dice.byte()) % limit;
    const drawn = (): Schedule => {
      const call = calls[below(calls.length)]!;
      const kinds = [...faultsOf(call, this.setting), 'die', 'die', 'reboot', 'power', ...(this.setting.verb === 'rotate' && below(4) === 0 ? ['commit'] : [])];
      const kind = kinds[below(kinds.length)]!;
      const letters = Array.from({ length: 8 }, () => 'klt'[below(3)]).join('');
      const names = [...start.world.machines.keys()];
      if (kind === 'commit') return { kind, at: below(KNOWN_COMMIT_WRITES), when: '', detail: [] };
      if (kind === 'die' || kind === 'power' || kind === 'reboot') return { kind, at: call.index, when: 'ab'[below(2)] as 'a' | 'b', detail: kind === 'die' ? [] : kind === 'power' ? [letters] : [names[below(names.length)]!, letters] };
      return { kind, at: call.index, when: '', detail: [] };
    };
    this.tally.calls = calls.length + instants.length;
    for (let drawing = 0; drawing < count; drawing += 1) await this.#many(copyOf(start), this.setting.verb, [drawn(), drawn()]);
    return this.tally;
  }

  /** While the server's commit is to be cut off, one more thing goes wrong in the same run. */
  async besideCommit(write: number): Promise<Tally> {
    const start = await prepare(this.setting);
    const { calls } = await trace(this.setting.verb, start);
    for (const call of calls) for (const kind of faultsOf(call, this.setting)) if (kind === 'fails' || kind === 'reply-lost') await this.#many(copyOf(start), this.setting.verb, [{ kind, at: call.index, when: '', detail: [String(write)] }]);
    return this.tally;
  }

  /** What an id names; with all that was said. */
  async one(schedules: readonly Schedule[]): Promise<Outcome> {
    return this.#many(await prepare(this.setting), this.setting.verb, schedules);
  }

  /** One run for each fault, each with the command that the one before it left the operator with; then all goes well. */
  async #many(start: Start, first: Verb, schedules: readonly Schedule[], earlier: readonly Schedule[] = []): Promise<Outcome> {
    const { world, seen } = start;
    let verb = first;
    const story: string[] = [];
    const said: string[] = [];
    const wrongly = (wrong: string | undefined) => this.#note([...earlier, ...schedules], { runs: story.length, story, said, ...(wrong === undefined ? {} : { wrong }) });
    for (const schedule of schedules) {
      const finished = await struck(start, verb, schedule);
      story.push(`${verb}: ${describe(finished.ending)}`);
      said.push(...finished.said.map((line) => `  ${line}`));
      if (finished.wrong !== undefined) return wrongly(finished.wrong);
      if (finished.ending.is === 'done') {
        const wrong = await checkDone(world);
        if (wrong !== undefined || verb === 'install') return wrongly(wrong);
        continue;
      }
      const next = nextAfter(finished.ending, verb, world, seen, true);
      if ('wrong' in next) return wrongly(next.wrong);
      verb = next.verb;
    }
    if (story.at(-1)?.endsWith(': done') === true) return wrongly(undefined);
    const after = await this.#afterwards(start, verb);
    return this.#note([...earlier, ...schedules], { ...after, runs: after.runs + story.length, story: [...story, ...after.story], said: [...said, ...after.said] });
  }

  /** Equal worlds have equal futures: each is resumed once. */
  async #afterwards({ world, seen }: Start, verb: Verb): Promise<Outcome> {
    const wrong = check(world, seen);
    const key = `${verb} ${digest(world, seen)}`;
    this.tally.states.add(key);
    if (wrong !== undefined) return { wrong, runs: 0, story: [], said: [] };
    const known = this.#outcomes.get(key);
    if (known !== undefined) return known;
    const outcome = await resume(world, verb, seen);
    this.#outcomes.set(key, outcome);
    return outcome;
  }

  #note(schedules: readonly Schedule[], outcome: Outcome): Outcome {
    const { tally } = this;
    tally.schedules += 1;
    for (const { kind } of schedules) tally.kinds.set(kind, (tally.kinds.get(kind) ?? 0) + 1);
    tally.resumes.set(outcome.runs, (tally.resumes.get(outcome.runs) ?? 0) + 1);
    if (outcome.wrong !== undefined) tally.failures.push({ schedule: formatSchedules(this.setting, schedules), wrong: outcome.wrong, story: outcome.story, said: outcome.said });
    return outcome;
  }
}
