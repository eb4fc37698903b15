import { redact } from '../model/secret.ts';
import type { KubernetesSettings } from '../model/settings.ts';
import type { KubeWire } from '../ports/kube.ts';
import { findVaultPods, type Pod, type VaultPods, whyNot } from './vault-pods.ts';

/** What of an event is looked at. https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
interface KubeEvent { readonly type?: string; readonly reason?: string; readonly message?: string; readonly lastTimestamp?: string | null; readonly eventTime?: string | null }

const LONGEST = 240;
/** The kubelet's own words in place of a log. */
const NO_LOG = /^(?:failed to try resolving symlinks|unable to retrieve container logs)/;

/**
 * Why nobody can answer in each pod that shall be there and is not: by name, one line each. A pod whose container runs is
 * not among them. What we may not look at (logs, events) is left out. @throws KubeError
 */
export async function podReasons(kube: KubeWire, settings: KubernetesSettings): Promise<ReadonlyMap<string, string>> {
  const found = await findVaultPods(kube, settings);
  const reasons = new Map<string, string>();
  for (const name of found.names) {
    const pod = found.pods.find(({ metadata }) => metadata.name === name);
    const why = whyNot(pod);
    if (why === undefined) continue;
    const more = pod === undefined ? [...oneByOne(found, name), ...await saidOf(kube, settings, 'StatefulSet', found.set?.metadata.name)] : await behind(kube, settings, pod, why);
    reasons.set(name, cut([why, ...more].join('; ')));
  }
  return reasons;
}

/** A sealed Vault is never Ready: a set that makes its pods one after the other never makes the second. OpenBao's chart has it so by default. */
function oneByOne({ set, pods }: VaultPods, name: string): string[] {
  if (set?.spec.podManagementPolicy !== 'OrderedReady') return [];
  const before = pods.find((pod) => pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') !== true);
  return before === undefined ? [] : [`StatefulSet ${set.metadata.name} makes its pods one after the other (podManagementPolicy: OrderedReady), and ${before.metadata.name} is not Ready while it is sealed: give the chart podManagementPolicy: Parallel, or go on without with --allow-missing-node ${name}`];
}

/** Where no pod shall be there at all. */
export function noSet({ set }: Pick<VaultPods, 'set'>, { namespace, podSelector }: KubernetesSettings): string | undefined {
  if (set === undefined) return `no StatefulSet in namespace ${namespace} has pods with ${podSelector}`;
  return set.spec.replicas === 0 ? `StatefulSet ${namespace}/${set.metadata.name} is scaled to 0` : undefined;
}

/** What stands behind a pod's own words: a claim that is not bound, an event that says what is missing, a last line of a log. */
async function behind(kube: KubeWire, settings: KubernetesSettings, pod: Pod, why: string): Promise<string[]> {
  const crashed = crashedContainer(pod);
  if (crashed !== undefined) {
    const line = await lastLine(kube, settings, pod.metadata.name, crashed);
    return line === undefined ? [] : [`its last words: ${line}`];
  }
  const more: string[] = [];
  for (const claim of claimsOf(pod)) {
    const { status, body } = await kube.request({ method: 'GET', path: `/api/v1/namespaces/${settings.namespace}/persistentvolumeclaims/${claim}` });
    if (status === 404) more.push(`PVC ${claim} is not there`);
    const { status: state, spec } = (status === 200 ? body : {}) as { status?: { phase?: string }; spec?: { storageClassName?: string } };
    if (state?.phase === undefined || state.phase === 'Bound') continue;
    const events = await saidOf(kube, settings, 'PersistentVolumeClaim', claim);
    more.push(`PVC ${claim} is ${state.phase} (storage class ${spec?.storageClassName ?? 'none, and the cluster has no default one'})${events.length === 0 ? '' : `: ${events.join('; ')}`}`);
  }
  // A volume that cannot be mounted shows in events alone: the container just waits.
  if (more.length === 0 && /ContainerCreating|PodInitializing/.test(why)) return saidOf(kube, settings, 'Pod', pod.metadata.name, 'FailedScheduling');
  return more;
}

function claimsOf({ spec }: Pod): string[] {
  return (spec.volumes ?? []).flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []);
}

function crashedContainer({ status }: Pod): string | undefined {
  return [...status?.initContainerStatuses ?? [], ...status?.containerStatuses ?? []].find(({ state, lastState }) => state?.running === undefined && (state?.terminated ?? lastState?.terminated) !== undefined)?.name;
}

/** The newest warning about one object. @param over a reason that is no longer one */
async function saidOf(kube: KubeWire, { namespace }: KubernetesSettings, kind: string, name: string | undefined, over?: string): Promise<string[]> {
  if (name === undefined) return [];
  const selector = encodeURIComponent(`involvedObject.kind=${kind},involvedObject.name=${name},type=Warning`);
  const { status, body } = await kube.request({ method: 'GET', path: `/api/v1/namespaces/${namespace}/events?fieldSelector=${selector}` });
  if (status !== 200) return [];
  const when = ({ lastTimestamp, eventTime }: KubeEvent) => lastTimestamp ?? eventTime ?? '';
  const newest = (body as { items?: KubeEvent[] }).items?.filter(({ reason }) => over === undefined || reason !== over).toSorted((a, b) => (when(a) < when(b) ? -1 : 1)).at(-1);
  return newest?.message === undefined ? [] : [oneLine(newest.message)];
}

/** Of the run before, or of this one where there was none. */
async function lastLine(kube: KubeWire, { namespace }: KubernetesSettings, pod: string, container: string): Promise<string | undefined> {
  for (const previous of ['&previous=true', '']) {
    const { status, body } = await kube.request({ method: 'GET', path: `/api/v1/namespaces/${namespace}/pods/${pod}/log?container=${container}&tailLines=20${previous}` });
    const lines = status === 200 && typeof body === 'string' ? body.split('\n').filter((line) => line.trim() !== '' && !NO_LOG.test(line)) : [];
    const last = lines.at(-1);
    if (last !== undefined) return cut(withoutSecrets(oneLine(last)));
  }
  return undefined;
}

/** A program that dies may print what it was given: nothing that looks like a key or a token leaves its log through us. */
export function withoutSecrets(text: string): string {
  return redact(text)
    .replaceAll(/\b(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{20,}/g, '[redacted]')
    .replaceAll(/[A-Za-z0-9+/_-]{40,}={0,2}/g, (word) => (/[0-9]/.test(word) && /[A-Za-z]/.test(word) && !word.startsWith('/') ? '[redacted]' : word))
    .replaceAll(/((?:pass(?:word|wd)?|secret|token|key|credential)s?["']?\s*[:=]\s*)("[^"]*"|'[^']*'|\S+)/gi, '$1[redacted]')
    .replaceAll(/\/\/[^/\s@]+@/g, '//[redacted]@');
}

function oneLine(text: string): string { return withoutSecrets(text).replaceAll(/[\x00-\x1f\x7f\s]+/g, ' ').trim(); }
function cut(text: string): string { return text.length <= LONGEST * 2 ? text : `${text.slice(0, LONGEST * 2)}…`; }
