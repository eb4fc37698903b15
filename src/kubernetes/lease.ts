import { messageOf } from '../model/halt.ts';
import type { Pulse } from '../ports/clock.ts';
import type { LockWords } from '../ports/hosts.ts';
import { type KubeAnswer, KubeError, type KubeRequest, type KubeWire } from '../ports/kube.ts';
import { refused } from './vault-pods.ts';

/** Others take over what has not changed for so long; a restart of the API server is shorter. */
const LASTS_S = 30;
const RENEW_EVERY_MS = 5000;
/** We stop that much earlier than others may begin: a write that is on its way has until then. */
const MARGIN_MS = 5000;
const LOOK_EVERY_MS = 1000;
const ANSWER_WITHIN_MS = 5000;
const TRIES = 8;
/** Whoever wrote an absurd duration is not waited for without end. */
const LONGEST_S = 300;
const FLOW = 'vaultctl.io/flow';

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/ */
interface Lease {
  readonly apiVersion: 'coordination.k8s.io/v1';
  readonly kind: 'Lease';
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion?: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: { readonly holderIdentity?: string | null; readonly leaseDurationSeconds?: number | null; readonly acquireTime?: string | null; readonly renewTime?: string | null; readonly leaseTransitions?: number | null };
}

export interface LeasePlace {
  readonly kube: KubeWire;
  readonly namespace: string;
  /** The Helm release: one Vault cluster. */
  readonly release: string;
  readonly pulse: Pulse;
  /** ms since 1970: for what others read in the Lease, never for who holds it. */
  readonly now: () => number;
}

export interface HeldLease {
  /** Why it is no longer ours, once it is not. */
  lost(): string | undefined;
  /** Looks whether it is still ours: between two renewals somebody may have broken it, and be at work already. */
  confirm(): Promise<void>;
  release(): Promise<void>;
}

export type LeaseAnswer =
  | { readonly is: 'held'; readonly lease: HeldLease }
  | { readonly is: 'taken'; readonly by: LockWords }
  /** No right to Leases, or no namespace for one. */
  | { readonly is: 'forbidden'; readonly why: string };

export interface LeaseWish {
  readonly words: LockWords;
  /** Operations whose lock on the managers died with them: what they hold here is nobody's. */
  readonly heirOf: readonly string[];
  /** A holder that may be dead is watched for a while: who waits should know for what. */
  readonly watching: (by: LockWords, seconds: number) => void;
}

/**
 * Takes the Lease of this Vault. Of two who try at once the API server lets one write (resourceVersion). A holder is dead
 * when we have watched the object for its whole duration and nobody renewed it: clocks are not compared.
 * @throws KubeError where the API server does not answer
 */
export async function takeLease(place: LeasePlace, { words, heirOf, watching }: LeaseWish): Promise<LeaseAnswer> {
  let watched: { readonly version: string; sinceMs: number } | undefined;
  let unknown = 0;
  const most = TRIES + LONGEST_S * 1000 / LOOK_EVERY_MS;
  for (let tried = 0; tried < most; tried += 1) {
    try {
      const found = await read(place);
      if (found === 'forbidden') return { is: 'forbidden', why: `no right to Leases in namespace ${place.namespace}` };
      const by = found?.spec?.holderIdentity ? wordsOf(found) : undefined;
      const version = versionOf(found);
      const stale = watched?.version === version && place.pulse.monotonicMs() - watched.sinceMs >= secondsOf(found) * 1000;
      // Our own name in it: the answer to what we wrote was lost on its way.
      if (by === undefined || by.operation === words.operation || heirOf.includes(by.operation) || stale) {
        const sentMs = place.pulse.monotonicMs();
        const answer = await write(place, leaseOf(place, words, found), found === undefined);
        if (answer.status === 403) return { is: 'forbidden', why: `no right to write Leases in namespace ${place.namespace}` };
        // Before the first install: what makes the namespace is a step of the flow that asks.
        if (answer.status === 404 && found === undefined) return { is: 'forbidden', why: `there is no namespace ${place.namespace} yet` };
        if (answer.status < 300) return { is: 'held', lease: new Renewed(place, words, answer.body as Lease, sentMs) };
        if (answer.status !== 409) throw refused(place.kube, request(place, found === undefined), answer);
        continue;
      }
      if (watched !== undefined && watched.version !== version) return { is: 'taken', by };
      if (watched === undefined) watching(by, secondsOf(found));
      watched ??= { version, sinceMs: place.pulse.monotonicMs() };
    } catch (error) {
      unknown += 1;
      if (!(error instanceof KubeError) || error.reached === 'config' || unknown >= TRIES) throw error;
    }
    await place.pulse.sleep(LOOK_EVERY_MS);
  }
  throw new KubeError('unknown', `the Lease ${nameOf(place)} could not be taken: others write it again and again`);
}

