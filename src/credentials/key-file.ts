import type { KeySet } from '../model/keys.ts';
import { Secret } from '../model/secret.ts';

export type ParsedKeyFile = { readonly is: 'set'; readonly set: KeySet } | { readonly is: 'unreadable'; readonly why: string };

/** Exactly the three keys that everything which reads this file today expects. */
export function formatKeyFile(set: KeySet): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(keysOf(set), undefined, 2)}\n`);
}

export function keysOf(set: KeySet) {
  return { root_token: set.rootToken.reveal(), unseal_keys: set.shares.map((share) => share.reveal()), key_threshold: set.threshold };
}

/** What does not parse is unreadable, never absent. */
export function parseKeyFile(bytes: Uint8Array): ParsedKeyFile {
  const json = parseJson(bytes);
  if (json.is !== 'json') return { is: 'unreadable', why: json.is === 'blank' ? 'it is empty' : json.why };
  return parseKeys(json.value);
}

export type ParsedJson = { readonly is: 'json'; readonly value: Record<string, unknown> } | { readonly is: 'blank' } | { readonly is: 'unreadable'; readonly why: string };

/** An object, or why not. The text itself is never quoted: it may hold half a key. */
export function parseJson(bytes: Uint8Array): ParsedJson {
  if (bytes.every((byte) => byte === 0)) return { is: 'blank' };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { is: 'unreadable', why: 'it is not text' };
  }
  if (text.trim() === '') return { is: 'blank' };
  if (text.includes('\0')) return { is: 'unreadable', why: 'it was cut off (it ends in zero bytes)' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { is: 'unreadable', why: text.trimEnd().endsWith('}') ? 'it is not JSON' : 'it is not JSON (cut off?)' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { is: 'unreadable', why: 'it is not a JSON object' };
  return { is: 'json', value: value as Record<string, unknown> };
}

/** As a server takes it: whole groups of four in base64, or hex. What is cut off within a group no server would judge, so it could never be proven wrong. */
const SHARE = /^(?:(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})|(?:[0-9a-fA-F]{2})+)$/;
/** Shamir's x coordinate is one byte. */
const MOST_SHARES = 255;

export function parseKeys(value: Record<string, unknown>): ParsedKeyFile {
  const no = (why: string): ParsedKeyFile => ({ is: 'unreadable', why });
  for (const key of ['root_token', 'unseal_keys', 'key_threshold']) if (!Object.hasOwn(value, key)) return no(`${key} is missing`);
  const { root_token: token, unseal_keys: shares, key_threshold: threshold } = value;
  if (typeof token !== 'string') return no('root_token is not a string');
  if (!Array.isArray(shares) || shares.length === 0) return no('unseal_keys is not a list of shares');
  if (shares.length > MOST_SHARES) return no(`unseal_keys holds ${shares.length} shares, and no server makes more than ${MOST_SHARES}`);
  const bad = shares.findIndex((share) => typeof share !== 'string' || share.length < 20 || share.length > 4096 || !SHARE.test(share));
  if (bad !== -1) return no(`unseal_keys[${bad}] is not a share in base64`);
  if (new Set(shares).size !== shares.length) return no('unseal_keys holds one share twice');
  if (typeof threshold !== 'number' || !Number.isInteger(threshold) || threshold < 1) return no('key_threshold is not a whole number above 0');
  if (threshold > shares.length) return no(`key_threshold is ${threshold}, and there are only ${shares.length} shares`);
  return { is: 'set', set: { rootToken: new Secret(token), shares: (shares as string[]).map((share) => new Secret(share)), threshold } };
}
