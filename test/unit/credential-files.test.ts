import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type About, aboutNames, describeSet, formatAbout, parseAbout } from '../../src/credentials/about.ts';
import { type Checkpoint, type CheckpointMeta, formatCheckpoint, parseCheckpoint } from '../../src/credentials/checkpoint.ts';
import { formatKeyFile, parseKeyFile } from '../../src/credentials/key-file.ts';
import { type KeySet, sameSet } from '../../src/model/keys.ts';
import { Secret } from '../../src/model/secret.ts';
import { parseImport } from '../../src/steps/import-keys.ts';

const share = (fill: number) => Buffer.alloc(33, fill).toString('base64');
const keys = { root_token: 'hvs.CAESIJ-sample', unseal_keys: [share(1), share(2), share(3)], key_threshold: 2 };
const setOf = (...fills: number[]): KeySet => ({ rootToken: new Secret('hvs.CAESIJ-sample'), shares: fills.map((fill) => new Secret(share(fill))), threshold: 2 });
const meta: CheckpointMeta = {
  format: 1, operation: '1f2e3d4c5b6a', flow: 'rotate', phase: 'staged', nodes: ['https://127.0.0.1:8200'], startedAt: '2026-11-22T03:00:00.000Z', updatedAt: '2026-11-22T03:00:01.000Z',
  generation: 2, clusterId: 'c0ffee', rekey: { nonce: 'n', verificationNonce: 'v', shares: 3, threshold: 2 }, snapshots: [{ host: 'node1', path: '/var/lib/vaultctl/vault-1.snap' }],
};
const bytes = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

/** Bytes that are no set of keys, and the words that the operator reads about them. */
const badKeys: Record<string, [Uint8Array, RegExp]> = {
  'not JSON': [bytes('root_token: hvs.secret}'), /^it is not JSON$/],
  'half of it': [bytes(JSON.stringify(keys).slice(0, 60)), /cut off/],
  'with zero bytes behind': [new Uint8Array([...bytes(keys), 0, 0, 0]), /cut off \(it ends in zero bytes\)/],
  'binary': [new Uint8Array([0xff, 0xfe, 0x80, 1]), /not text/],
  'UTF-16': [new Uint8Array(Buffer.from(JSON.stringify(keys), 'utf16le')), /cut off|not text/],
  'a list': [bytes([keys]), /not a JSON object/],
  'null': [bytes('null'), /not a JSON object/],
  'a number': [bytes('2'), /not a JSON object/],
  'a string': [bytes('"keys"'), /not a JSON object/],
  'an empty object': [bytes({}), /root_token is missing/],
  'without a token': [bytes({ ...keys, root_token: undefined }), /root_token is missing/],
  'without shares': [bytes({ ...keys, unseal_keys: undefined }), /unseal_keys is missing/],
  'without a threshold': [bytes({ ...keys, key_threshold: undefined }), /key_threshold is missing/],
  'a token that is null': [bytes({ ...keys, root_token: null }), /root_token is not a string/],
  'a token that is a number': [bytes({ ...keys, root_token: 7 }), /root_token is not a string/],
  'shares in one text': [bytes({ ...keys, unseal_keys: share(1) }), /not a list/],
  'no share at all': [bytes({ ...keys, unseal_keys: [] }), /not a list of shares/],
  'a share that is a number': [bytes({ ...keys, unseal_keys: [share(1), 5, share(3)] }), /unseal_keys\[1\] is not a share/],
  'a share that is no base64': [bytes({ ...keys, unseal_keys: [share(1), share(2), 'not base64 at all, not one bit'] }), /unseal_keys\[2\]/],
  'a share cut short': [bytes({ ...keys, unseal_keys: [share(1), share(2).slice(0, 9), share(3)] }), /unseal_keys\[1\]/],
  'a share as long as a book': [bytes({ ...keys, unseal_keys: ['A'.repeat(5000), share(2)] }), /unseal_keys\[0\]/],
  'one share twice': [bytes({ ...keys, unseal_keys: [share(1), share(2), share(1)] }), /one share twice/],
  'a threshold in text': [bytes({ ...keys, key_threshold: '2' }), /key_threshold is not a whole number/],
  'a threshold of zero': [bytes({ ...keys, key_threshold: 0 }), /above 0/],
  'a threshold of one and a half': [bytes({ ...keys, key_threshold: 1.5 }), /whole number/],
  'a threshold above its shares': [bytes({ ...keys, key_threshold: 4 }), /key_threshold is 4, and there are only 3 shares/],
  'a hundred objects deep': [bytes(nested(100)), /missing/],
  'a hundred thousand objects deep': [bytes(nested(100_000)), /missing|not JSON/],
  'its keys inherited only': [bytes('{"__proto__": {"root_token": "t", "unseal_keys": [], "key_threshold": 1}}'), /missing/],
};

