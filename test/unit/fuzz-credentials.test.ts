import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type About, formatAbout, parseAbout } from '../../src/credentials/about.ts';
import { type Checkpoint, type CheckpointMeta, formatCheckpoint, parseCheckpoint } from '../../src/credentials/checkpoint.ts';
import { formatKeyFile, keysOf, parseKeyFile } from '../../src/credentials/key-file.ts';
import { proveAllShares } from '../../src/credentials/shamir.ts';
import { formatWords, parseWords } from '../../src/hosts/lock-words.ts';
import { UsageError } from '../../src/model/halt.ts';
import type { KeySet } from '../../src/model/keys.ts';
import { Secret } from '../../src/model/secret.ts';
import { parseImport } from '../../src/steps/import-keys.ts';
import { damage, misspelt, shows } from './fuzz-damage.ts';

/** As JSON.parse makes them. */
const plain = { noNullPrototype: true } as const;
const bytes = (text: string) => new TextEncoder().encode(text);
const TEXT = new TextDecoder('utf-8', { fatal: true });

/** Shares as a server makes them: 33 random bytes, or 32 for the only one. */
const anySet: fc.Arbitrary<KeySet> = fc.tuple(fc.integer({ min: 1, max: 7 }), fc.stringMatching(/^(hvs|s)\.[A-Za-z0-9_-]{20,60}$/), fc.boolean()).chain(([count, token, without]) => fc.record({
  rootToken: fc.constant(new Secret(without ? '' : token)), threshold: fc.integer({ min: Math.min(2, count), max: count }),
  shares: fc.uniqueArray(fc.uint8Array({ minLength: count === 1 ? 32 : 33, maxLength: count === 1 ? 32 : 33 }).map((raw) => Buffer.from(raw).toString('base64')), { minLength: count, maxLength: count })
    .map((shares) => shares.map((share) => new Secret(share))),
}, plain));
const text = fc.string({ maxLength: 40, unit: 'binary' });
const count = fc.nat(1000);
const anyMeta: fc.Arbitrary<CheckpointMeta> = fc.record({
  format: fc.constant(1 as const), operation: text, flow: fc.constantFrom('install' as const, 'rotate' as const),
  phase: fc.constantFrom('intent' as const, 'held' as const, 'staged' as const, 'verifying' as const, 'committed' as const), nodes: fc.array(text, { maxLength: 3 }),
  startedAt: text, updatedAt: text, generation: count, clusterId: text, rekey: fc.record({ nonce: text, verificationNonce: text, shares: count, threshold: count }, { ...plain, requiredKeys: ['nonce', 'shares', 'threshold'] }),
  snapshots: fc.array(fc.record({ host: text, path: text }, plain), { maxLength: 2 }),
}, { ...plain, requiredKeys: ['format', 'operation', 'flow', 'phase', 'nodes', 'startedAt', 'updatedAt', 'generation'] });
const anyCheckpoint: fc.Arbitrary<Checkpoint> = fc.oneof(
  fc.record({ meta: anyMeta, top: anySet, old: anySet, new: anySet }, { ...plain, requiredKeys: ['meta'] }), anySet.map((top) => ({ top })),
);
const anyAbout: fc.Arbitrary<About> = fc.record({
  format: fc.constant(1 as const), clusterId: text, generation: count, fingerprint: text, salt: text, operation: text, at: text, rejectedAt: text, owed: fc.array(text, { maxLength: 3 }),
  ancestors: fc.array(fc.record({ fingerprint: text, salt: text, generation: count }, plain), { maxLength: 3 }),
}, { ...plain, requiredKeys: ['format', 'clusterId', 'generation', 'fingerprint', 'salt', 'operation', 'at', 'owed', 'ancestors'] });

const shown = (set: KeySet | undefined) => (set === undefined ? undefined : keysOf(set));
const secretsIn = (...sets: (KeySet | undefined)[]) => sets.flatMap((set) => (set === undefined ? [] : [set.rootToken.reveal(), ...set.shares.map((share) => share.reveal())]));

/** The rules of the contract once more, in other words: what may be called a set of keys. */
function isWhole({ root_token: token, unseal_keys: shares, key_threshold: threshold }: ReturnType<typeof keysOf>): boolean {
  const asVaultReads = (share: string) => {
    if (/^(?:[0-9a-fA-F]{2})+$/.test(share)) return true;
    return share.length % 4 === 0 && Buffer.from(share, 'base64').toString('base64').length === share.length;
  };
  return typeof token === 'string' && Array.isArray(shares) && shares.every((share) => typeof share === 'string' && asVaultReads(share)) && new Set(shares).size === shares.length
    && Number.isInteger(threshold) && threshold >= 1 && threshold <= shares.length && shares.length <= 255;
}

