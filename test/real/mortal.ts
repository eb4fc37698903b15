import type { Disk, FlockedFile, OpenFile } from '../../src/ports/disk.ts';
import type { VaultWire, WireAnswer, WireRequest } from '../../src/ports/vault.ts';

/** One call of a run to a disk or to Vault: `{ on: 'm1', do: 'rename', path: '/…/vault-unseal.json' }`, `{ on: 'vault', do: 'PUT', path: 'sys/init' }`. */
export interface Call { readonly on: string; readonly do: string; readonly path: string; readonly address?: string; readonly body?: Readonly<Record<string, unknown>> }

/** Asked before and after each call: `die` ends the process there, a promise holds it, a throw is the call's failure. */
export type Hook = (call: Call, when: 'before' | 'after') => 'die' | Promise<unknown> | undefined;

const never = (): Promise<never> => new Promise<never>(() => undefined);

/**
 * A process that can be killed without being one: from its death on no call of it is begun, none returns, and what the
 * kernel would free (flocks) is freed. Calls that were begun take effect, as system calls do.
 */
export class Life {
  readonly death: Promise<void>;
  readonly #hook: Hook;
  readonly #held = new Set<() => Promise<void>>();
  #dead = false;
  #die: () => void = () => undefined;

  constructor(hook: Hook = () => undefined) {
    this.#hook = hook;
    this.death = new Promise((resolve) => { this.#die = resolve; });
  }

  async call<T>(call: Call, work: () => Promise<T>): Promise<T> {
    await this.#ask(call, 'before');
    const result = await work().catch(async (error: unknown) => (this.#dead ? never() : Promise.reject(error as Error)));
    await this.#ask(call, 'after');
    return result;
  }

  async #ask(call: Call, when: 'before' | 'after'): Promise<void> {
    if (this.#dead) return never();
    const answer = this.#hook(call, when);
    if (answer === 'die') await this.kill();
    else if (answer !== undefined) await answer;
    if (this.#dead) return never();
  }

  async kill(): Promise<void> {
    this.#dead = true;
    await Promise.all([...this.#held].map((free) => free()));
    this.#die();
  }

  /** What the kernel frees at our death, unless `free` was called before. */
  async keep(free: () => Promise<void>): Promise<() => Promise<void>> {
    const once = () => { this.#held.delete(once); return free(); };
    this.#held.add(once);
    if (this.#dead) { await once(); return never(); }
    return once;
  }
}

/** A disk as a mortal process sees it. Only what changes it, and locks, are calls. */
export class MortalDisk implements Disk {
  readonly uid: number;
  readonly gid: number;
  readonly hostname: string;
  readonly #on: string;
  readonly #disk: Disk;
  readonly #life: Life;

  constructor(on: string, disk: Disk, life: Life) {
    this.#on = on;
    this.#disk = disk;
    this.#life = life;
    this.uid = disk.uid;
    this.gid = disk.gid;
    this.hostname = disk.hostname;
  }

  #call<T>(what: string, path: string, work: () => Promise<T>): Promise<T> { return this.#life.call({ on: this.#on, do: what, path }, work); }

  create(path: string, mode: number): Promise<OpenFile> { return this.#call('create', path, () => this.#opened(this.#disk.create(path, mode))); }
  open(path: string): Promise<OpenFile> { return this.#opened(this.#disk.open(path)); }
  // What is taken is the kernel's to free from that instant on, also where we die before we hear of it.
  async #opened(opening: Promise<OpenFile>): Promise<OpenFile> {
    const file = await opening;
    return new MortalFile(file, await this.#life.keep(() => file.close()));
  }
  stat(path: string) { return this.#disk.stat(path); }
  target(path: string) { return this.#disk.target(path); }
  read(path: string, limit: number) { return this.#call('read', path, () => this.#disk.read(path, limit)); }
  list(folder: string) { return this.#call('list', folder, () => this.#disk.list(folder)); }
  rename(from: string, to: string) { return this.#call('rename', to, () => this.#disk.rename(from, to)); }
  link(from: string, to: string) { return this.#call('link', to, () => this.#disk.link(from, to)); }
  remove(path: string) { return this.#call('remove', path, () => this.#disk.remove(path)); }
  makeFolder(path: string, mode: number) { return this.#call('makeFolder', path, () => this.#disk.makeFolder(path, mode)); }
  syncFolder(path: string) { return this.#call('syncFolder', path, () => this.#disk.syncFolder(path)); }
  space(folder: string) { return this.#disk.space(folder); }
  writable(folder: string) { return this.#disk.writable(folder); }
  async flock(path: string): Promise<FlockedFile | undefined> {
    return this.#call('flock', path, async () => {
      const held = await this.#disk.flock(path);
      return held === undefined ? undefined : { file: held.file, release: await this.#life.keep(() => held.release()) };
    });
  }
  async guard(folder: string): Promise<{ release(): Promise<void> }> {
    return this.#call('guard', folder, async () => {
      const held = await this.#disk.guard(folder);
      return { release: await this.#life.keep(() => held.release()) };
    });
  }
}

class MortalFile implements OpenFile {
  readonly #file: OpenFile;
  readonly close: () => Promise<void>;
  constructor(file: OpenFile, close: () => Promise<void>) { this.#file = file; this.close = close; }
  write(bytes: Uint8Array, position: number) { return this.#file.write(bytes, position); }
  read(position: number, length: number) { return this.#file.read(position, length); }
  truncate(size: number) { return this.#file.truncate(size); }
  stat() { return this.#file.stat(); }
  setOwner(uid: number, gid: number) { return this.#file.setOwner(uid, gid); }
  setMode(mode: number) { return this.#file.setMode(mode); }
  sync() { return this.#file.sync(); }
}

/** Vault as a mortal process reaches it. */
export class MortalWire implements VaultWire {
  readonly #wire: VaultWire;
  readonly #life: Life;
  constructor(wire: VaultWire, life: Life) { this.#wire = wire; this.#life = life; }

  request(address: string, request: WireRequest): Promise<WireAnswer> {
    const { method, path, body } = request;
    return this.#life.call({ on: 'vault', do: method, path, address, ...(body === undefined ? {} : { body }) }, () => this.#wire.request(address, request));
  }
  download(address: string, request: WireRequest) { return this.#wire.download(address, request); }
  upload(address: string, request: WireRequest, body: AsyncIterable<Uint8Array>) { return this.#wire.upload(address, request, body); }
  close(): void { this.#wire.close(); }
}

type Match = (call: Call) => boolean;

/**
 * The n-th call (from 1) that matches: killed before it is begun, or after it took effect and before its answer is read.
 * Managers are worked on at once: what `held` matches is not begun before the end, so that it is known to be undone.
 */
export function diesAt(when: 'before' | 'after', match: Match, nth = 1, held: Match = () => false): Hook {
  let count = 0;
  return (call, at) => {
    if (held(call)) return never();
    if (at !== when || !match(call)) return undefined;
    count += 1;
    return count === nth ? 'die' : undefined;
  };
}

export const vaultCall = (method: string, path: string): Match => (call) => call.on === 'vault' && call.do === method && call.path === path;
export const diskCall = (on: string, what: string, end: string): Match => (call) => call.on === on && call.do === what && call.path.endsWith(end);
