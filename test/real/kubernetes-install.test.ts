import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { whyNoCluster } from '../cluster/parts.ts';
import { type Cluster, startCluster, stopCluster } from '../cluster/start.ts';
import { notRun } from '../not-run.ts';
import type { Seen, Sources } from './chart-sources.ts';
import { makeCertificates } from './vault.ts';

const why = whyNoCluster();
const launcher = fileURLToPath(new URL('../../bin/vaultctl.js', import.meta.url));
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
    const [program, ...inside] = [...cluster.nsenter, process.execPath, launcher, ...args];
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

  it('takes a chart from a repository, an OCI registry, a folder and an archive, with both helms: nothing is left to do after it, and a changed value is the whole difference', async () => {
    const [work, shelf] = [join(scratch, 'charts'), join(scratch, 'charts/shelf')];
    greetings(work);
    mkdirSync(shelf);
    const { cert, key, ca } = makeCertificates(join(scratch, 'shelf-tls'));
    const env = { PATH: process.env['PATH'] ?? '', HOME: scratch, SSL_CERT_FILE: ca };
    const run = async (...words: string[]) => (await promisify(execFile)(cluster.nsenter[0]!, [...cluster.nsenter.slice(1), ...words], { env, cwd: scratch, timeout: 180_000 })).stdout;
    for (const version of ['0.1.0', '0.2.0']) {
      writeFileSync(join(work, 'greet/Chart.yaml'), `apiVersion: v2\nname: greet\nversion: ${version}\n`);
      await run(cluster.helm, 'package', join(work, 'greet'), '-d', shelf);
    }
    await run(cluster.helm, 'repo', 'index', shelf);
    const server = spawn(cluster.nsenter[0]!, [...cluster.nsenter.slice(1), process.execPath, fileURLToPath(new URL('chart-shelf.ts', import.meta.url)), shelf, cert, key], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [said] = await once(server.stdout.setEncoding('utf8'), 'data') as [string];
      server.stdout.resume();
      const at = said.trim().split(' ').at(-1)!;
      await run(cluster.helm, 'repo', 'add', 'shelf', `https://${at}`);
      const sources: Sources = { kubeconfig: cluster.kubeconfig, binaries: { helm3: cluster.helm, helm4: cluster.helm4 }, charts: {
        named: { chart: 'shelf/greet', version: '0.1.0' }, url: { chart: 'greet', repo: `https://${at}`, version: '0.1.0' }, oci: { chart: `oci://${at}/charts/greet:0.1.0`, version: '0.1.0' },
        folder: { chart: join(work, 'greet') }, archive: { chart: join(shelf, 'greet-0.1.0.tgz') },
      } };
      const seen = JSON.parse(await run(process.execPath, fileURLToPath(new URL('chart-sources.ts', import.meta.url)), JSON.stringify(sources))) as Seen;
      for (const source of Object.keys(sources.charts)) {
        for (const helm of ['helm3', 'helm4']) {
          assert.deepEqual(seen[`${source} ${helm}`], {
            looks: ['pending', 'done', 'pending', 'done'], differences: ['    - greeting: "hello"', '    + greeting: "good day"'], release: `greet ${source === 'folder' ? '0.2.0' : '0.1.0'} deployed 2`,
          }, `${source} ${helm}`);
        }
      }
    } finally {
      server.kill();
    }
  });

  it('waits for pods that an upgrade adds, and opens them', async () => {
    const more = await vaultctl('install', '-i', inventory('vault', { replicas: 2 }, cluster.helm4));
    assert.equal(more.code, 0, more.text);
    assert.match(more.text, /- server\.replicas: 1\n +\+ server\.replicas: 2/);
  });
}

/** A chart that makes one object, in two versions: the folder and the newest on the shelf are 0.2.0. */
function greetings(folder: string): void {
  mkdirSync(join(folder, 'greet/templates'), { recursive: true });
  writeFileSync(join(folder, 'greet/values.yaml'), 'greeting: none\n');
  writeFileSync(join(folder, 'greet/templates/all.yaml'), 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {greeting: {{ .Values.greeting | quote }}}\n');
}

if (why === undefined) describe('an install on a real Kubernetes', installTests);
else notRun('an install on a real Kubernetes: helm, pods, Kubernetes auth', why);