/** Nothing in it that could ever have been a key: zeros, or blanks. */
const isEmpty = (input: Uint8Array) => /^[\s\0]*$/.test(Buffer.from(input).toString('utf8').replaceAll('\ufeff', ''));
const decoded = (input: Uint8Array): Record<string, unknown> => JSON.parse(TEXT.decode(input)) as Record<string, unknown>;

/** Whatever is read of these bytes is either what stands in them, whole, or said to be unreadable without a word of them. */
function readTruly(input: Uint8Array, secrets: readonly string[]): void {
  const main = parseKeyFile(input);
  if (main.is === 'set') {
    const found = keysOf(main.set);
    assert.ok(isWhole(found));
    const { root_token, unseal_keys, key_threshold } = decoded(input);
    assert.deepEqual(found, { root_token, unseal_keys, key_threshold });
  } else assert.equal(shows(main.why, secrets), undefined);
  const checkpoint = parseCheckpoint(input);
  if (checkpoint.is === 'unreadable') assert.equal(shows(checkpoint.why, secrets), undefined);
  if (checkpoint.is === 'blank') assert.ok(isEmpty(input), 'called blank, and there is something in it');
  if (checkpoint.is === 'checkpoint') {
    const { top, old, new: fresh } = checkpoint.checkpoint;
    for (const set of [top, old, fresh]) assert.ok(set === undefined || isWhole(keysOf(set)));
    const whole = decoded(input) as { root_token: unknown; unseal_keys: unknown; key_threshold: unknown; vaultctl?: { old?: unknown; new?: unknown } };
    if (top !== undefined) assert.deepEqual(keysOf(top), { root_token: whole.root_token, unseal_keys: whole.unseal_keys, key_threshold: whole.key_threshold });
    // A set that stands in the text is never passed over.
    for (const name of ['root_token', 'unseal_keys', 'key_threshold'] as const) assert.equal(Object.hasOwn(whole, name), top !== undefined);
    assert.deepEqual([old !== undefined, fresh !== undefined], [whole.vaultctl?.old !== undefined, whole.vaultctl?.new !== undefined]);
  }
  const about = parseAbout(input);
  if (about !== undefined) assert.equal(about.format, 1);
  try {
    assert.ok(parseImport(input, 'keys.json').length > 0);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    assert.equal(shows(JSON.stringify(error.text), secrets), undefined);
  }
}

describe('credential files that were damaged', () => {
  it('are read as what stands in them or not at all, and no reason quotes them', () => {
    fc.assert(fc.property(anyCheckpoint, damage, (checkpoint, damaged) => {
      const input = damaged(Buffer.from(formatCheckpoint(checkpoint)));
      readTruly(input, secretsIn(checkpoint.top, checkpoint.old, checkpoint.new));
    }), { numRuns: 6000 });
    fc.assert(fc.property(anySet, damage, (set, damaged) => { readTruly(damaged(Buffer.from(formatKeyFile(set))), secretsIn(set)); }), { numRuns: 6000 });
  });

  it('with values of any type, keys twice, too many or inherited, are the same', () => {
    const spelling = anyCheckpoint.chain((checkpoint) => fc.tuple(fc.constant(checkpoint), misspelt(decoded(formatCheckpoint(checkpoint)))));
    fc.assert(fc.property(spelling, ([checkpoint, json]) => { readTruly(bytes(json), secretsIn(checkpoint.top, checkpoint.old, checkpoint.new)); }), { numRuns: 6000 });
    fc.assert(fc.property(anyAbout.chain((about) => misspelt(decoded(formatAbout(about)))), (json) => { readTruly(bytes(json), []); }), { numRuns: 2000 });
  });

  it('of any bytes or any JSON are never a crash, and never blank when something is in them', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (input) => { readTruly(input, []); }), { numRuns: 4000 });
    fc.assert(fc.property(fc.json({ maxDepth: 6 }), (input) => { readTruly(bytes(input), []); }), { numRuns: 2000 });
  });

  it('of a megabyte, deep, wide or long, are judged within a second', () => {
    const size = 1 << 20;
    const share = randomBytes(33).toString('base64');
    const huge: Record<string, Uint8Array> = {
      brackets: bytes('['.repeat(size)), objects: bytes('{"a":'.repeat(size / 5)), closed: bytes(`${'['.repeat(size / 2)}${']'.repeat(size / 2)}`),
      keys: bytes(`{${Array.from({ length: 70_000 }, (_, at) => `"k${at}":1`).join(',')}}`), twice: bytes(`{${'"root_token":"t",'.repeat(60_000)}"key_threshold":2}`),
      shares: bytes(JSON.stringify({ root_token: 't', unseal_keys: Array.from({ length: 20_000 }, () => randomBytes(33).toString('base64')), key_threshold: 2 })),
      share: bytes(JSON.stringify({ root_token: 't', unseal_keys: [share.repeat(20_000), share], key_threshold: 2 })), token: bytes(JSON.stringify({ root_token: 't'.repeat(size), unseal_keys: [share, 'A'.repeat(44)], key_threshold: 2 })),
      digits: bytes(`{"root_token":"t","unseal_keys":["${share}"],"key_threshold":${'9'.repeat(size)}}`), blanks: bytes(' '.repeat(size)), escapes: bytes(`{"root_token":"${'\\u0000'.repeat(size / 6)}"}`),
    };
    for (const [name, input] of Object.entries(huge)) {
      const begun = performance.now();
      readTruly(input, [share]);
      assert.ok(performance.now() - begun < 3000, name);
    }
    assert.equal(parseKeyFile(huge['shares']!).is, 'unreadable', 'no server makes more than 255 shares');
  });
});

