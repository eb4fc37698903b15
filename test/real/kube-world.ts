import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, startCluster, stopCluster } from '../cluster/start.ts';
import type { Begun, Ended, Strike } from './killed-world.ts';
import { type KubeFront, startKubeFront } from './kube-front.ts';
import { apply, killVault, namespaceNamed, vaultSet } from './vault-set.ts';

const repository = resolve(import.meta.dirname, '../..');
const POD_WITHIN_MS = 90_000;

export interface KubeWorldOptions {
  /** `VAR: value` into the inventory. */
  readonly vars?: Readonly<Record<string, unknown>>;
  readonly storageClass?: string;
  /** Raft nodes, each in a pod of its own; default 1. Whoever unseals them has them join. */
  readonly replicas?: number;
  /** False: Vault is deployed by vaultctl itself, from the chart of the inventory. */
  readonly deploy?: boolean;
  /** Every request of ours and its answer are in the cluster's audit log, with their bodies. */
  readonly audit?: boolean;
}

/**
 * The real program on a real Vault in one pod or several of a real Kubernetes, over port-forward, through a front that
 * strikes at chosen requests; two managers, both this machine.
 */
export class KubeWorld {
  readonly names: readonly string[] = ['m1', 'm2'];
  readonly namespace = 'vault';
  readonly pods: readonly string[];
  readonly folder: string;
  readonly inventory: string;
  readonly cluster: Cluster;
  readonly front: KubeFront;
  readonly kubeconfig: string;
  #before = 0;
  #back: Promise<void> = Promise.resolve();

  private constructor(folder: string, cluster: Cluster, front: KubeFront, vars: object, replicas: number) {
    this.folder = folder;
    this.pods = Array.from({ length: replicas }, (_, index) => `vault-${index}`);
    this.cluster = cluster;
    this.front = front;
    this.inventory = join(folder, 'hosts.json');
    this.kubeconfig = join(folder, 'kubeconfig');
    const through = JSON.parse(readFileSync(cluster.kubeconfig, 'utf8')) as { clusters: { cluster: { server: string } }[] };
    for (const one of through.clusters) one.cluster.server = front.server;
    writeFileSync(this.kubeconfig, JSON.stringify(through), { mode: 0o600 });
    const own = (path: string) => join(folder, '{{ inventory_hostname }}', path);
    writeFileSync(this.inventory, JSON.stringify({ all: {
      vars: {
        ansible_connection: 'local', vault_namespace: this.namespace, vault_reach: 'port-forward', vault_kubeconfig: this.kubeconfig, vault_key_shares: 3, vault_key_threshold: 2, vault_cluster_name: 'kill',
        vault_creds_host_path: own('etc/vault-unseal.json'), vault_creds_init_tmp_path: own('etc/vault-creds-init.json.tmp'), vault_creds_rotate_tmp_path: own('etc/vault-creds-rotate.json.tmp'),
        vault_snapshot_dir: own('snapshots'), vault_journal_path: own('journal.ndjson'), ...vars,
      },
      children: { managers: { hosts: Object.fromEntries(this.names.map((name) => [name, {}])) } },
    } }));
    this.freshManagers();
  }

