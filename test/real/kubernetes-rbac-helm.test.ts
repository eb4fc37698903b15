import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { whyNoCluster } from '../cluster/parts.ts';
import { type Cluster, startCluster, stopCluster } from '../cluster/start.ts';
import { notRun } from '../not-run.ts';
import { distinct, grantedBy, manifestOf, type RbacObject, usedBy, writeAccountKubeconfig } from './rights.ts';

const why = whyNoCluster();
const launcher = fileURLToPath(new URL('../../bin/vaultctl.js', import.meta.url));
const chart = fileURLToPath(new URL('vault-chart', import.meta.url));
const HELM = 'vault/helm';
/** What the chart gives to Vault: whoever gives it away must hold it, and never asks for it. */
const HELD = ['cluster: bind rbac.authorization.k8s.io/clusterroles', 'vault: get pods', 'vault: patch pods', 'vault: update pods', 'vault: watch pods'];

function helmTests(): void {
  let cluster: Cluster;
  let scratch: string;
  const kubeconfig = () => join(scratch, 'kubeconfig');

  /** An install with the values of the chart, by one helm or the other. */
  const install = (helm: string, replicas: number) => new Promise<{ code: number | null; text: string }>((resolve, reject) => {
    const keys = join(scratch, 'keys');
    mkdirSync(keys, { recursive: true, mode: 0o700 });
    const inventory = join(scratch, 'hosts.json');
    writeFileSync(inventory, JSON.stringify({ managers: { hosts: { localhost: { ansible_connection: 'local' } }, vars: {
      // A volume that could not be made at once on a busy machine is tried again after up to two minutes.
      vault_namespace: 'vault', vault_timeout: 170, vault_helm_release: 'vault', vault_kubeconfig: kubeconfig(), vault_helm_chart: chart, vault_helm_binary: helm,
      vault_helm_values: { server: { image: cluster.images.vault, replicas, address: '$(HOSTNAME).vault-internal', around: true } },
      vault_creds_host_path: join(keys, 'main.json'), vault_creds_init_tmp_path: join(keys, 'init.tmp'), vault_creds_rotate_tmp_path: join(keys, 'rotate.tmp'), vault_snapshot_dir: keys,
    } } }));
    const [program, ...inside] = [...cluster.nsenter, process.execPath, launcher, 'install', '-i', inventory];
    const child = spawn(program!, inside, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '', HOME: scratch }, timeout: 240_000 });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => { text += part; });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, text }));
  });
  const apply = (objects: readonly object[]) => cluster.kubectlDo(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  const without = (resource: string): RbacObject[] => manifestOf('rbac-helm.yaml', [HELM]).map((object) => (object.rules === undefined ? object : { ...object, rules: object.rules.filter(({ resources }) => !resources.includes(resource)) }));

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'vaultctl-rbac-helm-'));
    cluster = await startCluster({ folder: join(scratch, 'cluster'), audited: [`system:serviceaccount:${HELM.replace('/', ':')}`] });
    await cluster.kubectlDo(['create', 'namespace', 'vault']);
    await cluster.kubectlDo(['-n', 'vault', 'create', 'serviceaccount', 'helm']);
    await writeAccountKubeconfig(cluster, HELM, kubeconfig());
    await apply([...manifestOf('rbac.yaml', [HELM]), ...manifestOf('rbac-install.yaml', [HELM])]);
  });
  after(async () => {
    await stopCluster(join(scratch, 'cluster'));
    rmSync(scratch, { recursive: true, force: true });
  });

  it('without them it ends with exit 4, and the page names the one that is missing and where it is', async () => {
    const { code, text } = await install(cluster.helm, 1);
    assert.equal(code, 4, text);
    assert.match(text, /system:serviceaccount:vault:helm may not list secrets in namespace vault: add - \{apiGroups: \[""\], resources: \[secrets\], verbs: \[list\]\} +\(deploy\/kubernetes\/rbac-helm\.yaml/);
    await apply(without('clusterroles'));
    const bound = await install(cluster.helm, 1);
    assert.equal(bound.code, 4, bound.text);
    assert.match(bound.text, /attempting to grant RBAC permissions not currently held[\s\S]*kubectl apply -f deploy\/kubernetes\/rbac-helm\.yaml/);
  });

  it('with them helm 3 and helm 4 install, upgrade and tidy up; each is used, or held by who gives it to Vault', async () => {
    await apply(manifestOf('rbac-helm.yaml', [HELM]));
    // A first install by each: what the other left is taken away by the administrator.
    for (const helm of [cluster.helm4, cluster.helm]) {
      await promisify(execFile)(cluster.nsenter[0]!, [...cluster.nsenter.slice(1), cluster.helm, 'uninstall', 'vault', '--ignore-not-found', '--wait', '-n', 'vault', '--kubeconfig', cluster.kubeconfig]);
      await cluster.kubectlDo(['-n', 'vault', 'delete', 'pvc', '--all', '--wait=true']);
      rmSync(join(scratch, 'keys'), { recursive: true, force: true });
      for (const replicas of [1, 2]) {
        const { code, text } = await install(helm, replicas);
        if (code !== 0) assert.fail(`${text}\n${await cluster.story()}`);
      }
    }
    // As the eleventh revision would.
    await promisify(execFile)(cluster.nsenter[0]!, [...cluster.nsenter.slice(1), cluster.helm, 'upgrade', 'vault', chart, '--reuse-values', '--history-max', '1', '-n', 'vault', '--kubeconfig', kubeconfig()], { env: { PATH: process.env['PATH'] ?? '', HOME: scratch } });
    const daily = grantedBy([...manifestOf('rbac.yaml'), ...manifestOf('rbac-install.yaml')]);
    const used = distinct(usedBy(cluster.auditLog, HELM)).filter((right) => !daily.includes(right));
    assert.deepEqual(used, grantedBy(manifestOf('rbac-helm.yaml')).filter((right) => !daily.includes(right) && !HELD.includes(right)));
  });
}

describe('the rights that helm needs', { timeout: 600_000 }, () => {
  if (why === undefined) helmTests();
  else it('cannot be tried here', () => { notRun('helm with the rights of deploy/kubernetes/rbac-helm.yaml, on a real Kubernetes', why); });
});
