import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ended, KilledWorld, type SecondOverSsh } from '../test/real/killed-world.ts';
import type { SshdManager } from '../test/real/sshd.ts';
import { chosen, type Scope, type Trial } from './experiment.ts';
import { type Flow, flows, makeReady } from './flow.ts';
import { judged } from './judge.ts';
import { dealt, type Lane } from './lanes.ts';
import { descendants, signalAll } from './process-tree.ts';
import { ToolTraps, type Turn } from './tool-traps.ts';

/** Behind a real sshd, with a disk or a network of its own. */
export const STRUCK = 'm2';
const ENDS_WITHIN_MS = 240_000;

/** A world with one manager that can be hurt at any operation that vaultctl makes there. */
export interface Bench {
  readonly world: KilledWorld;
  readonly traps: ToolTraps;
  readonly manager: SshdManager;
  end(): Promise<void>;
}

/** What happens to that manager. */
export interface Affliction<B extends Bench> {
  readonly name: string;
  readonly strike: (bench: B) => void | Promise<void>;
  /** After the run, before the next one; also where it never struck. */
  readonly lift?: (bench: B) => void | Promise<void>;
  /** It passes within the run, which then has no reason to end badly. */
  readonly passes?: true;
  /** The run waits half a minute for it: only one in so many instants is worth it, and none of a sample's. */
  readonly every?: number;
}

interface Strike<B extends Bench> { readonly flow: Flow; readonly turn: Turn; readonly affliction: Affliction<B>; readonly master: string; readonly restarted: boolean }

/** `net`: third octet of the sshd's address, unless it has another network. */
export async function startBench(second: SecondOverSsh): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'vaultctl-held-'));
  const traps = new ToolTraps(folder);
  const world = await KilledWorld.start('plain', { ...second, config: traps.config });
  const manager = world.sshd!.managers[0]!;
  return { world, traps, manager, end: async () => {
    traps.letGo();
    signalAll(sessionsOf(manager), 'SIGKILL');
    await world.end();
    rmSync(folder, { recursive: true, force: true });
  } };
}

export function sessionsOf({ pid }: SshdManager): number[] { return descendants(pid); }

/** Every affliction at every turn, in one of so many lanes. */
export function struckLane<B extends Bench>(scope: Scope, lane: { readonly index: number; readonly of: number; readonly start: () => Promise<B> }, afflictions: readonly Affliction<B>[]): Lane<Strike<B>, B> {
  return {
    start: lane.start,
    items: async (bench) => {
      const all: Strike<B>[] = [];
      const worthIt = scope.all || scope.short > 40 ? afflictions : afflictions.filter(({ every }) => every === undefined);
      for (const flow of flows) all.push(...await strikesIn(bench, flow, worthIt));
      return dealt(chosen(all, scope), lane.index, lane.of);
    },
    strike,
  };
}

/** Counted in a run that is not struck. The struck manager is the master in every second one: then it gets the checkpoint of init, and the snapshot. */
async function strikesIn<B extends Bench>({ world, traps }: B, flow: Flow, afflictions: readonly Affliction<B>[]): Promise<Strike<B>[]> {
  const masters = ['m1', STRUCK];
  const turns: Turn[][] = [];
  for (const master of masters) {
    world.master = master;
    await makeReady(world, flow);
    traps.count();
    const { code, text } = await world.run(flow);
    turns.push(traps.counted());
    if (code !== 0) throw new Error(`${flow}, counted and not struck, ended with ${code}:\n${text}`);
  }
  return masters.flatMap((master, which) => turns[which]!.flatMap((turn, at) => afflictions
    .filter(({ every = 1 }, index) => (at + index) % (2 * every) === which)
    .map((affliction) => ({ flow, turn, affliction, master, restarted: at % 3 === 1 }))));
}

async function strike<B extends Bench>(bench: B, { flow, turn, affliction, master, restarted }: Strike<B>): Promise<Trial> {
  const { world, traps } = bench;
  world.master = master;
  await makeReady(world, flow);
  const what = `${STRUCK}${master === STRUCK ? ', the master,' : ''} ${affliction.name} at ${turn.tool} ${turn.round} of ${flow}${restarted ? ', then Vault restarted' : ''}`;
  traps.hold(turn);
  const { child, ended } = world.begin([flow]);
  const late = setTimeout(() => child.kill('SIGKILL'), ENDS_WITHIN_MS);
  let struck: Ended;
  let hit = false;
  try {
    hit = await Promise.race([holds(traps), ended.then(() => false)]);
    if (hit) await affliction.strike(bench);
    traps.letGo();
    struck = await ended;
  } finally {
    clearTimeout(late);
    traps.letGo();
    await affliction.lift?.(bench);
  }
  const seen = amiss(struck, affliction.passes === true || !hit);
  if (seen !== undefined) return { what, outcome: 'wrong', seen: `${seen}:\n${struck.text}` };
  const trial = await judged(world, what, flow, struck, { restarted });
  return hit || trial.outcome !== 'kept' ? trial : { what, outcome: 'missed' };
}

async function holds(traps: ToolTraps): Promise<true> {
  for (const end = Date.now() + ENDS_WITHIN_MS; !traps.holds; await sleep(5)) if (Date.now() > end) break;
  return true;
}

/** What is not right about how the struck run ended, whatever comes after. */
function amiss({ code, signal, text }: Ended, mustEndWell: boolean): string | undefined {
  if (signal === 'SIGKILL') return `it did not end within ${ENDS_WITHIN_MS / 1000} s`;
  if (mustEndWell && code !== 0) return `that is no reason to end with ${code}`;
  return code === 0 || text.includes(STRUCK) ? undefined : 'it does not say which manager it was';
}
