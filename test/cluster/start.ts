// A real one-node Kubernetes: started in its own namespaces, Ready, with DNS, storage classes and the images of its pods.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { makeCertificates, writeKubeconfig } from './certificates.ts';
import { type AuditLevel, auditLogIn, type Component, componentCommands, writeAuditPolicy, writeConfigurations } from './components.ts';
import type { ImageNames } from './images.ts';
import { insidePids, startInside, until } from './inside.ts';
import { firstObjects } from './manifests.ts';
import { type Namespaces, closeNamespaces, findNamespaces, openNamespaces } from './namespaces.ts';
import { type ClusterPrograms, clusterParts } from './parts.ts';
import { copyUnpacked, containerdAnswers } from './unpacked.ts';

const run = promisify(execFile);
const ANSWERS_WITHIN_MS = 60_000;
const READY_WITHIN_MS = 120_000;

export interface ClusterOptions {
  /** Absent or empty, and the cluster's own: it is made, and gone when the cluster is. */
  readonly folder: string;
  /** Users whose every request the API server writes to `auditLog`, without bodies. */
  readonly audited?: readonly string[];
  readonly auditLevel?: AuditLevel;
  /** Lets the cluster live on when this process ends; else the kernel ends it with us, even by SIGKILL. */
  readonly outlivesUs?: boolean;
  /** Told each thing that is done, and how long it took. */
  readonly tell?: (line: string) => void;
}

export interface Cluster {
  readonly folder: string;
  /** The administrator's, for programs that are run through `nsenter`. */
  readonly kubeconfig: string;
  /** "/proc/4711/ns/net" */
  readonly netns: string;
  /** Put before a program and its arguments, it is run in the cluster's network, and otherwise as here. */
  readonly nsenter: readonly string[];
  readonly kubectl: string;
  readonly helm: string;
  readonly helm4: string;
  readonly images: ImageNames;
  /** Runs kubectl as the administrator, with `input` on its stdin; resolves to its stdout, rejects when it fails. */
  readonly kubectlDo: (args: readonly string[], input?: string) => Promise<string>;
  /** Kills one component as it is (SIGKILL), and resolves when it is gone. */
  readonly killComponent: (name: Component) => Promise<void>;
  /** Starts it again. */
  readonly startComponent: (name: Component) => void;
  /** One JSON event a line (audit.k8s.io/v1), of the users that were to be audited. */
  readonly auditLog: string;
  /** The path of what it has said so far. */
  readonly logOf: (name: Component) => string;
  /** Its objects, events and the last words of its components, for the message of a test that waited in vain. */
  readonly story: () => Promise<string>;
  /** Ends every process, mount, cgroup and file of it. Twice does no harm. */
  readonly stop: () => Promise<void>;
}

/** Builds what is missing, and starts a cluster; resolves when its node and its DNS are Ready. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const folder = clusterFolder(options.folder);
  const tell = options.tell ?? (() => undefined);
  const parts = await clusterParts();
  await closeNamespaces(folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    const clock = stopwatch(tell);
    mkdirSync(join(folder, 'pki'), { mode: 0o700 });
    await makeCertificates(join(folder, 'pki'));
    writeKubeconfig(join(folder, 'kubeconfig'), join(folder, 'pki'), 'admin');
    const namespaces = await openNamespaces(folder, parts.programs.pause, { outlivesUs: options.outlivesUs ?? false });
    clock('certificates and namespaces');
    await copyUnpacked(parts, folder);
    clock('images of the pods');
    writeConfigurations(given(folder, namespaces, parts));
    if (options.audited !== undefined) writeAuditPolicy(folder, options.audited, options.auditLevel);
    const cluster = clusterIn(folder, namespaces, parts);
    await bringUp(cluster, namespaces, parts, clock);
    return cluster;
  } catch (cause) {
    const said = lastWords(folder);
    await closeNamespaces(folder);
    throw new Error(`the cluster did not come up: ${(cause as Error).message}${said}`, { cause });
  }
}

/** The cluster in `folder` that an earlier process started with `outlivesUs`, if it runs. */
export async function findCluster(folder: string): Promise<Cluster | undefined> {
  const namespaces = findNamespaces(clusterFolder(folder));
  return namespaces && clusterIn(clusterFolder(folder), namespaces, await clusterParts());
}

/** Ends whatever is left of a cluster in `folder`. */
export async function stopCluster(folder: string): Promise<void> {
  await closeNamespaces(clusterFolder(folder));
}

/** Without links: processes and mounts are found by it. */
function clusterFolder(folder: string): string {
  const path = resolve(folder);
  mkdirSync(dirname(path), { recursive: true });
  return join(realpathSync(dirname(path)), path.slice(dirname(path).length));
}

const given = (folder: string, { cgroup }: Namespaces, { programs, images }: ClusterPrograms) => ({ folder, cgroup, pauseImage: images.pause.name, programs });

