import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, closeSync, ftruncateSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import type { KilledWorld } from '../test/real/killed-world.ts';

const IMAGE_BYTES = 24 << 20;
/** _IOR('X', 125, __u32) of linux/ext4.h; 2 is EXT4_GOING_FLAGS_NOLOGFLUSH: nothing more reaches the disk, not even the journal. */
const CUT = 'import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))';

const run = (program: string, ...args: string[]) => { execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] }); };

/**
 * An ext4 of its own under every manager of a world, whose power can be cut: what was not synced is gone as on a real
 * machine, and the journal is replayed at the next mount.
 */
export class Ext4Disk {
  readonly #world: KilledWorld;
  readonly #scratch: string;
  readonly #mount: string;
  readonly #bound: string[] = [];
  #mounted = false;

  private constructor(world: KilledWorld) {
    this.#world = world;
    this.#scratch = mkdtempSync(join(tmpdir(), 'vaultctl-ext4-'));
    this.#mount = join(this.#scratch, 'mount');
    mkdirSync(this.#mount);
  }

  /** The managers' files as they are, durable, on a fresh disk. */
  static under(world: KilledWorld): Ext4Disk {
    const disk = new Ext4Disk(world);
    const image = disk.#image;
    const fd = openSync(image, 'w', 0o600);
    ftruncateSync(fd, IMAGE_BYTES);
    closeSync(fd);
    run('mkfs.ext4', '-q', '-F', image);
    disk.#attach();
    for (const name of world.names) run('cp', '-a', join(world.folder, name), disk.#mount);
    run('sync', '-f', disk.#mount);
    disk.#bind();
    return disk;
  }

  get #image(): string { return join(this.#scratch, 'image'); }
  #attach(): void { run('mount', '-o', 'loop', this.#image, this.#mount); this.#mounted = true; }
  #bind(): void {
    for (const name of this.#world.names) {
      run('mount', '--bind', join(this.#mount, name), join(this.#world.folder, name));
      this.#bound.push(name);
    }
  }
  #release(): void {
    for (const name of this.#bound.splice(0)) run('umount', join(this.#world.folder, name));
    if (this.#mounted) run('umount', this.#mount);
    this.#mounted = false;
  }

  /** From here on nothing reaches the disk. */
  cut(): void { run('python3', '-c', CUT, this.#mount); }

  /** Mounted again, and what is left of the files is the managers' own again. */
  back(): void {
    this.#release();
    this.#attach();
    for (const name of this.#world.names) {
      rmSync(join(this.#world.folder, name), { recursive: true, force: true });
      run('cp', '-a', join(this.#mount, name), this.#world.folder);
    }
  }

  end(): void {
    try {
      this.#release();
    } catch {
      for (const path of [...this.#bound.map((name) => join(this.#world.folder, name)), this.#mount]) spawnSync('umount', ['-l', path]);
    }
    rmSync(this.#scratch, { recursive: true, force: true });
  }
}

/** Why no power can be cut here, or undefined. */
export function powerMissing(): string | undefined {
  if (userInfo().uid !== 0) return 'needs root to mount a disk of its own';
  if (spawnSync('mkfs.ext4', ['-V'], { stdio: 'ignore' }).error !== undefined) return 'needs mkfs.ext4 (apt-get install -y e2fsprogs)';
  if (spawnSync('python3', ['-V'], { stdio: 'ignore' }).error !== undefined) return 'needs python3, whose ioctl cuts the power';
  const scratch = mkdtempSync(join(tmpdir(), 'vaultctl-ext4-'));
  try {
    spawnSync('sh', ['-c', `truncate -s 8M ${scratch}/i && mkfs.ext4 -q -F ${scratch}/i && mkdir ${scratch}/m`], { stdio: 'ignore' });
    const mounted = spawnSync('mount', ['-o', 'loop', `${scratch}/i`, `${scratch}/m`], { encoding: 'utf8' });
    if (mounted.status !== 0) return `a loop device cannot be mounted here: ${mounted.stderr.trim()}`;
    const cut = spawnSync('python3', ['-c', CUT, `${scratch}/m`], { encoding: 'utf8' });
    spawnSync('umount', [`${scratch}/m`]);
    return cut.status === 0 ? undefined : 'this kernel cannot shut an ext4 down (EXT4_IOC_SHUTDOWN)';
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
