import { killAfterWrites } from '../test/real/half-commit.ts';
import { KilledWorld } from '../test/real/killed-world.ts';
import { chosen, type Experiment, type Trial } from './experiment.ts';
import { straceMissing } from './file-calls.ts';
import { leftAlone, makeReady } from './flow.ts';
import { judged, whatIsWrong } from './judge.ts';
import { inLanes } from './lanes.ts';

/** facts.md: nine or ten durable writes make up the commit of a rekey on raft; more are the server's own housekeeping. */
const MOST_WRITES = 10;
const ROUNDS = 3;

interface Death { readonly writes: number; readonly round: number }

export const vaultCommit: Experiment = {
  name: 'vault-commit',
  title: 'Vault killed after each fdatasync of its own rekey commit',
  missing: straceMissing,
  trials: (scope) => inLanes([{
    start: () => KilledWorld.start(),
    items: async (world) => {
      await leftAlone(world, 'install');
      return chosen(Array.from({ length: ROUNDS }, (_, round) => Array.from({ length: MOST_WRITES }, (__, writes): Death => ({ writes: writes + 1, round: round + 1 }))).flat(), scope);
    },
    strike,
  }]),
};

async function strike(world: KilledWorld, { writes, round }: Death): Promise<Trial> {
  await makeReady(world, 'rotate');
  const threshold = (JSON.parse(world.files()[0]!) as { key_threshold: number }).key_threshold;
  const before = world.front.requests.length;
  let shares = 0;
  let dead: Promise<number> | undefined;
  const { ended } = world.begin(['rotate']);
  world.front.onRequest(async ({ number, method, path }) => {
    if (number <= before || method !== 'PUT' || path !== 'sys/rekey/verify' || (shares += 1) !== threshold) return;
    dead = (await killAfterWrites(world.vault.node(0).pid!, writes)).over;
  });
  const struck = await ended;
  const seen = await dead;
  const what = `Vault killed after write ${writes} of its commit (round ${round})`;
  if (seen === undefined || seen < writes) {
    await world.vault.node(0).kill('SIGKILL');
    await world.vault.node(0).start();
    const trial = await judged(world, what, 'rotate', struck);
    return trial.outcome === 'kept' ? { what, outcome: 'missed' } : trial;
  }
  await world.vault.node(0).ended();
  await world.vault.node(0).start();
  const next = await world.run('rotate');
  if (next.code === 0) {
    const wrong = await whatIsWrong(world);
    return wrong === undefined ? { what, outcome: 'kept' } : { what, outcome: wrong.includes('do not open') ? 'lost' : 'wrong', seen: wrong };
  }
  if (next.code !== 3 || !next.text.includes('--restore-snapshot')) return { what, outcome: 'wrong', seen: `the next run ended with ${next.code}:\n${next.text}` };
  return broughtBack(world, what);
}

/** As the page says: emptied, then the snapshot of this rotation with the keys that open it. */
async function broughtBack(world: KilledWorld, what: string): Promise<Trial> {
  await world.vault.node(0).kill('SIGKILL');
  world.vault.node(0).wipe();
  await world.vault.node(0).start();
  const restored = await world.begin(['recover', '--restore-snapshot', '--confirm', 'kill']).ended;
  if (restored.code !== 0) return { what, outcome: 'lost', seen: `recover --restore-snapshot ended with ${restored.code}:\n${restored.text}` };
  const rotated = await world.run('rotate');
  if (rotated.code !== 0) return { what, outcome: 'wrong', seen: `a rotation after the snapshot was restored ended with ${rotated.code}:\n${rotated.text}` };
  const wrong = await whatIsWrong(world);
  // What the operator set aside is not a leftover of the program's.
  return wrong === undefined ? { what, outcome: 'by-snapshot' } : { what, outcome: 'wrong', seen: wrong };
}
