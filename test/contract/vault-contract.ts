import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { resplit } from '../../src/credentials/shamir.ts';
import type { KeySet } from '../../src/model/keys.ts';
import { Secret } from '../../src/model/secret.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { type VaultWire, WireError } from '../../src/ports/vault.ts';
import { VaultError } from '../../src/vault/answers.ts';
import { VaultHands } from '../../src/vault/hands.ts';
import { proveByRekey } from '../../src/vault/prove.ts';
import { joinRaft, openNode } from '../../src/vault/unseal.ts';
import { collect, flipped, rekeyToVerify, unseal } from '../real/opened-vault.ts';

/** Nodes to make claims about: real processes, or simulated ones. All uninitialised and not joined. */
export interface VaultSubject {
  readonly wire: VaultWire;
  readonly clock: Clock;
  readonly addresses: readonly string[];
  kill(index: number): Promise<void>;
  start(index: number): Promise<void>;
  /** Of a node that is down. */
  wipe(index: number): Promise<void>;
  close(): Promise<void>;
}

export async function eventually(clock: Clock, what: string, look: () => Promise<boolean>): Promise<void> {
  for (const end = clock.now() + 20_000; clock.now() < end; await clock.sleep(100)) if (await look()) return;
  throw new Error(`not within 20 s: ${what}`);
}

const says = (status: number, ...words: string[]) => (error: unknown) => {
  assert.ok(error instanceof VaultError, String(error));
  assert.equal(error.status, status, error.message);
  assert.ok(error.says(...words), error.message);
  return true;
};
const nobodyListens = () => Promise.resolve();

