import { Secret } from '../model/secret.ts';
import type { KubeWire } from '../ports/kube.ts';
import { refused } from './vault-pods.ts';

const LIVES_S = 600;

/**
 * A token of a service account, bound to nothing and short-lived: what a pod of that account would log in with.
 * https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
 * @returns undefined where there is no such service account. @throws KubeError
 */
export async function tokenOf(kube: KubeWire, namespace: string, account: string, audience: string | undefined): Promise<Secret | undefined> {
  const request = {
    method: 'POST' as const, path: `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: LIVES_S, ...(audience === undefined ? {} : { audiences: [audience] }) } },
  };
  const answer = await kube.request(request);
  if (answer.status === 404) return undefined;
  const token = (answer.body as { status?: { token?: unknown } } | undefined)?.status?.token;
  if (answer.status >= 300 || typeof token !== 'string') throw refused(kube, request, answer);
  return new Secret(token);
}
