import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { findVaultPods, identity, schemeOf, type VaultPods, whyNot } from '../kubernetes/vault-pods.ts';
import type { KubernetesSettings } from '../model/settings.ts';
import type { ClusterNode } from '../ports/cluster.ts';
import { messageOf } from '../model/halt.ts';
import { WireError } from '../ports/vault.ts';
import type { KubeHttp } from './kube-http.ts';
import { openTunnel, type PodTunnel } from './pod-tunnel.ts';
import type { Ways } from './vault-http.ts';

/** A pod that was replaced under a connection that still stands is noticed within this. */
const LOOK_EVERY_MS = 3000;
const DIAL_WITHIN_MS = 10_000;

/** Each Vault pod by itself: by port-forward or by its own address, looked up anew for every connection. */
export class PodWays implements Ways {
  readonly #kube: KubeHttp;
  readonly #settings: KubernetesSettings;
  readonly #open = new Map<PodTunnel, string>();
  #serviceName = '';
  #setName = '';
  #watch: NodeJS.Timeout | undefined;

  constructor(kube: KubeHttp, settings: KubernetesSettings) {
    this.#kube = kube;
    this.#settings = settings;
  }

  /** Every pod that shall be there, as a node of the cluster. @throws KubeError */
  async nodes(): Promise<ClusterNode[]> {
    const found = await findVaultPods(this.#kube, this.#settings);
    this.#setName = found.set?.metadata.name ?? this.#settings.release;
    this.#serviceName = found.set?.spec.serviceName ?? `${this.#setName}-internal`;
    const { port, namespace } = this.#settings;
    const scheme = this.#settings.scheme ?? schemeOf(found, port) ?? 'https';
    return found.names.map((name) => ({ name, address: `${scheme}://${name}.${namespace}.pod:${port}`, joinAddress: `${scheme}://${name}.${this.#serviceName}:${port}` }));
  }

  to(url: URL): (() => Promise<Duplex>) | undefined {
    const pod = podOf(url, this.#settings.namespace);
    return pod === undefined ? undefined : () => this.#connect(pod, url.origin);
  }

  /**
   * The names that a chart's certificate is made for: the pod's behind its headless Service, that Service's own, the one
   * named as the set (release `prod` of chart `vault` makes both `prod-vault`); 127.0.0.1 is what Vault's own command line
   * in the pod uses.
   */
  names(url: URL): readonly string[] {
    const { namespace } = this.#settings;
    const pod = podOf(url, namespace) ?? this.#setName;
    const longer = (name: string) => [name, `${name}.${namespace}`, `${name}.${namespace}.svc`, `${name}.${namespace}.svc.cluster.local`];
    return [...longer(`${pod}.${this.#serviceName}`), ...longer(this.#setName), ...longer(this.#serviceName), pod, 'localhost', '127.0.0.1'];
  }

  async #connect(name: string, address: string): Promise<Duplex> {
    const { namespace, port, reach, allowHttp } = this.#settings;
    const { pods } = await this.#look(address);
    const pod = pods.find(({ metadata }) => metadata.name === name);
    const why = whyNot(pod);
    if (pod === undefined || why !== undefined) throw new WireError(address, 'before', `pod ${name}: ${why}`);
    if (reach === 'pod-ip') {
      if (address.startsWith('http:') && !allowHttp) throw new WireError(address, 'config', `pod ${name} speaks plain http: unseal keys would cross the pod network in the clear; use vault_reach: port-forward, or, where that network is encrypted, vault_allow_http: true`);
      return dial(address, pod.status?.podIP ?? '', port);
    }
    const tunnel = await openTunnel(this.#kube, { namespace, pod: name, port, address });
    this.#open.set(tunnel, `${name} ${identity(pod)}`);
    tunnel.once('close', () => this.#open.delete(tunnel));
    this.#watch ??= setInterval(() => { void this.#sweep(); }, LOOK_EVERY_MS).unref();
    return tunnel;
  }

  async #look(address: string): Promise<VaultPods> {
    try {
      return await findVaultPods(this.#kube, this.#settings);
    } catch (error) {
      throw new WireError(address, (error as { reached?: string }).reached === 'config' ? 'config' : 'before', messageOf(error), { cause: error });
    }
  }

  /** The kubelet keeps a forward to a pod that is gone: who waits for init's answer on it would wait for ever. */
  async #sweep(): Promise<void> {
    if (this.#open.size === 0) return;
    const found = await findVaultPods(this.#kube, this.#settings).catch(() => undefined);
    if (found === undefined) return;
    const living = new Set(found.pods.map((pod) => `${pod.metadata.name} ${identity(pod)}`));
    for (const [tunnel, was] of this.#open) if (!living.has(was)) tunnel.cut('the pod was restarted or replaced');
  }

  close(): void {
    clearInterval(this.#watch);
    for (const tunnel of this.#open.keys()) tunnel.destroy();
  }
}

function podOf(url: URL, namespace: string): string | undefined {
  const suffix = `.${namespace}.pod`;
  return url.hostname.endsWith(suffix) ? url.hostname.slice(0, -suffix.length) : undefined;
}

function dial(address: string, host: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    const timer = setTimeout(() => socket.destroy(Object.assign(new Error('connect'), { code: 'ETIMEDOUT' })), DIAL_WITHIN_MS);
    socket.once('connect', () => { clearTimeout(timer); resolve(socket); });
    socket.once('error', (error: NodeJS.ErrnoException) => { clearTimeout(timer); reject(new WireError(address, 'before', `pod address ${host}:${port}: ${error.code ?? error.message}; is this host on the pod network? vault_reach: port-forward needs none`, { cause: error })); });
  });
}
