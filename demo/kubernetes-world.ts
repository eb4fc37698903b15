import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, startCluster, stopCluster } from '../test/cluster/start.ts';
import { type Ended, type RunOptions, shownRun, vaultctl } from './shown-run.ts';

const chart = resolve(import.meta.dirname, '../test/real/vault-chart');
const MANAGERS = ['manager1', 'manager2', 'manager3'];

const SETTLES_WITHIN_MS = 10_000;

/** A real one-node Kubernetes in namespaces of its own, and three managers that are folders of this machine. */
export class KubernetesWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'vaultctl-demo-kubernetes-'));
  readonly inventory = join(this.folder, 'hosts.json');
  readonly #over = new AbortController();
  #cluster: Cluster | undefined;
  #settled: Promise<unknown> = Promise.resolve();

  async up(): Promise<void> {
    const coming = startCluster({ folder: join(this.folder, 'cluster') });
    this.#settled = coming.catch(() => undefined);
    this.#cluster = await coming;
    for (const manager of MANAGERS) mkdirSync(join(this.folder, manager), { mode: 0o700 });
    writeFileSync(this.inventory, JSON.stringify(inventoryOf(this.folder, this.#cluster), undefined, 2));
  }

  get cluster(): Cluster {
    if (this.#cluster === undefined) throw new Error('the cluster is not up');
    return this.#cluster;
  }

  /** At any time, also while it comes up or a command runs: nothing of it is left. */
  async end(): Promise<void> {
    this.#over.abort();
    await stopCluster(join(this.folder, 'cluster'));
    // What is still being made would otherwise come after its own removal.
    await Promise.race([this.#settled, sleep(SETTLES_WITHIN_MS, undefined, { ref: false })]);
    await stopCluster(join(this.folder, 'cluster'));
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return shownRun([...this.cluster.nsenter, process.execPath, vaultctl, ...argv, '-i', this.inventory], this.folder, { ...options, over: this.#over.signal });
  }

  /** As a person would: `-n vault` is put before it. */
  async kubectl(...args: string[]): Promise<string> {
    return this.cluster.kubectlDo(['-n', 'vault', ...args]);
  }

  /** Until a pod that was deleted is there again under its name, with its Vault answering: not Ready, for it is sealed. */
  async isBack(pod: string, withinMs = 60_000): Promise<void> {
    for (const end = Date.now() + withinMs; Date.now() < end; await sleep(500)) {
      const { nodes } = JSON.parse((await this.run(['status', '--json'])).text) as { nodes: { name: string; reached: boolean }[] };
      if (nodes.some(({ name, reached }) => name === pod && reached)) return;
    }
    throw new Error(`pod ${pod} is not back after ${withinMs / 1000} s`);
  }
}

function inventoryOf(folder: string, cluster: Cluster): object {
  const own = (path: string) => `${folder}/{{ inventory_hostname }}/${path}`;
  return { managers: {
    hosts: Object.fromEntries(MANAGERS.map((name) => [name, { ansible_connection: 'local' }])),
    vars: {
      vault_cluster_name: 'demo', vault_namespace: 'vault', vault_kubeconfig: cluster.kubeconfig,
      vault_helm_release: 'vault', vault_helm_chart: chart, vault_helm_binary: cluster.helm,
      // By its name: the address of a pod that comes back is another one.
      vault_helm_values: { server: { image: cluster.images.vault, replicas: 3, address: '$(HOSTNAME).vault-internal' } },
      vault_creds_host_path: own('vault-unseal.json'), vault_creds_init_tmp_path: own('vault-creds-init.json.tmp'), vault_creds_rotate_tmp_path: own('vault-creds-rotate.json.tmp'), vault_snapshot_dir: own('snapshots'),
      vault_install_pre: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'vault' } }],
      vault_install_post: [{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'application-sa', namespace: 'default' } }],
      vault_secrets_engines: [{ path: 'secret/', type: 'kv', options: { version: 2 } }],
      vault_policies: [{ name: 'internal-app', policy: 'path "secret/data/internal/*" { capabilities = ["read"] }' }],
      vault_k8s_auth: { config: { kubernetes_host: 'https://kubernetes.default.svc:443' } },
      vault_k8s_roles: [{ name: 'application', bound_service_account_names: 'application-sa', bound_service_account_namespaces: 'default', token_policies: ['internal-app'] }],
    },
  } };
}