/** Who holds it; undefined where nobody does, or where we may not look. @throws KubeError */
export async function leaseHolder(place: LeasePlace): Promise<LockWords | undefined> {
  const found = await read(place);
  return found !== undefined && found !== 'forbidden' && found.spec?.holderIdentity ? wordsOf(found) : undefined;
}

/** From here on whoever held it writes nothing more. Only the holder that was shown: another one is left alone. @throws KubeError */
export async function breakLease(place: LeasePlace, shown: LockWords): Promise<void> {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const found = await read(place);
    if (found === undefined || found === 'forbidden' || !found.spec?.holderIdentity || wordsOf(found).operation !== shown.operation) return;
    const answer = await write(place, emptied(found), false);
    if (answer.status < 300 || answer.status === 404) return;
    if (answer.status !== 409) throw refused(place.kube, request(place, false), answer);
  }
  throw new KubeError('unknown', `the Lease ${nameOf(place)} could not be broken: its holder renews it again and again`);
}

export function nameOf({ namespace, release }: LeasePlace): string { return `${namespace}/vaultctl-${release}`; }

class Renewed implements HeldLease {
  readonly #place: LeasePlace;
  readonly #words: LockWords;
  readonly #stop: () => void;
  #version: string;
  /** When the last request that renewed it was sent: nobody can have begun to watch before. */
  #renewedMs: number;
  #gone: string | undefined;
  #trouble: string | undefined;
  #beating: Promise<void> | undefined;
  readonly #transitions: number;

  constructor(place: LeasePlace, words: LockWords, lease: Lease, sentMs: number) {
    this.#place = place;
    this.#words = words;
    this.#version = versionOf(lease);
    this.#transitions = lease.spec?.leaseTransitions ?? 0;
    this.#renewedMs = sentMs;
    this.#stop = place.pulse.every(RENEW_EVERY_MS, () => { this.#beating ??= this.#renew().finally(() => { this.#beating = undefined; }); });
  }

  lost(): string | undefined {
    const silentMs = this.#place.pulse.monotonicMs() - this.#renewedMs;
    if (silentMs > LASTS_S * 1000 - MARGIN_MS) this.#gone ??= `it could not be renewed for ${Math.round(silentMs / 1000)} s (${this.#trouble ?? 'no answer'})`;
    return this.#gone === undefined ? undefined : `Lease ${nameOf(this.#place)}: ${this.#gone}`;
  }

