import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { whyNoCluster } from '../cluster/parts.ts';
import { type Cluster, startCluster, stopCluster } from '../cluster/start.ts';
import { notRun } from '../not-run.ts';

const why = whyNoCluster();
const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const chart = fileURLToPath(new URL('vault-chart', import.meta.url));

function installTests(): void {
  let cluster: Cluster;
  let scratch: string;

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'vaultctl-install-'));
    cluster = await startCluster({ folder: join(scratch, 'cluster') });
  });
  after(async () => {
    await stopCluster(join(scratch, 'cluster'));
    rmSync(scratch, { recursive: true, force: true });
  });

  /** An inventory for one namespace with a release of its name; values as JSON. */
  const inventory = (name: string, values: object, helm: string) => {
    const keys = join(scratch, `keys-${name}`);
    mkdirSync(keys, { recursive: true });
    const vars = {
      vault_namespace: name, vault_helm_release: name, vault_kubeconfig: cluster.kubeconfig, vault_helm_chart: chart, vault_helm_binary: helm, vault_helm_values: { server: { image: cluster.images.vault, ...values } },
      vault_creds_host_path: join(keys, 'main.json'), vault_creds_init_tmp_path: join(keys, 'init.tmp'), vault_creds_rotate_tmp_path: join(keys, 'rotate.tmp'), vault_snapshot_dir: keys,
      vault_install_pre: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { made: 'first' } } }],
      vault_install_post: [{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'application-sa', namespace: 'default' } }, { name: 'note it', command: ['touch', join(keys, 'noted')], creates: join(keys, 'noted') }],
      vault_secrets_engines: [{ path: 'secret/', type: 'kv', options: { version: 2 } }],
      vault_policies: [{ name: 'internal-app', policy: 'path "secret/data/internal/*" { capabilities = ["read"] }' }],
      vault_k8s_roles: [{ name: 'application', bound_service_account_names: 'application-sa', bound_service_account_namespaces: 'default', token_policies: ['internal-app'] }],
    };
    const path = join(scratch, `${name}.json`);
    writeFileSync(path, JSON.stringify({ managers: { hosts: { localhost: { ansible_connection: 'local' } }, vars } }));
    return path;
  };

  const vaultctl = (...args: string[]) => new Promise<{ code: number | null; text: string }>((resolve, reject) => {
    const [program, ...inside] = [...cluster.nsenter, process.execPath, '--input-type=module', '--eval', `const { main: run } = await import(${JSON.stringify(main)}); await run(process.argv.slice(1));`, '--', ...args];
    const child = spawn(program!, inside, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '', HOME: scratch }, timeout: 180_000 });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => { text += part; });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, text }));
  });

  it('goes from nothing to a proved login, and finds nothing to do the second time, with helm 3 and with helm 4', async () => {
    const path = inventory('vault', { replicas: 1 }, cluster.helm);
    const plan = await vaultctl('plan', 'install', '-i', path);
    assert.match(plan.text, /\+ Namespace vault\n[\s\S]*\+ release of vault 0\.30\.0/);
    const first = await vaultctl('install', '-i', path);
    assert.equal(first.code, 0, first.text);
    assert.match(first.text, /application-sa logs in/);
    assert.ok(existsSync(join(scratch, 'keys-vault/noted')));
    for (const helm of [cluster.helm, cluster.helm4]) {
      const again = await vaultctl('install', '-i', inventory('vault', { replicas: 1 }, helm));
      assert.equal(again.code, 0, again.text);
      for (const title of ['bring about what comes before the chart', 'install or upgrade the Helm chart', 'wait until every Vault pod answers', 'bring about what comes after']) assert.ok(again.text.includes(`· ${title} (already)`), title);
    }
  });

  it('waits for pods that an upgrade adds, and opens them', async () => {
    const more = await vaultctl('install', '-i', inventory('vault', { replicas: 2 }, cluster.helm4));
    assert.equal(more.code, 0, more.text);
    assert.match(more.text, /- server\.replicas: 1\n +\+ server\.replicas: 2/);
  });
}

if (why === undefined) describe('an install on a real Kubernetes', installTests);
else notRun('an install on a real Kubernetes: helm, pods, Kubernetes auth', why);
