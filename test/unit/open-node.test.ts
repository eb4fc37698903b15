import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KeySet } from '../../src/model/keys.ts';
import { type VaultWire, type WireAnswer, type WireRequest } from '../../src/ports/vault.ts';
import { VaultHands } from '../../src/vault/hands.ts';
import { joinRaft, openNode } from '../../src/vault/unseal.ts';
import { SimClock, SimTime } from '../sim/clock.ts';
import { SimVault } from '../sim/vault.ts';

/** A sealed cluster of one, its keys, and another party's way to it. */
async function sealedServer(nodes = 1) {
  const clock = new SimClock(new SimTime(), 1);
  const servers = new SimVault({ clock, nodes });
  const other = servers.wire();
  const set = await new VaultHands(other, 10_000).init(servers.addresses[0]!, 3, 2);
  return { clock, servers, other, set, address: servers.addresses[0]! };
}

/** Does `before` once, before our request number `at` (from 1) to sys/unseal with a share. */
function disturbed(wire: VaultWire, at: number, before: () => Promise<unknown>): VaultWire {
  let count = 0;
  return {
    request: async (address: string, request: WireRequest): Promise<WireAnswer> => {
      if (request.path === 'sys/unseal' && request.body?.['key'] !== undefined && (count += 1) === at) await before();
      return wire.request(address, request);
    },
    download: (address, request) => wire.download(address, request),
    upload: (address, request, body) => wire.upload(address, request, body),
    close: () => undefined,
  };
}

/** Its first answer to a share is `answer`, the rest are the server's own. */
function firstSaying(wire: VaultWire, answer: WireAnswer): VaultWire {
  let said = false;
  return {
    ...disturbed(wire, 0, () => Promise.resolve()),
    request: (address, request) => {
      if (said || request.path !== 'sys/unseal' || request.body?.['key'] === undefined) return wire.request(address, request);
      said = true;
      return Promise.resolve(answer);
    },
  };
}

const no = (status: number, error: string): WireAnswer => ({ status, body: { errors: [error] } });
const foreignShare = { method: 'PUT', path: 'sys/unseal', body: { key: Buffer.alloc(33, 9).toString('base64') } } as const;

describe('opening a node', () => {
  it('is not misled by another party whose share came among ours', async () => {
    for (const at of [1, 2]) {
      const { clock, other, set, address, servers } = await sealedServer();
      const wire = disturbed(servers.wire(), at, () => other.request(address, foreignShare));
      assert.deepEqual(await openNode(new VaultHands(wire, 10_000), clock, address, set), { is: 'open' });
    }
  });

  it('begins again where another party has reset it between two shares', async () => {
    const { clock, other, set, address, servers } = await sealedServer();
    const wire = disturbed(servers.wire(), 2, () => other.request(address, { method: 'PUT', path: 'sys/unseal', body: { reset: true } }));
    assert.deepEqual(await openNode(new VaultHands(wire, 10_000), clock, address, set), { is: 'open' });
  });

  it('finds a node open that another party opened meanwhile', async () => {
    const { clock, other, set, address, servers } = await sealedServer();
    const wire = disturbed(servers.wire(), 2, async () => { await openNode(new VaultHands(other, 10_000), clock, address, set); });
    assert.deepEqual(await openNode(new VaultHands(wire, 10_000), clock, address, set), { is: 'open' });
  });

  it('calls keys rejected only where the server says that they do not fit, not where its storage or leader does not answer', async () => {
    const sentences = ['failed to read root key: failed to fetch stored keys: context deadline exceeded', 'unable to retrieve stored keys: failed to fetch stored keys: connection refused', 'internal error'];
    for (const sentence of sentences) {
      const { clock, set, address, servers } = await sealedServer();
      const result = await openNode(new VaultHands(firstSaying(servers.wire(), no(500, sentence)), 10_000), clock, address, set);
      assert.equal(result.is, 'cannot-tell', sentence);
    }
  });

  it('waits for the leader of a follower that joins, and joins again where the leader forgot it', async () => {
    const { clock, set, address, servers } = await sealedServer(3);
    const vault = new VaultHands(servers.wire(), 10_000);
    await openNode(vault, clock, address, set);
    await clock.sleep(2000);
    const follower = servers.addresses[1]!;
    await joinRaft(vault, clock, follower, address, undefined);
    servers.restartNode('v1');
    await openNode(vault, clock, address, set);
    await clock.sleep(2000);
    assert.equal((await openNode(vault, clock, follower, set)).is, 'cannot-tell');
    assert.deepEqual(await openNode(vault, clock, follower, set, () => vault.raftJoin(follower, address, undefined)), { is: 'open' });
  });

  it('tells a set that opens nothing from one that does, at any threshold of the server', async () => {
    const { clock, set, address, servers } = await sealedServer();
    const vault = new VaultHands(servers.wire(), 10_000);
    const wrong: KeySet = { ...set, shares: [set.shares[0]!, (await new VaultHands(new SimVault({ clock, seed: 2 }).wire(), 10_000).init('http://v1:8200', 3, 2)).shares[1]!] };
    assert.deepEqual(await openNode(vault, clock, address, wrong), { is: 'rejected' });
    assert.equal((await vault.sealStatus(address)).progress, 0);
    assert.deepEqual(await openNode(vault, clock, address, set), { is: 'open' });
  });
});
