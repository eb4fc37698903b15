import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { VaultWire, WireRequest } from '../../src/ports/vault.ts';
import { VaultHands } from '../../src/vault/hands.ts';
import { SimVault } from '../sim/vault.ts';

it('init, the shares of an update and those that verify have no timeout of ours; everything else has one', async () => {
  const servers = new SimVault({ clock: { now: () => 0 }, electionMs: 0 });
  const [address] = servers.addresses as [string];
  const own = servers.wire();
  const asked: WireRequest[] = [];
  const wire: VaultWire = {
    request: (to, request) => { asked.push(request); return own.request(to, request); },
    download: (to, request) => own.download(to, request), upload: (to, request, body) => own.upload(to, request, body), close: () => undefined,
  };
  const hands = new VaultHands(wire, 10_000);
  const old = await hands.init(address, 3, 2);
  for (const share of old.shares.slice(0, 2)) await hands.unsealShare(address, share);
  const { nonce } = await hands.rekeyStart(address, 3, 2, undefined);
  let verificationNonce = '';
  let fresh = old.shares;
  for (const share of old.shares.slice(0, 2)) {
    const answer = await hands.rekeyUpdate(address, share, nonce, undefined);
    if (answer.is === 'complete') [verificationNonce, fresh] = [answer.verificationNonce, answer.shares];
  }
  assert.notEqual(verificationNonce, '');
  for (const share of fresh.slice(0, 2)) await hands.verifyUpdate(address, share, verificationNonce, undefined);
  const patient = asked.filter((request) => request.patient === true).map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(patient, ['PUT sys/init', ...Array<string>(2).fill('PUT sys/rekey/update'), ...Array<string>(2).fill('PUT sys/rekey/verify')]);
  for (const { patient: waits, timeoutMs, path } of asked) assert.ok(waits === true || (timeoutMs !== undefined && timeoutMs <= 60_000), path);
});
