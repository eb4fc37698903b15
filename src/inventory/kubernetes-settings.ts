import type { KubernetesSettings } from '../model/settings.ts';
import { agreed } from './host-reading.ts';
import type { HostReading, Read } from './host-reading.ts';
import { absolutePath } from './paths.ts';
import type { Inventory } from './load.ts';
import { atHome } from './ssh-args.ts';
import { refuse } from './value.ts';

/** From flags: they win over the inventory. */
export interface KubernetesFlags { readonly kubeconfig?: string; readonly context?: string }

const NAMES_KUBERNETES = ['vault_namespace', 'vault_reach', 'vault_pod_selector', 'vault_helm_release', 'vault_helm_chart'];
const REACHES = ['port-forward', 'pod-ip', 'address'] as const;

/** Undefined where nothing in the inventory speaks of Kubernetes: then `vault_addresses` is all there is. */
export function kubernetesSettings(inventory: Inventory, readings: readonly HostReading[], flags: KubernetesFlags & { home: string }): KubernetesSettings | undefined {
  const text = (name: string) => agreed(readings, (reading) => reading.text(name));
  if (NAMES_KUBERNETES.every((name) => text(name) === undefined)) return undefined;
  const direct = agreed(readings, (reading) => reading.list('vault_addresses'));
  const reach = reachFrom(text('vault_reach'), direct);
  const namespace = text('vault_namespace');
  const release = text('vault_helm_release');
  for (const said of [namespace, release]) {
    if (said !== undefined && !/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(said.value)) {
      refuse(said.place, `${said.name} must be a Kubernetes name, not ${JSON.stringify(said.value)}`, 'Lower-case letters, digits and dashes, at most 63.');
    }
  }
  const name = release?.value ?? 'vault';
  const scheme = text('vault_scheme');
  if (scheme !== undefined && scheme.value !== 'http' && scheme.value !== 'https') refuse(scheme.place, `vault_scheme must be http or https, not ${JSON.stringify(scheme.value)}`, 'Leave it out: vaultctl reads it from the pod.');
  const kubeconfig = flags.kubeconfig ?? text('vault_kubeconfig')?.value;
  return {
    reach, release: name,
    namespace: namespace?.value ?? 'vault',
    podSelector: text('vault_pod_selector')?.value ?? `app.kubernetes.io/instance=${name},component=server`,
    kubeconfig: kubeconfig === undefined ? undefined : absolutePath(atHome(kubeconfig, flags.home), inventory.cwd),
    context: flags.context ?? text('vault_kube_context')?.value,
    port: agreed(readings, (reading) => reading.whole(1, 65_535, 'vault_port'))?.value ?? 8200,
    scheme: scheme?.value as 'http' | 'https' | undefined,
    caSecret: caSecret(text('vault_ca_secret')),
    allowHttp: agreed(readings, (reading) => reading.flag('vault_allow_http'))?.value ?? false,
  };
}

function reachFrom(said: Read<string> | undefined, direct: Read<readonly string[]> | undefined): KubernetesSettings['reach'] {
  const listed = direct !== undefined && direct.value.length > 0;
  if (said === undefined) return listed ? 'address' : 'port-forward';
  const reach = REACHES.find((known) => known === said.value);
  if (reach === undefined) return refuse(said.place, `vault_reach must be one of ${REACHES.join(', ')}, not ${JSON.stringify(said.value)}`, 'Leave it out for port-forward.');
  if (reach === 'address' && !listed) refuse(said.place, 'vault_reach is address, and vault_addresses is missing', 'Set vault_addresses to the list of the nodes\' URLs.');
  if (reach !== 'address' && listed) refuse(said.place, `vault_reach is ${reach}, and vault_addresses is set: which of them?`, 'Remove vault_addresses, or write vault_reach: address.');
  return reach;
}

/** `NAME` or `NAME/KEY`; the key is `ca.crt` where none is given, as cert-manager writes it. */
function caSecret(said: Read<string> | undefined): { name: string; key: string } | undefined {
  if (said === undefined) return undefined;
  const [name, key = 'ca.crt', ...rest] = said.value.split('/');
  if (name === undefined || name === '' || key === '' || rest.length > 0) return refuse(said.place, `vault_ca_secret must be NAME or NAME/KEY, not ${JSON.stringify(said.value)}`, 'For example vault-server-tls/ca.crt');
  return { name, key };
}