  async confirm(): Promise<void> {
    // An API server that is away is waited for by the renewals; a run would wait at each of its steps.
    if (this.#trouble !== undefined || this.lost() !== undefined) return;
    try {
      this.#see(await read(this.#place));
    } catch (error) {
      this.#trouble = messageOf(error);
    }
  }

  async #renew(): Promise<void> {
    try {
      for (let tried = 0; tried < 2 && this.lost() === undefined; tried += 1) if (await this.#renewed()) return;
    } catch (error) {
      this.#trouble = messageOf(error);
    }
  }

  /** False where it is worth another try: it is ours in a version that we did not know. */
  async #renewed(): Promise<boolean> {
    const sentMs = this.#place.pulse.monotonicMs();
    const answer = await write(this.#place, this.#mine(), false);
    if (answer.status < 300) { this.#version = versionOf(answer.body as Lease); this.#renewedMs = sentMs; this.#trouble = undefined; return true; }
    if (answer.status === 404) { this.#gone ??= 'somebody deleted it'; return true; }
    if (answer.status !== 409) { this.#trouble = refused(this.#place.kube, request(this.#place, false), answer).message; return true; }
    const found = await read(this.#place);
    if (!this.#see(found)) return true;
    // The answer to an earlier renewal was lost on its way.
    this.#version = versionOf(found);
    return false;
  }

  /** Whether it is ours as far as can be seen. */
  #see(found: Lease | 'forbidden' | undefined): found is Lease {
    if (found === 'forbidden') { this.#trouble = 'the right to it is gone'; return false; }
    const by = found?.spec?.holderIdentity ? wordsOf(found) : undefined;
    if (by?.operation === this.#words.operation) return true;
    this.#gone ??= found === undefined ? 'somebody deleted it' : by === undefined ? 'somebody broke it' : `${by.holder} on ${by.host} has it (${by.flow})`;
    return false;
  }

  #mine(): Lease {
    const lease = leaseOf(this.#place, this.#words, undefined);
    return { ...lease, metadata: { ...lease.metadata, resourceVersion: this.#version }, spec: { ...lease.spec, acquireTime: time(this.#words.sinceMs), leaseTransitions: this.#transitions } };
  }

  async release(): Promise<void> {
    this.#stop();
    await this.#beating;
    if (this.#gone === undefined) await write(this.#place, emptied(this.#mine()), false).catch(() => undefined);
  }
}

async function read(place: LeasePlace): Promise<Lease | 'forbidden' | undefined> {
  const asked: KubeRequest = { method: 'GET', path: pathOf(place), timeoutMs: ANSWER_WITHIN_MS };
  const answer = await place.kube.request(asked);
  if (answer.status === 404) return undefined;
  if (answer.status === 403) return 'forbidden';
  if (answer.status !== 200) throw refused(place.kube, asked, answer);
  return answer.body as Lease;
}

function write(place: LeasePlace, lease: Lease, fresh: boolean): Promise<KubeAnswer> {
  return place.kube.request({ ...request(place, fresh), body: lease });
}

function request(place: LeasePlace, fresh: boolean): KubeRequest {
  return { method: fresh ? 'POST' : 'PUT', path: fresh ? listPath(place) : pathOf(place), timeoutMs: ANSWER_WITHIN_MS };
}

/** The object with us as its holder, on top of what was found there. */
function leaseOf(place: LeasePlace, words: LockWords, found: Lease | undefined): Lease {
  const { holder, host, pid, operation, flow, sinceMs } = words;
  const mine = `${holder}@${host}:${pid}/${operation}`;
  const before = found?.spec?.holderIdentity;
  return {
    apiVersion: 'coordination.k8s.io/v1', kind: 'Lease',
    metadata: { ...found?.metadata, name: `vaultctl-${place.release}`, namespace: place.namespace, annotations: { ...found?.metadata.annotations, [FLOW]: flow } },
    spec: {
      holderIdentity: mine, leaseDurationSeconds: LASTS_S, acquireTime: time(sinceMs), renewTime: time(place.now()),
      leaseTransitions: (found?.spec?.leaseTransitions ?? 0) + (found !== undefined && before !== mine ? 1 : 0),
    },
  };
}

function emptied(lease: Lease): Lease { return { ...lease, spec: { ...lease.spec, holderIdentity: null } }; }

function wordsOf({ metadata, spec }: Lease): LockWords {
  const identity = spec?.holderIdentity ?? '';
  const [, holder = identity, host = 'unknown', pid = '0', operation = identity] = /^(.*)@([^@]*):(\d+)\/([^/]*)$/.exec(identity) ?? [];
  return { holder, host, pid: Number(pid), operation, flow: metadata.annotations?.[FLOW] ?? 'unknown', sinceMs: Date.parse(spec?.acquireTime ?? '') || 0 };
}

function secondsOf(lease: Lease | undefined): number { return Math.min(LONGEST_S, Math.max(1, lease?.spec?.leaseDurationSeconds ?? LASTS_S)); }
function versionOf(lease: Lease | undefined): string { return lease?.metadata.resourceVersion ?? ''; }
function time(ms: number): string { return new Date(ms).toISOString().replace('Z', '000Z'); }
function listPath({ namespace }: LeasePlace): string { return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`; }
function pathOf(place: LeasePlace): string { return `${listPath(place)}/vaultctl-${place.release}`; }
