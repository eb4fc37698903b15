import { createHash } from 'node:crypto';
import { combine, split } from 'shamir-secret-sharing';
import type { KeySet } from '../model/keys.ts';
import { Secret, wipe } from '../model/secret.ts';

/*
 * Shares as Vault makes them: 32 bytes of y and one of x, GF(2^8); a set of one share is the raw 32-byte key.
 * The library has the same layout, which a test proves on a real server.
 */

function bytesOf(share: Secret): Uint8Array {
  const pooled = Buffer.from(share.reveal(), 'base64');
  const bytes = new Uint8Array(pooled);
  wipe(pooled);
  return bytes;
}

/** The key that the first `threshold` of these shares combine to. @throws Error for shares that are no shares. */
async function keyOf(shares: readonly Secret[], threshold: number): Promise<Uint8Array> {
  if (threshold === 1) return bytesOf(shares[0]!);
  const parts = shares.slice(0, threshold).map(bytesOf);
  try {
    return await combine(parts);
  } finally {
    wipe(...parts);
  }
}

/** What keys are compared by, so that no key becomes a text. Empty where these are no shares of one. */
async function digestOfKey(shares: readonly Secret[], threshold: number): Promise<string> {
  const key = await keyOf(shares, threshold).catch(() => new Uint8Array());
  const digest = key.length === 0 ? '' : createHash('sha256').update(key).digest('hex');
  wipe(key);
  return digest;
}

export type EveryShare = { readonly is: 'ok' } | { readonly is: 'broken'; readonly bad: readonly number[] };

/**
 * A server only ever checks a threshold of shares; this checks them all: the first `threshold` shares, and the same
 * with each of the others in the place of the last, must combine to one key. `bad` are indexes that do not fit the
 * rest: to be trusted where a server has accepted the first `threshold`, for of three shares with a threshold of two
 * no arithmetic can tell which one is wrong.
 */
export async function proveAllShares({ shares, threshold }: KeySet): Promise<EveryShare> {
  const doubled = shares.flatMap((share, index) => (shares.findIndex((other) => other.equals(share)) === index ? [] : [index]));
  if (threshold < 1 || shares.length < threshold || doubled.length > 0) return { is: 'broken', bad: doubled.length > 0 ? doubled : shares.map((_, index) => index) };
  if (threshold === 1) return shares.length === 1 && bytesOf(shares[0]!).length > 0 ? { is: 'ok' } : { is: 'broken', bad: shares.map((_, index) => index) };
  const base = shares.slice(0, threshold - 1);
  const keys: string[] = [];
  for (const other of shares.slice(threshold - 1)) keys.push(await digestOfKey([...base, other], threshold));
  // With a threshold of n of n nothing overlaps, and the server itself checks all of them.
  const votes = new Map<string, number>();
  for (const key of keys) votes.set(key, (votes.get(key) ?? 0) + 1);
  const most = [...votes].toSorted((a, b) => b[1] - a[1])[0]?.[0] ?? '';
  const bad = keys.flatMap((key, index) => (key === most && key !== '' ? [] : [threshold - 1 + index]));
  return bad.length === 0 ? { is: 'ok' } : { is: 'broken', bad };
}

/** The same key under another threshold: a rekey that was cut short can leave NEW live at the old one. */
export async function resplit(set: KeySet, threshold: number): Promise<KeySet> {
  const key = await keyOf(set.shares, set.threshold);
  const shares = threshold === 1 ? [key] : await split(key, Math.max(threshold, set.shares.length, 2), threshold);
  const again = { rootToken: set.rootToken, threshold, shares: shares.map((share) => new Secret(Buffer.from(share.buffer, share.byteOffset, share.length).toString('base64'))) };
  wipe(key, ...shares);
  return again;
}
