import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { messageOf, UsageError } from '../model/halt.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Where kubeadm leaves the administrator's own; root on a control-plane host has it at hand, and kubectl does not look there. */
const ADMIN = '/etc/kubernetes/admin.conf';

export interface KubeconfigChoice { readonly kubeconfig: string | undefined; readonly context: string | undefined }

/**
 * As kubectl finds it: the file that was named, else every file of $KUBECONFIG (of two entries with one name the first
 * counts; missing files are passed over), else ~/.kube/config, else the service account of the pod vaultctl runs in.
 * Never the library's last resort, http://localhost:8080.
 * @throws UsageError naming the file, the context and what there is
 */
export function readKubeconfig({ kubeconfig, context }: KubeconfigChoice): KubeConfig {
  const { config, from } = found(kubeconfig);
  if (context !== undefined) {
    if (config.getContextObject(context) === null) throw new UsageError(`${from} has no context ${context}`, `contexts there: ${config.getContexts().map(({ name }) => name).join(', ') || 'none'}`);
    config.setCurrentContext(context);
  }
  const current = config.getCurrentContext();
  if (current === undefined || current === '') throw new UsageError(`${from} names no current context`, `choose one with --context: ${config.getContexts().map(({ name }) => name).join(', ') || 'it has none'}`);
  if (config.getContextObject(current) === null) throw new UsageError(`${from}: its current context ${current} is not in it`, `choose one with --context: ${config.getContexts().map(({ name }) => name).join(', ') || 'it has none'}`);
  const cluster = config.getCurrentCluster();
  if (cluster === null || !URL.canParse(cluster.server)) throw new UsageError(`${from}: context ${current} names a cluster that is not in it, or has no server`, 'kubectl config view');
  if (config.getCurrentUser() === null) throw new UsageError(`${from}: context ${current} names a user that is not in it`, 'kubectl config view');
  return config;
}

function found(named: string | undefined): { config: KubeConfig; from: string } {
  if (named !== undefined) return { config: fromFiles([named]), from: named };
  const listed = (process.env.KUBECONFIG ?? '').split(':').filter((file) => file !== '');
  if (listed.length > 0) {
    const there = listed.filter((file) => existsSync(file));
    if (there.length === 0) throw new UsageError(`no file of $KUBECONFIG is there: ${listed.join(', ')}`, 'mend or unset KUBECONFIG, or give --kubeconfig FILE');
    return { config: fromFiles(there), from: `$KUBECONFIG (${there.join(', ')})` };
  }
  const usual = join(homedir(), '.kube/config');
  if (existsSync(usual)) return { config: fromFiles([usual]), from: usual };
  if (process.env.KUBERNETES_SERVICE_HOST !== undefined && existsSync(join(SERVICE_ACCOUNT, 'token'))) {
    const config = new KubeConfig();
    config.loadFromCluster();
    return { config, from: 'the service account of this pod' };
  }
  throw new UsageError(`no kubeconfig: neither --kubeconfig nor vault_kubeconfig is given, KUBECONFIG is not set, and ${usual} is not there`,
    existsSync(ADMIN) ? `give --kubeconfig ${ADMIN}, or write vault_kubeconfig: ${ADMIN}` : 'give --kubeconfig FILE, or write vault_kubeconfig into the inventory');
}

function fromFiles(files: readonly string[]): KubeConfig {
  const merged = new KubeConfig();
  for (const file of files) {
    const one = new KubeConfig();
    try {
      one.loadFromString(readFileSync(file, 'utf8'));
      one.makePathsAbsolute(dirname(file));
    } catch (error) {
      throw new UsageError(`${file} cannot be read as a kubeconfig: ${messageOf(error).split('\n')[0]}`, 'kubectl config view --kubeconfig FILE says more');
    }
    const fresh = <T extends { readonly name: string }>(all: readonly T[] | undefined, known: readonly T[]) => (all ?? []).filter(({ name }) => !known.some((other) => other.name === name));
    for (const cluster of fresh(one.getClusters(), merged.getClusters())) merged.addCluster(cluster);
    for (const user of fresh(one.getUsers(), merged.getUsers())) merged.addUser(user);
    for (const context of fresh(one.getContexts(), merged.getContexts())) merged.addContext(context);
    if (merged.getCurrentContext() === undefined && one.getCurrentContext() !== undefined) merged.setCurrentContext(one.getCurrentContext());
  }
  return merged;
}
