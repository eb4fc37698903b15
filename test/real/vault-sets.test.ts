import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/adapters/clock.ts';
import { proveAllShares, resplit } from '../../src/credentials/shamir.ts';
import type { KeySet } from '../../src/model/keys.ts';
import { proveByRekey } from '../../src/vault/prove.ts';
import { joinRaft, openNode } from '../../src/vault/unseal.ts';
import { flipped, handsOn, opened, plainWire, rekeyToVerify, until, untilActive } from './opened-vault.ts';
import { type Servers, startVault } from './vault.ts';

const wire = plainWire();
const vault = handsOn(wire);
const folder = mkdtempSync(join(tmpdir(), 'vaultctl-sets-'));
after(() => { wire.close(); rmSync(folder, { recursive: true, force: true }); });

const nobodyListens = () => Promise.resolve();

describe('from one share of one to nine of which five, on a real server', () => {
  let servers: Servers;
  let address: string;
  let live: KeySet;
  before(async () => {
    servers = await startVault(join(folder, 'one'));
    address = servers.addresses[0]!;
    live = await opened(vault, address, 1, 1);
  });
  after(() => servers.close());

  it('one raw key is a set: proved, and refused when it is another', async () => {
    assert.deepEqual([live.shares.length, live.threshold], [1, 1]);
    assert.deepEqual(await proveAllShares(live), { is: 'ok' });
    assert.deepEqual(await proveByRekey(vault, address, live, live.rootToken, nobodyListens), { is: 'accepted' });
    assert.deepEqual(await proveByRekey(vault, address, flipped(live, 0), live.rootToken, nobodyListens), { is: 'rejected' });
  });

  it('one becomes nine, and any five of them open it', async () => {
    const { set, nonce } = await rekeyToVerify(vault, address, live, 9, 5, live.rootToken);
    assert.deepEqual(await proveAllShares(set), { is: 'ok' });
    assert.deepEqual(await proveAllShares(flipped(set, 7)), { is: 'broken', bad: [7] });
    for (const share of set.shares.slice(0, 4)) assert.deepEqual(await vault.verifyUpdate(address, share, nonce, live.rootToken), { is: 'more' });
    assert.deepEqual(await vault.verifyUpdate(address, set.shares[4]!, nonce, live.rootToken), { is: 'complete' });
    await servers.node(0).kill();
    await servers.node(0).start();
    assert.deepEqual(await openNode(vault, systemClock, address, live), { is: 'rejected' });
    assert.deepEqual(await openNode(vault, systemClock, address, { ...set, shares: set.shares.slice(4) }), { is: 'open' });
    await untilActive(vault, address);
    assert.deepEqual(await proveByRekey(vault, address, await resplit(set, 2), live.rootToken, nobodyListens), { is: 'accepted' });
  });
});

describe('three real nodes', () => {
  let servers: Servers;
  let live: KeySet;
  before(async () => {
    servers = await startVault(join(folder, 'three'), { nodes: 3 });
    live = await opened(vault, servers.addresses[0]!, 3, 2);
    for (const address of servers.addresses.slice(1)) {
      await joinRaft(vault, systemClock, address, servers.addresses[0]!, undefined);
      assert.deepEqual(await openNode(vault, systemClock, address, live), { is: 'open' });
    }
  });
  after(() => servers.close());

  it('are one cluster with one active node', async () => {
    const states = await Promise.all(servers.addresses.map((address) => vault.health(address)));
    assert.deepEqual(states, ['active', 'standby', 'standby']);
    const ids = await Promise.all(servers.addresses.map(async (address) => (await vault.sealStatus(address)).clusterId));
    assert.equal(new Set(ids).size, 1);
    await joinRaft(vault, systemClock, servers.addresses[1]!, servers.addresses[0]!, undefined);
  });

  it('a follower that was away during a rotation rejects NEW and opens with OLD, which is no proof; then it catches up', async () => {
    const [leader, , away] = servers.addresses as [string, string, string];
    await servers.node(2).kill();
    const old = live;
    const { set, nonce } = await rekeyToVerify(vault, leader, old, 5, 3, old.rootToken);
    for (const share of set.shares.slice(0, 3)) await vault.verifyUpdate(leader, share, nonce, old.rootToken);
    live = set;
    await servers.node(2).start();
    const status = await vault.sealStatus(away);
    assert.deepEqual([status.shares, status.threshold], [3, 2]);
    assert.deepEqual(await openNode(vault, systemClock, away, set), { is: 'rejected' });
    assert.deepEqual(await openNode(vault, systemClock, away, old), { is: 'open' });
    assert.equal(await vault.health(away), 'standby');
    assert.deepEqual(await proveByRekey(vault, leader, set, old.rootToken, nobodyListens), { is: 'accepted' });
    assert.deepEqual(await proveByRekey(vault, leader, old, old.rootToken, nobodyListens), { is: 'rejected' });
    // It catches up only while it is open, and shows it only when it is opened again.
    await until('the follower has caught up', async () => {
      await systemClock.sleep(1500);
      await servers.node(2).kill();
      await servers.node(2).start();
      if ((await openNode(vault, systemClock, away, set)).is === 'open') return true;
      await openNode(vault, systemClock, away, old);
      return false;
    });
  });

  it('a pending rekey dies with the leader that held it', async () => {
    const [first] = servers.addresses as [string];
    // A follower votes only once it has been stable for ten seconds: before that, nobody can succeed the leader.
    await until('every node votes', async () => {
      const { body } = await wire.request(first, { method: 'GET', path: 'sys/storage/raft/configuration', token: live.rootToken });
      return (body as { data: { config: { servers: { voter: boolean }[] } } }).data.config.servers.every(({ voter }) => voter);
    }, 45_000);
    await rekeyToVerify(vault, first, live, 3, 2, live.rootToken);
    await servers.node(0).kill();
    const others = servers.addresses.slice(1);
    let leader = '';
    await until('another node leads', async () => {
      for (const address of others) if (await vault.health(address) === 'active') leader = address;
      return leader !== '';
    });
    assert.equal((await vault.rekeyStatus(leader, live.rootToken)).started, false);
    assert.deepEqual(await proveByRekey(vault, leader, live, live.rootToken, nobodyListens), { is: 'accepted' });
  });
});
