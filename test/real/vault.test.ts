import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { proveAllShares, resplit } from '../../src/credentials/shamir.ts';
import type { KeySet } from '../../src/model/keys.ts';
import { Secret } from '../../src/model/secret.ts';
import { VaultError } from '../../src/vault/answers.ts';
import { proveByRekey } from '../../src/vault/prove.ts';
import { openNode } from '../../src/vault/unseal.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { collect, flipped, handsOn, opened, plainWire, rekeyToVerify, unseal, until, untilActive } from './opened-vault.ts';
import { type Servers, startVault } from './vault.ts';

const wire = plainWire();
const vault = handsOn(wire);
const folder = mkdtempSync(join(tmpdir(), 'vaultctl-vault-'));
after(() => { wire.close(); rmSync(folder, { recursive: true, force: true }); });

const saysNo = (...words: string[]) => (error: unknown) => error instanceof VaultError && error.says(...words);
const nobodyListens = () => Promise.resolve();

describe('a real server, 3 shares of which 2 open it', () => {
  let servers: Servers;
  let address: string;
  let live: KeySet;
  before(async () => {
    servers = await startVault(join(folder, 'three'));
    address = servers.addresses[0]!;
    assert.deepEqual([(await vault.sealStatus(address)).initialized, await vault.health(address)], [false, 'uninitialised']);
    live = await opened(vault, address, 3, 2);
  });
  after(() => servers.close());

  it('gave a set that the seal status describes', async () => {
    const status = await vault.sealStatus(address);
    assert.deepEqual([live.shares.length, live.threshold, status.shares, status.threshold, status.sealed, status.type, status.storageType], [3, 2, 3, 2, false, 'shamir', 'raft']);
    assert.ok(status.clusterId !== undefined && status.clusterName !== undefined && status.version !== '');
  });

  it('is never initialised twice', async () => {
    await assert.rejects(vault.init(address, 1, 1), saysNo('already initialized'));
  });

  it('accepts its root token and refuses another', async () => {
    await vault.lookupSelf(address, live.rootToken);
    await assert.rejects(vault.lookupSelf(address, new Secret('hvs.not-a-token-of-this-server')), (error) => error instanceof VaultError && error.status === 403);
  });

  it('gave shares that all combine to one key, and a flipped one is found wherever it stands', async () => {
    assert.deepEqual(await proveAllShares(live), { is: 'ok' });
    assert.deepEqual(await proveAllShares(flipped(live, 2)), { is: 'broken', bad: [2] });
    assert.deepEqual([(await proveAllShares(flipped(live, 0))).is, (await proveAllShares(flipped(live, 1))).is], ['broken', 'broken']);
  });

  it('opens with the same key split anew, at its own threshold', async () => {
    const three = await resplit(live, 3);
    const two = await resplit(three, 2);
    assert.equal(three.threshold, 3);
    assert.ok(two.shares.every((share) => live.shares.every((known) => !known.equals(share))));
    await servers.node(0).stop();
    await servers.node(0).start();
    assert.deepEqual(await openNode(vault, systemClock, address, flipped(live, 0)), { is: 'rejected' });
    assert.equal((await vault.sealStatus(address)).progress, 0);
    assert.deepEqual(await openNode(vault, systemClock, address, two), { is: 'open' });
    await untilActive(vault, address);
  });

  it('opens although somebody left progress, and although the set has another threshold than the server', async () => {
    await servers.node(0).kill();
    await servers.node(0).start();
    const status = await vault.unsealShare(address, flipped(live, 2).shares[2]!);
    assert.ok(status !== 'rejected' && status.progress === 1);
    assert.deepEqual(await openNode(vault, systemClock, address, await resplit(live, 3)), { is: 'open' });
    await untilActive(vault, address);
  });

  it('proves a live set and refuses another, and no rekey is left behind', async () => {
    const nonces: string[] = [];
    assert.deepEqual(await proveByRekey(vault, address, live, live.rootToken, (nonce) => { nonces.push(nonce); return Promise.resolve(); }), { is: 'accepted' });
    assert.equal((await vault.rekeyStatus(address, live.rootToken)).started, false);
    assert.deepEqual(await proveByRekey(vault, address, flipped(live, 0), live.rootToken, nobodyListens), { is: 'rejected' });
    assert.equal((await vault.rekeyStatus(address, live.rootToken)).started, false);
    assert.equal(nonces.length, 1);
    await servers.node(0).kill();
    await servers.node(0).start();
    await unseal(vault, address, live);
    await untilActive(vault, address);
  });

  it('proves nothing while the rekey slot is taken, and the other rekey lives on', async () => {
    const { nonce } = await vault.rekeyStart(address, 3, 2, live.rootToken);
    const proof = await proveByRekey(vault, address, live, live.rootToken, nobodyListens);
    assert.ok(proof.is === 'busy' && proof.status.nonce === nonce && !proof.status.verificationPending);
    await assert.rejects(vault.rekeyStart(address, 3, 2, live.rootToken), saysNo('already in progress'));
    assert.equal((await vault.rekeyStatus(address, live.rootToken)).nonce, nonce);
    await vault.rekeyCancel(address, nonce, live.rootToken);
    assert.equal((await vault.rekeyStatus(address, live.rootToken)).started, false);
    await vault.rekeyCancel(address, nonce, live.rootToken);
  });

  it('cancels a fresh rekey only for who knows its nonce', async () => {
    const { nonce } = await vault.rekeyStart(address, 3, 2, live.rootToken);
    await assert.rejects(vault.rekeyCancel(address, '', live.rootToken), VaultError);
    assert.equal((await vault.rekeyStatus(address, live.rootToken)).started, true);
    await vault.rekeyCancel(address, nonce, live.rootToken);
  });

  it('keeps OLD until the new shares are verified, takes them all again after a reset, and then knows only NEW', async () => {
    const old = live;
    const { set, nonce } = await rekeyToVerify(vault, address, old, 5, 3, old.rootToken);
    assert.deepEqual([set.shares.length, set.threshold], [5, 3]);
    assert.deepEqual(await proveAllShares(set), { is: 'ok' });
    const status = await vault.rekeyStatus(address, old.rootToken);
    assert.deepEqual([status.started, status.verificationPending, status.verificationNonce, status.verificationProgress, status.required], [true, true, nonce, 0, 3]);
    assert.deepEqual(await vault.verifyUpdate(address, set.shares[0]!, nonce, old.rootToken), { is: 'more' });
    assert.equal((await vault.rekeyStatus(address, old.rootToken)).verificationProgress, 1);
    const again = await vault.verifyReset(address, old.rootToken);
    assert.notEqual(again, nonce);
    assert.equal((await vault.rekeyStatus(address, old.rootToken)).verificationProgress, 0);
    assert.deepEqual(await vault.verifyUpdate(address, set.shares[4]!, again, old.rootToken), { is: 'more' });
    assert.deepEqual(await vault.verifyUpdate(address, set.shares[3]!, again, old.rootToken), { is: 'more' });
    assert.deepEqual(await vault.verifyUpdate(address, set.shares[2]!, again, old.rootToken), { is: 'complete' });
    assert.deepEqual(await vault.verifyUpdate(address, set.shares[2]!, again, old.rootToken), { is: 'no-rekey' });
    live = set;
    const now = await vault.sealStatus(address);
    assert.deepEqual([now.shares, now.threshold], [5, 3]);
    assert.deepEqual(await proveByRekey(vault, address, live, live.rootToken, nobodyListens), { is: 'accepted' });
    await servers.node(0).kill();
    await servers.node(0).start();
    assert.deepEqual(await openNode(vault, systemClock, address, old), { is: 'rejected' });
    assert.deepEqual(await openNode(vault, systemClock, address, live), { is: 'open' });
    await untilActive(vault, address);
  });

  it('drops wrong new shares and waits for the right ones under another nonce', async () => {
    const { set, nonce } = await rekeyToVerify(vault, address, live, 3, 2, live.rootToken);
    const wrong = flipped(set, 1);
    assert.deepEqual(await vault.verifyUpdate(address, wrong.shares[0]!, nonce, live.rootToken), { is: 'more' });
    assert.deepEqual(await vault.verifyUpdate(address, wrong.shares[1]!, nonce, live.rootToken), { is: 'rejected' });
    const status = await vault.rekeyStatus(address, live.rootToken);
    assert.ok(status.verificationPending && status.verificationNonce !== nonce && status.verificationNonce !== '');
    await vault.rekeyCancel(address, status.nonce, live.rootToken);
  });

  it('forgets a rekey that is not verified when it restarts: OLD stays, the new shares are worth nothing', async () => {
    const { set } = await rekeyToVerify(vault, address, live, 3, 2, live.rootToken);
    await servers.node(0).kill();
    await servers.node(0).start();
    assert.deepEqual(await openNode(vault, systemClock, address, await resplit(set, 3)), { is: 'rejected' });
    assert.deepEqual(await openNode(vault, systemClock, address, live), { is: 'open' });
    await untilActive(vault, address);
    assert.equal((await vault.rekeyStatus(address, live.rootToken)).started, false);
  });

  it('is brought back by a snapshot into an emptied server, which then opens with the keys of the snapshot', async () => {
    const snapshot = await collect(vault.snapshot(address, live.rootToken));
    assert.ok(snapshot.byteLength > 1000);
    const { clusterId } = await vault.sealStatus(address);
    await servers.node(0).stop();
    servers.node(0).wipe();
    await servers.node(0).start();
    const throwaway = await opened(vault, address, 1, 1);
    assert.notEqual((await vault.sealStatus(address)).clusterId, clusterId);
    await vault.restoreSnapshot(address, (async function* () { yield snapshot; })(), throwaway.rootToken);
    await until('the restored server has sealed itself', async () => (await vault.sealStatus(address)).sealed);
    assert.deepEqual(await openNode(vault, systemClock, address, live), { is: 'open' });
    await untilActive(vault, address);
    assert.equal((await vault.sealStatus(address)).clusterId, clusterId);
    await vault.lookupSelf(address, live.rootToken);
    await assert.rejects(vault.lookupSelf(address, throwaway.rootToken), VaultError);
  });
});
