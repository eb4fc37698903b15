import type { Clock } from '../ports/clock.ts';
import type { Disk, FlockedFile, OpenFile } from '../ports/disk.ts';
import { type ApplyAnswer, type Fence, type FileOperation, type HeldLock, HostError, type HostHands, type HostSight, type LockAnswer, type LockWords, type LookQuestion, type PreparedWrite } from '../ports/hosts.ts';
import { createSibling, dropUnsynced, type Ground, putIntoPlace, refuseUnsafe, writeAll, writeDurably } from './durable-write.ts';
import { GuardKeeper } from './guard-keeper.ts';
import { asHostError } from './host-error.ts';
import { formatWords, parseWords, WORDS_END, wordsOfBroken } from './lock-words.ts';
import { lookAtDisk } from './look-disk.ts';
import { folderOf } from './sibling.ts';

const WORDS_LIMIT_BYTES = 4096;
const CHUNK_BYTES = 1 << 16;

export interface DiskHostParts {
  readonly name: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly local: boolean;
}

/** A manager whose disk is at hand: the machine vaultctl runs on as its owner, and every manager of the simulator. */
export class DiskHost implements HostHands {
  readonly name: string;
  readonly local: boolean;
  readonly #ground: Ground;
  readonly #disk: Disk;
  readonly #guards: GuardKeeper;

  constructor({ name, disk, clock, local }: DiskHostParts) {
    this.name = name;
    this.local = local;
    this.#disk = disk;
    this.#ground = { host: name, disk, clock };
    this.#guards = new GuardKeeper(disk);
  }

