import { readFile } from 'node:fs/promises';
import { hostname, networkInterfaces, userInfo } from 'node:os';
import process from 'node:process';
import { systemClock, systemPulse } from './adapters/clock.ts';
import { journalTo, RemoteJournal } from './adapters/journal.ts';
import type { KubeHttp } from './adapters/kube-http.ts';
import { nodeInventoryFiles } from './adapters/node-inventory-files.ts';
import { Terminal } from './adapters/terminal.ts';
import type { Ways } from './adapters/vault-http.ts';
import type { Machine, World } from './commands/context.ts';
import { kubernetesHalt } from './kubernetes/rights.ts';
import { messageOf, UsageError } from './model/halt.ts';
import type { Manager, Settings } from './model/settings.ts';
import type { ClusterNode } from './ports/cluster.ts';
import type { Event } from './ports/operator.ts';
import { KubeError, type KubeWire } from './ports/kube.ts';
import { WireError } from './ports/vault.ts';
import { HostError, type HostHands } from './ports/hosts.ts';

export { keepMemoryPrivate } from './adapters/keep-memory-private.ts';
export { outliveReaders, outliveStrays } from './adapters/outlive.ts';

/** The real machine: the only place where real adapters are built. */
export const machine: Machine = {
  files: nodeInventoryFiles,
  cwd: process.cwd(),
  clock: systemClock,
  env: (name) => process.env[name],
  localNames: () => [hostname(), hostname().split('.')[0]!, ...Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address))],
  readInput: async (path) => {
    try {
      return path === '-' ? await standardInput() : await readFile(path);
    } catch (error) {
      throw new UsageError(`${path} cannot be read: ${messageOf(error)}`, 'check the path and its mode');
    }
  },
  passwordFrom: async (argv) => (await import('./adapters/password-program.ts')).passwordFrom(argv),
  holder: () => ({ holder: userName(), host: hostname(), pid: process.pid }),
  reach: async (manager) => (await import('./adapters/reach.ts')).reachOf(manager),
  out: (text) => { process.stdout.write(text); },
  err: (text) => { process.stderr.write(text); },
  operator: (options) => new Terminal({ ...options, journal: (event) => journal?.(event) }),
  open: openWorld,
};

/** Set once the inventory has said where the journal is. */
let journal: ((event: Event) => void) | undefined;

async function openWorld(settings: Settings, flags: Parameters<Machine['open']>[1], operator: Parameters<Machine['open']>[2], how?: 'also-without-pods'): Promise<World> {
  const [{ openHosts }, { HttpWire }, { VaultEyes }, { VaultHands }] = await Promise.all([
    import('./adapters/open-hosts.ts'), import('./adapters/vault-http.ts'), import('./vault/eyes.ts'), import('./vault/hands.ts'),
  ]);
  const hosts = openHosts(settings.managers, { clock: systemClock, askSecret: (question) => operator.askSecret(question), warn: (text) => operator.tell({ is: 'warning', text }), note: (text) => operator.tell({ is: 'note', text }) });
  const pods = await openPods(settings);
  for (const text of pods?.kube.warnings ?? []) operator.tell({ is: 'warning', text });
  if (pods?.away !== undefined && how === undefined) { pods.close(); throw kubernetesHalt(pods.away, settings.inventory); }
  const wire = new HttpWire({ get ca() { return settings.vault.ca ?? pods?.ca(); }, serverName: settings.vault.serverName, namespace: settings.vault.namespace, ways: pods?.ways });
  const master = settings.managers.find(({ name }) => name === settings.master);
  const end = journalOn(master, hosts.find(({ name }) => name === settings.master));
  const { kubernetes } = settings;
  const helm = kubernetes === undefined || settings.deployment.helm === undefined ? undefined : new (await import('./adapters/helm.ts')).Helm(settings.deployment.helm, kubernetes, settings.timeoutMs);
  const programs = [...settings.deployment.pre, ...settings.deployment.post].some((extra) => extra.is === 'command') ? (await import('./adapters/programs.ts')).programsHere(settings.timeoutMs) : undefined;
  const openKube = kubernetes === undefined ? undefined : opensKube(settings, pods?.kube);
  const base = {
    settings, hosts, clock: systemClock, flags, tell: (event: Event) => operator.tell(event),
    ...(openKube === undefined ? {} : { kube: openKube }),
    nodes: pods?.nodes ?? settings.vault.addresses.map((address) => ({ name: address, address })),
    ...(pods === undefined ? {} : { findNodes: pods.find, authority: () => pods.ca() }),
    ...(helm === undefined ? {} : { helm }), ...(programs === undefined ? {} : { programs }),
  };
  return {
    eyes: { ...base, vault: new VaultEyes(wire, settings.timeoutMs) },
    lockable: hosts,
    ...(pods?.away === undefined ? {} : { away: pods.away }),
    ...(kubernetes === undefined || openKube === undefined ? {} : {
      lease: async () => ({ kube: await openKube(), namespace: kubernetes.namespace, release: kubernetes.release, pulse: systemPulse, now: () => systemClock.now() }),
    }),
    hands: (lock, operation) => ({ ...base, vault: new VaultHands(wire, settings.timeoutMs), ...(helm === undefined ? {} : { helmHands: helm }), ...(programs === undefined ? {} : { programHands: programs }), operator, operation, lock, isPassing, mayProve: true }),
    close: async () => { await end(); wire.close(); pods?.close(); await Promise.all(hosts.map((host) => host.close().catch(() => undefined))); },
  };
}

