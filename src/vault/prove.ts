import { resplit } from '../credentials/shamir.ts';
import type { KeySet } from '../model/keys.ts';
import type { Secret } from '../model/secret.ts';
import { type RekeyStatus, VaultError } from './answers.ts';
import type { VaultHands } from './hands.ts';

export type Proof =
  | { readonly is: 'accepted' }
  | { readonly is: 'rejected' }
  /** The one rekey slot is taken. */
  | { readonly is: 'busy'; readonly status: RekeyStatus }
  /** The server demands a token that we have not, or would not rekey reversibly. */
  | { readonly is: 'cannot'; readonly why: string };

/**
 * Asks an unsealed server whether a set is the live one, without damage: a rekey with verification takes the set's
 * shares, and is cancelled; the shares it returns were never valid. `begun` hears the nonce before any share is sent.
 * @throws WireError where the outcome of a call is unknown: the rekey may then still be there, under the nonce told.
 */
export async function proveByRekey(vault: VaultHands, address: string, set: KeySet, token: Secret | undefined, begun: (nonce: string) => Promise<void>): Promise<Proof> {
  try {
    const before = await vault.rekeyStatus(address, token);
    if (before.started) return { is: 'busy', status: before };
    const { shares, threshold } = await vault.sealStatus(address);
    const fit = threshold === set.threshold ? set : await resplit(set, threshold).catch(() => set);
    const begunRekey = await startUnlessTaken(vault, address, shares, threshold, token);
    if ('busy' in begunRekey) return { is: 'busy', status: begunRekey.busy };
    const { nonce, verificationRequired } = begunRekey;
    try {
      await begun(nonce);
      if (!verificationRequired) return { is: 'cannot', why: 'the server would not rekey with verification' };
      return await giveShares(vault, address, fit, threshold, nonce, token);
    } finally {
      await vault.rekeyCancel(address, nonce, token);
    }
  } catch (error) {
    if (error instanceof VaultError && (error.status === 403 || error.status === 404 || error.status === 405)) return { is: 'cannot', why: error.message };
    throw error;
  }
}

/** Between our look and our start somebody else may have taken the one slot. */
async function startUnlessTaken(vault: VaultHands, address: string, shares: number, threshold: number, token: Secret | undefined) {
  try {
    return await vault.rekeyStart(address, shares, threshold, token);
  } catch (error) {
    if (error instanceof VaultError && error.says('already in progress')) return { busy: await vault.rekeyStatus(address, token) };
    throw error;
  }
}

async function giveShares(vault: VaultHands, address: string, set: KeySet, threshold: number, nonce: string, token: Secret | undefined): Promise<Proof> {
  for (const share of set.shares.slice(0, threshold)) {
    const answer = await vault.rekeyUpdate(address, share, nonce, token);
    if (answer.is === 'complete') return { is: 'accepted' };
    if (answer.is === 'rejected') return { is: 'rejected' };
  }
  return { is: 'rejected' };
}
