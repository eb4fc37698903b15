import { resplit } from '../credentials/shamir.ts';
import type { KeySet } from '../model/keys.ts';
import type { Clock } from '../ports/clock.ts';
import { VaultError } from './answers.ts';
import type { LeaderTls, VaultHands } from './hands.ts';

export type OpenResult = { readonly is: 'open' } | { readonly is: 'rejected' } | { readonly is: 'cannot-tell'; readonly why: string };

/** A joining follower waits for its leader's challenge and finishes in the background. */
const SETTLES_WITHIN_MS = 30_000;
/** Another unsealer may reset us; twice is bad luck, more is a war that we do not fight. */
const ATTEMPTS = 3;
/** Its shares among ours make a set that nobody has: only a rejection that comes again is one of ours. */
const REJECTIONS_NEEDED = 2;

/** What a follower says whose join is not far enough, or whose leader is away just now: its words about the shares are still to come. */
const SETTLING = ['not initialized', 'not been initialized', 'raft challenge', 'bootstrap/', 'expected exactly one stored key', 'no expected answer', 'active cluster node not found'];
/** The leader forgot the challenge that this follower answers (it restarted meanwhile): joining again gets a new one. */
const JOIN_LOST = ['no expected answer', 'bootstrap/'];

/**
 * Opens one node with one set: reset first (somebody may have left progress), then shares to the server's threshold.
 * `rejected` is this node's word only: a follower that was away during a rotation rejects the live keys.
 * @param rejoin joins the node to its leader again, where that is known. @throws WireError
 */
export async function openNode(vault: VaultHands, clock: Clock, address: string, set: KeySet, rejoin?: () => Promise<void>): Promise<OpenResult> {
  const until = clock.now() + SETTLES_WITHIN_MS;
  let rejections = 0;
  for (let attempt = 0; attempt < ATTEMPTS;) {
    const before = await vault.sealStatus(address);
    if (before.initialized && !before.sealed) return { is: 'open' };
    const result = await giveShares(vault, address, await fitted(set, before.threshold), before.progress);
    if (result.is === 'open') return result;
    if (result.is === 'rejected' && (rejections += 1) >= REJECTIONS_NEEDED) return result;
    if (result.is === 'settling') {
      if (clock.now() >= until) return { is: 'cannot-tell', why: result.why };
      if (rejoin !== undefined && JOIN_LOST.some((words) => result.why.includes(words))) await rejoin().catch(() => undefined);
      await clock.sleep(250);
      continue;
    }
    if (result.is === 'refused') return { is: 'cannot-tell', why: result.why };
    if (result.is === 'taken') return await opensWithin(vault, clock, address) ? { is: 'open' } : { is: 'cannot-tell', why: `it did not open within ${SETTLES_WITHIN_MS / 1000} s of its last share: is its leader there, and has it joined?` };
    attempt += 1;
  }
  return { is: 'cannot-tell', why: 'another unsealer keeps resetting it' };
}

/** A commit cut short can leave the new key at the old threshold: the same key is split again to fit. */
async function fitted(set: KeySet, threshold: number): Promise<KeySet> {
  if (threshold === set.threshold || threshold === 0) return set;
  return resplit(set, threshold).catch(() => set);
}

type Given =
  | { readonly is: 'open' } | { readonly is: 'rejected' }
  /** Every share was taken, and the rest happens in the background. */
  | { readonly is: 'taken' }
  /** Somebody reset it between two shares of ours. */
  | { readonly is: 'disturbed' }
  | { readonly is: 'settling' | 'refused'; readonly why: string };

async function giveShares(vault: VaultHands, address: string, set: KeySet, progress: number): Promise<Given> {
  try {
    if (progress > 0) await vault.unsealReset(address);
    let left = 0;
    for (const share of set.shares.slice(0, set.threshold)) {
      const status = await vault.unsealShare(address, share);
      if (status === 'rejected') return { is: 'rejected' };
      if (!status.sealed && status.initialized) return { is: 'open' };
      left = status.progress;
    }
    return left === 0 ? { is: 'taken' } : { is: 'disturbed' };
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    // Opened by somebody else between our look and our reset.
    if (error.says('vault is unsealed')) return { is: 'open' };
    return { is: error.says(...SETTLING) ? 'settling' : 'refused', why: error.message };
  }
}

async function opensWithin(vault: VaultHands, clock: Clock, address: string): Promise<boolean> {
  const until = clock.now() + SETTLES_WITHIN_MS;
  for (let pause = 50; ; pause = Math.min(pause * 2, 500)) {
    const status = await vault.sealStatus(address);
    if (status.initialized && !status.sealed) return true;
    // Progress that is not zero again means that the shares are still being counted, by somebody.
    if (clock.now() >= until) return false;
    await clock.sleep(pause);
  }
}

/** Joins a fresh node to the leader; with `retry_join` in its configuration it may have done so by itself. */
export async function joinRaft(vault: VaultHands, clock: Clock, address: string, leaderAddress: string, tls: LeaderTls | undefined): Promise<void> {
  const until = clock.now() + SETTLES_WITHIN_MS;
  for (;;) {
    const { initialized, progress } = await vault.sealStatus(address);
    if (initialized || progress > 0) return;
    try {
      await vault.raftJoin(address, leaderAddress, tls);
      return;
    } catch (error) {
      if (!(error instanceof VaultError) || clock.now() >= until) throw error;
      await clock.sleep(500);
    }
  }
}