  look(question: LookQuestion): Promise<HostSight> { return this.#try(() => lookAtDisk(this.#ground, question)); }

  async *fetch(path: string): AsyncIterable<Uint8Array> {
    const file = await this.#try(() => this.#disk.open(path));
    try {
      for (let at = 0; ;) {
        const chunk = await this.#try(() => file.read(at, CHUNK_BYTES));
        if (chunk.length === 0) return;
        yield chunk;
        at += chunk.length;
      }
    } finally {
      await file.close();
    }
  }

  apply(operations: readonly FileOperation[], fence: Fence): Promise<ApplyAnswer> {
    return this.#guarded(fence.lockPath, async () => {
      const readBack = new Map<string, Uint8Array>();
      await this.#checkFence(fence);
      for (const operation of operations) await this.#do(operation, fence, readBack);
      return { readBack };
    });
  }

  async #do(operation: FileOperation, fence: Fence, readBack: Map<string, Uint8Array>): Promise<void> {
    const { path } = operation;
    switch (operation.do) {
      case 'write':
        readBack.set(path, await writeDurably(this.#ground, path, operation.bytes, operation.purpose, () => this.#checkFence(fence)));
        return;
      case 'move': return this.#move(path, operation.to, fence);
      case 'keep': return this.#keep(path, operation.to, fence);
      case 'remove': return this.#remove(path, fence);
      case 'tighten': return this.#tighten(path);
    }
  }

  async #move(path: string, to: string, fence: Fence): Promise<void> {
    if (await this.#disk.stat(path) === undefined) return this.#disk.syncFolder(folderOf(path));
    await this.#named(to, fence, () => this.#disk.rename(path, to));
    if (folderOf(path) !== folderOf(to)) await this.#disk.syncFolder(folderOf(path));
  }

  async #keep(path: string, to: string, fence: Fence): Promise<void> {
    if (await this.#disk.stat(path) === undefined) return;
    await this.#named(to, fence, () => this.#disk.link(path, to));
  }

  /** A new name, durable, and never in the place of another file. */
  async #named(to: string, fence: Fence, name: () => Promise<void>): Promise<void> {
    if (await this.#disk.stat(to) !== undefined) throw new HostError(this.name, 'refused', `${to} exists already: nothing is put over it`);
    await this.#checkFence(fence);
    await name();
    await this.#disk.syncFolder(folderOf(to));
  }

  async #remove(path: string, fence: Fence): Promise<void> {
    const found = await this.#disk.stat(path);
    if (found?.kind === 'folder') throw new HostError(this.name, 'refused', `${path} is a folder: it is not removed`);
    await this.#checkFence(fence);
    if (found !== undefined) await this.#disk.remove(path);
    // Absent may be an earlier run's unlink that was never synced.
    await this.#disk.syncFolder(folderOf(path));
  }

  async #tighten(path: string): Promise<void> {
    const found = await this.#disk.stat(path);
    if (found === undefined) return;
    if (found.kind !== 'file') throw new HostError(this.name, 'refused', `${path} is not a plain file: its mode and owner are left as they are`);
    const file = await this.#disk.open(path);
    try {
      if (found.uid !== this.#disk.uid || found.gid !== this.#disk.gid) await file.setOwner(this.#disk.uid, this.#disk.gid);
      await file.setMode(0o600);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** The guard stays with us until commit or abandon: taking it again would cost more than the write itself. */
  async prepare(path: string, size: number, fence: Fence): Promise<PreparedWrite> {
    const guard = await this.#try(() => this.#guards.take(folderOf(fence.lockPath)));
    try {
      return await this.#try(() => this.#prepareUnderGuard(path, size, fence, guard));
    } catch (error) {
      await guard.release();
      throw error;
    }
  }

  async #prepareUnderGuard(path: string, size: number, fence: Fence, guard: { release(): Promise<void> }): Promise<PreparedWrite> {
    const ground = this.#ground;
    await this.#checkFence(fence);
    await refuseUnsafe(ground, path);
    const { sibling, file } = await createSibling(ground, path, 'keys');
    try {
      await writeAll(ground, file, new Uint8Array(size));
      await file.sync();
    } catch (error) {
      await dropUnsynced(ground, sibling, file);
      throw error;
    }
    return {
      path,
      commit: async (bytes) => {
        try {
          return await this.#try(() => this.#commit(path, sibling, file, bytes, fence));
        } finally {
          await guard.release();
        }
      },
      abandon: async () => {
        try {
          await this.#try(async () => {
            await file.close();
            await this.#disk.remove(sibling);
            await this.#disk.syncFolder(folderOf(path));
          });
        } finally {
          await guard.release();
        }
      },
    };
  }

  async #commit(path: string, sibling: string, file: OpenFile, bytes: Uint8Array, fence: Fence): Promise<Uint8Array> {
    const ground = this.#ground;
    try {
      // Cut first: a crash in between then leaves zeros or a part, never whole keys with zeros behind them.
      await file.truncate(bytes.length);
      await writeAll(ground, file, bytes);
    } catch (error) {
      await dropUnsynced(ground, sibling, file);
      throw error;
    }
    // The guard is ours, so nobody writes the lock's words meanwhile: reading them beside the fsync says the same as after it.
    const fenced = this.#checkFence(fence);
    fenced.catch(() => undefined);
    let closed: Promise<void> = Promise.resolve();
    try {
      await file.sync().finally(() => { closed = file.close().catch(() => undefined); });
      await fenced;
      return await putIntoPlace(ground, sibling, path, bytes);
    } finally {
      await Promise.all([closed, fenced.catch(() => undefined)]);
    }
  }

  async store(path: string, chunks: AsyncIterable<Uint8Array>, fence: Fence): Promise<{ bytes: number }> {
    await this.#try(() => this.#ensureFolder(folderOf(path)));
    await this.#guarded(fence.lockPath, async () => {
      await this.#checkFence(fence);
      await refuseUnsafe(this.#ground, path);
    });
    const { sibling, file } = await this.#try(() => createSibling(this.#ground, path, 'plain'));
    let bytes = 0;
    try {
      for await (const chunk of chunks) {
        await this.#try(() => writeAll(this.#ground, file, chunk, bytes));
        bytes += chunk.length;
      }
      await this.#try(() => file.sync());
      if ((await file.stat()).size !== bytes) throw new HostError(this.name, 'io', `${sibling} does not have the ${bytes} bytes that were written to it`);
      await file.close();
      await this.#guarded(fence.lockPath, async () => {
        await this.#checkFence(fence);
        await this.#disk.rename(sibling, path);
        await this.#disk.syncFolder(folderOf(path));
      });
    } catch (error) {
      await dropUnsynced(this.#ground, sibling, file);
      throw error;
    }
    return { bytes };
  }

  async #ensureFolder(folder: string): Promise<void> {
    if (folder === '/' || await this.#disk.stat(folder) !== undefined) return;
    await this.#ensureFolder(folderOf(folder));
    await this.#disk.makeFolder(folder, 0o700);
    await this.#disk.syncFolder(folderOf(folder));
  }

  async lock(path: string, words: LockWords): Promise<LockAnswer> {
    return this.#try(async () => {
      await refuseUnsafe(this.#ground, path);
      // A holder may keep the guard for as long as its init takes: only a lock that is free is worth waiting for the guard.
      const glance = await this.#disk.flock(path);
      if (glance === undefined) return { is: 'taken', by: await this.#words(path) };
      await glance.release();
      return this.#guarded(path, async () => {
        const flocked = await this.#disk.flock(path);
        if (flocked === undefined) return { is: 'taken', by: await this.#words(path) };
        try {
          const before = await this.#words(path);
          // A proof that a dead holder left open is not forgotten before it is cancelled.
          await this.#writeWords(flocked, path, before?.proof === undefined ? words : { proof: before.proof, ...words });
          return { is: 'held', lock: this.#heldLock(flocked, path, words.operation), before };
        } catch (error) {
          await flocked.release();
          throw error;
        }
      });
    });
  }

  #heldLock(flocked: FlockedFile, path: string, operation: string): HeldLock {
    const fence: Fence = { lockPath: path, operation };
    return {
      // The kernel takes a flock from nobody; a lock file that was replaced shows at the fence.
      lost: new Promise(() => undefined),
      rewrite: (words) => this.#guarded(path, async () => {
        await this.#checkFence(fence);
        await this.#writeWords(flocked, path, words);
      }),
      release: async (options) => {
        try {
          if (options?.keepWords === true) return;
          await this.#guarded(path, async () => {
            await this.#checkFence(fence);
            await this.#writeWords(flocked, path, undefined);
          });
        } catch (error) {
          if (!(error instanceof HostError)) throw error;
        } finally {
          await flocked.release();
        }
      },
    };
  }

  async breakLock(path: string): Promise<void> {
    await this.#try(() => refuseUnsafe(this.#ground, path));
    await this.#guarded(path, async () => {
      const words = await this.#words(path).catch(() => undefined);
      await writeDurably(this.#ground, path, new TextEncoder().encode(wordsOfBroken(words)), 'plain', async () => undefined);
    });
  }

  close(): Promise<void> { return Promise.resolve(); }

  /** In place, because the flock is on the inode; over the old words in one write, never cutting them off first. */
  async #writeWords({ file }: FlockedFile, path: string, words: LockWords | undefined): Promise<void> {
    const bytes = new TextEncoder().encode((words === undefined ? '' : formatWords(words)) + WORDS_END);
    await writeAll(this.#ground, file, bytes);
    await file.sync();
    await this.#disk.syncFolder(folderOf(path));
  }

  async #words(path: string): Promise<LockWords | undefined> {
    if (await this.#disk.stat(path) === undefined) return undefined;
    return parseWords(await this.#disk.read(path, WORDS_LIMIT_BYTES));
  }

  async #checkFence({ lockPath, operation }: Fence): Promise<void> {
    const words = await this.#words(lockPath);
    if (words?.operation === operation) return;
    throw new HostError(this.name, 'fenced', words === undefined ? `${lockPath} no longer names this operation` : `${lockPath} names operation ${words.operation} of ${words.holder} on ${words.host}`, 'vaultctl status');
  }

  #guarded<T>(lockPath: string, work: () => Promise<T>): Promise<T> {
    return this.#try(async () => {
      const guard = await this.#guards.take(folderOf(lockPath));
      try {
        return await work();
      } finally {
        await guard.release();
      }
    });
  }

  async #try<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw asHostError(this.name, error);
    }
  }
}
