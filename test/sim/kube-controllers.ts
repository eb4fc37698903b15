import type { KubeObject } from './kube.ts';

/** The server as its controllers see it. */
export interface Controlled {
  readonly objects: Map<string, KubeObject>;
  readonly now: () => number;
  put(list: string, object: KubeObject): KubeObject;
  touch(object: KubeObject): void;
  list(path: string): KubeObject[];
}

export interface ControllersOptions {
  readonly namespace?: string;
  /** From a pod's deletion until it is gone. */
  readonly podGoneMs?: number;
  /** From the last pod that uses a claim until the claim is gone. */
  readonly claimGoneMs?: number;
  readonly podStartMs?: number;
  /** Pods are created and deleted one after another, and one that is not ready holds the others up. */
  readonly ordered?: boolean;
  readonly retains?: boolean;
  /** Its process begins, with the claim's storage, or ends. */
  readonly pod?: (name: string, is: 'up' | 'down') => void;
  /** Its claims are gone, and what was stored in them. */
  readonly emptied?: (claim: string) => void;
}

const PROTECTED = 'kubernetes.io/pvc-protection';

/** The StatefulSet controller, the kubelet and the claim controllers, each with the time it takes. */
export class Controllers {
  readonly #server: Controlled;
  readonly #options: Required<ControllersOptions>;
  readonly #goneAt = new Map<string, number>();
  readonly #upAt = new Map<string, number>();
  /** Pods that their node does not let go. */
  readonly stuck = new Set<string>();

  constructor(server: Controlled, options: ControllersOptions) {
    this.#server = server;
    this.#options = { namespace: 'vault', podGoneMs: 2000, claimGoneMs: 300, podStartMs: 500, ordered: false, retains: false, pod: () => undefined, emptied: () => undefined, ...options };
  }

  get pods(): string { return `/api/v1/namespaces/${this.#options.namespace}/pods`; }
  get claims(): string { return `/api/v1/namespaces/${this.#options.namespace}/persistentvolumeclaims`; }
  get sets(): string { return `/apis/apps/v1/namespaces/${this.#options.namespace}/statefulsets`; }

