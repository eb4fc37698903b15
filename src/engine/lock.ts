import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import type { Settings } from '../model/settings.ts';
import { type Fence, type HeldLock, type HostHands, HostError, type LockWords } from '../ports/hosts.ts';
import { each, type Failure, failureOf, FAN_OUT } from './each-host.ts';

/** The cluster's lock as its holder sees it: flock on a majority of the managers. */
export interface ClusterLock {
  /** The fence for writes on the manager with this lock path. */
  fence(lockPath: string): Fence;
  /** Why it is no longer ours, once it is not. */
  lost(): string | undefined;
  /** Asks anew what does not tell of its loss by itself; `lost` knows it then. Whoever does not answer changes nothing. */
  confirm?(): Promise<void>;
  /** Writes our words anew on every manager that has the lock, and so learns from each whether it is ours still; `lost` knows it then. */
  reassert?(): Promise<void>;
  /** A proof that a dead holder may have left running on the server. */
  readonly orphan: LockWords['proof'] | undefined;
  /** Operations that died while they held it: their words were still in the lock files. */
  readonly heirOf?: readonly string[];
  /** Records on every held lock that a proof is about to begin, runs, or is over. */
  proof(proof: LockWords['proof'] | undefined): Promise<void>;
  /**
   * Takes one manager's lock anew after somebody broke it; false while another has it. Only for keys that are nowhere
   * but in our memory: whoever broke the lock can do nothing with this Vault without them.
   */
  retake(host: string): Promise<boolean>;
  release(): Promise<void>;
}

/**
 * Takes the lock on the managers in sorted order, the first one alone (so of two operators one wins), the rest at once.
 * @throws Halt `locked` with holder, host, operation and age; `undelivered` where no majority can be reached.
 */
export async function takeLock(settings: Settings, hosts: readonly HostHands[], words: LockWords, nowMs: number): Promise<ClusterLock> {
  const places = hosts.map((host, index) => ({ host, path: settings.managers[index]!.paths.lock }))
    .toSorted((a, b) => (a.host.name < b.host.name ? -1 : 1));
  const held: { lock: HeldLock; host: string }[] = [];
  const missing: Failure[] = [];
  /** What the last of the dead holders left open: on a manager that it did not reach older words may stand. */
  let left: LockWords | undefined;
  const dead = new Set<string>();
  let taken: { host: string; by: LockWords | undefined } | undefined;

  const take = async ({ host, path }: (typeof places)[number]) => {
    try {
      const answer = await host.lock(path, words);
      if (answer.is === 'taken') { taken ??= { host: host.name, by: answer.by }; return; }
      held.push({ lock: answer.lock, host: host.name });
      const { before } = answer;
      if (before?.proof !== undefined && (left === undefined || before.sinceMs > left.sinceMs)) left = before;
      if (before !== undefined) dead.add(before.operation);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      missing.push(failureOf(host.name, error));
    }
  };
  const release = async () => { await each(held, ({ lock }) => lock.release()); };

  // The others' handshakes go on while the first is asked.
  for (const { host } of places.slice(0, FAN_OUT)) host.warm?.();
  let rest = places;
  while (rest.length > 0 && held.length === 0 && taken === undefined) {
    await take(rest[0]!);
    rest = rest.slice(1);
  }
  if (taken === undefined) for (const outcome of await each(rest, take)) if (outcome.is === 'failed') { await release(); throw outcome.error; }
  if (taken !== undefined) { await release(); throw new Halt(haltTexts.locked(taken.host, taken.by, nowMs, settings.inventory)); }

  const counted = places.filter(({ host }) => !settings.allowMissing.includes(host.name)).length;
  const needed = Math.floor(counted / 2) + 1;
  if (held.length < needed) { await release(); throw new Halt(haltTexts.noMajority(held.length, needed, missing, settings.inventory)); }
  const again = async (name: string) => {
    const place = places.find(({ host }) => host.name === name);
    const answer = await place?.host.lock(place.path, words);
    return answer?.is === 'held' ? answer.lock : undefined;
  };
  const orphan = left?.proof;
  const lock = new Majority({ held, needed, words, orphan, again, heirOf: [...dead], inventory: settings.inventory });
  // Our words have just replaced the dead holder's: should we die too, the next must still learn of its orphan.
  if (orphan !== undefined) await lock.proof(orphan).catch(async (error: unknown) => { await lock.release(); throw error; });
  return lock;
}

class Majority implements ClusterLock {
  #held: readonly { lock: HeldLock; host: string }[];
  readonly #again: (host: string) => Promise<HeldLock | undefined>;
  readonly #words: LockWords;
  readonly #gone = new Map<string, string>();
  readonly #needed: number;
  /** The rekey that the words name: an earlier holder's, or our own while its end is not known. */
  #proof: LockWords['proof'] | undefined;

  readonly #inventory: string;

  readonly heirOf: readonly string[];

  constructor({ held, needed, words, orphan, again, heirOf, inventory }: {
    held: readonly { lock: HeldLock; host: string }[]; needed: number; words: LockWords; orphan: LockWords['proof'] | undefined;
    again: (host: string) => Promise<HeldLock | undefined>; heirOf: readonly string[]; inventory: string;
  }) {
    this.#held = held;
    this.#again = again;
    this.#needed = needed;
    this.#words = words;
    this.#proof = orphan;
    this.heirOf = heirOf;
    this.#inventory = inventory;
    for (const { lock, host } of held) void lock.lost.then((why) => this.#gone.set(host, why));
  }

  get orphan(): LockWords['proof'] | undefined { return this.#proof; }

  fence(lockPath: string): Fence { return { lockPath, operation: this.#words.operation }; }

  lost(): string | undefined {
    if (this.#held.length - this.#gone.size >= this.#needed) return undefined;
    return [...this.#gone].map(([host, why]) => `${host}: ${why}`).join('; ');
  }

  async proof(proof: LockWords['proof'] | undefined): Promise<void> {
    if (proof !== undefined) this.#proof = proof;
    const { kept, missing } = await this.#write({ ...this.#words, ...(proof === undefined ? {} : { proof }) });
    if (proof === undefined) this.#proof = undefined;
    else if (kept === 0) throw new Halt(haltTexts.proofUnrecorded(missing, this.#words.flow, this.#inventory));
  }

  async reassert(): Promise<void> {
    await this.#write({ ...this.#words, ...(this.#proof === undefined ? {} : { proof: this.#proof }) });
  }

  async #write(words: LockWords): Promise<{ kept: number; missing: Failure[] }> {
    const held = this.#held.filter(({ host }) => !this.#gone.has(host));
    const outcomes = await each(held, ({ lock }) => lock.rewrite(words));
    const missing: Failure[] = [];
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.is === 'ok') continue;
      const { host } = held[index]!;
      missing.push(failureOf(host, outcome.error));
      if (outcome.error instanceof HostError && outcome.error.kind === 'fenced') this.#gone.set(host, outcome.error.message);
    }
    return { kept: held.length - missing.length, missing };
  }

  async retake(host: string): Promise<boolean> {
    const lock = await this.#again(host).catch(() => undefined);
    if (lock === undefined) return false;
    this.#held = [...this.#held.filter((old) => old.host !== host), { lock, host }];
    this.#gone.delete(host);
    return true;
  }

  /** Where a proof was begun and its end is not known, the words stay: the next holder cancels what they name. */
  async release(): Promise<void> { await each(this.#held, ({ lock }) => lock.release({ keepWords: this.#proof !== undefined })); }
}