/** The same for a checkpoint's own part. */
const badMeta: Record<string, [unknown, RegExp]> = {
  'its own part a text': ['x', /vaultctl is not an object/],
  'its own part null': [null, /vaultctl is not an object/],
  'its own part a list': [[meta], /vaultctl is not an object/],
  'a newer format': [{ ...meta, format: 2, phase: 'unheard of' }, /written by a newer vaultctl \(format 2\)/],
  'no format': [{ ...meta, format: undefined }, /vaultctl\.format is wrong/],
  'an unknown phase': [{ ...meta, phase: 'half' }, /vaultctl\.phase is wrong/],
  'an unknown flow': [{ ...meta, flow: 'dance' }, /vaultctl\.flow is wrong/],
  'nodes in one text': [{ ...meta, nodes: 'https://x' }, /vaultctl\.nodes is wrong/],
  'a generation below zero': [{ ...meta, generation: -1 }, /vaultctl\.generation is wrong/],
  'a rekey without its nonce': [{ ...meta, rekey: { shares: 3, threshold: 2 } }, /vaultctl\.rekey\.nonce is wrong/],
  'a snapshot without a host': [{ ...meta, snapshots: [{ path: '/x' }] }, /vaultctl\.snapshots\.0\.host is wrong/],
  'OLD that is a text': [{ ...meta, old: 'x' }, /vaultctl\.old is not an object/],
  'OLD with a share twice': [{ ...meta, old: { ...keys, unseal_keys: [share(1), share(1)] } }, /vaultctl\.old: unseal_keys holds one share twice/],
  'NEW without a threshold': [{ ...meta, new: { ...keys, key_threshold: undefined } }, /vaultctl\.new: key_threshold is missing/],
};

const noSecretIn = (why: string) => { assert.doesNotMatch(why, /hvs\.|CAESI|[A-Za-z0-9+/]{16,}/); };

describe('a main file', () => {
  it('holds exactly the three keys that everything which reads it expects', () => {
    assert.deepEqual(JSON.parse(Buffer.from(formatKeyFile(setOf(1, 2, 3))).toString()), keys);
  });

  it('is read back as the set that was written, with a BOM, CRLF or further keys too', () => {
    const text = Buffer.from(formatKeyFile(setOf(1, 2, 3))).toString();
    for (const variant of [text, `\ufeff${text}`, text.replaceAll('\n', '\r\n'), JSON.stringify({ ...keys, note: 'ours' })]) {
      const parsed = parseKeyFile(bytes(variant));
      assert.ok(parsed.is === 'set' && sameSet(parsed.set, setOf(1, 2, 3)));
    }
  });

  it('may keep no root token', () => {
    const parsed = parseKeyFile(bytes({ ...keys, root_token: '' }));
    assert.ok(parsed.is === 'set' && parsed.set.rootToken.empty);
  });

  for (const [name, [input, why]] of Object.entries(badKeys)) {
    it(`that is ${name} is unreadable, and the reason quotes nothing of it`, () => {
      const parsed = parseKeyFile(input);
      assert.ok(parsed.is === 'unreadable');
      assert.match(parsed.why, why);
      noSecretIn(parsed.why);
    });
  }

  it('that is empty, blank or zeroed is unreadable too: there should be keys', () => {
    for (const input of [new Uint8Array(), bytes(' \n'), new Uint8Array(4096), bytes('\ufeff')]) assert.deepEqual(parseKeyFile(input), { is: 'unreadable', why: 'it is empty' });
  });

  it('cut off at any byte is unreadable, but for the newline at its end', () => {
    const whole = formatKeyFile(setOf(1, 2, 3));
    for (let length = 0; length < whole.length - 1; length += 1) assert.equal(parseKeyFile(whole.subarray(0, length)).is, 'unreadable', `${length} bytes`);
    assert.equal(parseKeyFile(whole.subarray(0, -1)).is, 'set');
  });

  it('of any bytes at all is either a set or unreadable, never a crash', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (input) => { assert.match(parseKeyFile(input).is, /^(set|unreadable)$/); }), { numRuns: 300 });
    fc.assert(fc.property(fc.json({ maxDepth: 6 }), (input) => { assert.equal(parseKeyFile(bytes(input)).is, 'unreadable'); }), { numRuns: 300 });
  });

  it('with one byte flipped is never read as other shares unless it still is a file of shares', () => {
    const whole = formatKeyFile(setOf(1, 2, 3));
    fc.assert(fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const damaged = Uint8Array.from(whole, (byte, index) => (index === at ? byte ^ flip : byte));
      const parsed = parseKeyFile(damaged);
      if (parsed.is === 'set') assert.equal(parsed.set.shares.length >= parsed.set.threshold, true); else noSecretIn(parsed.why);
    }), { numRuns: 500 });
  });
});