/** On this host's own disk line by line, elsewhere at the end of the run. */
function journalOn(master: Manager | undefined, host: HostHands | undefined): () => Promise<void> {
  if (master === undefined) return () => Promise.resolve();
  const words = { host: hostname() };
  const { note } = host as { note?: (path: string, lines: Uint8Array) => Promise<void> };
  if (note === undefined) {
    journal = journalTo(master.paths.journal, words);
    return () => Promise.resolve();
  }
  const remote = new RemoteJournal(words, (lines) => note.call(host, master.paths.journal, lines));
  journal = (event) => remote.hear(event);
  return () => remote.end();
}

interface Pods {
  readonly kube: KubeHttp;
  /** Filled anew by `find`, for everybody who has it. */
  readonly nodes: readonly ClusterNode[];
  readonly ways: Ways;
  /** @throws WireError where the Secret that shall hold it is not there (yet) */
  ca(): string | undefined;
  readonly find: () => Promise<void>;
  /** Why no pod is known, where the first look failed. */
  readonly away: KubeError | undefined;
  close(): void;
}

/** Where the inventory finds Vault through Kubernetes: its pods as nodes, and the ways to them. The library is loaded only then. */
async function openPods({ kubernetes, timeoutMs }: Settings): Promise<Pods | undefined> {
  if (kubernetes === undefined || kubernetes.reach === 'address') return undefined;
  const [{ KubeHttp }, { PodWays }, { caFromSecret }] = await Promise.all([import('./adapters/kube-http.ts'), import('./adapters/pod-ways.ts'), import('./kubernetes/ca-secret.ts')]);
  const kube = new KubeHttp(kubernetes, timeoutMs);
  const ways = new PodWays(kube, kubernetes);
  const nodes: ClusterNode[] = [];
  let authority: { readonly ca: string | undefined } | { readonly missing: KubeError } | undefined;
  const find = async () => {
    const [found, ca] = await Promise.all([ways.nodes(), caFromSecret(kube, kubernetes).then((text) => ({ ca: text }), (error: unknown) => {
      // What the chart or a step before it makes may come later than we do.
      if (error instanceof KubeError && error.reached === 'config') return { missing: error };
      throw error;
    })]);
    nodes.splice(0, nodes.length, ...found);
    // One that was there and cannot be read just now still is the one.
    if (authority === undefined || 'missing' in authority || 'ca' in ca) authority = ca;
  };
  try {
    const away = await find().then(() => undefined, (error: unknown) => { if (error instanceof KubeError) return error; throw error; });
    return {
      kube, nodes, ways, find, away,
      ca: () => { if (authority === undefined) return undefined; if ('missing' in authority) throw new WireError('Vault', 'before', authority.missing.message, { cause: authority.missing }); return authority.ca; },
      close: () => { ways.close(); kube.close(); },
    };
  } catch (error) {
    kube.close();
    throw error;
  }
}

/** Opened at its first use where Vault itself is reached another way. Its connection is the process's last and ends with it. */
function opensKube(settings: Settings, open: KubeWire | undefined): () => Promise<KubeWire> {
  let kube = open === undefined ? undefined : Promise.resolve(open);
  return () => kube ??= import('./adapters/kube-http.ts').then(({ KubeHttp }) => new KubeHttp(settings.kubernetes!, settings.timeoutMs));
}

/** A cut wire or a host that went away may come back; a bad certificate, a full disk or a lost lock does not by itself. */
function isPassing(error: unknown): boolean {
  if (error instanceof WireError || error instanceof KubeError) return error.reached !== 'config';
  return error instanceof HostError && error.kind === 'unreachable';
}

function userName(): string {
  try { return process.env.SUDO_USER ?? userInfo().username; } catch { return String(process.getuid?.() ?? 'unknown'); }
}

async function standardInput(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