/** The claims of src/vault about one server, one after the other: each begins where the last one ended. */
export function oneServer(name: string, open: (nodes: number) => Promise<VaultSubject>): void {
  describe(`${name}: one node`, () => {
    let subject: VaultSubject;
    let vault: VaultHands;
    let address: string;
    let live: KeySet;
    before(async () => {
      subject = await open(1);
      vault = new VaultHands(subject.wire, 10_000);
      address = subject.addresses[0]!;
    });
    after(() => subject.close());

    const active = () => eventually(subject.clock, 'it is active', async () => await vault.health(address) === 'active');
    const moved = async (at: string) => (await vault.rekeyFamily(at, live.rootToken)).path === 'sys/rotate/root';
    const restart = async () => { await subject.kill(0); await subject.start(0); };

    it('is uninitialised, and takes no share and no rekey', async () => {
      const status = await vault.sealStatus(address);
      assert.deepEqual([status.initialized, status.sealed, status.shares, status.threshold, status.type, status.storageType, status.clusterId], [false, true, 0, 0, 'shamir', 'raft', undefined]);
      assert.equal(await vault.health(address), 'uninitialised');
      await assert.rejects(vault.unsealShare(address, new Secret(Buffer.alloc(33, 1).toString('base64'))), says(400, 'Vault is not initialized'));
      await assert.rejects(vault.rekeyFamily(address, undefined), says(503, 'Vault is sealed'));
    });

    it('refuses sets that cannot be, and stays uninitialised', async () => {
      await assert.rejects(vault.init(address, 3, 1), says(400, 'threshold must be greater than one'));
      await assert.rejects(vault.init(address, 2, 3), says(400, 'threshold cannot be larger than shares'));
      assert.equal((await vault.sealStatus(address)).initialized, false);
    });

    it('is initialised once, and is then sealed', async () => {
      live = await vault.init(address, 3, 2);
      await assert.rejects(vault.init(address, 3, 2), says(400, 'Vault is already initialized'));
      const status = await vault.sealStatus(address);
      assert.deepEqual([status.initialized, status.sealed, status.shares, status.threshold, status.progress], [true, true, 3, 2, 0]);
      assert.equal(await vault.health(address), 'sealed');
      await assert.rejects(vault.lookupSelf(address, live.rootToken), says(503, 'Vault is sealed'));
    });

    it('counts shares, ignores one that it has, forgets them on a reset, and drops a wrong set whole', async () => {
      const [first, second] = live.shares as [Secret, Secret];
      const progressOf = async (share: Secret) => { const status = await vault.unsealShare(address, share); return status === 'rejected' ? status : status.progress; };
      assert.equal(await progressOf(first), 1);
      assert.equal(await progressOf(first), 1);
      await vault.unsealReset(address);
      assert.equal((await vault.sealStatus(address)).progress, 0);
      assert.equal(await progressOf(first), 1);
      assert.equal(await progressOf(flipped(live, 1).shares[1]!), 'rejected');
      assert.equal((await vault.sealStatus(address)).progress, 0);
      assert.equal(await progressOf(second), 1);
      assert.equal(await progressOf(first), 0);
      assert.equal((await vault.sealStatus(address)).sealed, false);
      await active();
    });

    it('knows its own token only', async () => {
      await vault.lookupSelf(address, live.rootToken);
      await assert.rejects(vault.lookupSelf(address, new Secret('hvs.not-a-token-of-this-one')), says(403, 'permission denied'));
    });

    it('makes another root token, which outlives the first; what an interrupted run made is found by its name', async () => {
      const first = live.rootToken;
      const stray = await vault.createRootToken(address, first, 'vaultctl-interrupted');
      const second = await vault.createRootToken(address, first, 'vaultctl-this-run');
      await vault.lookupSelf(address, second);
      let asked = 0;
      const ask = async () => { asked += 1; };
      assert.equal(await vault.revokeByName(address, second, 'vaultctl-interrupted', 100, ask), 1);
      assert.equal(await vault.revokeByName(address, second, 'vaultctl-this-run', 100, ask), 0);
      assert.equal(asked, 1);
      await assert.rejects(vault.lookupSelf(address, stray), says(403, 'permission denied'));
      await vault.revokeSelf(address, first);
      await assert.rejects(vault.lookupSelf(address, first), says(403, 'permission denied'));
      await vault.revokeSelf(address, first);
      await vault.lookupSelf(address, second);
      live = { ...live, rootToken: second };
    });

    it('without a rekey has nothing to cancel, to update or to verify', async () => {
      const status = await vault.rekeyStatus(address, live.rootToken);
      assert.deepEqual([status.started, status.nonce, status.required, status.verificationPending], [false, '', 2, false]);
      await vault.rekeyCancel(address, 'no-such-nonce', live.rootToken);
      assert.deepEqual(await vault.verifyUpdate(address, live.shares[0]!, 'no-such-nonce', live.rootToken), { is: 'no-rekey' });
      await assert.rejects(vault.rekeyUpdate(address, live.shares[0]!, 'no-such-nonce', live.rootToken), says(400, 'in progress'));
    });

    it('has one rekey at a time, and only its nonce works', async () => {
      const { nonce, verificationRequired } = await vault.rekeyStart(address, 5, 3, live.rootToken);
      assert.equal(verificationRequired, true);
      await assert.rejects(vault.rekeyStart(address, 3, 2, live.rootToken), says(400, 'already in progress'));
      await assert.rejects(vault.rekeyUpdate(address, live.shares[0]!, 'another', live.rootToken), says(400, 'incorrect nonce supplied'));
      await assert.rejects(vault.rekeyCancel(address, 'another', live.rootToken), says(400, 'invalid request'));
      await assert.rejects(vault.rekeyCancel(address, '', live.rootToken), VaultError);
      const status = await vault.rekeyStatus(address, live.rootToken);
      assert.deepEqual([status.nonce, status.shares, status.threshold, status.required, status.progress], [nonce, 5, 3, 2, 0]);
      const proof = await proveByRekey(vault, address, live, live.rootToken, nobodyListens);
      assert.ok(proof.is === 'busy' && proof.status.nonce === nonce);
      assert.deepEqual(await vault.rekeyUpdate(address, live.shares[2]!, nonce, live.rootToken), { is: 'more', progress: 1 });
      await assert.rejects(vault.rekeyUpdate(address, live.shares[2]!, nonce, live.rootToken), says(400, 'already been provided'));
      assert.equal((await vault.rekeyUpdate(address, flipped(live, 0).shares[0]!, nonce, live.rootToken)).is, 'rejected');
      assert.deepEqual([(await vault.rekeyStatus(address, live.rootToken)).nonce, (await vault.rekeyStatus(address, live.rootToken)).progress], [nonce, 0]);
      await vault.rekeyCancel(address, nonce, live.rootToken);
      assert.equal((await vault.rekeyStatus(address, live.rootToken)).started, false);
    });

    it('accepts the live set and rejects another by a rekey that leaves nothing behind', async () => {
      assert.deepEqual(await proveByRekey(vault, address, live, live.rootToken, nobodyListens), { is: 'accepted' });
      assert.deepEqual(await proveByRekey(vault, address, await resplit(live, 3), live.rootToken, nobodyListens), { is: 'accepted' });
      assert.deepEqual(await proveByRekey(vault, address, flipped(live, 0), live.rootToken, nobodyListens), { is: 'rejected' });
      assert.equal((await vault.rekeyStatus(address, live.rootToken)).started, false);
    });

    it('verifies under one nonce, drops wrong shares under a new one, and takes no share twice', async () => {
      const { set, nonce } = await rekeyToVerify(vault, address, live, 3, 2, live.rootToken);
      const status = await vault.rekeyStatus(address, live.rootToken);
      assert.deepEqual([status.verificationPending, status.verificationNonce, status.verificationProgress, status.required], [true, nonce, 0, 2]);
      await assert.rejects(vault.rekeyUpdate(address, live.shares[0]!, status.nonce, live.rootToken), says(400, 'already finished'));
      await assert.rejects(vault.verifyUpdate(address, set.shares[0]!, 'another', live.rootToken), says(400, 'incorrect nonce supplied'));
      assert.deepEqual(await vault.verifyUpdate(address, set.shares[0]!, nonce, live.rootToken), { is: 'more' });
      // Sent twice, a share may make a set of its own: whoever repeats one begins anew.
      if (await moved(address)) {
        assert.deepEqual(await vault.verifyUpdate(address, set.shares[0]!, nonce, live.rootToken), { is: 'rejected' });
        const again = await vault.verifyReset(address, live.rootToken);
        assert.deepEqual(await vault.verifyUpdate(address, set.shares[0]!, again, live.rootToken), { is: 'more' });
        assert.deepEqual(await vault.verifyUpdate(address, live.shares[0]!, again, live.rootToken), { is: 'rejected' });
      } else {
        await assert.rejects(vault.verifyUpdate(address, set.shares[0]!, nonce, live.rootToken), says(400, 'already been provided'));
        assert.deepEqual(await vault.verifyUpdate(address, live.shares[0]!, nonce, live.rootToken), { is: 'rejected' });
      }
      const after = await vault.rekeyStatus(address, live.rootToken);
      assert.ok(after.verificationPending && after.verificationNonce !== nonce && after.verificationProgress === 0);
      assert.notEqual(await vault.verifyReset(address, live.rootToken), after.verificationNonce);
    });

    it('forgets the pending rekey when it dies: the new shares are worth nothing', async () => {
      const { nonce } = await vault.rekeyStatus(address, live.rootToken);
      await vault.rekeyCancel(address, nonce, live.rootToken);
      const { set } = await rekeyToVerify(vault, address, live, 3, 2, live.rootToken);
      await subject.kill(0);
      await assert.rejects(vault.sealStatus(address), (error) => error instanceof WireError && error.reached === 'before');
      await subject.start(0);
      assert.deepEqual(await openNode(vault, subject.clock, address, set), { is: 'rejected' });
      assert.deepEqual(await openNode(vault, subject.clock, address, live), { is: 'open' });
      await active();
      assert.equal((await vault.rekeyStatus(address, live.rootToken)).started, false);
    });

    it('knows only NEW once the last share is verified', async () => {
      const old = live;
      const { set, nonce } = await rekeyToVerify(vault, address, old, 5, 3, old.rootToken);
      const answers: string[] = [];
      for (const share of set.shares.slice(1, 4)) answers.push((await vault.verifyUpdate(address, share, nonce, old.rootToken)).is);
      assert.deepEqual(answers, ['more', 'more', 'complete']);
      assert.deepEqual(await vault.verifyUpdate(address, set.shares[0]!, nonce, old.rootToken), { is: 'no-rekey' });
      const status = await vault.sealStatus(address);
      assert.deepEqual([status.shares, status.threshold, status.sealed], [5, 3, false]);
      live = set;
      assert.deepEqual(await proveByRekey(vault, address, old, live.rootToken, nobodyListens), { is: 'rejected' });
      assert.deepEqual(await proveByRekey(vault, address, live, live.rootToken, nobodyListens), { is: 'accepted' });
      await restart();
      assert.deepEqual(await openNode(vault, subject.clock, address, old), { is: 'rejected' });
      assert.deepEqual(await openNode(vault, subject.clock, address, await resplit(live, 2)), { is: 'open' });
      await active();
    });

    it('comes back from a snapshot of its own past without sealing, and only the keys of then open it', async () => {
      const past = live;
      const snapshot = await collect(vault.snapshot(address, past.rootToken));
      const { set, nonce } = await rekeyToVerify(vault, address, past, 3, 2, past.rootToken);
      for (const share of set.shares.slice(0, 2)) await vault.verifyUpdate(address, share, nonce, past.rootToken);
      await vault.restoreSnapshot(address, (async function* () { yield snapshot; })(), past.rootToken);
      await eventually(subject.clock, 'the threshold of then', async () => (await vault.sealStatus(address)).threshold === 3);
      assert.equal((await vault.sealStatus(address)).sealed, false);
      await restart();
      assert.deepEqual(await openNode(vault, subject.clock, address, set), { is: 'rejected' });
      assert.deepEqual(await openNode(vault, subject.clock, address, past), { is: 'open' });
      await active();
    });

    it('emptied and restored, it seals itself with the throwaway threshold, and is the old cluster once it is open', async () => {
      const snapshot = await collect(vault.snapshot(address, live.rootToken));
      const { clusterId } = await vault.sealStatus(address);
      await subject.kill(0);
      await subject.wipe(0);
      await subject.start(0);
      const throwaway = await vault.init(address, 1, 1);
      await unseal(vault, address, throwaway);
      await active();
      await vault.restoreSnapshot(address, (async function* () { yield snapshot; })(), throwaway.rootToken);
      await eventually(subject.clock, 'it has sealed itself', async () => (await vault.sealStatus(address)).sealed);
      assert.deepEqual([(await vault.sealStatus(address)).shares, (await vault.sealStatus(address)).threshold], [1, 1]);
      assert.deepEqual(await openNode(vault, subject.clock, address, throwaway), { is: 'rejected' });
      assert.deepEqual(await openNode(vault, subject.clock, address, live), { is: 'open' });
      await active();
      assert.equal((await vault.sealStatus(address)).clusterId, clusterId);
      await vault.lookupSelf(address, live.rootToken);
      await assert.rejects(vault.lookupSelf(address, throwaway.rootToken), says(403, 'permission denied'));
    });
  });
}

