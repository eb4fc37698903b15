import { type HeldLease, type LeasePlace, nameOf, takeLease } from '../kubernetes/lease.ts';
import { kubernetesHalt } from '../kubernetes/rights.ts';
import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import type { Settings } from '../model/settings.ts';
import type { HostHands, LockWords } from '../ports/hosts.ts';
import { KubeError } from '../ports/kube.ts';
import type { Event } from '../ports/operator.ts';
import { type ClusterLock, takeLock } from './lock.ts';

export interface LockWish {
  readonly settings: Settings;
  readonly hosts: readonly HostHands[];
  readonly words: LockWords;
  readonly nowMs: number;
  /** Undefined where the inventory knows of no Kubernetes. */
  readonly lease: (() => Promise<LeasePlace>) | undefined;
  readonly tell: (event: Event) => void;
}

/**
 * The lock on the managers, and beside it the Lease of this Vault in Kubernetes: two operators whose inventories name
 * other managers still exclude each other. Lost is the lock when either is.
 * @throws Halt as takeLock does; `locked` where another holds the Lease; `kubernetes-unreachable`
 */
export async function takeLocks(wish: LockWish): Promise<ClusterLock> {
  const lock = await takeLock(wish.settings, wish.hosts, wish.words, wish.nowMs);
  if (wish.lease === undefined) return lock;
  try {
    const lease = await leaseFor(wish, wish.lease, lock.heirOf ?? []);
    return lease === undefined ? lock : both(lock, lease);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function leaseFor({ settings, words, nowMs, tell }: LockWish, open: () => Promise<LeasePlace>, heirOf: readonly string[]): Promise<HeldLease | undefined> {
  const without = (why: string) => { tell({ is: 'warning', text: `no Lease beside the lock on the managers: ${why}` }); };
  try {
    const place = await open();
    const answer = await takeLease(place, {
      words, heirOf,
      watching: (by, seconds) => tell({ is: 'note', text: `the Lease ${nameOf(place)} names ${by.holder} on ${by.host} (${by.flow}): watching for up to ${seconds} s whether that still lives` }),
    });
    if (answer.is === 'held') return answer.lease;
    if (answer.is === 'taken') throw new Halt(haltTexts.locked(`the Lease ${nameOf(place)}`, answer.by, nowMs, settings.inventory));
    without(answer.why);
  } catch (error) {
    if (error instanceof Halt && error.text.code === 'locked') throw error;
    // Vault is reached another way, and goes on without its API server.
    if (settings.kubernetes?.reach !== 'address') throw error instanceof KubeError ? kubernetesHalt(error, settings.inventory) : error;
    without(messageOf(error));
  }
  return undefined;
}

function both(lock: ClusterLock, lease: HeldLease): ClusterLock {
  return {
    fence: (path) => lock.fence(path),
    lost: () => lock.lost() ?? lease.lost(),
    confirm: () => lease.confirm(),
    reassert: async () => { await lease.confirm(); await lock.reassert?.(); },
    get orphan() { return lock.orphan; },
    proof: (proof) => lock.proof(proof),
    retake: (host) => lock.retake(host),
    // The managers last: who waits for them finds the Lease free.
    release: async () => { await lease.release(); await lock.release(); },
  };
}
