import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Secret } from '../../src/model/secret.ts';
import { type VaultWire, type WireAnswer, WireError, type WireRequest } from '../../src/ports/vault.ts';
import { VaultError } from '../../src/vault/answers.ts';
import { VaultHands } from '../../src/vault/hands.ts';
import { proveByRekey } from '../../src/vault/prove.ts';
import { openNode } from '../../src/vault/unseal.ts';
import { simClock } from '../contract/vault-subjects.ts';
import { misspelt, shows } from './fuzz-damage.ts';

const ADDRESS = 'http://v1:8200';
const share = (fill: number) => Buffer.alloc(33, fill).fill(fill + 1, 7, 9).toString('base64');
const given = new Secret(share(200));
const token = new Secret('hvs.fuzz-token-that-is-ours');

/** Every kind of answer, whole: what the calls of vaultctl are given on a good day. */
const GOOD: readonly unknown[] = [
  { type: 'shamir', initialized: true, sealed: false, t: 2, n: 3, progress: 0, nonce: '', version: '1.21.0', storage_type: 'raft', cluster_name: 'c', cluster_id: 'id' },
  { type: 'shamir', initialized: false, sealed: true, t: 0, n: 0, progress: 0, nonce: '', version: '1.21.0' },
  { keys: [1, 2, 3].map((fill) => Buffer.from(share(fill), 'base64').toString('hex')), keys_base64: [share(1), share(2), share(3)], root_token: 'hvs.fresh-root-token' },
  { nonce: 'n', started: true, t: 2, n: 3, progress: 1, required: 2, pgp_fingerprints: null, backup: false, verification_required: true, verification_nonce: 'v' },
  { nonce: 'n', complete: true, keys: ['00'], keys_base64: [share(4), share(5), share(6)], verification_required: true, verification_nonce: 'v' },
  { nonce: 'v', started: true, t: 2, n: 3, progress: 0 }, { nonce: 'v', complete: true },
  { data: { nonce: 'n', started: true, t: 2, n: 3, progress: 0, required: 2, verification_required: true } },
  { errors: ['permission denied'] }, { errors: ['no rekey in progress'] }, { errors: ['invalid key: failed to decrypt keys from storage'] }, { errors: ['Vault is sealed'] },
  { auth: { client_token: 'hvs.created-token-of-ours' } }, { data: { keys: ['a', 'b'] } }, { data: { display_name: 'token-x', accessor: 'a' } },
  { raft_committed_index: 7, raft_applied_index: 7, is_self: true }, null, undefined,
];
const body: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(...GOOD), { weight: 3, arbitrary: fc.constantFrom(...GOOD.filter((good) => typeof good === 'object' && good !== null)).chain(misspelt).map((text) => JSON.parse(text) as unknown) },
  fc.jsonValue({ maxDepth: 4 }),
);
const answer: fc.Arbitrary<WireAnswer> = fc.record({ status: fc.constantFrom(200, 200, 200, 204, 400, 403, 404, 405, 429, 472, 473, 500, 501, 503, 530, 299, 599, 100), body }, { noNullPrototype: true });

