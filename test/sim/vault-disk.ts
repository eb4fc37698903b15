import { combineShares } from './gf256.ts';

/** What one node's disk holds, as far as keys are concerned. Immutable: a write makes the next one. */
export interface Durable {
  readonly clusterId: string;
  /** How many raft entries led here: of two copies the larger is the newer. */
  readonly index: number;
  readonly voters: readonly string[];
  readonly seal: { readonly shares: number; readonly threshold: number };
  /** The root key, readable with the key that the shares combine to (hex, both). */
  readonly storedKeys: { readonly kek: string; readonly root: string };
  /** The root key that the keyring is encrypted with. */
  readonly keyring: string;
  /** The root key and the shares' key as they stand within the barrier, for nodes that take over. */
  readonly rootKey: string;
  readonly shamirKek: string;
  readonly tokens: readonly Token[];
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Token { readonly value: string; readonly accessor: string; readonly displayName: string }

export type CommitWrite = 'stored-keys' | 'keyring' | 'root-key' | 'shamir-kek' | 'seal-config';
/** In the order of Vault 1.21 and OpenBao 2.6. */
export const COMMIT: readonly CommitWrite[] = ['stored-keys', 'keyring', 'root-key', 'shamir-kek', 'seal-config'];

/** Of an init, in the order of Vault 1.21 on raft: its first 21, 12 and all further fdatasyncs (tried: killed after each). */
export type InitWrite = 'raft' | 'barrier' | 'seal';

export interface Fresh { readonly kek: string; readonly root: string; readonly shares: number; readonly threshold: number }

export function written(disk: Durable, write: CommitWrite, { kek, root, shares, threshold }: Fresh): Durable {
  const next = { ...disk, index: disk.index + 1 };
  switch (write) {
    case 'stored-keys': return { ...next, storedKeys: { kek, root } };
    case 'keyring': return { ...next, keyring: root };
    case 'root-key': return { ...next, rootKey: root };
    case 'shamir-kek': return { ...next, shamirKek: kek };
    case 'seal-config': return { ...next, seal: { shares, threshold } };
  }
}

/** Does this key open what is on the disk? Cut off between stored keys and keyring, nothing does. */
export function opensWith(disk: Durable, key: string): boolean {
  return disk.storedKeys.kek === key && disk.storedKeys.root === disk.keyring;
}

/**
 * Cut off between keyring and root key: NEW unseals it, but whoever takes over reads the old root key within, cannot read
 * the keyring with it, and seals itself, every time (tried: Vault 1.21.0, "error performing key upgrades"). From the root
 * key on it is well, whatever stands in shamir-kek and seal-config.
 */
export function sealsItself(disk: Durable): boolean { return disk.rootKey !== disk.keyring; }

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export function keyOf(shares: readonly Uint8Array[]): string | undefined {
  const key = combineShares(shares);
  return key === undefined ? undefined : hex(key);
}

/** As the server reads `key`: hex or base64. */
export function bytesOf(text: unknown): Uint8Array | undefined {
  if (typeof text !== 'string' || text === '') return undefined;
  if (/^([0-9a-f]{2})+$/i.test(text)) return new Uint8Array(Buffer.from(text, 'hex'));
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) ? new Uint8Array(Buffer.from(text, 'base64')) : undefined;
}
