import type { Disk, DiskStat, FlockedFile, OpenFile } from '../../src/ports/disk.ts';
import { type Choose, fault, type Inode, SimMachine } from './machine.ts';

export { type Choose, SimMachine } from './machine.ts';

export interface DiskCall {
  readonly op: 'create' | 'open' | 'stat' | 'target' | 'read' | 'list' | 'rename' | 'link' | 'remove' | 'makeFolder' | 'syncFolder' | 'space' | 'writable' | 'flock' | 'guard'
    | 'file.write' | 'file.read' | 'file.truncate' | 'file.stat' | 'file.setOwner' | 'file.setMode' | 'file.sync' | 'file.close' | 'unlock';
  readonly path: string;
  readonly when: 'before' | 'after';
}
export type DiskHook = (call: DiskCall) => number | void | Promise<number | void>;
/**
 * One process's view of a machine's disk. What the disk keeps, loses and tears is machine.ts's fault model; of the process:
 *
 * - Each call asks its `hook`, takes effect at one instant, and asks again: a throw there is a call that failed, or one whose
 *   answer was lost. A `write` may take fewer bytes than it was given, as a real one on a full disk.
 * - An open file is an inode and not a name: it can be written after its name went to another file, as a real one.
 * - Locks are flocks on inodes, freed when their holder closes or dies, and never by time.
 * - Not modelled: quotas, permissions beyond owner and mode, a disk that is slow.
 */
export class SimDisk implements Disk {
  readonly machine: SimMachine;
  readonly uid: number;
  readonly gid: number;
  readonly hostname: string;
  readonly #hook: DiskHook;
  readonly #ended: () => void;
  readonly #held = new Set<Inode>();
  #dead = false;

  /** @param ended is called when the machine goes down below the process */
  constructor({ machine = new SimMachine(), hook = () => undefined, ended = () => undefined }: { machine?: SimMachine; hook?: DiskHook; ended?: () => void } = {}) {
    this.machine = machine;
    this.#hook = hook;
    this.#ended = ended;
    this.uid = machine.uid;
    this.gid = machine.uid;
    this.hostname = machine.hostname;
    machine.processes.add(this);
  }

