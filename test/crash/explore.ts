import { mayDeny } from '../sim/host.ts';
import type { FaultKind, PortCall } from '../sim/process.ts';
import { type WorldShape, World } from '../sim/world.ts';
import { check, checkDone, digest, nothingSeen, type Seen } from './invariant.ts';
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

export function formatSchedule(setting: Setting, { kind, at, when, detail }: Schedule): string {
  return `${setting.name}/${[kind, ...detail].join(':')}@${at}${when}`;
}

export function parseSchedule(text: string): { setting: string; schedule: Schedule } {
  const found = /^([^/]+)\/([^@]+)@(\d+)([ab]?)$/.exec(text);
  if (found === null) throw new Error(`"${text}" is not a schedule: SETTING/FAULT@CALL`);
  const [kind = '', ...detail] = found[2]!.split(':');
  return { setting: found[1]!, schedule: { kind, at: Number(found[3]), when: found[4] as 'a' | 'b' | '', detail } };
}

interface Start { readonly world: World; readonly seen: Seen }

async function prepare(setting: Setting): Promise<Start> {
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
async function trace(setting: Setting, start: Start): Promise<{ calls: readonly PortCall[]; instants: Instant[]; wrong: string | undefined }> {
  const { world, seen } = copyOf(start);
  const instants: Instant[] = [];
  let last = '';
  let wrong: string | undefined;
  const { calls, ending } = await world.run(flowOf(setting.verb), {
    boundary: (call, when) => {
      wrong ??= check(world, seen);
      const now = digest(world, seen);
      if (now === last) return;
      last = now;
      instants.push({ ...copyOf({ world, seen }), at: call.index, when: when === 'before' ? 'b' : 'a' });
    },
  });
  if (ending.is !== 'done') wrong ??= `without any fault it ended in ${describe(ending)}`;
  return { calls, instants, wrong: wrong ?? await checkDone(world) };
}

/** Which single faults can happen to a call while the process lives on. */
export function faultsOf(call: PortCall, setting: Setting): FaultKind[] {
  const local = setting.onFirst === true && call.where === 'm1';
  switch (call.port) {
    case 'vault': return ['fails', ...(call.changes ? ['reply-lost', 'node-restarts-after'] as const : []), 'node-restarts-before', 'signal'];
    case 'host': return local ? ['signal'] : ['fails', 'reply-lost', 'signal'];
    // Closing a descriptor frees its lock whatever close(2) says.
    case 'disk': return [...(call.what.startsWith('unlock') ? [] : ['fails'] as const), ...(mayDeny(call.what) ? ['reply-lost'] as const : []), ...(local || !call.changes ? [] : ['cut', 'host-reboots'] as const)];
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

const KNOWN_COMMIT_WRITES = 5;

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
  async all({ every = 1, offset = 0 }: { every?: number; offset?: number } = {}): Promise<Tally> {
    const start = await prepare(this.setting);
    const { calls, instants, wrong } = await trace(this.setting, start);
    this.tally.calls = calls.length;
    if (wrong !== undefined) this.#note({ kind: 'none', at: 0, when: '', detail: [] }, { wrong, runs: 0, story: [], said: [] });
    let count = 0;
    const mine = () => (count += 1) % every === offset % every;
    for (const instant of instants) for (const death of deathsAt(instant, this.tally)) if (mine()) await this.#die(copyOf(instant), death);
    for (const call of calls) for (const kind of faultsOf(call, this.setting)) if (mine()) await this.#goOn(copyOf(start), { kind, at: call.index, when: '', detail: [] });
    if (this.setting.verb === 'rotate') for (let write = 0; write < KNOWN_COMMIT_WRITES; write += 1) await this.#goOn(copyOf(start), { kind: 'commit', at: write, when: '', detail: [] });
    return this.tally;
  }

  /** One schedule by its id; with all that was said. */
  async one(schedule: Schedule): Promise<Outcome> {
    const start = await prepare(this.setting);
    if (schedule.when === '') return this.#goOn(start, schedule);
    const { instants } = await trace(this.setting, start);
    const instant = instants.find(({ at, when }) => at === schedule.at && when === schedule.when);
    if (instant === undefined) throw new Error(`${this.setting.name} has no instant ${schedule.at}${schedule.when} at which the world changes`);
    return this.#die(copyOf(instant), schedule);
  }

  async #die(start: Start, schedule: Schedule): Promise<Outcome> {
    dies(start, schedule);
    return this.#note(schedule, await this.#afterwards(start, this.setting.verb));
  }

  async #goOn(start: Start, schedule: Schedule): Promise<Outcome> {
    const { world, seen } = start;
    const fault = schedule.kind === 'commit' ? { commitDiesAt: schedule.at } : { fault: { at: schedule.at, kind: schedule.kind as FaultKind } };
    const finished = await watched(world, this.setting.verb, seen, fault);
    const story = [`${this.setting.verb}: ${describe(finished.ending)}`];
    const first = { runs: 1, story, said: finished.said.map((line) => `  ${line}`) };
    if (finished.wrong !== undefined) return this.#note(schedule, { ...first, wrong: finished.wrong });
    if (finished.ending.is === 'done') {
      const wrong = await checkDone(world);
      return this.#note(schedule, wrong === undefined ? first : { ...first, wrong });
    }
    const next = nextAfter(finished.ending, this.setting.verb, world, seen, true);
    if ('wrong' in next) return this.#note(schedule, { ...first, wrong: next.wrong });
    const after = await this.#afterwards(start, next.verb);
    return this.#note(schedule, { ...after, runs: after.runs + 1, story: [...story, ...after.story], said: [...first.said, ...after.said] });
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

  #note(schedule: Schedule, outcome: Outcome): Outcome {
    const { tally } = this;
    tally.schedules += 1;
    tally.kinds.set(schedule.kind, (tally.kinds.get(schedule.kind) ?? 0) + 1);
    tally.resumes.set(outcome.runs, (tally.resumes.get(outcome.runs) ?? 0) + 1);
    if (outcome.wrong !== undefined) tally.failures.push({ schedule: formatSchedule(this.setting, schedule), wrong: outcome.wrong, story: outcome.story, said: outcome.said });
    return outcome;
  }
}