/** Claims about a cluster of three. */
export function threeServers(name: string, open: (nodes: number) => Promise<VaultSubject>): void {
  describe(`${name}: three nodes`, () => {
    let subject: VaultSubject;
    let vault: VaultHands;
    let live: KeySet;
    let nodes: [string, string, string];
    before(async () => {
      subject = await open(3);
      vault = new VaultHands(subject.wire, 10_000);
      nodes = subject.addresses as [string, string, string];
      live = await vault.init(nodes[0], 3, 2);
    });
    after(() => subject.close());

    it('join nobody who is sealed, then the leader, as standbys that only the right shares open', async () => {
      await assert.rejects(vault.raftJoin(nodes[1], nodes[0], undefined), VaultError);
      assert.equal((await vault.sealStatus(nodes[1])).initialized, false);
      await unseal(vault, nodes[0], live);
      await eventually(subject.clock, 'the first is active', async () => await vault.health(nodes[0]) === 'active');
      for (const address of nodes.slice(1)) {
        await joinRaft(vault, subject.clock, address, nodes[0], undefined);
        const status = await vault.sealStatus(address);
        assert.deepEqual([status.initialized, status.sealed, status.shares, status.threshold], [true, true, 3, 2]);
        await assert.rejects(vault.init(address, 1, 1), says(400, 'already initialized'));
        assert.deepEqual(await openNode(vault, subject.clock, address, live), { is: 'open' });
      }
      assert.deepEqual(await Promise.all(nodes.map((address) => vault.health(address))), ['active', 'standby', 'standby']);
      assert.equal(new Set(await Promise.all(nodes.map(async (address) => (await vault.sealStatus(address)).clusterId))).size, 1);
    });

    it('have one rekey, whichever of them is asked; where it has moved, each has its own, and only the leader’s counts', async () => {
      const moved = (await vault.rekeyFamily(nodes[0], live.rootToken)).path === 'sys/rotate/root';
      const { nonce } = await vault.rekeyStart(nodes[1], 3, 2, live.rootToken);
      const seen = await Promise.all(nodes.map(async (address) => (await vault.rekeyStatus(address, live.rootToken)).nonce));
      assert.deepEqual(seen, moved ? ['', nonce, ''] : [nonce, nonce, nonce]);
      await vault.rekeyCancel(moved ? nodes[1] : nodes[2], nonce, live.rootToken);
      for (const address of nodes) assert.equal((await vault.rekeyStatus(address, live.rootToken)).started, false);
    });

    it('give a snapshot from the leader; a standby points to it, or passes on what it says', async () => {
      const moved = (await vault.rekeyFamily(nodes[0], live.rootToken)).path === 'sys/rotate/root';
      if (moved) assert.ok((await collect(vault.snapshot(nodes[1], live.rootToken))).byteLength > 0);
      else await assert.rejects(collect(vault.snapshot(nodes[1], live.rootToken)), (error) => error instanceof WireError && error.reached === 'config');
      assert.ok((await collect(vault.snapshot(nodes[0], live.rootToken))).byteLength > 0);
    });

    it('a follower away during a rotation keeps OLD and its old numbers, opens with it, and then catches up', async () => {
      const old = live;
      await subject.kill(2);
      const { set, nonce } = await rekeyToVerify(vault, nodes[0], old, 5, 3, old.rootToken);
      for (const share of set.shares.slice(0, 3)) await vault.verifyUpdate(nodes[0], share, nonce, old.rootToken);
      live = set;
      await subject.start(2);
      assert.deepEqual([(await vault.sealStatus(nodes[2])).shares, (await vault.sealStatus(nodes[2])).threshold], [3, 2]);
      assert.deepEqual(await openNode(vault, subject.clock, nodes[2], live), { is: 'rejected' });
      assert.deepEqual(await openNode(vault, subject.clock, nodes[2], old), { is: 'open' });
      assert.equal(await vault.health(nodes[2]), 'standby');
      await eventually(subject.clock, 'it has caught up', async () => {
        await subject.clock.sleep(1500);
        await subject.kill(2);
        await subject.start(2);
        if ((await openNode(vault, subject.clock, nodes[2], live)).is === 'open') return true;
        await openNode(vault, subject.clock, nodes[2], old);
        return false;
      });
    });
  });
}