  /** What has become due until now; settles when nothing more is. */
  tick(): void {
    for (let round = 0; round < 20; round += 1) if (!this.#step()) return;
    throw new Error('the controllers do not settle');
  }

  #step(): boolean {
    let moved = false;
    for (const set of this.#server.list(this.sets)) moved = this.#reconcile(set) || moved;
    for (const pod of this.#server.list(this.pods)) moved = this.#kubelet(pod) || moved;
    for (const claim of this.#server.list(this.claims)) moved = this.#protect(claim) || moved;
    return moved;
  }

  #reconcile(set: KubeObject): boolean {
    const { replicas = 1, template, volumeClaimTemplates = [] } = set.spec as { replicas?: number; template?: { metadata?: { labels?: Record<string, string> }; spec?: Record<string, unknown> }; volumeClaimTemplates?: KubeObject[] };
    const mine = this.#server.list(this.pods).filter(({ metadata }) => metadata.ownerReferences?.[0]?.name === set.metadata.name);
    const ordinal = ({ metadata }: KubeObject) => Number(metadata.name.slice(set.metadata.name.length + 1));
    const condemned = mine.filter((pod) => ordinal(pod) >= replicas).toSorted((a, b) => ordinal(b) - ordinal(a));
    let moved = false;
    for (const pod of condemned) {
      if (pod.metadata.deletionTimestamp !== undefined) { if (this.#options.ordered) break; continue; }
      // A sealed Vault is never Ready: ordered, nothing but the lowest pod would be taken down.
      if (this.#options.ordered && pod !== condemned.at(-1)) break;
      this.remove(`${this.pods}/${pod.metadata.name}`, pod);
      moved = true;
    }
    if (condemned.length > 0 && this.#options.ordered) return moved;
    for (let index = 0; index < replicas; index += 1) {
      const name = `${set.metadata.name}-${index}`;
      if (this.#server.objects.has(`${this.pods}/${name}`)) continue;
      const volumes = volumeClaimTemplates.map(({ metadata }) => ({ name: metadata.name, persistentVolumeClaim: { claimName: `${metadata.name}-${name}` } }));
      for (const { persistentVolumeClaim } of volumes) this.#claim(persistentVolumeClaim.claimName, set);
      this.#server.put(this.pods, {
        metadata: { name, ...(template?.metadata?.labels === undefined ? {} : { labels: template.metadata.labels }), ownerReferences: [{ kind: 'StatefulSet', name: set.metadata.name }] },
        spec: { ...structuredClone(template?.spec ?? { containers: [] }), nodeName: 'node1', volumes }, status: { phase: 'Pending' },
      });
      this.#upAt.set(name, this.#server.now() + this.#options.podStartMs);
      moved = true;
    }
    return moved;
  }

  #claim(name: string, set: KubeObject): void {
    if (this.#server.objects.has(`${this.claims}/${name}`)) return;
    const claim = this.#server.put(this.claims, { metadata: { name, finalizers: [PROTECTED], labels: { of: set.metadata.name } }, spec: {}, status: { phase: 'Bound' } });
    const volume = `pv-${claim.metadata.uid}`;
    claim.spec = { volumeName: volume };
    this.#server.put('/api/v1/persistentvolumes', { metadata: { name: volume }, spec: { persistentVolumeReclaimPolicy: this.#options.retains ? 'Retain' : 'Delete', claimRef: { name } }, status: { phase: 'Bound' } });
  }

  #kubelet(pod: KubeObject): boolean {
    const { name } = pod.metadata;
    const now = this.#server.now();
    if (pod.metadata.deletionTimestamp !== undefined) {
      if (this.stuck.has(name) || (this.#goneAt.get(name) ?? Infinity) > now) return false;
      this.#server.objects.delete(`${this.pods}/${name}`);
      this.#goneAt.delete(name);
      this.#options.pod(name, 'down');
      return true;
    }
    if ((this.#upAt.get(name) ?? Infinity) > now || this.#claimsOf(pod).some((claim) => this.#server.objects.get(`${this.claims}/${claim}`)?.metadata.deletionTimestamp !== undefined)) return false;
    this.#upAt.delete(name);
    pod.status = { phase: 'Running', podIP: '10.0.0.1', containerStatuses: [{ name: 'vault', restartCount: 0, containerID: `c-${pod.metadata.uid}`, state: { running: {} } }] };
    this.#server.touch(pod);
    this.#options.pod(name, 'up');
    return true;
  }

  #claimsOf({ spec }: KubeObject): string[] {
    return ((spec?.['volumes'] ?? []) as { persistentVolumeClaim?: { claimName: string } }[]).flatMap(({ persistentVolumeClaim }) => (persistentVolumeClaim === undefined ? [] : [persistentVolumeClaim.claimName]));
  }

  #protect(claim: KubeObject): boolean {
    const { name, deletionTimestamp, finalizers = [] } = claim.metadata;
    if (deletionTimestamp === undefined) return false;
    const used = this.#server.list(this.pods).some((pod) => this.#claimsOf(pod).includes(name));
    const key = `${this.claims}/${name}`;
    if (used) { this.#goneAt.delete(key); return false; }
    if (finalizers.some((finalizer) => finalizer !== PROTECTED)) return false;
    const at = this.#goneAt.get(key) ?? this.#server.now() + this.#options.claimGoneMs;
    this.#goneAt.set(key, at);
    if (at > this.#server.now()) return false;
    this.#goneAt.delete(key);
    this.#server.objects.delete(key);
    this.#options.emptied(name);
    const volume = this.#server.objects.get(`/api/v1/persistentvolumes/${(claim.spec as { volumeName?: string }).volumeName ?? ''}`);
    if (volume === undefined) return true;
    if ((volume.spec as { persistentVolumeReclaimPolicy?: string }).persistentVolumeReclaimPolicy === 'Retain') volume.status = { phase: 'Released' };
    else this.#server.objects.delete(`/api/v1/persistentvolumes/${volume.metadata.name}`);
    return true;
  }

  /** A deletion as the API server takes it: what has somebody who must let go of it is only marked. */
  remove(key: string, object: KubeObject): void {
    const waits = key.startsWith(`${this.pods}/`) || (object.metadata.finalizers?.length ?? 0) > 0;
    if (!waits) { this.#server.objects.delete(key); return; }
    if (object.metadata.deletionTimestamp !== undefined) return;
    object.metadata.deletionTimestamp = new Date(this.#server.now()).toISOString();
    this.#server.touch(object);
    if (key.startsWith(`${this.pods}/`)) this.#goneAt.set(object.metadata.name, this.#server.now() + this.#options.podGoneMs);
  }
}
