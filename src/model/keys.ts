import { Secret } from './secret.ts';

/** One complete set of credentials: what the main file holds. */
export interface KeySet {
  /** Empty where the operator chose to keep none (`rotate --revoke-root`). */
  readonly rootToken: Secret;
  /** Base64, as Vault gave them. */
  readonly shares: readonly Secret[];
  readonly threshold: number;
}

/** Same shares in any order, same threshold. The root token is not compared: it can be replaced without a rekey. */
export function sameShares(a: KeySet, b: KeySet): boolean {
  return a.threshold === b.threshold && shareDigest(a) === shareDigest(b);
}

export function sameSet(a: KeySet, b: KeySet): boolean {
  return sameShares(a, b) && a.rootToken.equals(b.rootToken);
}

/** A comparison key for maps in memory. It reveals the shares: never print, send or store it. */
export function shareDigest(set: KeySet): string {
  return set.shares.map((share) => share.reveal()).toSorted().join('\n');
}
