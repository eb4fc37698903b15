import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/adapters/clock.ts';
import { NodeDisk } from '../src/adapters/node-disk.ts';
import { DiskHost } from '../src/hosts/disk-host.ts';
import { median, ratios, type Row, spread } from './measure.ts';

/** Notes when the name was durable: what comes after that (reading back, freeing the guard) no longer risks anything. */
class WatchedDisk extends NodeDisk {
  durableAt = 0;
  override async syncFolder(path: string): Promise<void> {
    await super.syncFolder(path);
    this.durableAt = performance.now();
  }
}

/** From init's reply in hand to the checkpoint durable, against the bare system calls that durability costs. */
export async function checkpoint(rounds: number): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'vaultctl-bench-'));
  const place = join(folder, 'k');
  mkdirSync(place, { mode: 0o755 });
  const lockPath = join(place, '.vaultctl.lock');
  writeFileSync(lockPath, '{"operation":"bench","flow":"bench","holder":"bench","host":"bench","pid":1,"sinceMs":1}', { mode: 0o600 });
  const disk = new WatchedDisk();
  const host = new DiskHost({ name: 'here', disk, clock: systemClock, local: true });
  const bytes = Buffer.from('x'.repeat(900));
  const ours: number[] = [];
  const bare: number[] = [];
  const whole: number[] = [];
  try {
    for (let round = 0; round < rounds * 20 + 5; round += 1) {
      const prepared = await host.prepare(join(place, 'checkpoint'), 16 << 10, { lockPath, operation: 'bench' });
      const started = performance.now();
      await prepared.commit(bytes);
      const own = disk.durableAt - started;
      const end = performance.now() - started;
      const other = await bareWrite(place, bytes);
      if (round >= 5) { ours.push(own); bare.push(other); whole.push(end); }
    }
  } finally {
    await host.close();
    rmSync(folder, { recursive: true, force: true });
  }
  const times = ratios(ours, bare);
  return { what: "init's reply to durable checkpoint (local), ms", ours: `${spread(ours, 2)}; read back and compared at ${median(whole).toFixed(2)}`, other: `write, fsync, rename, fsync folder: ${spread(bare, 2)}`, ratio: `${spread(times, 2)} ×`, aim: '≤ 1.5 ×', met: median(times) <= 1.5 };
}

async function bareWrite(place: string, bytes: Uint8Array): Promise<number> {
  const started = performance.now();
  const file = await open(join(place, '.bare'), 'w', 0o600);
  await file.write(bytes);
  await file.sync();
  await file.close();
  await rename(join(place, '.bare'), join(place, 'bare'));
  const folder = await open(place, 'r');
  await folder.sync();
  await folder.close();
  return performance.now() - started;
}
