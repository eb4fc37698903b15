import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { type KubeRight, ruleOf, shippedIn } from '../model/kube-right.ts';
import { KubeError, type KubeWire } from '../ports/kube.ts';

export interface Refusal {
  /** `system:serviceaccount:vault:vaultctl`; undefined where the server did not say. */
  readonly user: string | undefined;
  readonly rights: readonly KubeRight[];
}

const SAID = /User "([^"]*)" cannot (\S+) resource "([^"]*)" in API group "([^"]*)"(?: in the namespace "([^"]*)"| at the cluster scope)/;
const NAMED = /"([^"]*)" is forbidden: User/;

/** What RBAC's own words name as missing; undefined for every other no (an exceeded quota, an admission policy). */
export function refusalIn(message: string): Refusal | undefined {
  const [, user, verb, resource, group, namespace] = SAID.exec(message) ?? [];
  if (verb === undefined || resource === undefined || group === undefined) return undefined;
  const name = NAMED.exec(message)?.[1];
  return { user, rights: [{ verb, group, resource, ...(namespace === undefined ? {} : { namespace }), ...(name === undefined ? {} : { name }) }] };
}

/** In one line, where there is no page. */
export function mendOf({ user, rights }: Refusal): string {
  const files = [...new Set(rights.flatMap((right) => shippedIn(right) ?? []))];
  return `add ${rights.map(ruleOf).join(' ')} to a Role that is bound to ${user ?? 'the user of the kubeconfig'}${files.length === 0 ? '' : `   (deploy/kubernetes/${files.join(', ')})`}`;
}

/**
 * Which of these rights the server says that we lack, before any of them is used. Where it cannot be asked, none:
 * whoever goes on is refused by the server itself. @throws KubeError where it does not answer
 */
export async function lackedOf(kube: KubeWire, rights: readonly KubeRight[]): Promise<Refusal | undefined> {
  const lacked: KubeRight[] = [];
  for (const right of rights) if (!(await mayUse(kube, right))) lacked.push(right);
  return lacked.length === 0 ? undefined : { user: await whoAmI(kube), rights: lacked };
}

async function mayUse(kube: KubeWire, { verb, group, resource, namespace, name }: KubeRight): Promise<boolean> {
  const [kind, subresource] = resource.split('/');
  const { status, body } = await kube.request({
    method: 'POST', path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes: { verb, group, resource: kind, subresource, namespace, name } } },
  });
  return status !== 201 || (body as { status?: { allowed?: boolean } } | undefined)?.status?.allowed !== false;
}

async function whoAmI(kube: KubeWire): Promise<string | undefined> {
  const { status, body } = await kube.request({ method: 'POST', path: '/apis/authentication.k8s.io/v1/selfsubjectreviews', body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' } });
  return status === 201 ? (body as { status?: { userInfo?: { username?: string } } } | undefined)?.status?.userInfo?.username : undefined;
}

/** Which nodes' silence is RBAC's word: no waiting mends that, and no node is at fault. @throws Halt */
export function refuseForbidden(errors: readonly unknown[], inventory: string): void {
  for (const error of errors) {
    const cause = error instanceof KubeError ? error : (error as { cause?: unknown } | undefined)?.cause;
    if (cause instanceof KubeError && cause.refusal !== undefined) throw kubernetesHalt(cause, inventory, 'asking every Vault node');
  }
}

/**
 * The page for an API server that did not give what was asked of it.
 * @param during the title of the step @param managers what lies on each manager, where nothing else could be looked at
 */
export function kubernetesHalt(error: KubeError, inventory: string, during?: string, managers: readonly string[] = []): Halt {
  const { refusal } = error;
  if (refusal !== undefined) return new Halt(haltTexts.kubernetesForbidden(refusal.user, refusal.rights, during, inventory), { cause: error });
  return new Halt(haltTexts.kubernetesUnreachable(`${during === undefined ? '' : `${during}: `}${error.message}`, error.mend, inventory, managers), { cause: error });
}