describe('what was written', () => {
  it('is read back the same: every key set, checkpoint, intent and about', () => {
    fc.assert(fc.property(anySet, (set) => {
      const parsed = parseKeyFile(formatKeyFile(set));
      assert.ok(parsed.is === 'set');
      assert.deepEqual(shown(parsed.set), shown(set));
    }), { numRuns: 1500 });
    fc.assert(fc.property(anyCheckpoint, (written) => {
      const parsed = parseCheckpoint(formatCheckpoint(written));
      assert.ok(parsed.is === 'checkpoint', parsed.is === 'unreadable' ? parsed.why : 'blank');
      const { meta, top, old, new: fresh } = parsed.checkpoint;
      assert.deepEqual([meta, shown(top), shown(old), shown(fresh)], [written.meta, shown(written.top), shown(written.old), shown(written.new)]);
    }), { numRuns: 1500 });
    fc.assert(fc.property(anyAbout, (about) => { assert.deepEqual(parseAbout(formatAbout(about)), about); }), { numRuns: 800 });
  });
});

describe('the words of a lock file', () => {
  const proof = fc.record({ nonce: text, shares: count, threshold: count }, { ...plain, requiredKeys: ['shares', 'threshold'] });
  const words = fc.record({ operation: fc.stringMatching(/^[\w.-]{1,40}$/), flow: text, holder: text, host: text, pid: count, sinceMs: count, proof }, { ...plain, requiredKeys: ['operation', 'flow', 'holder', 'host', 'pid', 'sinceMs'] });

  it('are read back the same, whatever older words stand behind them', () => {
    fc.assert(fc.property(words, fc.uint8Array({ maxLength: 60 }), (written, older) => {
      assert.deepEqual(parseWords(Buffer.concat([bytes(`${formatWords(written)}\n`), older])), written);
    }), { numRuns: 1000 });
  });

  it('that were damaged are words or none, never a crash', () => {
    const found = (input: Uint8Array) => {
      const read = parseWords(input);
      if (read !== undefined) assert.deepEqual([typeof read.operation, typeof read.holder, typeof read.host, typeof read.pid], ['string', 'string', 'string', 'number']);
    };
    fc.assert(fc.property(words, damage, (written, damaged) => { found(damaged(Buffer.from(`${formatWords(written)}\n`))); }), { numRuns: 2000 });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), found), { numRuns: 1000 });
    fc.assert(fc.property(words.chain((written) => misspelt(written)), (json) => { found(bytes(`${json}\n\n`)); }), { numRuns: 1000 });
  });
});

describe('shares of odd counts and lengths', () => {
  const share = fc.oneof(fc.uint8Array({ maxLength: 40 }).map((raw) => Buffer.from(raw).toString('base64')), fc.string({ maxLength: 60 }), fc.constant(Buffer.alloc(33, 7).toString('base64')));

  it('are never called whole where they are fewer than their threshold, none, or twice the same, and never a crash', async () => {
    await fc.assert(fc.asyncProperty(fc.array(share, { maxLength: 6 }), fc.integer({ min: -1, max: 8 }), async (shares, threshold) => {
      const verdict = await proveAllShares({ rootToken: new Secret(''), shares: shares.map((value) => new Secret(value)), threshold });
      if (verdict.is !== 'ok') return;
      assert.ok(threshold >= 1 && shares.length >= threshold && new Set(shares).size === shares.length, `${shares.length} shares, threshold ${threshold}`);
    }), { numRuns: 3000 });
  });
});
