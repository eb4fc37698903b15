import type { Disk, DiskStat, FlockedFile, OpenFile } from '../../src/ports/disk.ts';

/**
 * A machine's disk, simulated. Fault model:
 *
 * - What a call has done is seen by every process at once (the page cache); it is not on the platter yet.
 * - A file's content is safe from the last `sync` of the file on. A name (create, rename, remove, makeFolder) is safe from
 *   the last `syncFolder` of its folder on, and from nothing else: syncing a file does not make its name durable.
 * - `reboot` asks `choose` about each unsynced change: a name is kept or lost (a rename is one change: both of its names or
 *   neither), a content is kept, lost (as it was at its last sync; never synced: empty) or torn (the first half of the new
 *   bytes, the rest of the old). Changes are independent of each other, as POSIX allows.
 * - Modes, owners and times are never lost. A folder whose name is lost takes everything below it along.
 * - A process that dies (`die`, `reboot`) loses its flocks and guards; whoever waits for a guard gets it. Every later call
 *   of a dead process never returns, as nobody is there to see it return.
 * - The `hook` is called before and after each call takes effect and may throw there: before, the call did not happen;
 *   after, it happened and its answer was lost. For a `write` it may return how many bytes the disk takes.
 * - Nothing happens by itself, nothing depends on time: the same calls and choices give the same disk.
 */
export interface DiskCall {
  readonly op: 'create' | 'open' | 'stat' | 'target' | 'read' | 'list' | 'rename' | 'remove' | 'makeFolder' | 'syncFolder' | 'space' | 'writable' | 'flock' | 'guard'
    | 'file.write' | 'file.read' | 'file.truncate' | 'file.stat' | 'file.setOwner' | 'file.setMode' | 'file.sync' | 'file.close' | 'unlock';
  readonly path: string;
  readonly when: 'before' | 'after';
}
export type DiskHook = (call: DiskCall) => number | void | Promise<number | void>;
/** Picks one of `options` for an unsynced change; `what` says which. */
export type Choose = <Option extends string>(options: readonly Option[], what: string) => Option;

interface Inode {
  readonly kind: 'file' | 'folder' | 'link';
  mode: number; uid: number; gid: number; modifiedMs: number;
  content: Uint8Array; synced: Uint8Array;
  /** Folders: the names, and the changes that are not safe yet; links: where they lead. */
  names: Map<string, Inode>; safe: Map<string, Inode>; changes: { readonly what: string; readonly set: readonly (readonly [string, Inode | undefined])[] }[];
  target: string;
  holder: SimDisk | undefined; waiting: (() => void)[];
}

export interface MachineOptions { readonly hostname?: string; readonly uid?: number; readonly now?: () => number; readonly spaceBytes?: number }

/** What survives a process: the disk itself. */
export class SimMachine {
  readonly hostname: string;
  readonly uid: number;
  readonly now: () => number;
  spaceBytes: number;
  readOnly = false;
  root: Inode;
  readonly processes = new Set<SimDisk>();

  constructor({ hostname = 'machine', uid = 0, now = () => 0, spaceBytes = 1 << 30 }: MachineOptions = {}) {
    this.hostname = hostname;
    this.uid = uid;
    this.now = now;
    this.spaceBytes = spaceBytes;
    this.root = this.inode('folder', 0o755);
  }

  inode(kind: Inode['kind'], mode: number): Inode {
    return {
      kind, mode, uid: this.uid, gid: this.uid, modifiedMs: this.now(), content: new Uint8Array(), synced: new Uint8Array(),
      names: new Map(), safe: new Map(), changes: [], target: '', holder: undefined, waiting: [],
    };
  }

  /** A durable folder, its parents with it. */
  folder(path: string, { mode = 0o755, uid = this.uid }: { mode?: number; uid?: number } = {}): void {
    let at = this.root;
    for (const name of parts(path)) {
      const next = at.names.get(name) ?? this.inode('folder', 0o755);
      at.names.set(name, next);
      at.safe.set(name, next);
      at = next;
    }
    at.mode = mode;
    at.uid = uid;
  }

  /** A durable file, as if it had always been there. */
  file(path: string, content: Uint8Array | string, { mode = 0o600, uid = this.uid }: { mode?: number; uid?: number } = {}): void {
    const made = this.inode('file', mode);
    made.content = made.synced = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    made.uid = uid;
    this.#place(path, made);
  }

  link(path: string, target: string): void {
    const made = this.inode('link', 0o777);
    made.target = target;
    this.#place(path, made);
  }

