import type { Fault, FaultKind } from '../sim/process.ts';
import type { Finished, RunOptions } from '../sim/world.ts';
import type { Start } from './prepare.ts';
import { powerCut, reboot } from './reboots.ts';
import { nextAfter, type Verb, watched } from './resume.ts';
import type { Round, Schedule } from './schedule.ts';
import { breakLocks, isGuarded } from './second.ts';

const DEATHS = new Set(['die', 'reboot', 'power']);
export const isDeath = ({ kind }: Schedule): boolean => DEATHS.has(kind);

/** What the machines and servers lose where the process died. */
export function dies({ world }: Start, { kind, detail }: Schedule): void {
  if (kind === 'reboot') reboot(world.machines.get(detail[0]!)!, detail[1] ?? '');
  if (kind === 'power') powerCut(world, detail[0]!);
}

/** What a run itself is told of a round: the server's death in its commit, and the faults that the process survives. */
export function runOptions(round: Round): Pick<RunOptions, 'commitDiesAt' | 'faults'> {
  return {
    commitDiesAt: round.find(({ kind }) => kind === 'commit')?.at,
    faults: round.filter((fault) => !isDeath(fault) && fault.kind !== 'commit' && fault.kind !== 'second').map(({ kind, at }): Fault => ({ kind: kind as FaultKind, at })),
  };
}

export type Struck = Finished & { wrong?: string };

/** One watched run with all that goes wrong in it. */
export async function struck(start: Start, verb: Verb, round: Round): Promise<Struck> {
  const death = round.find(isDeath);
  const second = round.find(({ kind }) => kind === 'second');
  let kill: () => void = () => undefined;
  let other: Second | undefined;
  const finished = await watched(start.world, verb, start.seen, {
    ...runOptions(round),
    started: (die) => { kill = die; },
    boundary: (call, side) => { if (death !== undefined && call.index === death.at && side === (death.when === 'b' ? 'before' : 'after')) kill(); },
    ...(second === undefined ? {} : { pause: { at: second.at, where: () => !isGuarded(start.world), meanwhile: () => { other = begin(start, second); return other.standsStill; } } }),
  });
  if (finished.ending.is === 'died' && second?.detail.includes('unlock') === true && other !== undefined) start.seen.diedOvertaken = true;
  other?.wake();
  const ended = await other?.ended;
  if (finished.ending.is === 'died' && finished.wrong === undefined && death !== undefined) dies(start, death);
  const wrong = finished.wrong ?? ended?.wrong;
  return wrong === undefined ? finished : { ...finished, wrong };
}

interface Second { readonly standsStill: Promise<void>; readonly wake: () => void; readonly ended: Promise<{ wrong?: string | undefined }> }

/** `second:VERB:MANAGER:CALL[:unlock]`: somebody else's run, which stands still before that call of its own until the first run is over. */
function begin(start: Start, { detail: [verb = 'install', from, at = '0', unlock] }: Schedule): Second {
  let wake: () => void = () => undefined;
  const firstIsOver = new Promise<void>((resolve) => { wake = resolve; });
  let stand: () => void = () => undefined;
  const stands = new Promise<void>((resolve) => { stand = resolve; });
  const ended = (async () => {
    if (unlock !== undefined) await breakLocks(start.world);
    const finished = await watched(start.world, verb as Verb, start.seen, { from, pause: { at: Number(at), where: () => !isGuarded(start.world), meanwhile: () => { stand(); return firstIsOver; } } });
    if (finished.wrong !== undefined) return { wrong: `the second operator: ${finished.wrong}` };
    const next = nextAfter(finished.ending, verb as Verb, start.world, start.seen, true, 'reads');
    return 'wrong' in next ? { wrong: `the second operator: ${next.wrong}` } : {};
  })();
  return { standsStill: Promise.race([stands, ended.then(() => undefined)]), wake, ended };
}
