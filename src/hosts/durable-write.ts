import type { Clock } from '../ports/clock.ts';
import type { Disk, OpenFile } from '../ports/disk.ts';
import { HostError, type SiblingPurpose } from '../ports/hosts.ts';
import { folderOf, siblingPath } from './sibling.ts';

export interface Ground { readonly host: string; readonly disk: Disk; readonly clock: Clock }

/**
 * A folder may be written into when it is a real folder, ours or root's, and nobody else can put names into it;
 * a target may be replaced when it is a plain file or absent.
 * @throws HostError `refused`, or `io` where the folder is missing
 */
export async function refuseUnsafe({ host, disk }: Ground, path: string): Promise<void> {
  const folder = folderOf(path);
  const there = await disk.stat(folder);
  if (there === undefined) throw new HostError(host, 'io', `the folder ${folder} does not exist`, `mkdir -p -m 0755 ${folder}`);
  if (there.kind === 'link') throw new HostError(host, 'refused', `the folder ${folder} is a symbolic link: nothing is written through one`, `put a real folder at ${folder}`);
  if (there.kind !== 'folder') throw new HostError(host, 'refused', `${folder} is not a folder`);
  if (there.uid !== 0 && there.uid !== disk.uid) throw new HostError(host, 'refused', `the folder ${folder} belongs to uid ${there.uid}, who could replace what is written there`, `chown root:root ${folder}`);
  if ((there.mode & 0o022) !== 0 && (there.mode & 0o1000) === 0) throw new HostError(host, 'refused', `the folder ${folder} can be written by others (mode ${(there.mode & 0o7777).toString(8)})`, `chmod go-w ${folder}`);
  const target = await disk.stat(path);
  if (target !== undefined && target.kind !== 'file') throw new HostError(host, 'refused', `${path} is ${target.kind === 'link' ? 'a symbolic link' : target.kind === 'folder' ? 'a folder' : 'not a plain file'}: it is never written through or over`, `look at it, then move it away: mv ${path} ${path}.aside`);
}

/** Writes all of it or throws: a disk that takes nothing more is full, whatever it says. */
export async function writeAll({ host }: Ground, file: OpenFile, bytes: Uint8Array, from = 0): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const count = await file.write(bytes.subarray(done), from + done);
    if (count <= 0) throw new HostError(host, 'full', `the disk took ${done} of ${bytes.length} bytes`);
    done += count;
  }
}

/** Creates the sibling, 0600 and ours from its first byte. */
export async function createSibling(ground: Ground, path: string, purpose: SiblingPurpose): Promise<{ sibling: string; file: OpenFile }> {
  const { disk, clock } = ground;
  const sibling = siblingPath(path, clock.random(8), purpose);
  const file = await disk.create(sibling, 0o600);
  try {
    const made = await file.stat();
    // A setgid folder or a squashing file system gives a new file to somebody else.
    if (made.uid !== disk.uid || made.gid !== disk.gid) await file.setOwner(disk.uid, disk.gid);
    if ((made.mode & 0o7777) !== 0o600) await file.setMode(0o600);
  } catch (error) {
    await dropUnsynced(ground, sibling, file);
    throw error;
  }
  return { sibling, file };
}

/** A sibling whose write failed before its fsync holds nothing that anybody was promised. */
export async function dropUnsynced({ disk }: Ground, sibling: string, file: OpenFile): Promise<void> {
  await file.close().catch(() => undefined);
  await disk.remove(sibling).catch(() => undefined);
}

/** The second half of a durable write: a synced sibling takes its name, the name is synced, the bytes are read back. */
export async function putIntoPlace(ground: Ground, sibling: string, path: string, bytes: Uint8Array): Promise<Uint8Array> {
  const { host, disk } = ground;
  await disk.rename(sibling, path);
  await disk.syncFolder(folderOf(path));
  const found = await readBack(ground, path, bytes.length + 1);
  if (!same(found, bytes)) throw new HostError(host, 'io', `${path} reads back different from what was written`, 'look for disk errors: dmesg');
  return found;
}

/**
 * sibling → write → fsync → `mayReplace` → rename → fsync folder → read back. `mayReplace` throws where the lock is no
 * longer ours; then the sibling goes too, unless it holds keys: those stay as evidence.
 */
export async function writeDurably(ground: Ground, path: string, bytes: Uint8Array, purpose: SiblingPurpose, mayReplace: () => Promise<void>): Promise<Uint8Array> {
  await refuseUnsafe(ground, path);
  const { sibling, file } = await createSibling(ground, path, purpose);
  try {
    await writeAll(ground, file, bytes);
  } catch (error) {
    await dropUnsynced(ground, sibling, file);
    throw error;
  }
  await syncAndClose(ground, sibling, file, purpose);
  try {
    await mayReplace();
  } catch (error) {
    if (purpose !== 'keys') await ground.disk.remove(sibling).catch(() => undefined);
    throw error;
  }
  return putIntoPlace(ground, sibling, path, bytes);
}

async function syncAndClose({ disk }: Ground, sibling: string, file: OpenFile, purpose: SiblingPurpose): Promise<void> {
  try {
    await file.sync();
  } catch (error) {
    await file.close().catch(() => undefined);
    if (purpose !== 'keys') await disk.remove(sibling).catch(() => undefined);
    throw error;
  }
  await file.close();
}

export async function readBack({ disk }: Ground, path: string, limit: number): Promise<Uint8Array> {
  const file = await disk.open(path);
  try {
    return await readUpTo(file, limit);
  } finally {
    await file.close();
  }
}

export async function readUpTo(file: OpenFile, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size < limit) {
    const chunk = await file.read(size, Math.min(limit - size, 1 << 16));
    if (chunk.length === 0) break;
    chunks.push(chunk);
    size += chunk.length;
  }
  return joined(chunks);
}

export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) { all.set(chunk, at); at += chunk.length; }
  return all;
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