  #place(path: string, made: Inode): void {
    const cut = path.lastIndexOf('/');
    this.folder(path.slice(0, cut));
    const folder = this.find(path.slice(0, cut))!;
    folder.names.set(path.slice(cut + 1), made);
    folder.safe.set(path.slice(cut + 1), made);
  }

  /** Where `path` leads; the last name's link is not followed unless `follow`. */
  find(path: string, follow = false, depth = 0): Inode | undefined {
    if (depth > 8) throw fault('ELOOP', path);
    let at: Inode | undefined = this.root;
    for (const [index, name] of parts(path).entries()) {
      if (at?.kind !== 'folder') return undefined;
      at = at.names.get(name);
      if (at?.kind === 'link' && (follow || index < parts(path).length - 1)) at = this.find(at.target, true, depth + 1);
    }
    return at;
  }

  /** Every file as processes see it now: path → bytes. */
  files(): Map<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    const walk = (folder: Inode, path: string) => {
      for (const [name, inode] of folder.names) {
        if (inode.kind === 'file') found.set(`${path}/${name}`, inode.content);
        if (inode.kind === 'folder') walk(inode, `${path}/${name}`);
      }
    };
    walk(this.root, '');
    return found;
  }

  /** Power cut: everybody dies, and each unsynced change is kept, lost or torn as `choose` says. */
  reboot(choose: Choose): void {
    for (const process of this.processes) process.die();
    const settled = new Set<Inode>();
    const settle = (inode: Inode, path: string) => {
      if (settled.has(inode)) return;
      settled.add(inode);
      if (inode.kind === 'file') { settleContent(inode, path, choose); return; }
      const names = new Map(inode.safe);
      for (const { what, set } of inode.changes) {
        if (choose(['kept', 'lost'], `${what} in ${path === '' ? '/' : path}`) === 'lost') continue;
        for (const [name, to] of set) { if (to === undefined) names.delete(name); else names.set(name, to); }
      }
      inode.names = names;
      inode.safe = new Map(names);
      inode.changes = [];
      for (const [name, child] of names) settle(child, `${path}/${name}`);
    };
    settle(this.root, '');
  }

  /** The same disk once more, for trying out what a reboot would leave. No process runs on the copy. */
  clone(now = this.now): SimMachine {
    const copy = new SimMachine({ hostname: this.hostname, uid: this.uid, now, spaceBytes: this.spaceBytes });
    const made = new Map<Inode, Inode>();
    const twin = (inode: Inode): Inode => {
      const known = made.get(inode);
      if (known !== undefined) return known;
      const fresh: Inode = { ...inode, holder: undefined, waiting: [], names: new Map(), safe: new Map(), changes: [], content: inode.content.slice(), synced: inode.synced.slice() };
      made.set(inode, fresh);
      for (const [name, child] of inode.names) fresh.names.set(name, twin(child));
      for (const [name, child] of inode.safe) fresh.safe.set(name, twin(child));
      fresh.changes = inode.changes.map(({ what, set }) => ({ what, set: set.map(([name, to]) => [name, to === undefined ? undefined : twin(to)] as const) }));
      return fresh;
    };
    copy.root = twin(this.root);
    copy.readOnly = this.readOnly;
    return copy;
  }
}

function settleContent(inode: Inode, path: string, choose: Choose): void {
  const { content, synced } = inode;
  if (Buffer.compare(content, synced) !== 0) {
    const fate = choose(['kept', 'lost', 'torn'], `the content of ${path}`);
    if (fate === 'lost') inode.content = synced;
    if (fate === 'torn') {
      const half = Math.ceil(content.length / 2);
      inode.content = new Uint8Array([...content.subarray(0, half), ...synced.subarray(half, content.length)]);
    }
  }
  inode.synced = inode.content;
}

/** One process's view of a machine's disk. */
export class SimDisk implements Disk {
  readonly machine: SimMachine;
  readonly uid: number;
  readonly gid: number;
  readonly hostname: string;
  readonly #hook: DiskHook;
  readonly #held = new Set<Inode>();
  #dead = false;

  constructor({ machine = new SimMachine(), hook = () => undefined }: { machine?: SimMachine; hook?: DiskHook } = {}) {
    this.machine = machine;
    this.#hook = hook;
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

function parts(path: string): string[] { return path.split('/').filter((name) => name !== ''); }

function fault(code: string, path: string): Error { return Object.assign(new Error(`${code}: ${path}`), { code }); }
