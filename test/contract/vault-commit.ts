import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { proveAllShares, resplit } from '../../src/credentials/shamir.ts';
import type { KeySet } from '../../src/model/keys.ts';
import type { Secret } from '../../src/model/secret.ts';
import { WireError } from '../../src/ports/vault.ts';
import { VaultHands } from '../../src/vault/hands.ts';
import { proveByRekey } from '../../src/vault/prove.ts';
import { joinRaft, openNode } from '../../src/vault/unseal.ts';
import { collect, rekeyToVerify } from '../real/opened-vault.ts';
import { eventually, type VaultSubject } from './vault-contract.ts';

/** Where the server's commit of a rekey ends: before it began to count, and after its stored keys, its keyring, its last key. */
export type CutAfter = 'nothing' | 'stored keys' | 'keyring' | 'all keys';

export interface MortalSubject extends VaultSubject {
  /** Node 0 dies in its next commit. Resolves once that is arranged. */
  dieInCommit(after: CutAfter): Promise<void>;
  /** Down now, whoever did it. */
  isDead(): Promise<void>;
  /** Resolves once every node has a vote: a real one waits ten seconds for it. */
  allVote(token: Secret): Promise<void>;
  /** Down → its disk as it was when `keep` was called. */
  keep(): Promise<void>;
  putBack(): Promise<void>;
}

const nobodyListens = () => Promise.resolve();

/** A rekey 3/2 → 5/3 whose server dies while it commits: four places, four worlds. */
export function cutCommit(name: string, open: (nodes: number) => Promise<MortalSubject>): void {
  describe(`${name}: killed while it commits a rekey`, () => {
    let subject: MortalSubject;
    let vault: VaultHands;
    let address: string;
    let old: KeySet;
    let snapshot: Buffer;
    before(async () => {
      subject = await open(1);
      vault = new VaultHands(subject.wire, 10_000);
      address = subject.addresses[0]!;
      old = await ready(3, 2);
      snapshot = await collect(vault.snapshot(address, old.rootToken));
      await subject.kill(0);
      await subject.keep();
    });
    after(() => subject.close());

    const active = () => eventually(subject.clock, 'it is active', async () => await vault.health(address) === 'active');
    async function ready(shares: number, threshold: number): Promise<KeySet> {
      const set = await vault.init(address, shares, threshold);
      assert.equal(await opens(set), 'open');
      await active();
      return set;
    }

    const opens = async (set: KeySet) => (await openNode(vault, subject.clock, address, set)).is;

    /** @returns NEW, on a server that has just been started again */
    async function cut(after: CutAfter): Promise<KeySet> {
      await subject.putBack();
      await subject.start(0);
      assert.equal(await opens(old), 'open');
      await active();
      const { set, nonce } = await rekeyToVerify(vault, address, old, 5, 3, old.rootToken);
      for (const share of set.shares.slice(0, 2)) await vault.verifyUpdate(address, share, nonce, old.rootToken);
      await subject.dieInCommit(after);
      await assert.rejects(vault.verifyUpdate(address, set.shares[2]!, nonce, old.rootToken), (error) => error instanceof WireError && error.reached === 'unknown');
      await subject.isDead();
      await subject.start(0);
      assert.deepEqual([(await vault.sealStatus(address)).shares, (await vault.sealStatus(address)).threshold], [3, 2]);
      return set;
    }

    /** From the snapshot, as `recover` does it. */
    async function broughtBack(): Promise<void> {
      await subject.kill(0);
      await subject.wipe(0);
      await subject.start(0);
      const throwaway = await ready(1, 1);
      await vault.restoreSnapshot(address, (async function* () { yield snapshot; })(), throwaway.rootToken);
      await eventually(subject.clock, 'it has sealed itself', async () => (await vault.sealStatus(address)).sealed);
      assert.equal(await opens(old), 'open');
      await active();
      await vault.lookupSelf(address, old.rootToken);
    }

    it('before its first write counts: OLD opens it, NEW does not', async () => {
      const fresh = await cut('nothing');
      assert.equal(await opens(fresh), 'rejected');
      assert.equal(await opens(old), 'open');
      await active();
      assert.equal((await vault.rekeyStatus(address, old.rootToken)).started, false);
    });

    it('after its stored keys: neither opens it, until a snapshot of before is put into an emptied server', async () => {
      const fresh = await cut('stored keys');
      assert.deepEqual([await opens(old), await opens(fresh), await opens(old)], ['rejected', 'rejected', 'rejected']);
      await broughtBack();
    });

    it('after its keyring: NEW opens it and it seals itself before it leads, every time; only the snapshot helps', async () => {
      const fresh = await cut('keyring');
      assert.equal(await opens(old), 'rejected');
      for (const _time of ['first', 'second']) {
        assert.equal(await opens(fresh), 'open');
        await eventually(subject.clock, 'it has sealed itself', async () => {
          assert.notEqual(await vault.health(address), 'active');
          return (await vault.sealStatus(address)).sealed;
        });
      }
      await broughtBack();
    });

    it('after its last key: NEW lives at the threshold of OLD, and a further rekey mends the numbers', async () => {
      const fresh = await cut('all keys');
      assert.equal(await opens(old), 'rejected');
      assert.equal(await opens(fresh), 'open');
      await active();
      const status = await vault.sealStatus(address);
      assert.deepEqual([status.shares, status.threshold], [3, 2]);
      assert.deepEqual(await proveByRekey(vault, address, fresh, old.rootToken, nobodyListens), { is: 'accepted' });
      const { set, nonce } = await rekeyToVerify(vault, address, await resplit(fresh, 2), 5, 3, old.rootToken);
      assert.deepEqual(await proveAllShares(set), { is: 'ok' });
      for (const share of set.shares.slice(0, 3)) await vault.verifyUpdate(address, share, nonce, old.rootToken);
      assert.deepEqual([(await vault.sealStatus(address)).shares, (await vault.sealStatus(address)).threshold], [5, 3]);
    });
  });
}

