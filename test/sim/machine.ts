import type { SimDisk } from './disk.ts';

/*
 * A machine's disk, simulated. Fault model:
 *
 * - What a call has done is seen by every process at once (the page cache); it is not on the platter yet.
 * - A file's content is safe from the last `sync` of the file on. A name (create, rename, remove, makeFolder) is safe from
 *   the last `syncFolder` of its folder on, and from nothing else: syncing a file does not make its name durable.
 * - `reboot` asks `choose` about each unsynced change: a name is kept or lost (a rename is one change: both of its names or
 *   neither), a content is kept, lost (as it was at its last sync; never synced: empty), torn (the first half of the new
 *   bytes, the rest of the old) or zeroed (its new length, and zeros where it grew). Changes are independent of each other,
 *   as POSIX allows.
 * - Modes, owners and times are never lost. A folder whose name is lost takes everything below it along.
 * - A process that dies (`die`, `reboot`) loses its flocks and guards; whoever waits for a guard gets it. Every later call
 *   of a dead process never returns, as nobody is there to see it return.
 * - The `hook` is called before and after each call takes effect and may throw there: before, the call did not happen;
 *   after, it happened and its answer was lost. For a `write` it may return how many bytes the disk takes.
 * - `older` is a disk that comes back as it was: from a mirror that lagged, a virtual machine's snapshot, a backup. `remember`
 *   says when; `harm` counts what no program could have prevented, this and what a person did by hand.
 * - Nothing happens by itself, nothing depends on time: the same calls and choices give the same disk.
 */

/** Picks one of `options` for an unsynced change; `what` says which. */
export type Choose = <Option extends string>(options: readonly Option[], what: string) => Option;

export interface Inode {
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
  harm = 0;
  #past: readonly Inode[] = [];

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

  /** Power cut: everybody dies, and each unsynced change is kept, lost, torn or zeroed as `choose` says. */
  reboot(choose: Choose): void {
    this.#goDown();
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

  /** Whoever ran here ends; what opens a new connection meanwhile is not one of them. */
  #goDown(): void {
    const running = Array.from(this.processes);
    for (const process of running) process.end();
  }

  /** Its platters as they are now can come back later. */
  remember(): void {
    const now = this.clone();
    for (const inode of everyInode(now.root)) { inode.names = new Map(inode.safe); inode.content = inode.synced; inode.changes = []; }
    this.#past = [now.root, ...this.#past].slice(0, MOST_REMEMBERED);
  }

  /** Everybody dies, and the disk is the one that was remembered `back` times ago (0: the last). False: there is none. */
  older(back: number): boolean {
    const root = this.#past[back];
    if (root === undefined) return false;
    this.#goDown();
    this.root = twinOf(root);
    this.harm += 1;
    return true;
  }

  /** The same disk once more, for trying out what a reboot would leave. No process runs on the copy. */
  clone(now = this.now): SimMachine {
    const copy = new SimMachine({ hostname: this.hostname, uid: this.uid, now, spaceBytes: this.spaceBytes });
    copy.root = twinOf(this.root);
    copy.harm = this.harm;
    copy.#past = this.#past;
    copy.readOnly = this.readOnly;
    return copy;
  }
}

const MOST_REMEMBERED = 8;

/** The same tree once more, hard links and unsynced changes and all. */
function twinOf(root: Inode): Inode {
  const made = new Map<Inode, Inode>();
  const twin = (inode: Inode): Inode => {
    const known = made.get(inode);
    if (known !== undefined) return known;
    const fresh: Inode = { ...inode, holder: undefined, waiting: [], names: new Map(), safe: new Map(), changes: [] };
    made.set(inode, fresh);
    for (const [name, child] of inode.names) fresh.names.set(name, twin(child));
    for (const [name, child] of inode.safe) fresh.safe.set(name, twin(child));
    fresh.changes = inode.changes.map(({ what, set }) => ({ what, set: set.map(([name, to]) => [name, to === undefined ? undefined : twin(to)] as const) }));
    return fresh;
  };
  return twin(root);
}

function everyInode(root: Inode, found = new Set<Inode>()): Set<Inode> {
  if (found.has(root)) return found;
  found.add(root);
  for (const child of [...root.names.values(), ...root.safe.values()]) everyInode(child, found);
  return found;
}

function settleContent(inode: Inode, path: string, choose: Choose): void {
  const { content, synced } = inode;
  if (Buffer.compare(content, synced) !== 0) {
    // A length that was kept without what was written there reads as zeros (ext4 and xfs, blocks allocated late).
    const fates = content.length > synced.length ? ['kept', 'lost', 'torn', 'zeroed'] as const : ['kept', 'lost', 'torn'] as const;
    const fate = choose(fates, `the content of ${path}`);
    if (fate === 'lost') inode.content = synced;
    if (fate === 'zeroed') inode.content = new Uint8Array([...synced, ...new Uint8Array(content.length - synced.length)]);
    if (fate === 'torn') {
      const half = Math.ceil(content.length / 2);
      inode.content = new Uint8Array([...content.subarray(0, half), ...synced.subarray(half, content.length)]);
    }
  }
  inode.synced = inode.content;
}

function parts(path: string): string[] { return path.split('/').filter((name) => name !== ''); }

export function fault(code: string, path: string): Error { return Object.assign(new Error(`${code}: ${path}`), { code }); }
