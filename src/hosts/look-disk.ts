import { messageOf } from '../model/halt.ts';
import type { Disk, DiskStat } from '../ports/disk.ts';
import { type FileSight, type FolderSight, HostError, type HostSight, type LookQuestion } from '../ports/hosts.ts';
import type { Ground } from './durable-write.ts';
import { folderOf, isSiblingOf, nameOf, within } from './sibling.ts';

/** Everything that `question` asks of one disk; a file that cannot be read is `unreadable`, a folder that cannot be listed is an error. */
export async function lookAtDisk(ground: Ground, question: LookQuestion): Promise<HostSight> {
  const { disk, clock, host } = ground;
  const files = new Map<string, FileSight>();
  const siblings = new Map<string, FileSight>();
  const folders = new Map<string, FolderSight>();
  for (const path of question.files) files.set(path, await sightOfFile(disk, path, question.limitBytes));
  const asked = new Set([...question.folders, ...question.files.map(folderOf)]);
  for (const folder of asked) {
    const sight = await sightOfFolder(host, disk, folder);
    if (question.folders.includes(folder)) folders.set(folder, sight);
    for (const { name } of sight.names) {
      if (!question.files.some((file) => folderOf(file) === folder && isSiblingOf(nameOf(file), name))) continue;
      const path = within(folder, name);
      siblings.set(path, await sightOfFile(disk, path, question.limitBytes));
    }
  }
  return { files, siblings, folders, clockMs: clock.now(), user: { uid: disk.uid }, hostname: disk.hostname };
}

async function sightOfFile(disk: Disk, path: string, limitBytes: number): Promise<FileSight> {
  try {
    const name = await disk.stat(path);
    if (name === undefined) return { is: 'absent' };
    const throughLink = name.kind === 'link';
    const found = throughLink ? await disk.target(path) : name;
    if (found === undefined) return { is: 'unreadable', why: 'a symbolic link that leads nowhere' };
    if (found.kind !== 'file') return { is: 'unreadable', why: found.kind === 'folder' ? 'a folder' : 'not a plain file' };
    const tooLarge = { is: 'unreadable', why: `too large: over ${limitBytes} bytes`, size: found.size } as const;
    if (found.size > limitBytes) return tooLarge;
    const bytes = await disk.read(path, limitBytes + 1);
    if (bytes.length > limitBytes) return tooLarge;
    return { is: 'file', bytes, ...shape(found), size: bytes.length, throughLink };
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code !== 'string') throw error;
    return { is: 'unreadable', why: messageOf(error) };
  }
}

function shape({ mode, uid, gid, modifiedMs }: DiskStat) { return { mode: mode & 0o7777, uid, gid, modifiedMs }; }

async function sightOfFolder(host: string, disk: Disk, path: string): Promise<FolderSight> {
  const name = await disk.stat(path);
  const nothing = { names: [], mode: 0, uid: 0, writable: false, link: false, spaceBytes: 0 };
  if (name === undefined) return { is: 'absent', ...nothing };
  const link = name.kind === 'link';
  const found = link ? await disk.target(path) : name;
  if (found?.kind !== 'folder') return { is: 'other', ...nothing, link };
  const names: { name: string; size: number | undefined; modifiedMs: number }[] = [];
  for (const entry of await listOf(host, disk, path)) {
    const stat = await sizeOf(disk, within(path, entry));
    if (stat !== undefined) names.push({ name: entry, ...stat });
  }
  return { is: 'folder', names, mode: found.mode & 0o7777, uid: found.uid, writable: await disk.writable(path), link, spaceBytes: await disk.space(path) };
}

/** One name that cannot be looked at (a dead mount, a damaged inode) does not hide the others: it stays a name, of no known size. */
async function sizeOf(disk: Disk, path: string): Promise<{ size: number | undefined; modifiedMs: number } | undefined> {
  try {
    const found = await disk.stat(path);
    return found === undefined ? undefined : { size: found.size, modifiedMs: found.modifiedMs };
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code !== 'string') throw error;
    return { size: undefined, modifiedMs: 0 };
  }
}

/** What cannot be listed may hide a sibling with keys: never an empty folder. */
async function listOf(host: string, disk: Disk, path: string): Promise<string[]> {
  try {
    return await disk.list(path);
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code !== 'string') throw error;
    throw new HostError(host, 'denied', `the folder ${path} cannot be listed: ${messageOf(error)}`, 'run as root, or set ansible_become: true for this host', { cause: error });
  }
}
