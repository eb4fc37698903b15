import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KilledWorld } from '../test/real/killed-world.ts';
import { type Cut, LoopDisk } from './loop-disk.ts';

const run = (program: string, ...args: string[]) => { execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] }); };

/**
 * An ext4 under every manager of a world, whose power can be cut: what was not synced is gone as on a real machine, and
 * the journal is replayed at the next mount.
 */
export class Ext4Disk {
  readonly #world: KilledWorld;
  readonly #scratch: string;
  readonly #bound: string[] = [];
  readonly #disk: LoopDisk;

  private constructor(world: KilledWorld, scratch: string) {
    this.#world = world;
    this.#scratch = scratch;
    this.#disk = LoopDisk.make(join(scratch, 'image'), join(scratch, 'mount'));
  }

  /** The managers' files as they are, durable, on a fresh disk. */
  static async under(world: KilledWorld): Promise<Ext4Disk> {
    const scratch = mkdtempSync(join(tmpdir(), 'vaultctl-ext4-'));
    let disk: Ext4Disk | undefined;
    try {
      disk = new Ext4Disk(world, scratch);
      for (const name of world.names) run('cp', '-a', join(world.folder, name), disk.#disk.at);
      run('sync', '-f', disk.#disk.at);
      for (const name of world.names) {
        run('mount', '--bind', join(disk.#disk.at, name), join(world.folder, name));
        disk.#bound.push(name);
      }
      return disk;
    } catch (error) {
      if (disk === undefined) rmSync(scratch, { recursive: true, force: true });
      else await disk.end();
      throw error;
    }
  }

  /** From here on nothing reaches the disk. */
  cut(how: Cut): void { this.#disk.cut(how); }

  /** Mounted again, and what is left of the files is the managers' own again. */
  async back(): Promise<void> {
    await this.#release();
    this.#disk.mount();
    for (const name of this.#world.names) {
      rmSync(join(this.#world.folder, name), { recursive: true, force: true });
      run('cp', '-a', join(this.#disk.at, name), this.#world.folder);
    }
  }

  async #release(): Promise<void> {
    for (const name of this.#bound.splice(0)) {
      // Who was just killed may still be letting go of a file.
      if (spawnSync('umount', [join(this.#world.folder, name)]).status !== 0) run('umount', '-l', join(this.#world.folder, name));
    }
    await this.#disk.unmount();
  }

  async end(): Promise<void> {
    await this.#release();
    rmSync(this.#scratch, { recursive: true, force: true });
  }
}
