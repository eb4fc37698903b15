import { claimsOf, type VolumeClaim } from '../kubernetes/emptying.ts';
import { type Emptying, emptyingOf } from '../kubernetes/emptying-note.ts';
import { findVaultPods, type Pod, type StatefulSet, whyNot } from '../kubernetes/vault-pods.ts';
import { messageOf } from '../model/halt.ts';
import { KubeError, type KubeWire } from '../ports/kube.ts';
import type { Eyes } from './world.ts';

/** Who runs `status` waits for it: an API server that is away for longer is away. */
const ANSWER_WITHIN_MS = 10_000;

export interface PodSight {
  readonly name: string;
  readonly phase: string;
  /** Why nobody answers in it; undefined where its container runs. */
  readonly why: string | undefined;
  /** The machine it runs on. */
  readonly node: string | undefined;
  readonly restarts: number;
  /** As Vault or OpenBao itself labels its pod, where its configuration has it do so. */
  readonly labelled: 'sealed' | 'active' | 'standby' | undefined;
}

/** Vault as Kubernetes sees it. */
export type ClusterSight = {
  readonly reached: true;
  readonly namespace: string;
  readonly set: string | undefined;
  /** The Helm release and chart, as the StatefulSet is labelled with them. */
  readonly release: string | undefined;
  readonly chart: string | undefined;
  readonly replicas: number;
  /** One for each pod that shall be there, and for each that should not. */
  readonly pods: readonly PodSight[];
  readonly claims: readonly { readonly name: string; readonly phase: string; readonly volume: string | undefined; readonly deleting: boolean }[];
  readonly emptying: Emptying | undefined;
} | { readonly reached: false; readonly why: string; readonly mend?: string };

/** Only looks, and never throws: Vault may answer while its API server does not. Undefined where the inventory knows of no Kubernetes. */
export async function lookAtCluster({ settings: { kubernetes }, kube: open }: Eyes): Promise<ClusterSight | undefined> {
  if (kubernetes === undefined || open === undefined) return undefined;
  try {
    const kube = within(await open(), ANSWER_WITHIN_MS);
    const found = await findVaultPods(kube, kubernetes);
    const { set } = found;
    // Claims are told where we may see them.
    const claims = set === undefined ? [] : await claimsOf(kube, kubernetes, set).catch(() => []);
    const others = found.pods.map(({ metadata }) => metadata.name).filter((name) => !found.names.includes(name));
    return {
      reached: true, namespace: kubernetes.namespace, set: set?.metadata.name, ...releaseOf(set), replicas: found.names.length,
      pods: [...found.names, ...others].map((name) => podSight(name, found.pods.find(({ metadata }) => metadata.name === name))),
      claims: claims.map(claimSight), emptying: set === undefined ? undefined : emptyingOf(set),
    };
  } catch (error) {
    return { reached: false, why: messageOf(error), ...(error instanceof KubeError && error.mend !== undefined ? { mend: error.mend } : {}) };
  }
}

function within(kube: KubeWire, timeoutMs: number): KubeWire {
  return { server: kube.server, request: (request) => kube.request({ timeoutMs, ...request }), close: () => kube.close() };
}

function releaseOf(set: StatefulSet | undefined): { release: string | undefined; chart: string | undefined } {
  const { labels = {}, annotations = {} } = set?.metadata ?? {};
  // The charts of Vault and OpenBao label their pods with it, and not the set.
  return { release: annotations['meta.helm.sh/release-name'] ?? labels['app.kubernetes.io/instance'], chart: labels['helm.sh/chart'] ?? set?.spec.template.metadata?.labels?.['helm.sh/chart'] };
}

function podSight(name: string, pod: Pod | undefined): PodSight {
  const label = (name: string) => pod?.metadata.labels?.[`vault-${name}`] ?? pod?.metadata.labels?.[`openbao-${name}`];
  return {
    name, phase: pod?.status?.phase ?? 'missing', why: whyNot(pod), node: pod?.spec.nodeName,
    restarts: (pod?.status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
    labelled: label('sealed') === 'true' ? 'sealed' : label('active') === 'true' ? 'active' : label('active') === 'false' ? 'standby' : undefined,
  };
}

function claimSight({ metadata, spec, status }: VolumeClaim) {
  return { name: metadata.name, phase: status?.phase ?? 'unknown', volume: spec?.volumeName, deleting: metadata.deletionTimestamp !== undefined };
}