describe('a checkpoint', () => {
  for (const [name, [input, why]] of Object.entries(badKeys)) {
    it(`that is ${name} is unreadable: neither blank nor absent`, () => {
      const parsed = parseCheckpoint(input);
      assert.ok(parsed.is === 'unreadable');
      assert.match(parsed.why, why);
      noSecretIn(parsed.why);
    });
  }
  for (const [name, [own, why]] of Object.entries(badMeta)) {
    it(`with ${name} is unreadable, whether it has keys at its top or not`, () => {
      for (const parsed of [parseCheckpoint(bytes({ vaultctl: own })), parseCheckpoint(bytes({ ...keys, vaultctl: own }))]) {
        assert.ok(parsed.is === 'unreadable');
        assert.match(parsed.why, why);
        noSecretIn(parsed.why);
      }
    });
  }

  it('that was only preallocated is blank: it never held a key', () => {
    for (const input of [new Uint8Array(), new Uint8Array(16_384), bytes('\n')]) assert.deepEqual(parseCheckpoint(input), { is: 'blank' });
  });

  it('of an old playbook has three keys and nothing else, and is one', () => {
    const parsed = parseCheckpoint(bytes(keys));
    assert.ok(parsed.is === 'checkpoint' && parsed.checkpoint.meta === undefined && sameSet(parsed.checkpoint.top!, setOf(1, 2, 3)));
  });

  it('cut off at any byte, with or without zero bytes up to its old size, is unreadable', () => {
    const whole = formatCheckpoint({ meta, old: setOf(1, 2, 3), new: setOf(4, 5, 6) });
    for (let length = 1; length < whole.length - 1; length += 1) {
      assert.equal(parseCheckpoint(whole.subarray(0, length)).is, 'unreadable', `${length} bytes`);
      const padded = new Uint8Array(whole.length);
      padded.set(whole.subarray(0, length));
      assert.equal(parseCheckpoint(padded).is, 'unreadable', `${length} bytes and zeros`);
    }
  });

  it('is read back as it was written', () => {
    const text = fc.string({ maxLength: 40 });
    const count = fc.nat(1000);
    const set = fc.uniqueArray(fc.integer({ min: 1, max: 255 }), { minLength: 2, maxLength: 6 }).map((fills) => setOf(...fills));
    const anyMeta: fc.Arbitrary<CheckpointMeta> = fc.record({
      format: fc.constant(1 as const), operation: text, flow: fc.constantFrom('install' as const, 'rotate' as const),
      phase: fc.constantFrom('intent' as const, 'held' as const, 'staged' as const, 'verifying' as const, 'committed' as const), nodes: fc.array(text, { maxLength: 3 }),
      startedAt: text, updatedAt: text, generation: count, clusterId: text, rekey: fc.record({ nonce: text, verificationNonce: text, shares: count, threshold: count }, { requiredKeys: ['nonce', 'shares', 'threshold'] }),
      snapshots: fc.array(fc.record({ host: text, path: text }), { maxLength: 2 }),
    }, { requiredKeys: ['format', 'operation', 'flow', 'phase', 'nodes', 'startedAt', 'updatedAt', 'generation'] });
    const checkpoint = fc.record({ meta: anyMeta, top: set, old: set, new: set }, { requiredKeys: ['meta'] });
    fc.assert(fc.property(checkpoint, (written) => {
      const parsed = parseCheckpoint(formatCheckpoint(written));
      assert.ok(parsed.is === 'checkpoint');
      assert.deepEqual(parsed.checkpoint.meta, JSON.parse(JSON.stringify(written.meta)));
      for (const part of ['top', 'old', 'new'] as const) {
        const before: KeySet | undefined = written[part];
        const after: KeySet | undefined = parsed.checkpoint[part];
        assert.equal(after === undefined, before === undefined, part);
        if (before !== undefined && after !== undefined) assert.ok(sameSet(before, after), part);
      }
    }), { numRuns: 300 });
  });

  it('of a rotation that has not committed shows an old playbook no keys', () => {
    const before: Checkpoint = { meta: { ...meta, phase: 'staged' }, old: setOf(1, 2, 3), new: setOf(4, 5, 6) };
    assert.deepEqual(Object.keys(JSON.parse(Buffer.from(formatCheckpoint(before)).toString())), ['vaultctl']);
    const after: Checkpoint = { ...before, meta: { ...meta, phase: 'committed' }, top: setOf(4, 5, 6) };
    assert.deepEqual(Object.keys(JSON.parse(Buffer.from(formatCheckpoint(after)).toString())), ['root_token', 'unseal_keys', 'key_threshold', 'vaultctl']);
  });

  it('of any bytes at all is a checkpoint, blank or unreadable, never a crash', () => {
    const known = fc.record({ ...Object.fromEntries(Object.entries({ ...keys }).map(([key, value]) => [key, fc.oneof(fc.constant(value), fc.jsonValue())])), vaultctl: fc.oneof(fc.constant(meta), fc.jsonValue()) }, { requiredKeys: [] });
    fc.assert(fc.property(known, (value) => { assert.match(parseCheckpoint(bytes(value)).is, /^(checkpoint|unreadable)$/); }), { numRuns: 500 });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (input) => { assert.match(parseCheckpoint(input).is, /^(checkpoint|unreadable|blank)$/); }), { numRuns: 300 });
  });
});

