import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KeySet } from '../../src/model/keys.ts';
import { WireError } from '../../src/ports/vault.ts';
import { VaultError } from '../../src/vault/answers.ts';
import { VaultHands } from '../../src/vault/hands.ts';
import { proveByRekey } from '../../src/vault/prove.ts';
import { joinRaft, openNode } from '../../src/vault/unseal.ts';
import { collect, rekeyToVerify } from '../real/opened-vault.ts';
import { type SimHook } from '../sim/vault-wire.ts';
import { SimVault, type SimVaultOptions } from '../sim/vault.ts';
import { eventually } from './vault-contract.ts';
import { simClock } from './vault-subjects.ts';

/** A simulated cluster, open and active, and what was done to get there. */
async function world(options: Omit<SimVaultOptions, 'clock'> = {}, hook?: SimHook) {
  const clock = simClock();
  const servers = new SimVault({ clock, ...options });
  const vault = new VaultHands(servers.wire(), 10_000);
  const [address, ...others] = servers.addresses as [string, ...string[]];
  const old = await vault.init(address, 3, 2);
  assert.deepEqual(await openNode(vault, clock, address, old), { is: 'open' });
  const active = (at = address) => eventually(clock, `${at} is active`, async () => await vault.health(at) === 'active');
  await active();
  for (const other of others) {
    await joinRaft(vault, clock, other, address, undefined);
    assert.deepEqual(await openNode(vault, clock, other, old), { is: 'open' });
  }
  return { clock, servers, vault: hook === undefined ? vault : new VaultHands(servers.wire(hook), 10_000), address, others, old, active };
}

async function verifyAll(vault: VaultHands, address: string, set: KeySet, nonce: string, token = set.rootToken): Promise<string[]> {
  const answers: string[] = [];
  for (const share of set.shares.slice(0, set.threshold)) answers.push((await vault.verifyUpdate(address, share, nonce, token)).is);
  return answers;
}
const nobodyListens = () => Promise.resolve();