/** A server that says these things, one after the other and round again, whatever it is asked. */
class Babbler implements VaultWire {
  asked = 0;
  readonly #answers: readonly WireAnswer[];
  constructor(answers: readonly WireAnswer[]) { this.#answers = answers; }
  request(): Promise<WireAnswer> {
    this.asked += 1;
    if (this.asked > 2000) throw new Error('it asks for ever');
    return Promise.resolve(this.#answers[(this.asked - 1) % this.#answers.length]!);
  }
  async *download(): AsyncIterable<Uint8Array> { yield new Uint8Array(8); }
  upload(_address: string, _request: WireRequest, _body: AsyncIterable<Uint8Array>): Promise<WireAnswer> { return this.request(); }
  close(): void { /* nothing is held */ }
}

type Asked<T> = { readonly is: 'answer'; readonly value: T } | { readonly is: 'error'; readonly error: WireError | VaultError };

/** The answer, or one of the two errors that a caller expects; anything else fails the test. */
async function ask<T>(work: Promise<T>): Promise<Asked<T>> {
  try {
    return { is: 'answer', value: await work };
  } catch (error) {
    assert.ok(error instanceof WireError || error instanceof VaultError, String((error as Error).stack));
    assert.ok(error.message.length < 20_000, `an error of ${error.message.length} signs`);
    return { is: 'error', error };
  }
}

/** @returns what the server said first, and the hands on it */
const facing = (...answers: WireAnswer[]) => new VaultHands(new Babbler(answers), 1000);
const fields = (said: WireAnswer) => (typeof said.body === 'object' && said.body !== null ? said.body as Record<string, unknown> : {});
const anySet = { rootToken: token, shares: [given, new Secret(share(201))], threshold: 2 };

describe('whatever a server answers', () => {
  it('a node is uninitialised only where it says so in as many words, and sealed or open likewise', async () => {
    await fc.assert(fc.asyncProperty(answer, async (said) => {
      const asked = await ask(facing(said).sealStatus(ADDRESS));
      if (asked.is === 'error') return;
      assert.ok(said.status < 400);
      assert.deepEqual([asked.value.initialized, asked.value.sealed], [fields(said)['initialized'], fields(said)['sealed']]);
      for (const count of [asked.value.shares, asked.value.threshold, asked.value.progress]) assert.ok(Number.isInteger(count) && count >= 0 && count <= 1000);
    }), { numRuns: 2000 });
  });

  it('the shares of an init that are good are handed on, whatever else is wrong with the reply, and nothing else is', async () => {
    const reply = misspelt(GOOD[2]).map((text): WireAnswer => ({ status: 200, body: JSON.parse(text) as unknown }));
    const good = (list: unknown, sign: RegExp) => Array.isArray(list) && list.length > 0 && list.every((item) => typeof item === 'string' && sign.test(item));
    await fc.assert(fc.asyncProperty(fc.oneof(reply, answer), async (said) => {
      const asked = await ask(facing(said).init(ADDRESS, 3, 2));
      const { keys, keys_base64: base64 } = fields(said);
      if (asked.is === 'answer') {
        assert.ok(asked.value.shares.length > 0 && asked.value.shares.every((each) => !each.empty));
        const found = asked.value.shares.map((each) => each.reveal());
        if (good(base64, /./)) assert.ok((base64 as string[]).every((each) => found.includes(each)) || found.length > (base64 as string[]).length);
      } else {
        assert.ok(said.status >= 400 || (!good(base64, /^[A-Za-z0-9+/]{44}$/) && !good(keys, /^[0-9a-f]{66}$/)), 'shares that exist once were thrown away');
        assert.equal(shows(asked.error.message, [share(1), share(2), share(3), 'hvs.fresh-root-token'], 9), undefined);
      }
    }), { numRuns: 2000 });
  });

  it('a share, a rekey and a verification are complete, rejected or over only where the server says it', async () => {
    await fc.assert(fc.asyncProperty(answer, fc.array(answer, { minLength: 1, maxLength: 3 }), async (said, more) => {
      const none: WireAnswer = { status: 200, body: { started: false } };
      const unsealed = await ask(facing(said).unsealShare(ADDRESS, given));
      if (unsealed.is === 'answer') {
        if (unsealed.value === 'rejected') assert.ok(said.status >= 400 && Array.isArray(fields(said)['errors']));
        else assert.ok(said.status < 400 && typeof fields(said)['sealed'] === 'boolean');
      }
      const updated = await ask(facing(none, said, ...more).rekeyUpdate(ADDRESS, given, 'n', token));
      if (updated.is === 'answer' && updated.value.is === 'complete') assert.ok(fields(said)['complete'] === true && Array.isArray(fields(said)['keys_base64']));
      const verified = await ask(facing(none, said).verifyUpdate(ADDRESS, given, 'v', token));
      if (verified.is === 'answer' && verified.value.is === 'complete') assert.ok(said.status < 400 && fields(said)['complete'] === true);
      if (verified.is === 'answer' && verified.value.is !== 'complete' && verified.value.is !== 'more') assert.ok(said.status >= 400);
    }), { numRuns: 1500 });
  });

  it('every call ends in an answer or in an error that its caller expects', async () => {
    const calls: ((hands: VaultHands) => Promise<unknown>)[] = [
      (hands) => hands.health(ADDRESS), (hands) => hands.raftIndexes(ADDRESS), (hands) => hands.lookupSelf(ADDRESS, token), (hands) => hands.rekeyFamily(ADDRESS, token), (hands) => hands.rekeyFamily(ADDRESS, undefined),
      (hands) => hands.rekeyStatus(ADDRESS, token), (hands) => hands.unsealReset(ADDRESS), (hands) => hands.raftJoin(ADDRESS, ADDRESS, undefined), (hands) => hands.rekeyStart(ADDRESS, 3, 2, token),
      (hands) => hands.rekeyCancel(ADDRESS, 'n', token), (hands) => hands.verifyReset(ADDRESS, token), (hands) => hands.createRootToken(ADDRESS, token, 'x'), (hands) => hands.revokeSelf(ADDRESS, token),
      (hands) => hands.revokeByName(ADDRESS, token, 'x', 10, async () => undefined), (hands) => hands.restoreSnapshot(ADDRESS, (async function* () { yield new Uint8Array(1); })(), token),
      (hands) => proveByRekey(hands, ADDRESS, anySet, token, () => Promise.resolve()), (hands) => openNode(hands, simClock(), ADDRESS, anySet),
    ];
    await fc.assert(fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 6 }), fc.nat(calls.length - 1), async (said, which) => { await ask(calls[which]!(facing(...said))); }), { numRuns: 4000 });
  });

  it('no set is called accepted by a server that never completed a rekey, and no node open that never said so', async () => {
    await fc.assert(fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 6 }), async (said) => {
      const proof = await ask(proveByRekey(facing(...said), ADDRESS, anySet, token, () => Promise.resolve()));
      const insides = said.flatMap((each) => [fields(each), fields({ status: 0, body: fields(each)['data'] })]);
      if (proof.is === 'answer' && proof.value.is === 'accepted') assert.ok(insides.some((inside) => inside['complete'] === true && inside['keys_base64'] !== undefined));
      const opened = await ask(openNode(facing(...said), simClock(), ADDRESS, anySet));
      if (opened.is === 'answer' && opened.value.is === 'open') assert.ok(said.some((each) => fields(each)['sealed'] === false || JSON.stringify(each.body)?.includes('vault is unsealed')));
    }), { numRuns: 1500 });
  });

  it('what it says by the megabyte is cut, and no secret of ours that it quotes is left in it', async () => {
    const long: WireAnswer = { status: 500, body: { errors: Array.from({ length: 2000 }, (_, at) => `${'x'.repeat(at)} ${token.reveal()} ${given.reveal()}`) } };
    for (const call of [(hands: VaultHands) => hands.lookupSelf(ADDRESS, token), (hands: VaultHands) => hands.unsealReset(ADDRESS), (hands: VaultHands) => hands.restoreSnapshot(ADDRESS, (async function* () { /* nothing */ })(), token)]) {
      const asked = await ask<unknown>(call(facing(long)));
      assert.ok(asked.is === 'error');
      assert.equal(shows(asked.error.message, [token.reveal(), given.reveal()]), undefined);
    }
  });
});
