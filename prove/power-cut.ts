import { KilledWorld } from '../test/real/killed-world.ts';
import { chosen, type Experiment, type Scope, type Trial } from './experiment.ts';
import { Ext4Disk, powerMissing } from './ext4-disk.ts';
import { deedOf } from './faults.ts';
import { type FileCall, straceMissing, traced } from './file-calls.ts';
import { type Flow, flows, makeReady } from './flow.ts';
import { judged } from './judge.ts';
import { inLanes } from './lanes.ts';

/** After one of these the disk may hold something else than before: the power goes before each, and so after the one before it. */
const DEEDS: ReadonlySet<string> = new Set(['create', 'write', 'truncate', 'sync', 'rename', 'unlink', 'mkdir']);

interface Cut { readonly flow: Flow; readonly call: FileCall }

export const powerCut: Experiment = {
  name: 'power-cut',
  title: 'Power cut of every manager at once (ext4 shut down, remounted) before and after each write, fsync, rename and folder fsync of `install` and `rotate`',
  missing: () => straceMissing() ?? powerMissing(),
  trials: (scope) => inLanes([{ start: () => KilledWorld.start(), items: (world) => cutsIn(world, scope), strike }]),
};

async function cutsIn(world: KilledWorld, scope: Scope): Promise<Cut[]> {
  const cuts: Cut[] = [];
  for (const flow of flows) {
    await makeReady(world, flow);
    const { ended, calls } = await traced(world, flow);
    if (ended.code !== 0) throw new Error(`${flow}, traced and not struck, ended with ${ended.code ?? ended.signal}:\n${ended.text}`);
    cuts.push(...calls.filter(({ name, line, path }) => DEEDS.has(deedOf(name, line)) && onManager(world, path)).map((call) => ({ flow, call })));
  }
  return chosen(cuts, scope);
}

const onManager = (world: KilledWorld, path: string) => world.names.some((name) => path.startsWith(`${world.folder}/${name}/`));

async function strike(world: KilledWorld, { flow, call }: Cut): Promise<Trial> {
  await makeReady(world, flow);
  const disk = Ext4Disk.under(world);
  try {
    const { ended } = await traced(world, flow, { inject: [`inject=${call.name}:signal=SIGKILL:when=${call.nth}`] });
    disk.cut();
    disk.back();
    disk.end();
    const what = `power cut at ${call.name} ${call.nth} of ${flow} (${call.path.slice(world.folder.length + 1).replace(/\.[0-9a-f]{16}\./, '.*.')})`;
    // It was over before: what a run that ended well has written must survive the cut as well.
    return await judged(world, what, flow, ended, { mayLoseInit: ended.signal === 'SIGKILL' && world.requests().includes('PUT sys/init') });
  } finally {
    disk.end();
  }
}
