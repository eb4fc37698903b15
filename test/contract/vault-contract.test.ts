import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpWire } from '../../src/adapters/vault-http.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { startVault } from '../real/vault.ts';
import { oneServer, threeServers, type VaultSubject } from './vault-contract.ts';

async function realSubject(count: number): Promise<VaultSubject> {
  const folder = mkdtempSync(join(tmpdir(), 'vaultctl-contract-'));
  const servers = await startVault(folder, { nodes: count });
  const wire = new HttpWire({});
  return {
    wire, clock: systemClock, addresses: servers.addresses,
    kill: (index) => servers.node(index).kill(),
    start: (index) => servers.node(index).start(),
    wipe: (index) => Promise.resolve(servers.node(index).wipe()),
    close: async () => { wire.close(); await servers.close(); rmSync(folder, { recursive: true, force: true }); },
  };
}

oneServer('the real server', realSubject);
threeServers('the real server', realSubject);
