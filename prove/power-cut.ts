import { KilledWorld } from '../test/real/killed-world.ts';
import { chosen, type Experiment, type Scope, type Trial } from './experiment.ts';
import { Ext4Disk } from './ext4-disk.ts';
import { deedOf } from './faults.ts';
import { type FileCall, straceMissing, traced } from './file-calls.ts';
import { type Flow, flows, makeReady } from './flow.ts';
import { judged } from './judge.ts';
import { dealt, inLanes, lanesFor } from './lanes.ts';
import { type Cut, loopDiskMissing } from './loop-disk.ts';

const LANES = 2;
/** After one of these the disk may hold something else than before: the power goes before each, and so after the one before it. */
const DEEDS: ReadonlySet<string> = new Set(['create', 'write', 'truncate', 'sync', 'rename', 'unlink', 'mkdir']);
const CUTS: readonly Cut[] = ['at once', 'after its journal'];

interface Strike { readonly flow: Flow; readonly call: FileCall; readonly cut: Cut; readonly restarted: boolean }

export const powerCut: Experiment = {
  name: 'power-cut',
  title: 'power cut of every manager at once (ext4 shut down, with its journal written or not, and mounted again) before and after each write, fsync, rename and folder fsync of `install` and `rotate`',
  missing: () => straceMissing() ?? loopDiskMissing(),
  trials: (scope) => inLanes(lanesFor(scope, LANES).map((index, _at, { length }) => ({
    start: () => KilledWorld.start(), items: async (world: KilledWorld) => dealt(await strikesIn(world, scope), index, length), strike,
  }))),
};

async function strikesIn(world: KilledWorld, scope: Scope): Promise<Strike[]> {
  const all: Strike[] = [];
  for (const flow of flows) {
    await makeReady(world, flow);
    const { ended, calls } = await traced(world, flow);
    if (ended.code !== 0) throw new Error(`${flow}, traced and not struck, ended with ${ended.code ?? ended.signal}:\n${ended.text}`);
    const changing = calls.filter(({ name, line, path }) => DEEDS.has(deedOf(name, line)) && onManager(world, path));
    all.push(...changing.flatMap((call, at) => CUTS.map((_cut, which) => ({ flow, call, cut: CUTS[(at + which) % CUTS.length]!, restarted: at % 3 === 1 }))));
  }
  return chosen(all, scope);
}

const onManager = (world: KilledWorld, path: string) => world.names.some((name) => path.startsWith(`${world.folder}/${name}/`));

async function strike(world: KilledWorld, { flow, call, cut, restarted }: Strike): Promise<Trial> {
  await makeReady(world, flow);
  const disk = await Ext4Disk.under(world);
  try {
    const { ended, calls } = await traced(world, flow, { inject: [`inject=${call.name}:signal=SIGKILL:when=${call.nth}`] });
    disk.cut(cut);
    await disk.back();
    await disk.end();
    const hit = calls.find(({ name, nth }) => name === call.name && nth === call.nth) ?? call;
    const what = `power cut ${cut} at ${call.name} ${call.nth} of ${flow} (${hit.path.slice(world.folder.length + 1).replace(/\.[0-9a-f]{16}\./, '.*.')})${restarted ? ', then Vault restarted' : ''}`;
    // It was over before: what a run that ended well has written must survive the cut as well.
    return await judged(world, what, flow, ended, { restarted, mayLoseInit: ended.signal === 'SIGKILL' && world.requests().includes('PUT sys/init') && !checkpointSynced(calls) });
  } finally {
    await disk.end();
  }
}

/** The first fsync of its sibling takes the space, the second one comes after the keys. From then on nothing excuses a loss. */
function checkpointSynced(calls: readonly FileCall[]): boolean {
  return calls.filter(({ name, path, line }) => name === 'fsync' && /\.vault-creds-init\.json\.tmp\.[0-9a-f]+\.keys$/.test(path) && /= 0\b/.test(line)).length > 1;
}
