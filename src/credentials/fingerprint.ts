import { scrypt } from 'node:crypto';
import { type KeySet, shareDigest } from '../model/keys.ts';

const COST = 4096;

/** 16 hex digits that tell two sets apart and open nothing: a slow hash under a salt. About 10 ms. */
export function fingerprintOf(set: KeySet, salt: string): Promise<string> {
  return new Promise((resolve, reject) => {
    scrypt(`${shareDigest(set)}\n${set.threshold}`, salt, 8, { N: COST }, (error, key) => { if (error === null) resolve(key.toString('hex')); else reject(error); });
  });
}
