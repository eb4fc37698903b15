import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const MIB = 1 << 20;
/** As unkind as ext4 can be: nothing reaches the disk by itself while we look, and a name may be durable long before its content. */
const UNKIND = 'loop,commit=300,data=writeback,noauto_da_alloc,errors=remount-ro';
const LETS_GO_WITHIN_MS = 5000;

/** EXT4_IOC_SHUTDOWN and what becomes of the journal in memory. Perl is on every Debian, and can make an ioctl. */
const SHUTDOWN = 0x8004587d;
export type Cut =
  /** Power is gone: what no fsync has brought to the disk never gets there. */
  | 'at once'
  /** The journal is written and file contents are not: a name may then stand for a file without its content. */
  | 'after its journal';
const flagOf: Record<Cut, number> = { 'after its journal': 1, 'at once': 2 };

/** A small ext4 of its own on a loop device: its power can be cut. Needs root. */
export class LoopDisk {
  readonly at: string;
  readonly #image: string;
  #mounted = false;

  private constructor(at: string, image: string) {
    this.at = at;
    this.#image = image;
  }

  /** Mounted over the folder `at`, and empty. */
  static make(image: string, at: string, sizeBytes = 16 * MIB): LoopDisk {
    writeFileSync(image, '');
    truncateSync(image, sizeBytes);
    execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', image], { stdio: 'pipe' });
    const disk = new LoopDisk(at, image);
    disk.mount();
    return disk;
  }

  /** Replays the journal, as after a start of the machine. */
  mount(): void {
    mkdirSync(this.at, { recursive: true });
    execFileSync('mount', ['-t', 'ext4', '-o', UNKIND, this.#image, this.at], { stdio: 'pipe' });
    this.#mounted = true;
  }

  cut(how: Cut): void {
    const words = `open(my $folder, "<", $ARGV[0]) or die $!; my $flag = pack("I", ${flagOf[how]}); ioctl($folder, ${SHUTDOWN}, $flag) or die $!`;
    execFileSync('perl', ['-e', words, this.at], { stdio: 'pipe' });
  }

  /** Whoever has a file open there is given a moment to die. */
  async unmount(): Promise<void> {
    if (!this.#mounted) return;
    for (const end = Date.now() + LETS_GO_WITHIN_MS; ; await sleep(20)) {
      const { status, stderr } = spawnSync('umount', [this.at], { encoding: 'utf8' });
      if (status === 0) break;
      if (Date.now() > end) throw new Error(`${this.at} cannot be unmounted: ${stderr}`);
    }
    this.#mounted = false;
  }
}

/** Why there can be no such disk here, or undefined. */
export function loopDiskMissing(): string | undefined {
  if (userInfo().uid !== 0) return 'needs root';
  const folder = mkdtempSync(join(tmpdir(), 'vaultctl-loop-'));
  try {
    const disk = LoopDisk.make(join(folder, 'image'), join(folder, 'disk'), 4 * MIB);
    try {
      disk.cut('at once');
    } finally {
      execFileSync('umount', [disk.at], { stdio: 'pipe' });
    }
    return undefined;
  } catch (error) {
    return `no ext4 on a loop device can be made and shut down here: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