/** The same in a cluster: what the followers make of the disk that their leader left. */
export function cutCommitOfThree(name: string, open: (nodes: number) => Promise<MortalSubject>): void {
  describe(`${name}: a leader of three killed while it commits a rekey`, () => {
    let subject: MortalSubject;
    before(async () => { subject = await open(3); });
    after(() => subject.close());

    it('after its stored keys: a follower leads on, though no set would open it again, and its data can still be read', async () => {
      const vault = new VaultHands(subject.wire, 10_000);
      const [address, ...followers] = subject.addresses as [string, ...string[]];
      const leads = (at: string) => async () => await vault.health(at) === 'active';
      const old = await vault.init(address, 3, 2);
      assert.deepEqual(await openNode(vault, subject.clock, address, old), { is: 'open' });
      await eventually(subject.clock, 'the first leads', leads(address));
      for (const follower of followers) {
        await joinRaft(vault, subject.clock, follower, address, undefined);
        assert.deepEqual(await openNode(vault, subject.clock, follower, old), { is: 'open' });
      }
      await subject.allVote(old.rootToken);
      const { set, nonce } = await rekeyToVerify(vault, address, old, 5, 3, old.rootToken);
      for (const share of set.shares.slice(0, 2)) await vault.verifyUpdate(address, share, nonce, old.rootToken);
      await subject.dieInCommit('stored keys');
      await assert.rejects(vault.verifyUpdate(address, set.shares[2]!, nonce, old.rootToken), WireError);
      await subject.isDead();
      let leader = '';
      await eventually(subject.clock, 'a follower leads', async () => {
        for (const follower of followers) if (await leads(follower)()) leader = follower;
        return leader !== '';
      });
      await vault.lookupSelf(leader, old.rootToken);
      assert.equal((await vault.rekeyStatus(leader, old.rootToken)).started, false);
      assert.deepEqual(await proveByRekey(vault, leader, old, old.rootToken, nobodyListens), { is: 'rejected' });
      assert.deepEqual(await proveByRekey(vault, leader, set, old.rootToken, nobodyListens), { is: 'rejected' });
      await subject.start(0);
      assert.deepEqual([await openNode(vault, subject.clock, address, old), await openNode(vault, subject.clock, address, set)], [{ is: 'rejected' }, { is: 'rejected' }]);
      assert.ok((await collect(vault.snapshot(leader, old.rootToken))).byteLength > 0);
    });
  });
}
