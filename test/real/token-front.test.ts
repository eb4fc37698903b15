import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { KeySet } from '../../src/model/keys.ts';
import { Secret } from '../../src/model/secret.ts';
import { WireError } from '../../src/ports/vault.ts';
import { VaultError } from '../../src/vault/answers.ts';
import { proveByRekey } from '../../src/vault/prove.ts';
import { collect, flipped, handsOn, opened, plainWire, rekeyToVerify } from './opened-vault.ts';
import { startTokenFront, type TokenFront } from './token-front.ts';
import { type Servers, startVault } from './vault.ts';

const folder = mkdtempSync(join(tmpdir(), 'vaultctl-front-'));
let servers: Servers;
let live: KeySet;
const wire = plainWire();
before(async () => {
  servers = await startVault(folder);
  live = await opened(handsOn(wire), servers.addresses[0]!, 3, 2);
});
after(async () => { wire.close(); await servers.close(); rmSync(folder, { recursive: true, force: true }); });

const nobodyListens = () => Promise.resolve();
const families = [['token', { path: 'sys/rekey', needsToken: true }], ['rotate', { path: 'sys/rotate/root', needsToken: true }], ['plain', { path: 'sys/rekey', needsToken: false }]] as const;

for (const [mode, family] of families) describe(`a server in the manner of "${mode}"`, () => {
  let front: TokenFront;
  before(async () => { front = await startTokenFront(servers.addresses[0]!, mode); });
  after(() => front.close());

  it('is recognised by asking it', async () => {
    assert.deepEqual(await handsOn(wire).rekeyFamily(front.address, live.rootToken), family);
  });

  if (family.needsToken) it('proves nothing without a good token, and says why', async () => {
    for (const token of [undefined, new Secret('hvs.revoked-long-ago')]) {
      const proof = await proveByRekey(handsOn(wire), front.address, live, token, nobodyListens);
      assert.ok(proof.is === 'cannot' && proof.why.includes('permission denied'), JSON.stringify(proof));
    }
  });

  it('proves a live set, refuses a wrong one, says busy, and keeps no rekey of ours', async () => {
    const vault = handsOn(wire);
    assert.deepEqual(await proveByRekey(vault, front.address, live, live.rootToken, nobodyListens), { is: 'accepted' });
    assert.deepEqual(await proveByRekey(vault, front.address, flipped(live, 0), live.rootToken, nobodyListens), { is: 'rejected' });
    const { nonce } = await vault.rekeyStart(front.address, 3, 2, live.rootToken);
    assert.equal((await proveByRekey(vault, front.address, live, live.rootToken, nobodyListens)).is, 'busy');
    await assert.rejects(vault.rekeyStart(front.address, 3, 2, live.rootToken), (error) => error instanceof VaultError && error.says('already in progress'));
    await vault.rekeyCancel(front.address, nonce, live.rootToken);
    assert.equal((await vault.rekeyStatus(front.address, live.rootToken)).started, false);
  });

  it('rekeys reversibly, from the first share to the last', async () => {
    const vault = handsOn(wire);
    const { set, nonce } = await rekeyToVerify(vault, front.address, live, 5, 3, live.rootToken);
    assert.deepEqual(await vault.verifyUpdate(front.address, set.shares[0]!, nonce, live.rootToken), { is: 'more' });
    const again = await vault.verifyReset(front.address, live.rootToken);
    const answers = [];
    for (const share of set.shares.slice(0, 3)) answers.push((await vault.verifyUpdate(front.address, share, again, live.rootToken)).is);
    assert.deepEqual(answers, ['more', 'more', 'complete']);
    assert.deepEqual(await vault.verifyUpdate(front.address, set.shares[0]!, again, live.rootToken), { is: 'no-rekey' });
    live = set;
  });

  it('gives a snapshot whole', async () => {
    assert.ok((await collect(handsOn(wire).snapshot(front.address, live.rootToken))).byteLength > 1000);
  });
});

describe('the hooks of the front', () => {
  it('a dropped request never arrives, a dropped reply had its effect', async () => {
    const front = await startTokenFront(servers.addresses[0]!, 'token');
    const vault = handsOn(wire);
    const isStart = ({ method, path }: { method: string; path: string }) => method === 'PUT' && path === 'sys/rekey/init';
    const isLost = (error: unknown) => error instanceof WireError && error.reached === 'unknown';
    front.onRequest((request) => isStart(request) ? 'drop' : undefined);
    await assert.rejects(vault.rekeyStart(front.address, 3, 2, live.rootToken), isLost);
    front.onRequest(() => undefined);
    assert.equal((await vault.rekeyStatus(front.address, live.rootToken)).started, false);
    front.dropReply(isStart);
    await assert.rejects(vault.rekeyStart(front.address, 3, 2, live.rootToken), isLost);
    const status = await vault.rekeyStatus(front.address, live.rootToken);
    assert.equal(status.started, true);
    await vault.rekeyCancel(front.address, status.nonce, live.rootToken);
    assert.deepEqual(front.requests.map(({ number }) => number), front.requests.map((_, index) => index + 1));
    await front.close();
  });
});