  static async start({ vars = {}, storageClass, deploy = true, audit = false, replicas = 1 }: KubeWorldOptions = {}): Promise<KubeWorld> {
    const folder = mkdtempSync(join(tmpdir(), 'vaultctl-kube-'));
    try {
      const cluster = await startCluster({ folder: join(folder, 'cluster'), ...(audit ? { audited: ['kubernetes-admin'], auditLevel: 'RequestResponse' as const } : {}) });
      if (deploy) await apply(cluster, [namespaceNamed('vault'), ...vaultSet({ image: cluster.images.vault, namespace: 'vault', replicas, again: true, ...(storageClass === undefined ? {} : { storageClass }) })]);
      const world = new KubeWorld(folder, cluster, await startKubeFront(cluster), vars, replicas);
      if (deploy) await world.answers();
      return world;
    } catch (error) {
      await stopCluster(join(folder, 'cluster'));
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async end(): Promise<void> {
    await this.front.close();
    await stopCluster(join(this.folder, 'cluster'));
    rmSync(this.folder, { recursive: true, force: true });
  }

  keysFolder(name: string): string { return join(this.folder, name, 'etc'); }
  snapshots(name: string): string { return join(this.folder, name, 'snapshots'); }

  /** Managers without keys. */
  freshManagers(): void {
    for (const name of this.names) {
      rmSync(join(this.folder, name), { recursive: true, force: true });
      mkdirSync(this.keysFolder(name), { recursive: true, mode: 0o755 });
    }
  }

  kubectl(...args: string[]): Promise<string> { return this.cluster.kubectlDo(['-n', this.namespace, ...args]); }

  /** An empty server and managers without keys. */
  async empty(): Promise<void> {
    await this.wipe();
    this.freshManagers();
  }

  async wipe(): Promise<void> {
    await this.#kill(true);
    await this.answers((status) => status === 501);
  }

  /** Vault in every pod is started again and comes back sealed, if it was initialised. */
  async restart(): Promise<void> {
    await this.#kill(false);
    await this.answers((status) => status === 501 || status === 503);
  }

  async #kill(wiped: boolean): Promise<void> {
    await this.answers();
    await Promise.all(this.pods.map((pod) => killVault(this.cluster, this.namespace, pod, wiped)));
  }

  /** Waits until the API server is there, every pod runs, and the Vault in it answers with a status of sys/health as wanted. */
  async answers(wanted: (status: number) => boolean = () => true): Promise<void> {
    for (const pod of this.pods) await this.#answers(pod, wanted);
  }

  async #answers(name: string, wanted: (status: number) => boolean): Promise<void> {
    let seen = 'nothing';
    for (const end = Date.now() + POD_WITHIN_MS; Date.now() < end; await sleep(100)) {
      const found = await this.kubectl('get', 'pod', name, '-o', 'jsonpath={.metadata.deletionTimestamp};{.status.podIP};{.status.containerStatuses[0].state.running.startedAt}').catch((error: unknown) => (error as Error).message);
      const [deleted, address, running] = found.split(';');
      seen = found;
      if (deleted !== '' || !address || !running) continue;
      const status = await this.#health(address);
      seen = `${found}: health ${status ?? 'no answer'}`;
      if (status !== undefined && wanted(status)) return;
    }
    throw new Error(`${name} is not as wanted within ${POD_WITHIN_MS / 1000} s: ${seen}`);
  }

  /** SIGKILL; it is started again after so long, and `apiServerBack` waits until it answers. */
  async killApiServer(backAfterMs: number): Promise<void> {
    await this.cluster.killComponent('kube-apiserver');
    this.#back = sleep(backAfterMs).then(() => { this.cluster.startComponent('kube-apiserver'); });
  }

  async apiServerBack(): Promise<void> {
    await this.#back;
    for (const end = Date.now() + POD_WITHIN_MS; await this.cluster.kubectlDo(['get', '--raw', '/readyz']).catch(() => '') !== 'ok'; await sleep(100)) {
      if (Date.now() > end) throw new Error(`the API server is not back within ${POD_WITHIN_MS / 1000} s`);
    }
  }

