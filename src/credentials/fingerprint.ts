import { scrypt } from 'node:crypto';
import { type KeySet, shareDigest } from '../model/keys.ts';

const COST = 4096;
/** One run asks for the same few sets against the same few salts on every manager; in memory only, like the sets themselves. */
const REMEMBERED = 512;
const remembered = new Map<string, Promise<string>>();

/** 16 hex digits that tell two sets apart and open nothing: a slow hash under a salt. About 10 ms. */
export function fingerprintOf(set: KeySet, salt: string): Promise<string> {
  const text = `${shareDigest(set)}\n${set.threshold}`;
  const key = `${salt}\n${text}`;
  const known = remembered.get(key);
  if (known !== undefined) return known;
  const made = new Promise<string>((resolve, reject) => {
    scrypt(text, salt, 8, { N: COST }, (error, hash) => { if (error === null) resolve(hash.toString('hex')); else { remembered.delete(key); reject(error); } });
  });
  for (const oldest of remembered.keys()) { if (remembered.size < REMEMBERED) break; remembered.delete(oldest); }
  remembered.set(key, made);
  return made;
}
