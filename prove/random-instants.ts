import { setTimeout as sleep } from 'node:timers/promises';
import { KilledWorld } from '../test/real/killed-world.ts';
import type { Experiment, Scope, Trial } from './experiment.ts';
import { type Flow, flows, leftAlone, makeReady } from './flow.ts';
import { judged } from './judge.ts';
import { dealt, inLanes, type Lane, lanesFor } from './lanes.ts';
import { descendants, signalAll } from './process-tree.ts';

const INSTANTS = 500;
/** Third octet of the first sshd's address. */
const NET = 86;
/** Of an instant that came too late. */
const MOST_TRIES = 4;
const SHORTER = 0.9;
/** Of two lanes each: local, over ssh. */
const PAIRS = 2;

interface Instant { readonly flow: Flow; /** Of the length of a run that is left alone: 0 to 1. */ readonly part: number; readonly restarted: boolean }

/** Two managers on this machine in every second lane, the second one behind a real sshd in the others. */
export const randomInstants: Experiment = {
  name: 'random-instants',
  title: `SIGKILL of vaultctl and all its children at ${INSTANTS} random instants each of \`install\` and \`rotate\``,
  missing: () => undefined,
  trials: (scope) => {
    const instants = instantsOf(scope);
    const lanes = 2 * lanesFor(scope, PAIRS).length;
    return inLanes(Array.from({ length: lanes }, (_, index) => lane(index % 2 === 0 ? undefined : { net: NET + index }, dealt(instants, index, lanes))));
  },
};

/** One in each of as many equal parts of a run, so that no part of it goes unstruck. */
function instantsOf(scope: Scope): Instant[] {
  const count = scope.all ? INSTANTS : Math.ceil(scope.short / 2);
  const next = dice(scope.seed);
  return flows.flatMap((flow) => Array.from({ length: count }, (_, n) => ({ flow, part: (n + next()) / count, restarted: next() < 0.5 })));
}

function lane(overSsh: { readonly net: number } | undefined, items: readonly Instant[]): Lane<Instant> {
  const where = overSsh === undefined ? 'local' : 'over ssh';
  const lengthsMs = new Map<Flow, number>();
  return {
    items: async () => items,
    start: () => KilledWorld.start('plain', overSsh),
    strike: async (world, { flow, part, restarted }) => {
      if (!lengthsMs.has(flow)) lengthsMs.set(flow, await leftAlone(world, flow));
      let trial = await killedAt(world, flow, part * lengthsMs.get(flow)!, { where, restarted });
      // On a machine that has less to do than when it was measured a run may be over before its instant comes.
      for (let tried = 1; trial.outcome === 'missed' && tried < MOST_TRIES; tried += 1) {
        lengthsMs.set(flow, lengthsMs.get(flow)! * SHORTER);
        trial = await killedAt(world, flow, part * lengthsMs.get(flow)!, { where, restarted });
      }
      return trial;
    },
  };
}

async function killedAt(world: KilledWorld, flow: Flow, afterMs: number, { where, restarted }: { where: string; restarted: boolean }): Promise<Trial> {
  await makeReady(world, flow);
  const { child, ended } = world.begin([flow]);
  await Promise.race([sleep(afterMs), ended]);
  // Children are in groups of their own, for Ctrl-C.
  signalAll([child.pid!, ...descendants(child.pid!)], 'SIGKILL');
  const struck = await ended;
  const what = `${flow} killed after ${afterMs.toFixed(1)} ms, second manager ${where}${restarted ? ', then Vault restarted' : ''}`;
  return struck.signal === 'SIGKILL' ? judged(world, what, flow, struck, { restarted, mayLoseInit: world.requests().includes('PUT sys/init') }) : missed(what, struck.code, struck.text);
}

function missed(what: string, code: number | null, seen: string): Trial { return code === 0 ? { what, outcome: 'missed' } : { what, outcome: 'wrong', seen }; }

/** Mulberry32: 0 to 1, the same for the same seed. */
function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
