import { distance } from './near-names.ts';
import { placeText } from './host-reading.ts';
import { whyPassedOver } from './passed-over.ts';
import { Encrypted } from './value.ts';
import type { Value, Variables } from './value.ts';

/** Every variable that vaultctl reads. */
export const readVariables = new Set([
  'ansible_host', 'ansible_ssh_host', 'ansible_port', 'ansible_ssh_port', 'ansible_user', 'ansible_ssh_user', 'ansible_password', 'ansible_ssh_pass', 'ansible_ssh_password',
  'ansible_connection', 'ansible_private_key_file', 'ansible_ssh_private_key_file', 'ansible_ssh_args', 'ansible_ssh_common_args', 'ansible_ssh_extra_args', 'ansible_ssh_executable',
  'ansible_host_key_checking', 'ansible_ssh_host_key_checking', 'ansible_timeout', 'ansible_ssh_timeout', 'ansible_shell_executable', 'ansible_shell_type',
  'ansible_become', 'ansible_become_method', 'ansible_become_user', 'ansible_become_password', 'ansible_become_pass', 'ansible_become_exe', 'ansible_become_flags',
  ...['sudo', 'doas', 'su'].flatMap((method) => ['user', 'pass', 'exe', 'flags'].map((name) => `ansible_${method}_${name}`)),
  'ansible_ssh_pkcs11_provider', ...['host', 'port', 'user', 'pass', 'password', 'private_key_file', 'timeout', 'host_key_checking', 'proxy_command'].map((name) => `ansible_paramiko_${name}`),
  'vault_transport',
  'vault_managers_group', 'vault_creds_host_path', 'vault_creds_init_tmp_path', 'vault_creds_rotate_tmp_path', 'vault_creds_keep_previous', 'vault_snapshot_dir', 'vault_journal_path',
  'vault_addresses', 'vault_cacert', 'vault_tls_server_name', 'vault_enterprise_namespace', 'vault_allow_http', 'vault_key_shares', 'vault_key_threshold',
  'vault_cluster_name', 'vault_release_name', 'vault_timeout',
  'vault_namespace', 'vault_pod_selector', 'vault_kubeconfig', 'vault_kube_context', 'vault_reach', 'vault_port', 'vault_scheme', 'vault_ca_secret', 'vault_helm_release',
  'vault_helm', 'vault_helm_chart', 'vault_helm_repo', 'vault_helm_version', 'vault_helm_values', 'vault_helm_binary', 'vault_install_pre', 'vault_install_post',
  'vault_secrets_engines', 'vault_policies', 'vault_k8s_auth', 'vault_k8s_roles',
]);

const connectionLike = /^ansible_(?:ssh|become|sudo|su|doas|paramiko|connection|host|port|user|password|private_key)(?:_|$)/;

/** Warnings for names that look like ours and are not: a misspelt path variable would send keys to the default place. */
export function unknownVariables(variables: Variables): string[] {
  const warnings: string[] = [];
  for (const [name, { value, place }] of variables) {
    if (readVariables.has(name) || whyPassedOver(name) !== undefined) continue;
    const what = looksLikeOurs(name, value);
    if (what !== undefined) warnings.push(`${placeText(place)}: ${name} ${what}`);
  }
  return warnings;
}

/** What is to be said of a name that vaultctl does not read; undefined: it is the operator's own. */
export function looksLikeOurs(name: string, value: Value): string | undefined {
  if (!name.startsWith('vault_') && !name.startsWith('ansible_')) return undefined;
  const close = closest(name);
  // `vault_…` is also a common prefix for encrypted values of other tools.
  if (close === undefined && (value instanceof Encrypted || (name.startsWith('ansible_') && !connectionLike.test(name)))) return undefined;
  const what = name.startsWith('vault_') ? 'is no variable of vaultctl' : 'is a connection setting that vaultctl does not use';
  return `${what}${close === undefined ? '' : `; did you mean ${close}?`}`;
}

function closest(name: string): string | undefined {
  let best: { name: string; away: number } | undefined;
  for (const known of readVariables) {
    const away = distance(name, known, 2);
    if (away <= 2 && away < (best?.away ?? 3)) best = { name: known, away };
  }
  return best?.name;
}
