import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpWire } from '../../src/adapters/vault-http.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { notRun } from '../not-run.ts';
import { canTrace, type DeathWatch, killAfterWrites } from '../real/half-commit.ts';
import { until } from '../real/opened-vault.ts';
import { serverBinary, startVault } from '../real/vault.ts';
import { SimVault } from '../sim/vault.ts';
import { type CutAfter, cutCommit, cutCommitOfThree, type MortalSubject } from './vault-commit.ts';
import { simClock } from './vault-subjects.ts';

/** Durable writes of Vault 1.21's commit on raft, counted: the last one after which each world is what remains. */
const WRITES: Readonly<Record<CutAfter, number>> = { nothing: 2, 'stored keys': 5, keyring: 8, 'all keys': 11 };

async function realSubject(count: number): Promise<MortalSubject> {
  const folder = mkdtempSync(join(tmpdir(), 'vaultctl-commit-'));
  const servers = await startVault(folder, { nodes: count });
  const node = servers.node(0);
  const wire = new HttpWire({});
  const [data, kept] = [join(node.folder, 'data'), join(folder, 'kept')];
  let watch: DeathWatch | undefined;
  return {
    wire, clock: systemClock, addresses: servers.addresses,
    kill: () => node.kill(), start: () => node.start(), wipe: () => Promise.resolve(node.wipe()),
    allVote: (token) => until('every node votes', async () => {
      const { body } = await wire.request(node.address, { method: 'GET', path: 'sys/storage/raft/configuration', token });
      return (body as { data: { config: { servers: { voter: boolean }[] } } }).data.config.servers.every(({ voter }) => voter);
    }, 45_000),
    keep: () => Promise.resolve(cpSync(data, kept, { recursive: true })),
    putBack: async () => { await node.kill(); node.wipe(); cpSync(kept, data, { recursive: true }); },
    dieInCommit: async (after) => { watch = await killAfterWrites(node.pid!, WRITES[after]); },
    isDead: async () => { await watch?.over; await node.kill(); },
    close: async () => { wire.close(); await servers.close(); rmSync(folder, { recursive: true, force: true }); },
  };
}

const BEFORE = { nothing: 'stored-keys', 'stored keys': 'keyring', keyring: 'root-key', 'all keys': 'seal-config' } as const;

function simSubject(count: number): Promise<MortalSubject> {
  const clock = simClock();
  const vault = new SimVault({ clock, nodes: count });
  const { name } = vault.nodes[0]!;
  let kept: ReturnType<SimVault['snapshotState']> = [];
  const did = (what: void) => Promise.resolve(what);
  return Promise.resolve({
    wire: vault.wire(), clock, addresses: vault.addresses,
    kill: () => did(vault.crashNode(name)), start: () => did(vault.startNode(name)), wipe: () => { vault.wipeNode(name); return did(vault.crashNode(name)); },
    allVote: () => Promise.resolve(),
    keep: () => { kept = vault.snapshotState(); return Promise.resolve(); },
    putBack: () => { vault.putBack(kept); return did(vault.crashNode(name)); },
    dieInCommit: (after: CutAfter) => {
      vault.beforeWrite = (_, write) => {
        if (write !== BEFORE[after]) return undefined;
        vault.beforeWrite = () => undefined;
        return 'crash';
      };
      return Promise.resolve();
    },
    isDead: () => Promise.resolve(), close: () => Promise.resolve(),
  });
}

cutCommit('the simulated server', simSubject);
cutCommitOfThree('the simulated server', simSubject);
const { name } = await serverBinary();
const hindrance = name.startsWith('Vault v1.21.') ? await canTrace() : `the writes of its commit were counted on Vault 1.21, and this is ${name}`;
if (hindrance === undefined) {
  cutCommit('the real server', realSubject);
  cutCommitOfThree('the real server', realSubject);
} else notRun('a real server killed while it commits a rekey', hindrance);
