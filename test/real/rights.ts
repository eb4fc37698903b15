// The rights that a manifest of deploy/kubernetes grants, and those that the API server's audit log says were used.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import type { Cluster } from '../cluster/start.ts';

interface Rule { readonly apiGroups: readonly string[]; readonly resources: readonly string[]; readonly verbs: readonly string[]; readonly resourceNames?: readonly string[] }
export interface RbacObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Rule[];
  readonly subjects?: readonly object[];
}

/** The objects of one manifest; what is bound in it is bound to `accounts` (`NAMESPACE/NAME`) instead. */
export function manifestOf(file: string, accounts?: readonly string[]): RbacObject[] {
  const path = fileURLToPath(new URL(`../../deploy/kubernetes/${file}`, import.meta.url));
  const objects = parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS() as RbacObject);
  if (accounts === undefined) return objects;
  const subjects = accounts.map((account) => ({ kind: 'ServiceAccount', namespace: account.split('/')[0], name: account.split('/')[1] }));
  return objects.map((object) => (object.subjects === undefined ? object : { ...object, subjects }));
}

/** `vault: patch apps/statefulsets`, one a verb; what is in no namespace begins with `cluster:`. */
export function grantedBy(objects: readonly RbacObject[]): string[] {
  return [...new Set(objects.flatMap(({ metadata, rules = [] }) => rules.flatMap(({ apiGroups, resources, verbs }) => apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => right(metadata.namespace, verb, group, resource)))))))].toSorted();
}

/** The names that such a right is bound to; undefined where it is for all. */
export function namesFor(objects: readonly RbacObject[], wanted: string): readonly string[] | undefined {
  const rules = objects.flatMap((object) => (object.rules ?? []).filter((rule) => grantedBy([{ ...object, rules: [rule] }]).includes(wanted)));
  return rules.some(({ resourceNames }) => resourceNames === undefined) ? undefined : rules.flatMap(({ resourceNames }) => resourceNames!);
}

function right(namespace: string | undefined, verb: string, group: string, resource: string): string {
  return `${namespace ?? 'cluster'}: ${verb} ${group === '' ? '' : `${group}/`}${resource}`;
}

/** https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ */
interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly apiGroup?: string; readonly namespace?: string; readonly name?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Used { readonly right: string; readonly name: string | undefined; readonly allowed: boolean }

/** What every logged-in user may ask: what kinds there are, who he is, what he may do. */
const EVERYBODYS = /^cluster: create (?:authorization|authentication)\.k8s\.io\/self/;

/** What `NAMESPACE/NAME` asked for from `since` on (a number of lines), beside what everybody may. */
export function usedBy(auditLog: string, account: string, since = 0): Used[] {
  const user = `system:serviceaccount:${account.replace('/', ':')}`;
  return auditLines(auditLog).slice(since).map((line) => JSON.parse(line) as AuditEvent).filter((event) => event.user.username === user).flatMap(({ verb, objectRef, responseStatus, annotations }) => {
    if (objectRef?.resource === undefined) return [];
    const { namespace, apiGroup = '', resource, subresource, name } = objectRef;
    const asked = right(namespace, verb, apiGroup, `${resource}${subresource === undefined ? '' : `/${subresource}`}`);
    return EVERYBODYS.test(asked) ? [] : [{ right: asked, name, allowed: responseStatus?.code !== 403 && annotations?.['authorization.k8s.io/decision'] !== 'forbid' }];
  });
}

export function auditLines(auditLog: string): string[] {
  // The last line may be half-written.
  return existsSync(auditLog) ? readFileSync(auditLog, 'utf8').split('\n').slice(0, -1) : [];
}

export const distinct = (used: readonly Used[]): string[] => [...new Set(used.map((each) => each.right))].toSorted();

/** A kubeconfig with which one is the service account `NAMESPACE/NAME`, for an hour. */
export async function writeAccountKubeconfig(cluster: Cluster, account: string, path: string): Promise<void> {
  const [namespace = '', name = ''] = account.split('/');
  const token = (await cluster.kubectlDo(['-n', namespace, 'create', 'token', name, '--duration=1h'])).trim();
  const admin = JSON.parse(readFileSync(cluster.kubeconfig, 'utf8')) as { contexts: readonly { context: object }[] };
  writeFileSync(path, JSON.stringify({ ...admin, users: [{ name: account, user: { token } }], contexts: admin.contexts.map((each) => ({ ...each, context: { ...each.context, user: account } })) }), { mode: 0o600 });
}
