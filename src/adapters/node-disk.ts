import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, type FileHandle, link, lstat, mkdir, open, readdir, rename, stat, statfs, unlink } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { hostname } from 'node:os';
import type { Disk, DiskStat, FlockedFile, OpenFile } from '../ports/disk.ts';

const GUARD_WAIT_S = 30;
const MISSING = new Set(['ENOENT', 'ENOTDIR']);

/** The disk of this machine, as the user this process runs as. */
export class NodeDisk implements Disk {
  readonly uid = process.getuid?.() ?? 0;
  readonly gid = process.getgid?.() ?? 0;
  readonly hostname = hostname();
  readonly #guardWaitS: number;

  constructor(options: { guardWaitS?: number } = {}) { this.#guardWaitS = options.guardWaitS ?? GUARD_WAIT_S; }

  async create(path: string, mode: number): Promise<OpenFile> {
    return new NodeFile(await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_RDWR, mode));
  }

  async open(path: string): Promise<OpenFile> {
    // O_NONBLOCK: a planted pipe must not hang us.
    return new NodeFile(await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
  }

  stat(path: string): Promise<DiskStat | undefined> { return orNothing(lstat(path)); }
  target(path: string): Promise<DiskStat | undefined> { return orNothing(stat(path)); }

  async read(path: string, limit: number): Promise<Uint8Array> {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const bytes = new Uint8Array(Math.min(limit, (await handle.stat()).size + 1));
      let size = 0;
      while (size < bytes.length) {
        const { bytesRead } = await handle.read(bytes, size, bytes.length - size, size);
        if (bytesRead === 0) break;
        size += bytesRead;
      }
      return bytes.subarray(0, size);
    } finally {
      await handle.close();
    }
  }

  list(folder: string): Promise<string[]> { return readdir(folder); }
  rename(from: string, to: string): Promise<void> { return rename(from, to); }
  link(from: string, to: string): Promise<void> { return link(from, to); }
  remove(path: string): Promise<void> { return unlink(path); }
  async makeFolder(path: string, mode: number): Promise<void> { await mkdir(path, { mode }); }

  async syncFolder(path: string): Promise<void> {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async space(folder: string): Promise<number> {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  }

  async writable(folder: string): Promise<boolean> {
    try {
      await access(folder, constants.W_OK | constants.X_OK);
      return true;
    } catch {
      return false;
    }
  }

  async flock(path: string): Promise<FlockedFile | undefined> {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    if (await flocked(handle, ['-n'])) return { file: new NodeFile(handle), release: () => handle.close() };
    await handle.close();
    return undefined;
  }

  async guard(folder: string): Promise<{ release(): Promise<void> }> {
    const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    if (await flocked(handle, ['-w', String(this.#guardWaitS)])) return { release: () => handle.close() };
    await handle.close();
    throw Object.assign(new Error(`another write on ${folder} has not ended within ${this.#guardWaitS} s`), { code: 'ETIMEDOUT' });
  }
}

class NodeFile implements OpenFile {
  readonly #handle: FileHandle;
  constructor(handle: FileHandle) { this.#handle = handle; }

  async write(bytes: Uint8Array, position: number): Promise<number> {
    return (await this.#handle.write(bytes, 0, bytes.length, position)).bytesWritten;
  }
  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await this.#handle.read(bytes, 0, length, position);
    return bytes.subarray(0, bytesRead);
  }
  truncate(size: number): Promise<void> { return this.#handle.truncate(size); }
  async stat(): Promise<DiskStat> { return shapeOf(await this.#handle.stat()); }
  setOwner(uid: number, gid: number): Promise<void> { return this.#handle.chown(uid, gid); }
  setMode(mode: number): Promise<void> { return this.#handle.chmod(mode); }
  sync(): Promise<void> { return this.#handle.sync(); }
  close(): Promise<void> { return this.#handle.close(); }
}

/**
 * Node has no flock(2), but a flock belongs to the open file description: flock(1) takes it through the descriptor
 * that it inherits, and ours keeps it after flock(1) is gone. The kernel frees it when we die.
 */
function flocked(handle: FileHandle, flags: readonly string[]): Promise<boolean> {
  const missing = (cause?: unknown) => Object.assign(new Error('flock(1) does not work here; it comes with util-linux', { cause }), { code: 'ENOFLOCK' });
  return new Promise((resolve, reject) => {
    // Detached: Ctrl-C on the terminal is for us to hear and must not end it half way.
    const child = spawn('flock', [...flags, '3'], { detached: true, stdio: ['ignore', 'ignore', 'ignore', handle.fd], env: { PATH: `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin` } });
    child.once('error', (error) => reject(missing(error)));
    child.once('close', (code) => (code === 0 ? resolve(true) : code === 1 ? resolve(false) : reject(missing())));
  }).catch(async (error: unknown) => {
    await handle.close();
    throw error;
  }) as Promise<boolean>;
}

async function orNothing(found: Promise<Stats>): Promise<DiskStat | undefined> {
  try {
    return shapeOf(await found);
  } catch (error) {
    if (MISSING.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

function shapeOf(found: Stats): DiskStat {
  const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : found.isSymbolicLink() ? 'link' : 'other';
  return { kind, size: Number(found.size), mode: Number(found.mode) & 0o7777, uid: Number(found.uid), gid: Number(found.gid), modifiedMs: Math.floor(Number(found.mtimeMs)) };
}
