import { Buffer } from 'node:buffer';
import { UsageError } from '../model/halt.ts';
import type { KubernetesSettings } from '../model/settings.ts';
import type { KubeWire } from '../ports/kube.ts';
import { ask } from './vault-pods.ts';

/** The CA of Vault's certificates, PEM text, from the Secret that `vault_ca_secret` names. @throws KubeError, UsageError */
export async function caFromSecret(kube: KubeWire, { namespace, caSecret }: KubernetesSettings): Promise<string | undefined> {
  if (caSecret === undefined) return undefined;
  const { name, key } = caSecret;
  const { data = {} } = await ask<{ data?: Record<string, string> }>(kube, { method: 'GET', path: `/api/v1/namespaces/${namespace}/secrets/${name}` });
  const found = data[key];
  if (found === undefined) throw new UsageError(`vault_ca_secret: the Secret ${namespace}/${name} has no key ${key}`, `it has: ${Object.keys(data).join(', ') || 'none'}; write vault_ca_secret: ${name}/KEY`);
  return Buffer.from(found, 'base64').toString('utf8');
}