describe('an about', () => {
  const written = async (): Promise<About> => ({
    format: 1, clusterId: 'c0ffee', generation: 2, ...await describeSet(setOf(1, 2, 3), 'salt'), operation: 'op', at: '2026-11-22T03:00:00.000Z', owed: ['node3'],
    ancestors: [{ ...await describeSet(setOf(4, 5, 6), 'older salt'), generation: 1 }],
  });

  it('is read back as it was written, and holds nothing of the keys', async () => {
    const about = await written();
    assert.deepEqual(parseAbout(formatAbout(about)), about);
    assert.doesNotMatch(Buffer.from(formatAbout(about)).toString(), /hvs\.|[A-Za-z0-9+/]{40,}/);
  });

  it('names its set and its ancestors, in any order of their shares, and no other', async () => {
    const about = await written();
    assert.equal(await aboutNames(about, setOf(3, 2, 1)), true);
    assert.equal(await aboutNames(about, setOf(4, 5, 6)), true);
    assert.equal(await aboutNames(about, setOf(4, 5, 6), 'current'), false);
    assert.equal(await aboutNames(about, setOf(7, 8, 9)), false);
    assert.equal(await aboutNames(about, { ...setOf(1, 2, 3), threshold: 3 }), false);
  });

  it('that is damaged in any way costs a proof and nothing more', async () => {
    const whole = formatAbout(await written());
    for (let length = 0; length < whole.length - 1; length += 1) assert.equal(parseAbout(whole.subarray(0, length)), undefined);
    for (const [input] of Object.values(badKeys)) assert.equal(parseAbout(input), undefined);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (input) => { assert.equal(parseAbout(input), undefined); }), { numRuns: 200 });
  });
});

describe('keys to be imported', () => {
  it('come from a main file, from a checkpoint of any kind, and NEW is tried before OLD', () => {
    assert.equal(parseImport(bytes(keys), 'keys.json').length, 1);
    const both = parseImport(formatCheckpoint({ meta, old: setOf(1, 2, 3), new: setOf(4, 5, 6) }), 'tmp');
    assert.deepEqual([sameSet(both[0]!, setOf(4, 5, 6)), sameSet(both[1]!, setOf(1, 2, 3))], [true, true]);
  });

  it('that cannot be read are refused with the name of the file and the reason, and nothing of the keys', () => {
    for (const [name, [input]] of Object.entries(badKeys)) {
      assert.throws(() => parseImport(input, 'keys.json'), (error: Error & { exitCode?: number }) => {
        assert.match(error.message, /^keys\.json: no keys can be read: /, name);
        noSecretIn(error.message.replace('keys.json', ''));
        return error.exitCode === 2;
      });
    }
    assert.throws(() => parseImport(new Uint8Array(), 'keys.json'), /it is empty/);
    assert.throws(() => parseImport(formatCheckpoint({ meta: { ...meta, phase: 'intent' } }), 'keys.json'), /it is an intent: it holds no keys/);
  });
});