  /** Through the API that a drain uses. */
  async evict(pod: string): Promise<void> {
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace: this.namespace } };
    await this.cluster.kubectlDo(['create', '--raw', `/api/v1/namespaces/${this.namespace}/pods/${pod}/eviction`, '-f', '-'], JSON.stringify(eviction));
  }

  /** Writes a name into the Lease, whoever has it; null: nobody's. */
  async holdLease(holder: string | null): Promise<void> {
    await this.kubectl('patch', 'lease', 'vaultctl-vault', '--type=merge', '-p', JSON.stringify({ spec: { holderIdentity: holder } }));
  }

  async leaseHolder(): Promise<string | undefined> {
    return await this.kubectl('get', 'lease', 'vaultctl-vault', '-o', 'jsonpath={.spec.holderIdentity}') || undefined;
  }

  /** The pod of the active node; undefined while nobody leads. */
  async leader(): Promise<string | undefined> {
    const found = await Promise.all(this.pods.map(async (pod) => ({ pod, status: await this.#addressOf(pod).then((address) => this.#health(address)).catch(() => undefined) })));
    return found.find(({ status }) => status === 200)?.pod;
  }

  async #addressOf(pod: string): Promise<string> { return this.kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.podIP}'); }

  async #health(address: string): Promise<number | undefined> {
    return (await this.#ask(address, 'GET', 'sys/health').catch(() => undefined))?.status;
  }

  /** A request to Vault past vaultctl and its front. */
  async vault(method: string, path: string, body?: object, token?: string, pod = this.pods[0]!): Promise<{ readonly status: number; readonly body: unknown }> {
    await this.#answers(pod, () => true);
    return this.#ask(await this.#addressOf(pod), method, path, body, token);
  }

  #ask(address: string, method: string, path: string, body?: object, token?: string): Promise<{ readonly status: number; readonly body: unknown }> {
    return new Promise((resolve, reject) => {
      const bytes = body === undefined ? undefined : JSON.stringify(body);
      const asked = httpRequest({
        createConnection: () => this.front.dial(address, 8200), method, path: `/v1/${path}`, timeout: 10_000,
        headers: { host: address, 'x-vault-request': 'true', ...(token === undefined ? {} : { 'x-vault-token': token }), ...(bytes === undefined ? {} : { 'content-length': Buffer.byteLength(bytes) }) },
      });
      asked.on('response', (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => { text += part; });
        answer.on('error', reject);
        answer.on('end', () => { asked.destroy(); resolve({ status: answer.statusCode ?? 0, body: text.startsWith('{') ? JSON.parse(text) as unknown : text }); });
      });
      asked.on('timeout', () => asked.destroy());
      asked.on('error', reject);
      asked.on('close', () => reject(new Error('no answer')));
      asked.end(bytes);
    });
  }

  /** @param node words between Node and the program */
  begin(argv: readonly string[], node: readonly string[] = [], env: NodeJS.ProcessEnv = process.env): Begun {
    const [verb, ...more] = argv;
    this.#before = this.front.requests.length;
    this.front.onRequest(() => undefined);
    this.front.onReply(() => undefined);
    this.front.onApi(() => undefined);
    this.front.onApiReply(() => undefined);
    const child = spawn(process.execPath, [...node, join(repository, 'bin/vaultctl.js'), verb!, '-i', this.inventory, '-l', 'm1', ...more], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...env, PATH: env['PATH'] ?? process.env['PATH'] } });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    return { child, ended: new Promise<Ended>((done) => { child.on('close', (code, signal) => { done({ code, signal, text }); }); }) };
  }

  /** @param strike SIGKILL at the n-th request to Vault of this run */
  run(verb: string, strike?: Strike): Promise<Ended> {
    const { child, ended } = this.begin([verb]);
    const strikes = (number: number, when: Strike['when']) => {
      if (strike === undefined || when !== strike.when || number - this.#before !== strike.at) return undefined;
      for (const signal of strike.signals) child.kill(signal);
      return 'cut' as const;
    };
    this.front.onRequest(({ number }) => strikes(number, 'before'));
    this.front.onReply(({ number }) => strikes(number, 'after'));
    return ended;
  }

  /** `PUT sys/init`, in order, of the last run. */
  requests(): string[] { return this.front.requests.slice(this.#before).map(({ method, path }) => `${method} ${path}`); }

  /** Its number in the last run, from 1. */
  place(number: number): number { return number - this.#before; }

  hasKeys(): boolean { return this.names.every((name) => existsSync(join(this.keysFolder(name), 'vault-unseal.json'))); }
  files(): string[] { return this.names.map((name) => readFileSync(join(this.keysFolder(name), 'vault-unseal.json'), 'utf8')); }
  leftovers(): string[] {
    return this.names.flatMap((name) => readdirSync(this.keysFolder(name)).filter((file) => /\.tmp$|\.(intent|keys|plain)$/.test(file)).map((file) => `${name}/${file}`));
  }
}
