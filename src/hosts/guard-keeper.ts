import type { Disk } from '../ports/disk.ts';

interface Kept { count: number; readonly held: Promise<{ release(): Promise<void> }> }

/**
 * The guard on a folder, shared by everything this process does there: it keeps other processes out, and a prepared
 * write that holds it must not stop our own other writes.
 */
export class GuardKeeper {
  readonly #disk: Disk;
  readonly #kept = new Map<string, Kept>();

  constructor(disk: Disk) { this.#disk = disk; }

  async take(folder: string): Promise<{ release(): Promise<void> }> {
    const kept = this.#kept.get(folder) ?? { count: 0, held: this.#disk.guard(folder) };
    kept.count += 1;
    this.#kept.set(folder, kept);
    try {
      await kept.held;
    } catch (error) {
      await this.#leave(folder, kept, undefined);
      throw error;
    }
    let released = false;
    return {
      release: async () => {
        if (released) return;
        released = true;
        await this.#leave(folder, kept, await kept.held);
      },
    };
  }

  async #leave(folder: string, kept: Kept, held: { release(): Promise<void> } | undefined): Promise<void> {
    kept.count -= 1;
    if (kept.count > 0) return;
    if (this.#kept.get(folder) === kept) this.#kept.delete(folder);
    await held?.release();
  }
}
