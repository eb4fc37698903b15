import { DiskHost } from '../../src/hosts/disk-host.ts';
import { SimClock } from '../sim/clock.ts';
import { SimDisk } from '../sim/disk.ts';
import { PATHS, type World } from '../sim/world.ts';

/** `recover --unlock`, typed by somebody who takes a living holder for a dead one. */
export async function breakLocks(world: World): Promise<void> {
  for (const [name, machine] of world.machines) {
    const disk = new SimDisk({ machine });
    await new DiskHost({ name, disk, clock: new SimClock(world.time, 4242), local: false }).breakLock(PATHS.lock);
    disk.die();
  }
}

/** Some process is within its write guard: whoever stands still then makes the others wait for it, and nothing else. */
export function isGuarded(world: World): boolean {
  return [...world.machines.values()].some((machine) => ['/etc/kubernetes', PATHS.snapshots].some((folder) => machine.find(folder)?.holder !== undefined));
}
