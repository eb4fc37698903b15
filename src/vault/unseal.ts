import { resplit } from '../credentials/shamir.ts';
import { messageOf } from '../model/halt.ts';
import type { KeySet } from '../model/keys.ts';
import type { Clock } from '../ports/clock.ts';
import { VaultError } from './answers.ts';
import type { VaultHands } from './hands.ts';

export type OpenResult = { readonly is: 'open' } | { readonly is: 'rejected' } | { readonly is: 'cannot-tell'; readonly why: string };

/** A joining follower waits for its leader's challenge and finishes in the background. */
const SETTLES_WITHIN_MS = 30_000;
/** Another unsealer may reset us; twice is bad luck, more is a war that we do not fight. */
const ATTEMPTS = 3;

/**
 * Opens one node with one set: reset first (somebody may have left progress), then shares to the server's threshold.
 * `rejected` is this node's word only: a follower that was away during a rotation rejects the live keys.
 * @throws WireError
 */
export async function openNode(vault: VaultHands, clock: Clock, address: string, set: KeySet): Promise<OpenResult> {
  let why = 'another unsealer keeps resetting it';
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const before = await vault.sealStatus(address);
    if (before.initialized && !before.sealed) return { is: 'open' };
    const result = await giveShares(vault, clock, address, await fitted(set, before.threshold));
    if (result === 'rejected') return { is: 'rejected' };
    if (result === 'open' || await opensWithin(vault, clock, address)) return { is: 'open' };
    why = result === 'waiting' ? 'it did not open within 30 s of its last share' : result.why;
  }
  return { is: 'cannot-tell', why };
}

/** A commit cut short can leave the new key at the old threshold: the same key is split again to fit. */
async function fitted(set: KeySet, threshold: number): Promise<KeySet> {
  if (threshold === set.threshold || threshold === 0) return set;
  return resplit(set, threshold).catch(() => set);
}

async function giveShares(vault: VaultHands, clock: Clock, address: string, set: KeySet): Promise<'open' | 'rejected' | 'waiting' | { why: string }> {
  const until = clock.now() + SETTLES_WITHIN_MS;
  for (;;) {
    try {
      const { progress, sealed } = await vault.sealStatus(address);
      if (!sealed) return 'open';
      if (progress > 0) await vault.unsealReset(address);
      for (const share of set.shares.slice(0, set.threshold)) {
        const status = await vault.unsealShare(address, share);
        if (status === 'rejected') return 'rejected';
        if (!status.sealed && status.initialized) return 'open';
      }
      return 'waiting';
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      // Before its challenge arrives a joining follower says so; anything else is its word.
      if (!error.says('not initialized', 'not been initialized', 'no raft challenge') || clock.now() >= until) return { why: messageOf(error) };
      await clock.sleep(250);
    }
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
export async function joinRaft(vault: VaultHands, clock: Clock, address: string, leaderAddress: string, ca: string | undefined): Promise<void> {
  const until = clock.now() + SETTLES_WITHIN_MS;
  for (;;) {
    const { initialized, progress } = await vault.sealStatus(address);
    if (initialized || progress > 0) return;
    try {
      await vault.raftJoin(address, leaderAddress, ca);
      return;
    } catch (error) {
      if (!(error instanceof VaultError) || clock.now() >= until) throw error;
      await clock.sleep(500);
    }
  }
}
