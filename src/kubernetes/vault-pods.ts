import type { KubernetesSettings } from '../model/settings.ts';
import { KubeError, type KubeAnswer, type KubeRequest, type KubeWire } from '../ports/kube.ts';
import { emptyingOf } from './emptying-note.ts';
import { mendOf, refusalIn } from './rights.ts';

/** What of a pod's JSON is looked at. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ */
export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string; readonly labels?: Readonly<Record<string, string>>; readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[] };
  readonly spec: { readonly nodeName?: string; readonly volumes?: readonly { readonly name: string; readonly persistentVolumeClaim?: { readonly claimName: string } }[]; readonly containers: readonly { readonly name: string; readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[] }[] };
  readonly status?: {
    readonly phase?: string; readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string; readonly message?: string }[];
    readonly containerStatuses?: readonly ContainerStatus[]; readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}
interface ContainerStatus {
  readonly name: string; readonly restartCount: number; readonly containerID?: string;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string }; readonly running?: object; readonly terminated?: { readonly reason?: string; readonly exitCode?: number } };
  readonly lastState?: { readonly terminated?: { readonly reason?: string; readonly exitCode?: number } };
}

export interface StatefulSet {
  readonly metadata: {
    readonly name: string; readonly uid: string; readonly generation?: number; readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>>;
    /** Who wrote which fields: https://kubernetes.io/docs/reference/using-api/server-side-apply/ */
    readonly managedFields?: readonly { readonly manager?: string; readonly operation?: string }[];
  };
  readonly spec: {
    readonly replicas?: number; readonly serviceName?: string; readonly podManagementPolicy?: string;
    readonly template: { readonly metadata?: { readonly labels?: Readonly<Record<string, string>> }; readonly spec: Pod['spec'] };
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
  };
  readonly status?: { readonly replicas?: number; readonly readyReplicas?: number };
}

/** Vault as it stands in Kubernetes: its StatefulSet, and its pods in the order of their ordinals. */
export interface VaultPods {
  readonly set: StatefulSet | undefined;
  readonly pods: readonly Pod[];
  /** Every pod that shall be there, whether it is or not: `vault-0`, `vault-1` … */
  readonly names: readonly string[];
}

/** An answer that is not as asked for becomes a KubeError that says so, with the right that is missing. */
export async function ask<T>(kube: KubeWire, request: KubeRequest, ok: readonly number[] = [200, 201, 202]): Promise<T> {
  const answer = await kube.request(request);
  if (ok.includes(answer.status)) return answer.body as T;
  throw refused(kube, request, answer);
}

export function refused(kube: KubeWire, { method, path }: KubeRequest, { status, body }: KubeAnswer): KubeError {
  const said = typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : `answered ${status}`;
  const refusal = status === 403 ? refusalIn(said) : undefined;
  const right = refusal !== undefined ? mendOf(refusal) : status === 401 ? 'kubectl auth whoami   (the login of that kubeconfig is not accepted: has its token or certificate run out?)' : status === 403 ? 'docs/kubernetes.md lists the rights that vaultctl needs' : undefined;
  return new KubeError(status >= 500 || status === 429 ? 'unknown' : 'config', `${kube.server}: ${method} ${path.split('?')[0]}: ${said}`, right, { refusal });
}

/** @throws KubeError */
export async function findVaultPods(kube: KubeWire, { namespace, podSelector, release }: KubernetesSettings): Promise<VaultPods> {
  const [sets, pods] = await Promise.all([
    ask<{ items: StatefulSet[] }>(kube, { method: 'GET', path: `/apis/apps/v1/namespaces/${namespace}/statefulsets` }),
    ask<{ items: Pod[] }>(kube, { method: 'GET', path: `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(podSelector)}` }),
  ]);
  const set = setOf(sets.items, podSelector, release);
  const mine = pods.items.filter((pod) => set === undefined || owner(pod) === undefined || owner(pod) === set.metadata.name).toSorted((a, b) => ordinal(a.metadata.name) - ordinal(b.metadata.name));
  // While it is being emptied, the set itself says 0.
  const count = set === undefined ? 0 : Math.max(set.spec.replicas ?? 1, emptyingOf(set)?.replicas ?? 0);
  const replicas = Array.from({ length: count }, (_, index) => `${set?.metadata.name}-${index}`);
  return { set, pods: mine, names: set === undefined ? mine.map(({ metadata }) => metadata.name) : replicas };
}

function setOf(sets: readonly StatefulSet[], selector: string, release: string): StatefulSet | undefined {
  const wanted = selector.split(',').map((part) => part.split(/==?/));
  const plain = wanted.every((pair) => pair.length === 2);
  const matching = sets.filter(({ spec }) => plain && wanted.every(([label, value]) => spec.template.metadata?.labels?.[label!.trim()] === value!.trim()));
  return matching.length === 1 ? matching[0] : matching.find(({ metadata }) => metadata.name === release) ?? (plain ? matching[0] : sets.find(({ metadata }) => metadata.name === release));
}

function owner(pod: Pod): string | undefined { return pod.metadata.ownerReferences?.find(({ kind }) => kind === 'StatefulSet')?.name; }
function ordinal(name: string): number { return Number(/-(\d+)$/.exec(name)?.[1] ?? Infinity); }

/** `https` or `http`, as the chart names the container's port; undefined where it does not say. */
export function schemeOf({ set, pods }: VaultPods, port: number): 'http' | 'https' | undefined {
  const ports = (pods[0]?.spec ?? set?.spec.template.spec)?.containers.flatMap((container) => container.ports ?? []) ?? [];
  const name = ports.find(({ containerPort }) => containerPort === port)?.name;
  return name === 'https' || name === 'http' ? name : undefined;
}

/** What changes when a pod is replaced or its container restarted: a connection to the old one leads nowhere. */
export function identity(pod: Pod): string { return `${pod.metadata.uid} ${(pod.status?.containerStatuses ?? []).map(({ name, containerID }) => `${name}=${containerID}`).join(' ')}`; }

/** Why nobody can answer in this pod yet, in one line; undefined where its container runs. */
export function whyNot(pod: Pod | undefined): string | undefined {
  if (pod === undefined) return 'the pod is not there yet';
  if (pod.metadata.deletionTimestamp !== undefined) return 'it is being deleted';
  const unscheduled = pod.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (unscheduled !== undefined) return `unschedulable: ${unscheduled.message ?? unscheduled.reason ?? 'no reason given'}`;
  for (const container of [...pod.status?.initContainerStatuses ?? [], ...pod.status?.containerStatuses ?? []]) {
    const waiting = container.state?.waiting;
    if (waiting === undefined) continue;
    const last = container.lastState?.terminated;
    const ended = last === undefined ? '' : `; it last ended with ${last.reason ?? ''} (exit code ${last.exitCode ?? '?'}), ${container.restartCount} restarts`;
    return `container ${container.name}: ${waiting.reason ?? 'waiting'}${waiting.message === undefined ? '' : `: ${waiting.message}`}${ended}`;
  }
  const running = pod.status?.containerStatuses?.some(({ state }) => state?.running !== undefined);
  return running === true ? undefined : `phase ${pod.status?.phase ?? 'unknown'}`;
}
