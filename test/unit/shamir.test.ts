import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { combine, split } from 'shamir-secret-sharing';
import { proveAllShares, resplit } from '../../src/credentials/shamir.ts';
import type { KeySet } from '../../src/model/keys.ts';
import { Secret } from '../../src/model/secret.ts';

const key = Uint8Array.from({ length: 32 }, (_, index) => index * 7 + 1);
const base64 = (bytes: Uint8Array) => new Secret(Buffer.from(bytes).toString('base64'));
const setOf = async (shares: number, threshold: number): Promise<KeySet> => ({
  rootToken: new Secret(''), threshold, shares: shares === 1 ? [base64(key)] : (await split(key, shares, threshold)).map(base64),
});
const keyIn = async ({ shares, threshold }: KeySet, from = 0) => Buffer.from(await combine(shares.slice(from, from + threshold).map((share) => Uint8Array.from(Buffer.from(share.reveal(), 'base64'))))).toString('hex');
const flipped = (set: KeySet, at: number, byte = 0): KeySet => ({
  ...set, shares: set.shares.map((share, index) => {
    if (index !== at) return share;
    const bytes = Buffer.from(share.reveal(), 'base64');
    bytes[byte]! ^= 1;
    return base64(bytes);
  }),
});

describe('every share of a set', () => {
  it('belongs to the same key, whatever their number', async () => {
    for (const [shares, threshold] of [[1, 1], [2, 2], [3, 2], [5, 3], [9, 5], [20, 11]] as const) assert.deepEqual(await proveAllShares(await setOf(shares, threshold)), { is: 'ok' }, `${threshold} of ${shares}`);
  });

  it('is tried, not only the first threshold of them: one flipped bit is found and named', async () => {
    const set = await setOf(5, 3);
    for (const bad of [3, 4]) assert.deepEqual(await proveAllShares(flipped(set, bad)), { is: 'broken', bad: [bad] });
    for (const bad of [0, 1, 2]) assert.equal((await proveAllShares(flipped(set, bad))).is, 'broken', `share ${bad + 1}`);
  });

  it('is tried to its last byte, and a share of another key is none of ours', async () => {
    const set = await setOf(5, 3);
    const length = Buffer.from(set.shares[4]!.reveal(), 'base64').length;
    await fc.assert(fc.asyncProperty(fc.nat(length - 1), async (byte) => { assert.equal((await proveAllShares(flipped(set, 4, byte))).is, 'broken'); }), { numRuns: 33 });
    const other = await split(new Uint8Array(32).fill(9), 5, 3);
    assert.deepEqual(await proveAllShares({ ...set, shares: [...set.shares.slice(0, 4), base64(other[4]!)] }), { is: 'broken', bad: [4] });
  });

  it('that is too short, too long or no share at all is broken, not a crash', async () => {
    const set = await setOf(5, 3);
    for (const bytes of [new Uint8Array(15), new Uint8Array(34).fill(3), new Uint8Array(1)]) assert.equal((await proveAllShares({ ...set, shares: [...set.shares.slice(0, 4), base64(bytes)] })).is, 'broken');
  });
});

describe('a set split again', () => {
  it('is the same key under the threshold that the server still asks for', async () => {
    for (const [shares, threshold, wanted] of [[5, 3, 2], [5, 3, 5], [3, 2, 3], [3, 2, 4]] as const) {
      const again = await resplit(await setOf(shares, threshold), wanted);
      assert.equal(again.threshold, wanted);
      assert.ok(again.shares.length >= wanted);
      assert.equal(await keyIn(again), Buffer.from(key).toString('hex'));
      assert.equal(await keyIn(again, again.shares.length - wanted), Buffer.from(key).toString('hex'));
    }
  });

  it('goes to a single share, which is the key itself, and back', async () => {
    const single = await resplit(await setOf(3, 2), 1);
    assert.deepEqual([single.shares.length, single.shares[0]!.equals(base64(key))], [1, true]);
    assert.equal(await keyIn(await resplit(await setOf(1, 1), 2)), Buffer.from(key).toString('hex'));
  });

  it('keeps the root token', async () => {
    const token = new Secret('hvs.kept-as-it-is');
    assert.equal((await resplit({ ...await setOf(3, 2), rootToken: token }, 3)).rootToken.equals(token), true);
  });
});