function clusterIn(folder: string, namespaces: Namespaces, parts: ClusterPrograms): Cluster {
  const { programs, images } = parts;
  const kubeconfig = join(folder, 'kubeconfig');
  const netns = `/proc/${namespaces.pid}/ns/net`;
  const logOf = (name: string) => join(folder, `${name}.log`);
  const commands = componentCommands(given(folder, namespaces, parts));
  const kubectlDo: Cluster['kubectlDo'] = async (args, input) => {
    const [program = '', ...rest] = [...namespaces.nsenter, programs.kubectl, ...args];
    const running = run(program, rest, { env: { ...process.env, KUBECONFIG: kubeconfig, KUBECACHEDIR: join(folder, 'kubectl-cache') }, maxBuffer: 64 * 1024 * 1024 });
    running.child.stdin?.on('error', () => undefined).end(input ?? '');
    return (await running).stdout;
  };
  return {
    folder, kubeconfig, netns, nsenter: namespaces.nsenter, kubectl: programs.kubectl, helm: programs.helm3, helm4: programs.helm4, logOf, auditLog: auditLogIn(folder),
    images: { pause: images.pause.name, coredns: images.coredns.name, vault: images.vault.name, busybox: images.busybox.name },
    kubectlDo,
    story: async () => {
      const told = [['get', 'events', '-A', '--sort-by=.lastTimestamp'], ['get', 'statefulset,pod,pvc,pv', '-A', '-o', 'wide']].map((args) => kubectlDo(args).catch((cause: unknown) => (cause as Error).message));
      // What it is asked for comes last: of a long message the end is what is kept.
      return `${lastWords(folder)}\n${(await Promise.all(told)).join('\n')}`;
    },
    startComponent: (name) => { startInside(namespaces, commands[name], logOf(name)); },
    killComponent: async (name) => {
      const program = commands[name][0] ?? '';
      for (const pid of insidePids(namespaces, program)) process.kill(pid, 'SIGKILL');
      for (let waitedMs = 0; insidePids(namespaces, program).length > 0; waitedMs += 20) {
        if (waitedMs > ANSWERS_WITHIN_MS) throw new Error(`${name} outlives SIGKILL`);
        await sleep(20);
      }
    },
    stop: () => closeNamespaces(folder),
  };
}

async function bringUp(cluster: Cluster, namespaces: Namespaces, { programs }: ClusterPrograms, clock: (what: string) => void): Promise<void> {
  const { kubectlDo, startComponent } = cluster;
  const answers = async (path: string) => (await kubectlDo(['get', '--raw', path, '--request-timeout=5s'])).startsWith('ok');
  startInside(namespaces, [programs['open-volumes'], '/tmp/hostpath_pv'], join(cluster.folder, 'open-volumes.log'));
  startComponent('etcd');
  startComponent('containerd');
  startComponent('kube-apiserver');
  await Promise.all([
    until('the API server answers', ANSWERS_WITHIN_MS, () => answers('/readyz')).then(() => clock('etcd and API server')),
    // The kubelet ends when it does not.
    containerdAnswers(namespaces, programs.ctr).then(() => clock('containerd')),
  ]);
  startComponent('kube-controller-manager');
  startComponent('kube-scheduler');
  startComponent('kubelet');
  startComponent('kube-proxy');
  await kubectlDo(['create', '--validate=false', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: firstObjects(cluster.images) }));
  clock('first objects');
  await until('the node is Ready', READY_WITHIN_MS, async () => (await kubectlDo(['get', 'nodes', '-o', 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}'])) === 'True');
  clock('node Ready');
  await until('CoreDNS is Ready', READY_WITHIN_MS, async () => (await kubectlDo(['-n', 'kube-system', 'get', 'deployment', 'coredns', '-o', 'jsonpath={.status.readyReplicas}'])) === '1');
  // Whatever is made in a namespace before it has its service account is refused.
  await until('the default service account is there', READY_WITHIN_MS, async () => (await kubectlDo(['get', 'serviceaccount', 'default', '-o', 'name'])) !== '');
  clock('DNS Ready');
}

function stopwatch(tell: (line: string) => void): (what: string) => void {
  const startMs = performance.now();
  return (what) => tell(`${((performance.now() - startMs) / 1000).toFixed(1).padStart(5)} s  ${what}`);
}

/** The last lines of every log of a cluster, for the message that it failed with. */
function lastWords(folder: string): string {
  if (!existsSync(folder)) return '';
  return readdirSync(folder).filter((name) => name.endsWith('.log')).map((name) => {
    const lines = readFileSync(join(folder, name), 'utf8').trimEnd().split('\n').slice(-8);
    return `\n--- ${name}\n${lines.join('\n')}`;
  }).join('');
}
