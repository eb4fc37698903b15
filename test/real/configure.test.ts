import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Configuration } from '../../src/model/configuration.ts';
import type { Secret } from '../../src/model/secret.ts';
import { differences } from '../../src/steps/configure-vault.ts';
import { compareConfiguration, writeConfiguration } from '../../src/vault/configuration.ts';
import { VaultError } from '../../src/vault/answers.ts';
import { handsOn, opened } from './opened-vault.ts';
import { type Servers, startVault } from './vault.ts';

const wanted: Configuration = {
  engines: [{ path: 'secret', type: 'kv', description: 'of the applications', options: { version: '2' }, config: { max_lease_ttl: '24h' } }],
  policies: [{ name: 'internal-app', text: 'path "secret/data/internal-app/*" {\n  capabilities = ["read"]\n}\n' }],
  auth: undefined, roles: [],
};

describe("Vault's own configuration, on a real server", () => {
  const folder = mkdtempSync(join(tmpdir(), 'vaultctl-configure-'));
  const hands = handsOn();
  let vault: Servers;
  let address: string;
  let token: Secret;
  before(async () => {
    vault = await startVault(join(folder, 'vault'));
    address = vault.addresses[0]!;
    token = (await opened(hands, address, 1, 1)).rootToken;
  });
  after(async () => { await vault.close(); rmSync(folder, { recursive: true, force: true }); });
  const admin = () => hands.administer(address, token);

  it('is compared, written once, and then as wanted', async () => {
    const before = await compareConfiguration(await admin(), wanted);
    assert.deepEqual(before.map(({ name, is }) => [name, is]), [['secrets engine secret/', 'absent'], ['policy internal-app', 'absent']]);
    await writeConfiguration(await admin(), before);
    const after = await compareConfiguration(await admin(), wanted);
    assert.deepEqual(after.map(({ is }) => is), ['as-wanted', 'as-wanted'], differences(after).join('\n'));
  });

  it('shows what differs, changes that and nothing else', async () => {
    await (await admin()).write('sys/mounts/secret/tune', { max_lease_ttl: '48h', listing_visibility: 'unauth' });
    await (await admin()).write('sys/policies/acl/by-hand', { policy: 'path "x" {}' });
    const items = await compareConfiguration(await admin(), wanted);
    assert.deepEqual(differences(items), ['~ secrets engine secret/', '    - max_lease_ttl: 172800', '    + max_lease_ttl: 24h']);
    await writeConfiguration(await admin(), items);
    assert.deepEqual(differences(await compareConfiguration(await admin(), wanted)), []);
    const mounts = await (await admin()).read('sys/mounts') as Record<string, { config: { listing_visibility?: string } }>;
    assert.equal(mounts['secret/']!.config.listing_visibility, 'unauth');
    assert.notEqual(await (await admin()).read('sys/policies/acl/by-hand'), undefined);
  });

  it('never replaces an engine by another: its secrets would be gone', async () => {
    const other = { ...wanted, engines: [{ ...wanted.engines[0]!, type: 'transit' }] };
    await assert.rejects(async () => compareConfiguration(await admin(), other), /holds a secrets engine of type kv, and the inventory wants transit/);
  });

  it('says what Vault refuses, and shows no token', async () => {
    await assert.rejects(async () => compareConfiguration(await hands.administer(address, await powerless()), wanted), (error: unknown) => {
      assert.ok(error instanceof VaultError && error.status === 403);
      assert.ok(!JSON.stringify([error.message, error]).includes(token.reveal()));
      return true;
    });
  });

  async function powerless(): Promise<Secret> {
    const { Secret: Kept } = await import('../../src/model/secret.ts');
    const { client_token: given } = await (await admin()).write('auth/token/create', { policies: ['default'], ttl: '5m' }) as { client_token: string };
    return new Kept(given);
  }
});
