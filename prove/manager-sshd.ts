import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sshdPath } from '../test/real/sshd.ts';
import type { Experiment } from './experiment.ts';
import { inLanes, lanesFor } from './lanes.ts';
import { LoopDisk, loopDiskMissing } from './loop-disk.ts';
import { signalAll } from './process-tree.ts';
import { type Affliction, type Bench, sessionsOf, startBench, STRUCK, struckLane } from './struck-manager.ts';

const LANES = 3;
/** Third octet of the first sshd's address. */
const NET = 103;
const DISK_BYTES = 8 << 20;
const PAUSE_MS = 2000;

interface DiskBench extends Bench { readonly disk: LoopDisk; readonly frozen: Set<number> }

const folderOf = ({ world }: Bench) => world.keysFolder(STRUCK);
const freeze = (bench: DiskBench) => { for (const pid of sessionsOf(bench.manager)) bench.frozen.add(pid); signalAll([...bench.frozen], 'SIGSTOP'); };
const wake = (bench: DiskBench, signal: 'SIGCONT' | 'SIGKILL') => { signalAll([...bench.frozen], signal); bench.frozen.clear(); };
const ballast = ({ disk }: DiskBench) => join(disk.at, 'ballast');
const madeMutable = ({ disk }: DiskBench) => { execFileSync('chattr', ['-R', '-i', disk.at]); };

const afflictions: readonly Affliction<DiskBench>[] = [
  { name: 'loses its ssh sessions (SIGKILL)', strike: ({ manager }) => signalAll(sessionsOf(manager), 'SIGKILL') },
  {
    name: 'loses its sshd and all its sessions (SIGKILL)',
    strike: ({ manager }) => signalAll([manager.pid, ...sessionsOf(manager)], 'SIGKILL'),
    lift: async ({ manager }) => { await manager.stop(); await manager.start(); },
  },
  { name: `is frozen for ${PAUSE_MS / 1000} s`, passes: true, strike: async (bench) => { freeze(bench); await sleep(PAUSE_MS); wake(bench, 'SIGCONT'); } },
  {
    name: 'has a full disk',
    strike: (bench) => { spawnSync('dd', ['if=/dev/zero', `of=${ballast(bench)}`, 'bs=1k'], { stdio: 'ignore' }); },
    lift: (bench) => rmSync(ballast(bench), { force: true }),
  },
  { name: 'has immutable files (chattr +i)', strike: (bench) => { spawnSync('find', [folderOf(bench), '-type', 'f', '-name', '*vault-*', '-exec', 'chattr', '+i', '{}', '+']); }, lift: madeMutable },
  { name: 'has an immutable folder (chattr +i)', strike: (bench) => { execFileSync('chattr', ['+i', folderOf(bench)]); }, lift: madeMutable },
  {
    name: 'has a read-only folder',
    strike: (bench) => { execFileSync('mount', ['--bind', folderOf(bench), folderOf(bench)]); execFileSync('mount', ['-o', 'remount,ro,bind', folderOf(bench)]); },
    lift: (bench) => { spawnSync('umount', [folderOf(bench)]); },
  },
  { name: 'is frozen until the run is over, and then goes on', every: 6, strike: freeze, lift: async (bench) => { wake(bench, 'SIGCONT'); await sleep(PAUSE_MS); } },
  { name: 'is frozen for ever', every: 6, strike: freeze, lift: (bench) => wake(bench, 'SIGKILL') },
  {
    name: 'is frozen, and goes on while the next run is at work', every: 6, strike: freeze,
    lift: async (bench) => {
      const { ended } = bench.world.begin(['install']);
      await sleep(PAUSE_MS / 2);
      wake(bench, 'SIGCONT');
      await ended;
    },
  },
];

export const managerSshd: Experiment = {
  name: 'manager-sshd',
  title: 'a manager behind a real sshd loses it (SIGKILL), is frozen (SIGSTOP), its disk full, its files or folder immutable or read-only, at every operation of `install` and `rotate` there',
  missing: () => sshdMissing() ?? loopDiskMissing() ?? chattrMissing(),
  trials: (scope) => inLanes(lanesFor(scope, LANES).map((index, _at, { length }) => struckLane(scope, { index, of: length, start: () => startWithDisk(NET + index) }, afflictions))),
};

export function sshdMissing(): string | undefined {
  try { sshdPath(); return undefined; } catch (error) { return error instanceof Error ? error.message : String(error); }
}

function chattrMissing(): string | undefined { return spawnSync('chattr', ['-V']).error === undefined ? undefined : 'needs chattr (apt-get install -y e2fsprogs)'; }

async function startWithDisk(net: number): Promise<DiskBench> {
  const bench = await startBench({ net });
  try {
    const disk = LoopDisk.make(join(bench.world.folder, 'image'), join(bench.world.folder, STRUCK), DISK_BYTES);
    await bench.world.empty();
    return { ...bench, disk, frozen: new Set(), end: async () => { signalAll(sessionsOf(bench.manager), 'SIGKILL'); await disk.unmount(); await bench.end(); } };
  } catch (error) {
    await bench.end();
    throw error;
  }
}
