import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { notRun } from '../not-run.ts';
import { HttpWire } from '../../src/adapters/vault-http.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { serverBinary, startVault } from '../real/vault.ts';
import { SimVault } from '../sim/vault.ts';
import { oneServer, threeServers, type VaultSubject } from './vault-contract.ts';
import { simClock } from './vault-subjects.ts';
import { transcript } from './vault-transcript.ts';

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

const simSubject = (family: 'rekey' | 'rotate') => (count: number): Promise<VaultSubject> => {
  const clock = simClock();
  const vault = new SimVault({ clock, nodes: count, family });
  const at = (index: number) => vault.nodes[index]!.name;
  return Promise.resolve({
    wire: vault.wire(), clock, addresses: vault.addresses,
    kill: (index: number) => Promise.resolve(vault.crashNode(at(index))),
    start: (index: number) => Promise.resolve(vault.startNode(at(index))),
    wipe: (index: number) => { vault.wipeNode(at(index)); vault.crashNode(at(index)); return Promise.resolve(); },
    close: () => Promise.resolve(),
  });
};

for (const [name, family] of [['the simulated server', 'rekey'], ['the simulated server of the moved family', 'rotate']] as const) {
  oneServer(name, simSubject(family));
  threeServers(name, simSubject(family));
}
oneServer('the real server', realSubject);
threeServers('the real server', realSubject);

const { name } = await serverBinary();
if (!name.startsWith('Vault v1.21.')) notRun('a whole conversation, simulated and real, compared word for word', `the words are those of Vault 1.21, and this is ${name}`);
else it('the simulated server answers a whole conversation word for word as the real one', async () => {
  const [simulated, real] = await Promise.all([simSubject('rekey'), realSubject].map(async (open) => {
    const subject = await open(1);
    try { return await transcript(subject); } finally { await subject.close(); }
  }));
  assert.deepEqual(simulated, real);
});
