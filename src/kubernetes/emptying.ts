import type { KubernetesSettings } from '../model/settings.ts';
import { KubeError, type KubeWire } from '../ports/kube.ts';
import { type Claim, EMPTYING, type Emptying } from './emptying-note.ts';
import { ask, findVaultPods, type Pod, refused, type StatefulSet } from './vault-pods.ts';

/** As what the server notes our writes. */
const MANAGER = 'vaultctl-emptying';
const DISOWN_TRIES = 5;

/** https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1/ */
export interface VolumeClaim {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string; readonly finalizers?: readonly string[] };
  readonly spec?: { readonly volumeName?: string; readonly storageClassName?: string; readonly resources?: { readonly requests?: { readonly storage?: string } } };
  readonly status?: { readonly phase?: string };
}

/** @throws KubeError where there is none, or the API server does not answer */
export async function vaultSet(kube: KubeWire, settings: KubernetesSettings): Promise<StatefulSet> {
  const { set } = await findVaultPods(kube, settings);
  if (set === undefined) throw new KubeError('config', `${kube.server}: no StatefulSet in namespace ${settings.namespace} has pods with ${settings.podSelector}`, 'set vault_namespace, vault_helm_release or vault_pod_selector');
  return set;
}

/** The claims of the set's templates, of pods that it no longer has too: their data would come back with the pods. @throws KubeError */
export async function claimsOf(kube: KubeWire, { namespace }: KubernetesSettings, set: StatefulSet): Promise<VolumeClaim[]> {
  const { items } = await ask<{ items: VolumeClaim[] }>(kube, { method: 'GET', path: `/api/v1/namespaces/${namespace}/persistentvolumeclaims` });
  const templates = (set.spec.volumeClaimTemplates ?? []).map(({ metadata }) => `${metadata.name}-${set.metadata.name}-`);
  return items.filter(({ metadata }) => templates.some((prefix) => metadata.name.startsWith(prefix) && /^\d+$/.test(metadata.name.slice(prefix.length))));
}

export function noted({ metadata, spec }: VolumeClaim): Claim {
  return { name: metadata.name, uid: metadata.uid, ...(spec?.volumeName === undefined ? {} : { volume: spec.volumeName }) };
}

/** What of a claim is still there; what bears its name by now and is another one is not it. */
export function remaining(claims: readonly Claim[], found: readonly VolumeClaim[]): VolumeClaim[] {
  return found.filter(({ metadata }) => claims.some(({ uid }) => uid === metadata.uid));
}

/** Says on the set what is about to be done to it. @throws KubeError */
export function noteEmptying(kube: KubeWire, settings: KubernetesSettings, set: StatefulSet, emptying: Emptying): Promise<void> {
  return change(kube, settings, set, { metadata: { annotations: { [EMPTYING]: JSON.stringify(emptying) } } });
}

/** @throws KubeError */
export function scaleToNothing(kube: KubeWire, settings: KubernetesSettings, set: StatefulSet): Promise<void> {
  return change(kube, settings, set, { spec: { replicas: 0 } });
}

/** The pods come back, and the note goes, in one write. @throws KubeError */
export async function scaleBack(kube: KubeWire, settings: KubernetesSettings, set: StatefulSet, { replicas }: Emptying): Promise<void> {
  await change(kube, settings, set, { metadata: { annotations: { [EMPTYING]: null } }, spec: { replicas } });
  await disown(kube, settings, set);
}

/**
 * The number of replicas is the chart's again: helm 4 applies by the server, and would be refused a field that another
 * wrote last. A write of its own, since whoever writes a field owns it; where it fails, helm will say so.
 */
async function disown(kube: KubeWire, settings: KubernetesSettings, { metadata: { name } }: StatefulSet): Promise<void> {
  // The controllers write it too, just now that the pods come back.
  for (let tries = 0; tries < DISOWN_TRIES; tries += 1) {
    try {
      const found = await ask<StatefulSet>(kube, { method: 'GET', path: setPath(settings, name) });
      const { managedFields = [] } = found.metadata;
      const others = managedFields.filter(({ manager, operation }) => manager !== MANAGER || operation !== 'Update');
      if (others.length < managedFields.length) await change(kube, settings, found, { metadata: { managedFields: others } });
      return;
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
    }
  }
}

function setPath({ namespace }: Pick<KubernetesSettings, 'namespace'>, name: string): string { return `/apis/apps/v1/namespaces/${namespace}/statefulsets/${name}`; }

/** A merge patch on the very set that was looked at. */
async function change(kube: KubeWire, { namespace }: KubernetesSettings, { metadata }: StatefulSet, patch: { readonly metadata?: object; readonly spec?: object }): Promise<void> {
  const request = {
    method: 'PATCH' as const, path: `${setPath({ namespace }, metadata.name)}?fieldManager=${MANAGER}`, contentType: 'application/merge-patch+json',
    body: { ...patch, metadata: { ...patch.metadata, resourceVersion: metadata.resourceVersion } },
  };
  const answer = await kube.request(request);
  if (answer.status === 409) throw new KubeError('unknown', `StatefulSet ${namespace}/${metadata.name} was changed by somebody else at the same time`);
  if (answer.status >= 300) throw refused(kube, request, answer);
}

/** This very object, and no other of its name. False: we may not. @throws KubeError */
export async function deleteExactly(kube: KubeWire, path: string, uid: string): Promise<boolean> {
  const request = { method: 'DELETE' as const, path, body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } } };
  const answer = await kube.request(request);
  if (answer.status === 403) return false;
  // 409: what bears the name now is another object, and ours is gone.
  if (answer.status >= 300 && answer.status !== 404 && answer.status !== 409) throw refused(kube, request, answer);
  return true;
}

/** Why a claim that was deleted is still there, in one line. */
export function heldBy({ metadata }: VolumeClaim, pods: readonly Pod[]): string {
  const using = pods.filter(({ spec }) => spec.volumes?.some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === metadata.name) === true);
  if (using.length > 0) return `${metadata.name}: used by ${using.map((pod) => `pod ${pod.metadata.name}${pod.metadata.deletionTimestamp === undefined ? '' : ` (being deleted${pod.spec.nodeName === undefined ? '' : ` on ${pod.spec.nodeName}`})`}`).join(', ')}`;
  const finalizers = metadata.finalizers ?? [];
  return `${metadata.name}: ${metadata.deletionTimestamp === undefined ? 'not deleted' : finalizers.length === 0 ? 'being deleted' : `waits for its finalizer ${finalizers.join(', ')}`}`;
}

/** Every pod of the namespace: a claim may be used by others than Vault. @throws KubeError */
export async function podsIn(kube: KubeWire, { namespace }: KubernetesSettings): Promise<readonly Pod[]> {
  return (await ask<{ items: Pod[] }>(kube, { method: 'GET', path: `/api/v1/namespaces/${namespace}/pods` })).items;
}

/**
 * Volumes that outlive their claims, with the old data in them. Where we may not look, none is named: nothing here depends
 * on it. @throws KubeError
 */
export async function retainedVolumes(kube: KubeWire, claims: readonly Claim[]): Promise<{ readonly name: string; readonly claim: string }[]> {
  const kept: { name: string; claim: string }[] = [];
  for (const { name: claim, volume } of claims) {
    if (volume === undefined) continue;
    const { status, body } = await kube.request({ method: 'GET', path: `/api/v1/persistentvolumes/${volume}` });
    if (status === 200 && (body as { spec?: { persistentVolumeReclaimPolicy?: string } }).spec?.persistentVolumeReclaimPolicy === 'Retain') kept.push({ name: volume, claim });
  }
  return kept;
}
