import { killAfterWrites } from '../test/real/half-commit.ts';
import { KilledWorld } from '../test/real/killed-world.ts';
import { chosen, type Experiment, type Trial } from './experiment.ts';
import { straceMissing } from './file-calls.ts';
import { makeReady } from './flow.ts';
import { judged } from './judge.ts';
import { dealt, inLanes, lanesFor } from './lanes.ts';

/** Raft's own beginning, barrier, seal, mounts and tokens: an init on raft is done after fewer. */
const MOST_WRITES = 64;
const LANES = 4;

/** It comes back while vaultctl waits for it, or only for the next run. */
interface Death { readonly writes: number; readonly backAtOnce: boolean }

export const vaultInit: Experiment = {
  name: 'vault-init',
  title: 'Vault killed after each fdatasync of its own init',
  missing: straceMissing,
  trials: (scope) => inLanes(lanesFor(scope, LANES).map((index, _at, { length }) => ({
    start: () => KilledWorld.start(),
    items: async () => dealt(chosen(Array.from({ length: MOST_WRITES }, (_, at): Death => ({ writes: at + 1, backAtOnce: at % 3 === 0 })), scope), index, length),
    strike,
  }))),
};

async function strike(world: KilledWorld, { writes, backAtOnce }: Death): Promise<Trial> {
  await makeReady(world, 'install');
  const node = world.vault.node(0);
  let dead: Promise<number> | undefined;
  let back: Promise<void> | undefined;
  let disarm = () => undefined as void;
  const { ended } = world.begin(['install']);
  world.front.onRequest(async ({ method, path }) => {
    if (method !== 'PUT' || path !== 'sys/init' || dead !== undefined) return;
    const watch = await killAfterWrites(node.pid!, writes);
    dead = watch.over;
    disarm = () => watch.disarm();
    if (backAtOnce) back = dead.then(async (seen) => { if (seen >= writes) { await node.ended(); await node.start(); } });
  });
  const struck = await ended;
  // An init of fewer writes leaves the watch in place.
  disarm();
  const seen = await dead ?? 0;
  const hit = seen >= writes;
  if (back !== undefined) await back;
  else if (hit) { await node.ended(); await node.start(); }
  const what = `Vault killed after write ${writes} of its init${backAtOnce ? ', and started at once' : ''}`;
  const trial = await judged(world, what, 'install', struck, { mayLoseInit: true });
  return hit || trial.outcome !== 'kept' ? trial : { what, outcome: 'missed' };
}
