import { existsSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { KubeConfig, makeAbsolutePath } from '@kubernetes/client-node/dist/config.js';
import { type Cluster, newClusters, newContexts, newUsers, type User } from '@kubernetes/client-node/dist/config_types.js';
import { parse } from 'yaml';
import { messageOf, UsageError } from '../model/halt.ts';
import { whyUnusable } from './kubeconfig-check.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Where kubeadm leaves the administrator's own; root on a control-plane host has it at hand, and kubectl does not look there. */
const ADMIN = '/etc/kubernetes/admin.conf';

/** With what the library passes over. */
export interface KubeUser extends User {
  readonly tokenFile?: string;
  readonly impersonateUid?: string;
  readonly impersonateGroups?: readonly string[];
  readonly impersonateExtra?: Readonly<Record<string, readonly string[]>>;
}
export interface KubeCluster extends Cluster {
  /** What an exec plug-in is told of the cluster, in its own words. */
  readonly execConfig?: unknown;
}

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
  const cluster = config.getCurrentCluster() as KubeCluster | null;
  if (cluster === null) throw new UsageError(`${from}: context ${current} names a cluster that is not in it, or has no server`, 'kubectl config view');
  const user = config.getCurrentUser() as KubeUser | null;
  if (user === null) throw new UsageError(`${from}: context ${current} names a user that is not in it`, 'kubectl config view');
  const why = whyUnusable(cluster, user);
  if (why !== undefined) throw new UsageError(`${from}: context ${current}: ${why}`, 'kubectl config view --minify');
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
  const inPod = ofThisPod();
  if (inPod !== undefined) return { config: inPod, from: 'the service account of this pod' };
  throw new UsageError(`no kubeconfig: neither --kubeconfig nor vault_kubeconfig is given, KUBECONFIG is not set, and ${usual} is not there`,
    existsSync(ADMIN) ? `give --kubeconfig ${ADMIN}, or write vault_kubeconfig: ${ADMIN}` : 'give --kubeconfig FILE, or write vault_kubeconfig into the inventory');
}

/** The account whose token and CA the kubelet keeps fresh in every pod; always over TLS. */
function ofThisPod(): KubeConfig | undefined {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '' } = process.env;
  const [tokenFile, caFile] = [join(SERVICE_ACCOUNT, 'token'), join(SERVICE_ACCOUNT, 'ca.crt')];
  if (host === '' || port === '' || !existsSync(tokenFile)) return undefined;
  const config = new KubeConfig();
  const user: KubeUser = { name: 'inClusterUser', tokenFile };
  config.loadFromClusterAndUser({ name: 'inCluster', server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`, skipTLSVerify: false, caFile }, user);
  return config;
}

function fromFiles(files: readonly string[]): KubeConfig {
  const merged = new KubeConfig();
  for (const file of files) {
    const one = fromFile(file);
    // Of two entries with one name those of the first file count, each as a whole.
    const fresh = <T extends { readonly name: string }>(all: readonly T[], known: readonly T[]) => all.filter(({ name }) => !known.some((other) => other.name === name));
    for (const cluster of fresh(one.getClusters(), merged.getClusters())) merged.addCluster(cluster);
    for (const user of fresh(one.getUsers(), merged.getUsers())) merged.addUser(user);
    for (const context of fresh(one.getContexts(), merged.getContexts())) merged.addContext(context);
    if ((merged.getCurrentContext() ?? '') === '' && (one.getCurrentContext() ?? '') !== '') merged.setCurrentContext(one.getCurrentContext());
  }
  return merged;
}

interface Entry { readonly name?: unknown; readonly cluster?: Readonly<Record<string, unknown>> | null; readonly user?: Readonly<Record<string, unknown>> | null }

/** Relative paths count from the file's folder. What is broken and not chosen harms nobody. */
function fromFile(file: string): KubeConfig {
  const config = new KubeConfig();
  let said: Readonly<Record<string, unknown>>;
  try {
    said = parse(readFileSync(file, 'utf8')) as typeof said;
    if (typeof said !== 'object' || said === null || Array.isArray(said)) throw new Error('there is no mapping in it');
  } catch (error) {
    throw new UsageError(`${file} cannot be read as a kubeconfig: ${messageOf(error).split('\n')[0]}`, 'kubectl config view --kubeconfig FILE says more');
  }
  const lists = { clusters: listOf(said.clusters), users: listOf(said.users), contexts: listOf(said.contexts) };
  for (const [kind, entries] of Object.entries(lists)) {
    const twice = entries.map(({ name }) => name).find((name, index, all) => all.indexOf(name) !== index);
    if (twice !== undefined) throw new UsageError(`${file} cannot be read as a kubeconfig: it has two ${kind} named ${String(twice)}`, 'remove one of them');
  }
  const path = (name: unknown) => (typeof name === 'string' && name !== '' ? makeAbsolutePath(resolve(dirname(file)), name) : undefined);
  config.loadFromOptions({
    clusters: newClusters(lists.clusters, { onInvalidEntry: 'filter' }).map((cluster) => wholeCluster(cluster, named(lists.clusters, cluster.name).cluster, path)),
    users: newUsers(lists.users, { onInvalidEntry: 'filter' }).map((user) => wholeUser(user, named(lists.users, user.name).user ?? {}, path)),
    contexts: newContexts(lists.contexts, { onInvalidEntry: 'filter' }),
    currentContext: typeof said['current-context'] === 'string' ? said['current-context'] : '',
  });
  return config;
}

type PathOf = (name: unknown) => string | undefined;

function wholeCluster(cluster: Cluster, said: Entry['cluster'], path: PathOf): KubeCluster {
  // A bare HOST:PORT is taken as kubectl takes it, but never as plain http.
  const server = cluster.server.includes('://') ? cluster.server : `https://${cluster.server}`;
  return given<KubeCluster>({ ...cluster, server, caFile: path(cluster.caFile), execConfig: execConfigOf(said) });
}

function wholeUser(user: User, said: Readonly<Record<string, unknown>>, path: PathOf): KubeUser {
  const exec = said.exec as { readonly command?: unknown } | undefined;
  return given<KubeUser>({
    ...user, certFile: path(user.certFile), keyFile: path(user.keyFile), tokenFile: path(said.tokenFile),
    // A plain name is for PATH.
    exec: typeof exec?.command === 'string' && exec.command.includes('/') ? { ...exec, command: path(exec.command) } : exec,
    impersonateUid: said['as-uid'], impersonateGroups: said['as-groups'], impersonateExtra: said['as-user-extra'],
  });
}

/** Without what nobody said. */
function given<T>(entry: Readonly<Record<string, unknown>>): T {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined && value !== null && value !== '')) as T;
}

/** https://kubernetes.io/docs/reference/config-api/client-authentication.v1/#client-authentication-k8s-io-v1-Cluster */
function execConfigOf(cluster: Entry['cluster']): unknown {
  return listOf(cluster?.extensions).map((one) => one as { readonly name?: unknown; readonly extension?: unknown }).find(({ name }) => name === 'client.authentication.k8s.io/exec')?.extension;
}

function listOf(said: unknown): readonly Entry[] { return Array.isArray(said) ? said.filter((entry): entry is Entry => typeof entry === 'object' && entry !== null) : []; }
function named(entries: readonly Entry[], name: string): Entry { return entries.find((entry) => entry.name === name) ?? {}; }