  /** The process is gone: its locks are free, and no call of it ever returns again. */
  die(): void {
    this.#dead = true;
    this.machine.processes.delete(this);
    for (const inode of this.#held) this.#free(inode);
  }

  /** The machine is down, and the process with it. */
  end(): void {
    this.die();
    this.#ended();
  }

  /** Power cut on this machine. */
  crash(choose: Choose): SimMachine {
    this.machine.reboot(choose);
    return this.machine;
  }

  /** Every call goes through here: hook, effect, hook. */
  async act<T>(op: DiskCall['op'], path: string, effect: (taken: number | void) => T | Promise<T>): Promise<T> {
    await this.#alive();
    const taken = await this.#hook({ op, path, when: 'before' });
    await this.#alive();
    // It may have died while that was being found out, and the dead take no locks.
    if (this.#dead) await new Promise<never>(() => undefined);
    const result = await effect(taken);
    await this.#hook({ op, path, when: 'after' });
    await this.#alive();
    return result;
  }

  async #alive(): Promise<void> {
    if (this.#dead) await new Promise<never>(() => undefined);
  }

  create(path: string, mode: number): Promise<OpenFile> {
    return this.act('create', path, () => {
      this.#mayWrite(path);
      const { folder, name } = this.#parent(path);
      if (folder.names.has(name)) throw fault('EEXIST', path);
      const made = this.machine.inode('file', mode);
      change(folder, `create ${name}`, [[name, made]]);
      return new SimFile(this, made, path);
    });
  }

  open(path: string): Promise<OpenFile> {
    return this.act('open', path, () => {
      const found = this.machine.find(path);
      if (found === undefined) throw fault('ENOENT', path);
      if (found.kind === 'link') throw fault('ELOOP', path);
      return new SimFile(this, found, path);
    });
  }

  stat(path: string): Promise<DiskStat | undefined> { return this.act('stat', path, () => shape(this.machine.find(path))); }
  target(path: string): Promise<DiskStat | undefined> { return this.act('target', path, () => shape(this.machine.find(path, true))); }

  read(path: string, limit: number): Promise<Uint8Array> {
    return this.act('read', path, () => {
      const found = this.machine.find(path, true);
      if (found === undefined) throw fault('ENOENT', path);
      if (found.kind !== 'file') throw fault('EISDIR', path);
      return found.content.slice(0, limit);
    });
  }

  list(folder: string): Promise<string[]> { return this.act('list', folder, () => [...this.#folder(folder).names.keys()]); }

  rename(from: string, to: string): Promise<void> {
    return this.act('rename', to, () => {
      this.#mayWrite(to);
      const source = this.#parent(from);
      const target = this.#parent(to);
      const moved = source.folder.names.get(source.name);
      if (moved === undefined) throw fault('ENOENT', from);
      if (target.folder.names.get(target.name)?.kind === 'folder') throw fault('EISDIR', to);
      if (source.folder === target.folder) change(source.folder, `rename ${source.name} to ${target.name}`, [[source.name, undefined], [target.name, moved]]);
      else {
        change(target.folder, `rename to ${target.name}`, [[target.name, moved]]);
        change(source.folder, `rename away ${source.name}`, [[source.name, undefined]]);
      }
    });
  }

  link(from: string, to: string): Promise<void> {
    return this.act('link', to, () => {
      this.#mayWrite(to);
      const source = this.#parent(from);
      const target = this.#parent(to);
      const found = source.folder.names.get(source.name);
      if (found === undefined) throw fault('ENOENT', from);
      if (target.folder.names.has(target.name)) throw fault('EEXIST', to);
      change(target.folder, `link ${target.name}`, [[target.name, found]]);
    });
  }

  remove(path: string): Promise<void> {
    return this.act('remove', path, () => {
      this.#mayWrite(path);
      const { folder, name } = this.#parent(path);
      const found = folder.names.get(name);
      if (found === undefined) throw fault('ENOENT', path);
      if (found.kind === 'folder') throw fault('EISDIR', path);
      change(folder, `remove ${name}`, [[name, undefined]]);
    });
  }

  makeFolder(path: string, mode: number): Promise<void> {
    return this.act('makeFolder', path, () => {
      this.#mayWrite(path);
      const { folder, name } = this.#parent(path);
      if (folder.names.has(name)) throw fault('EEXIST', path);
      change(folder, `makeFolder ${name}`, [[name, this.machine.inode('folder', mode)]]);
    });
  }

  syncFolder(path: string): Promise<void> {
    return this.act('syncFolder', path, () => {
      const folder = this.#folder(path);
      folder.safe = new Map(folder.names);
      folder.changes = [];
    });
  }

  space(folder: string): Promise<number> { return this.act('space', folder, () => this.machine.spaceBytes); }
  writable(folder: string): Promise<boolean> { return this.act('writable', folder, () => !this.machine.readOnly && this.machine.find(folder, true)?.kind === 'folder'); }

  flock(path: string): Promise<FlockedFile | undefined> {
    return this.act('flock', path, () => {
      const { folder, name } = this.#parent(path);
      let found = folder.names.get(name);
      if (found?.kind === 'link') throw fault('ELOOP', path);
      if (found === undefined) {
        this.#mayWrite(path);
        found = this.machine.inode('file', 0o600);
        change(folder, `create ${name}`, [[name, found]]);
      }
      const inode = found;
      if (inode.holder !== undefined) return undefined;
      this.#hold(inode);
      return { file: new SimFile(this, inode, path), release: () => this.act('unlock', path, () => this.#free(inode)) };
    });
  }

  guard(path: string): Promise<{ release(): Promise<void> }> {
    return this.act('guard', path, async () => {
      const folder = this.#folder(path);
      while (folder.holder !== undefined) await new Promise<void>((resolve) => { folder.waiting.push(resolve); });
      await this.#alive();
      this.#hold(folder);
      return { release: () => this.act('unlock', path, () => this.#free(folder)) };
    });
  }

  #hold(inode: Inode): void {
    inode.holder = this;
    this.#held.add(inode);
  }

  #free(inode: Inode): void {
    if (inode.holder !== this) return;
    inode.holder = undefined;
    this.#held.delete(inode);
    for (const wake of inode.waiting.splice(0)) wake();
  }

  #folder(path: string): Inode {
    const found = this.machine.find(path, true);
    if (found === undefined) throw fault('ENOENT', path);
    if (found.kind !== 'folder') throw fault('ENOTDIR', path);
    return found;
  }

  #parent(path: string): { folder: Inode; name: string } {
    const cut = path.lastIndexOf('/');
    return { folder: this.#folder(path.slice(0, cut)), name: path.slice(cut + 1) };
  }

  #mayWrite(path: string): void {
    if (this.machine.readOnly) throw fault('EROFS', path);
  }
}

class SimFile implements OpenFile {
  readonly #disk: SimDisk;
  readonly #inode: Inode;
  readonly #path: string;

  constructor(disk: SimDisk, inode: Inode, path: string) {
    this.#disk = disk;
    this.#inode = inode;
    this.#path = path;
  }

  #act<T>(op: DiskCall['op'], effect: (taken: number | void) => T): Promise<T> { return this.#disk.act(op, this.#path, effect); }

  write(bytes: Uint8Array, position: number): Promise<number> {
    return this.#act('file.write', (taken) => {
      const count = Math.min(bytes.length, taken ?? bytes.length);
      const size = Math.max(this.#inode.content.length, position + count);
      const { machine } = this.#disk;
      if (size - this.#inode.content.length > machine.spaceBytes) throw fault('ENOSPC', this.#path);
      machine.spaceBytes -= size - this.#inode.content.length;
      const content = new Uint8Array(size);
      content.set(this.#inode.content);
      content.set(bytes.subarray(0, count), position);
      this.#inode.content = content;
      this.#inode.modifiedMs = machine.now();
      return count;
    });
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return this.#act('file.read', () => {
      if (this.#inode.kind !== 'file') throw fault('EISDIR', this.#path);
      return this.#inode.content.slice(position, position + length);
    });
  }

  truncate(size: number): Promise<void> {
    return this.#act('file.truncate', () => {
      const content = new Uint8Array(size);
      content.set(this.#inode.content.subarray(0, size));
      this.#inode.content = content;
    });
  }

  stat(): Promise<DiskStat> { return this.#act('file.stat', () => shape(this.#inode)!); }
  setOwner(uid: number, gid: number): Promise<void> { return this.#act('file.setOwner', () => { this.#inode.uid = uid; this.#inode.gid = gid; }); }
  setMode(mode: number): Promise<void> { return this.#act('file.setMode', () => { this.#inode.mode = mode; }); }
  sync(): Promise<void> { return this.#act('file.sync', () => { this.#inode.synced = this.#inode.content; }); }
  close(): Promise<void> { return this.#act('file.close', () => undefined); }
}

function change(folder: Inode, what: string, set: readonly (readonly [string, Inode | undefined])[]): void {
  for (const [name, to] of set) { if (to === undefined) folder.names.delete(name); else folder.names.set(name, to); }
  folder.changes.push({ what, set });
}

function shape(inode: Inode | undefined): DiskStat | undefined {
  return inode === undefined ? undefined : { kind: inode.kind, size: inode.content.length, mode: inode.mode, uid: inode.uid, gid: inode.gid, modifiedMs: inode.modifiedMs };
}
