import type { Manifest } from '../model/deployment.ts';
import { type KubeAnswer, KubeError, type KubeWire } from '../ports/kube.ts';
import { ask, refused } from './vault-pods.ts';

const MANAGER = 'vaultctl';
/** What the server writes by itself at every turn. */
const SERVERS_OWN = new Set(['managedFields', 'resourceVersion', 'generation', 'uid', 'creationTimestamp']);

export type Compared = { readonly is: 'as-wanted' } | { readonly is: 'absent' } | { readonly is: 'differs'; readonly fields: readonly string[] } | { readonly is: 'unknown-kind' };

/** Kinds that were asked for, in one run: API discovery says the same all along. */
export type Kinds = Map<string, { readonly plural: string; readonly namespaced: boolean }>;

/**
 * What applying a manifest would change, by the server's own word: a dry run of the same server-side apply.
 * Names of fields only: a Secret's values are nobody's to read. @throws KubeError
 */
export async function compareManifest(kube: KubeWire, object: Manifest, namespace: string, kinds: Kinds): Promise<Compared> {
  const placed = await place(kube, object, namespace, kinds);
  if (placed === undefined) return { is: 'unknown-kind' };
  const { path } = placed;
  const found = await kube.request({ method: 'GET', path });
  if (found.status === 404) return { is: 'absent' };
  if (found.status !== 200) throw refused(kube, { method: 'GET', path }, found);
  const would = await apply(kube, placed, true);
  const fields = differing(found.body, would.body, '');
  return fields.length === 0 ? { is: 'as-wanted' } : { is: 'differs', fields };
}

/** @throws KubeError, also where another owner of a field wants it otherwise */
export async function applyManifest(kube: KubeWire, object: Manifest, namespace: string, kinds: Kinds): Promise<void> {
  const placed = await place(kube, object, namespace, kinds);
  if (placed === undefined) throw new KubeError('config', `${nameOf(object)}: the API server knows no ${object.kind} in ${object.apiVersion}`, 'is its CustomResourceDefinition installed? A manifest before it in vault_install_pre can bring it');
  await apply(kube, placed, false);
}

async function apply(kube: KubeWire, { path, object }: Placed, dryRun: boolean): Promise<KubeAnswer> {
  const request = { method: 'PATCH' as const, path: `${path}?fieldManager=${MANAGER}${dryRun ? '&dryRun=All' : ''}`, contentType: 'application/apply-patch+yaml', body: object };
  const answer = await kube.request(request);
  if (answer.status === 409) throw new KubeError('config', `${nameOf(object)}: ${messageIn(answer.body)}`, `another tool owns that field: remove it from the manifest, or let vaultctl have it: kubectl apply --server-side --force-conflicts --field-manager=${MANAGER} -f FILE`);
  if (answer.status >= 300) throw refused(kube, request, answer);
  return answer;
}

interface Placed { readonly path: string; readonly object: Manifest }

/** `apps/v1` and `StatefulSet` → where such an object is; undefined where the server knows none. Without a namespace of its own it is in Vault's. */
async function place(kube: KubeWire, object: Manifest, vaults: string, kinds: Kinds): Promise<Placed | undefined> {
  const { apiVersion, kind, metadata } = object;
  const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  let known = kinds.get(`${apiVersion} ${kind}`);
  if (known === undefined) {
    const { resources = [] } = await ask<{ resources?: { name: string; kind: string; namespaced: boolean }[] }>(kube, { method: 'GET', path: base }, [200, 404]);
    const found = resources.find((resource) => resource.kind === kind && !resource.name.includes('/'));
    if (found === undefined) return undefined;
    known = { plural: found.name, namespaced: found.namespaced };
    kinds.set(`${apiVersion} ${kind}`, known);
  }
  const name = encodeURIComponent(metadata.name);
  if (!known.namespaced) return { path: `${base}/${known.plural}/${name}`, object };
  const namespace = metadata.namespace ?? vaults;
  return { path: `${base}/namespaces/${encodeURIComponent(namespace)}/${known.plural}/${name}`, object: { ...object, metadata: { ...metadata, namespace } } };
}

/** Paths of fields, outermost first, of what the server itself does not change. */
function differing(a: unknown, b: unknown, path: string): string[] {
  if (a === b) return [];
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) return a.flatMap((each, index) => differing(each, b[index], `${path}[${index}]`));
  if (isTable(a) && isTable(b)) {
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => path !== 'metadata' || !SERVERS_OWN.has(name)).flatMap((name) => differing(a[name], b[name], path === '' ? name : `${path}.${name}`));
  }
  return [path];
}

export function nameOf({ kind, metadata }: Manifest): string { return `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`; }
function messageIn(body: unknown): string { return isTable(body) && typeof body['message'] === 'string' ? body['message'] : 'conflict'; }
function isTable(value: unknown): value is Record<string, unknown> { return typeof value === 'object' && value !== null && !Array.isArray(value); }