describe('the simulated Vault', () => {
  it('gives the same keys for the same seed, and others for another', async () => {
    const keys = async (seed: number) => (await world({ seed })).old.shares.map((share) => share.reveal());
    assert.deepEqual(await keys(7), await keys(7));
    assert.notDeepEqual(await keys(7), await keys(8));
  });

  it('finishes an init whose reply is lost', async () => {
    const servers = new SimVault({ clock: simClock() });
    const vault = new VaultHands(servers.wire(({ when, path }) => when === 'after' && path === 'sys/init' ? 'lose' : undefined), 10_000);
    await assert.rejects(vault.init(servers.addresses[0]!, 3, 2), (error) => error instanceof WireError && error.reached === 'unknown');
    assert.equal((await vault.sealStatus(servers.addresses[0]!)).initialized, true);
  });

  it('never hears a request that is refused or lost on its way, and lets a throw of the hook through', async () => {
    const { vault, address, servers } = await world({}, ({ when, path }) => {
      if (path === 'sys/health') throw new TypeError('our own process dies');
      return when === 'before' && path === 'sys/rekey/init' ? 'lose' : undefined;
    });
    await assert.rejects(vault.rekeyStart(address, 3, 2, undefined), WireError);
    await assert.rejects(vault.health(address), TypeError);
    assert.equal((await new VaultHands(servers.wire(), 10_000).rekeyStatus(address, undefined)).started, false);
  });

  it('keeps the rekey when a write of its commit fails: neither set opens then, and verifying again mends it', async () => {
    const { servers, vault, address, old, clock, active } = await world();
    const { set, nonce } = await rekeyToVerify(vault, address, old, 5, 3);
    servers.beforeWrite = (_, write) => { if (write !== 'keyring') return undefined; servers.beforeWrite = () => undefined; return 'fail'; };
    await assert.rejects(verifyAll(vault, address, set, nonce), (error) => error instanceof VaultError && error.status === 500);
    assert.deepEqual([servers.halfCommitted(), servers.opens(old), servers.opens(set)], [true, false, false]);
    const status = await vault.rekeyStatus(address, old.rootToken);
    assert.ok(status.verificationPending && status.verificationProgress === 0 && status.verificationNonce !== nonce);
    assert.deepEqual(await verifyAll(vault, address, set, status.verificationNonce!), ['more', 'more', 'complete']);
    assert.deepEqual([servers.halfCommitted(), servers.opens(old), servers.opens(set)], [false, false, true]);
    servers.restartNode('v1');
    assert.deepEqual(await openNode(vault, clock, address, set), { is: 'open' });
    await active();
  });

  it('says which set opens its disks after each write of a commit: OLD, neither, neither for good, NEW, NEW', async () => {
    const seen: string[] = [];
    const { servers, vault, address, old } = await world();
    const { set, nonce } = await rekeyToVerify(vault, address, old, 5, 3);
    servers.beforeWrite = (_, write) => { seen.push(`${write}: ${servers.opens(old) ? 'OLD' : ''}${servers.opens(set) ? 'NEW' : ''}${servers.halfCommitted() ? 'half' : ''}`); };
    await verifyAll(vault, address, set, nonce);
    assert.deepEqual(seen, ['stored-keys: OLD', 'keyring: half', 'root-key: half', 'shamir-kek: NEW', 'seal-config: NEW']);
  });

  it('loses a pending rekey with a seal, a restart, or another leader', async () => {
    for (const lose of ['seal', 'restart', 'step down'] as const) {
      const { servers, vault, address, old, clock } = await world({ nodes: 3 });
      const { set, nonce } = await rekeyToVerify(vault, address, old, 3, 2);
      if (lose === 'seal') servers.sealNode('v1');
      if (lose === 'restart') servers.restartNode('v1');
      if (lose === 'step down') servers.stepDown();
      await eventually(clock, 'a leader again', () => Promise.resolve(servers.leader() !== undefined));
      const leader = servers.leader()!.address;
      assert.equal((await vault.rekeyStatus(leader, old.rootToken)).started, false, lose);
      assert.deepEqual(await vault.verifyUpdate(leader, set.shares[0]!, nonce, old.rootToken), { is: 'no-rekey' });
      assert.ok(servers.opens(old) && !servers.opens(set));
    }
  });

  it('has no leader without a majority, and then cannot say what is live', async () => {
    const { servers, vault, address, old } = await world({ nodes: 3 });
    servers.crashNode('v2');
    servers.crashNode('v3');
    assert.equal(await vault.health(address), 'standby');
    await assert.rejects(new VaultHands(servers.wire(), 10_000).rekeyStatus(address, old.rootToken), (error) => error instanceof VaultError && error.says('active cluster node not found'));
  });

  it('demands a token for a rekey where it is told to, under the old path and under the new one', async () => {
    for (const [options, path] of [[{ tokenForRekey: true }, 'sys/rekey'], [{ family: 'rotate' }, 'sys/rotate/root']] as const) {
      const { servers, vault, address, old } = await world(options);
      assert.deepEqual(await vault.rekeyFamily(address, old.rootToken), { path, needsToken: true });
      const tokenless = await proveByRekey(new VaultHands(servers.wire(), 10_000), address, old, undefined, nobodyListens);
      assert.equal(tokenless.is, 'cannot');
      assert.deepEqual(await proveByRekey(vault, address, old, old.rootToken, nobodyListens), { is: 'accepted' });
      const { set, nonce } = await rekeyToVerify(vault, address, old, 5, 3, old.rootToken);
      assert.deepEqual(await verifyAll(vault, address, set, nonce), ['more', 'more', 'complete']);
      assert.ok(servers.opens(set));
    }
  });

  it('cancels a rekey of the moved family whatever nonce it is given, and vaultctl gives none but its own', async () => {
    const { servers, vault, address, old } = await world({ family: 'rotate' });
    const { nonce } = await vault.rekeyStart(address, 3, 2, old.rootToken);
    await assert.rejects(vault.rekeyCancel(address, 'somebody-elses', old.rootToken), (error) => error instanceof VaultError && error.says('another nonce'));
    assert.equal((await vault.rekeyStatus(address, old.rootToken)).nonce, nonce);
    await servers.wire().request(address, { method: 'DELETE', path: 'sys/rotate/root/init', body: { nonce: 'somebody-elses' }, token: old.rootToken });
    assert.equal((await vault.rekeyStatus(address, old.rootToken)).started, false);
    await vault.rekeyCancel(address, nonce, old.rootToken);
  });

  it('gives a snapshot in pieces, and opens with the keys of its time when it is put back', async () => {
    const { servers, vault, address, old } = await world();
    const snapshot = await collect(vault.snapshot(address, old.rootToken));
    const { set, nonce } = await rekeyToVerify(vault, address, old, 3, 2);
    await verifyAll(vault, address, set, nonce);
    assert.deepEqual([servers.opens(old), servers.opens(set)], [false, true]);
    await vault.restoreSnapshot(address, (async function* () { yield snapshot; })(), old.rootToken);
    assert.deepEqual([servers.opens(old), servers.opens(set)], [true, false]);
    await assert.rejects(vault.restoreSnapshot(address, (async function* () { yield snapshot.subarray(0, 20); })(), old.rootToken), VaultError);
  });

  it('tells its seal, and refuses an auto-unseal init that asks for shares', async () => {
    const servers = new SimVault({ clock: simClock(), sealType: 'awskms' });
    const vault = new VaultHands(servers.wire(), 10_000);
    assert.equal((await vault.sealStatus(servers.addresses[0]!)).type, 'awskms');
    await assert.rejects(vault.init(servers.addresses[0]!, 3, 2), (error) => error instanceof VaultError && error.says('not applicable to seal type awskms'));
  });

  it('cloned, lives two lives', async () => {
    const { servers, vault, address, old } = await world();
    const { set, nonce } = await rekeyToVerify(vault, address, old, 3, 2);
    const twin = servers.clone(simClock());
    await verifyAll(vault, address, set, nonce);
    assert.deepEqual([servers.opens(set), twin.opens(set), twin.opens(old)], [true, false, true]);
  });
});
