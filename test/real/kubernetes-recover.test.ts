import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { clusterParts, whyNoCluster } from '../cluster/parts.ts';
import { type Cluster, startCluster, stopCluster } from '../cluster/start.ts';
import { notRun } from '../not-run.ts';
import { untilIn } from './kube-until.ts';
import { apply, namespaceNamed, vaultSet } from './vault-set.ts';

const why = whyNoCluster();
const launcher = fileURLToPath(new URL('../../bin/vaultctl.js', import.meta.url));

interface Ended { readonly code: number | null; readonly out: string; readonly err: string }

function recoverTests(): void {
  let cluster: Cluster;
  let scratch: string;
  let inventory: string;
  const children = new Set<ChildProcess>();

  /** vaultctl as a process in the cluster's network, and everything that it printed so far. */
  const start = (...args: string[]) => {
    const [program, ...inside] = [...cluster.nsenter, process.execPath, launcher, ...args, '-i', inventory];
    const child = spawn(program, inside, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '', HOME: scratch } });
    children.add(child);
    const told = { out: '', err: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => { told.out += text; });
    child.stderr.setEncoding('utf8').on('data', (text: string) => { told.err += text; });
    const ended = once(child, 'close').then(([code]): Ended => { children.delete(child); return { code: code as number | null, ...told }; });
    return { child, told, ended };
  };
  const vaultctl = (...args: string[]): Promise<Ended> => start(...args).ended;
  const claims = async () => (await cluster.kubectlDo(['-n', 'vault', 'get', 'pvc', '-o', 'jsonpath={range .items[*]}{.metadata.uid} {end}'])).trim().split(' ');
  const until = untilIn(() => cluster);

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'vaultctl-recover-'));
    await clusterParts();
    cluster = await startCluster({ folder: join(scratch, 'cluster') });
    mkdirSync(join(scratch, 'keys'), { mode: 0o700 });
    inventory = join(scratch, 'hosts.yaml');
    const at = (name: string) => join(scratch, 'keys', name);
    writeFileSync(inventory, JSON.stringify({ all: {
      vars: {
        ansible_connection: 'local', vault_namespace: 'vault', vault_reach: 'port-forward', vault_kubeconfig: cluster.kubeconfig, vault_key_shares: 3, vault_key_threshold: 2, vault_cluster_name: 'bench',
        vault_creds_host_path: at('vault-unseal.json'), vault_creds_init_tmp_path: at('init.json.tmp'), vault_creds_rotate_tmp_path: at('rotate.json.tmp'), vault_snapshot_dir: at('snapshots'),
      },
      children: { managers: { hosts: { here: {} } } },
    } }));
    await apply(cluster, [namespaceNamed('vault'), ...vaultSet({ image: cluster.images.vault, namespace: 'vault', replicas: 2, retryJoin: true, probed: true })]);
  });

  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await stopCluster(join(scratch, 'cluster'));
    rmSync(scratch, { recursive: true, force: true });
  });

  it('an install takes the Lease, and leaves it to nobody', async () => {
    let last: Ended | undefined;
    await until('the pods answer', async () => { last = await vaultctl('install'); return last.code !== 8; });
    assert.equal(last?.code, 0, `${last?.out}${last?.err}`);
    const lease = JSON.parse(await cluster.kubectlDo(['-n', 'vault', 'get', 'lease', 'vaultctl-vault', '-o', 'json'])) as { spec: { holderIdentity?: string; renewTime: string } };
    assert.ok(!lease.spec.holderIdentity, lease.spec.holderIdentity);
    assert.ok(lease.spec.renewTime.length > 0);
  });

  it('another holder who renews is named with exit 6; one who is dead is taken over from', async () => {
    const hold = (holder: string) => cluster.kubectlDo(['-n', 'vault', 'patch', 'lease', 'vaultctl-vault', '--type=merge', '-p', JSON.stringify({ spec: { holderIdentity: holder, leaseDurationSeconds: 5 } })]);
    await hold('bob@laptop:9/theirs');
    const refused = start('distribute');
    let renewals = 0;
    const renewing = (async () => { while (refused.child.exitCode === null) { await hold(`bob@laptop:9/theirs`); await cluster.kubectlDo(['-n', 'vault', 'annotate', '--overwrite', 'lease', 'vaultctl-vault', `beat=${renewals += 1}`]); await sleep(300); } })();
    const ended = await refused.ended;
    await renewing;
    assert.equal(ended.code, 6, `${ended.out}${ended.err}`);
    assert.match(ended.err, /bob on laptop[\s\S]*the Lease vault\/vaultctl-vault/);
    const after5s = await vaultctl('distribute');
    assert.equal(after5s.code, 0, `${after5s.out}${after5s.err}`);
    assert.match(after5s.out, /watching for up to 5 s whether that still lives/);
  });

  it('status shows StatefulSet, pods and claims', async () => {
    const { code, out } = await vaultctl('status', '--json');
    const { kubernetes } = JSON.parse(out) as { kubernetes: { stateful_set: string; pods: { name: string; vault: string; why: string | null }[]; claims: { name: string; phase: string }[] } };
    assert.equal(code, 0, out);
    assert.deepEqual(kubernetes.pods.map(({ name, why: not }) => [name, not]), [['vault-0', null], ['vault-1', null]]);
    assert.deepEqual(kubernetes.pods.map(({ vault }) => vault).toSorted((a, b) => (a < b ? -1 : 1)), ['active', 'standby']);
    assert.deepEqual(kubernetes.claims.map(({ name, phase }) => [name, phase]), [['data-vault-0', 'Bound'], ['data-vault-1', 'Bound']]);
  });

  it('unseal --watch unseals a pod that was deleted, outlives the API server, and ends at SIGTERM with 143', async () => {
    const watch = start('unseal', '--watch');
    await until('it watches', () => watch.told.out.includes('vaultctl: watching'));
    await cluster.kubectlDo(['-n', 'vault', 'delete', 'pod', 'vault-1', '--wait=true']);
    const opened = () => watch.told.out.split('vault-1: unsealed').length - 1;
    await until('vault-1 is unsealed again', () => opened() >= 2);
    await cluster.killComponent('kube-apiserver');
    await until('it says that the API server is away', () => /does not answer/.test(watch.told.err));
    cluster.startComponent('kube-apiserver');
    await until('the API server is back', async () => await cluster.kubectlDo(['get', '--raw', '/readyz']).catch(() => '') === 'ok');
    await cluster.kubectlDo(['-n', 'vault', 'delete', 'pod', 'vault-0', '--wait=true']);
    await until('vault-0 is unsealed again', async () => (await vaultctl('status')).code === 0, 120_000);
    // nsenter became the program: the signal goes to vaultctl itself.
    watch.child.kill('SIGTERM');
    const { code, err } = await watch.ended;
    assert.equal(code, 143, err);
  });

  it('recover --reinitialise refuses while keys are live, asks for the name, is killed in the middle, and goes on to a new Vault', async () => {
    assert.equal((await vaultctl('recover', '--reinitialise', '--confirm', 'bench')).code, 7);
    renameSync(join(scratch, 'keys'), join(scratch, 'lost-keys'));
    mkdirSync(join(scratch, 'keys'), { mode: 0o700 });
    const unsealed = await vaultctl('recover', '--reinitialise', '--confirm', 'bench');
    assert.equal(unsealed.code, 7, unsealed.out);
    assert.match(unsealed.err, /still unsealed on vault-\d/);
    await cluster.kubectlDo(['-n', 'vault', 'delete', 'pod', 'vault-0', 'vault-1', '--wait=true']);
    await until('it says LOST', async () => (await vaultctl('install')).code === 3);
    const old = await claims();
    const untyped = await vaultctl('recover', '--reinitialise');
    assert.equal(untyped.code, 7, `${untyped.out}${untyped.err}`);
    assert.deepEqual(await claims(), old);

    const killed = start('recover', '--reinitialise', '--confirm', 'bench');
    await until('it scales down', () => killed.told.out.includes('scale the StatefulSet to 0') || killed.child.exitCode !== null);
    killed.child.kill('SIGKILL');
    await killed.ended;
    const halfway = await vaultctl('status');
    assert.match(halfway.out, /emptying this Vault was interrupted[\s\S]*recover --reinitialise/);
    assert.equal(halfway.code, 4, halfway.out);

    const again = await vaultctl('recover', '--reinitialise', '--confirm', 'bench');
    assert.equal(again.code, 0, `${again.out}${again.err}`);
    const fresh = await claims();
    assert.equal(fresh.length, 2);
    for (const uid of fresh) assert.ok(!old.includes(uid));
    assert.equal((await vaultctl('status')).code, 0);
    const [before_, now] = ['lost-keys', 'keys'].map((folder) => (JSON.parse(readFileSync(join(scratch, folder, 'vault-unseal.json'), 'utf8')) as { unseal_keys: string[] }).unseal_keys);
    assert.notDeepEqual(now, before_);
  });
}

describe('Lease, status, unseal --watch and recover on a real Kubernetes', { timeout: 600_000 }, () => {
  if (why === undefined) recoverTests();
  else it('cannot be tried here', () => { notRun('Lease, status, unseal --watch and recover --reinitialise on a real Kubernetes', why); });
});
