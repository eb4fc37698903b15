import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { HttpWire } from '../../src/adapters/vault-http.ts';

const READY_WITHIN_MS = 30_000;
const START_ATTEMPTS = 5;

export interface RealServerOptions {
  /** An empty folder of the caller's: data, configuration and logs of every node live and stay below it. */
  readonly folder: string;
  readonly nodes?: number;
  /** PEM files for every node's listener: https then. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
  /** Followers find the first node by themselves, as in Kubernetes; else `raftJoin` must tell them. */
  readonly retryJoin?: boolean;
  /** Lets the servers live on when this process ends: for a demo that leaves its world up. */
  readonly outlivesUs?: boolean;
  /** The program in front of the server: `['strace', …]`. The child is then that program. */
  readonly under?: readonly string[];
  readonly binary?: string;
}

let found: Promise<{ path: string; name: string }> | undefined;

/** VAULTCTL_TEST_SERVER, else `vault` or `bao` on PATH, else the build that set-up keeps outside the repository. */
export function serverBinary(): Promise<{ path: string; name: string }> {
  found ??= (async () => {
    // A path in a variable: the set-up scripts are plain JavaScript without types.
    const setup: string = new URL('../../scripts/setup/server.mjs', import.meta.url).href;
    const { server } = await import(setup) as { server: (repository: string) => Promise<{ path: string; name: string }> };
    const { path, name } = await server(fileURLToPath(new URL('../..', import.meta.url)));
    return { path, name };
  })();
  return found;
}

export interface RealServers {
  readonly name: string;
  readonly nodes: readonly RealNode[];
  readonly addresses: readonly string[];
  /** Ends every node; the folder stays. */
  stop(): Promise<void>;
}

/** One to three raft nodes on loopback, started and answering, not initialised. */
export async function startServers(options: RealServerOptions): Promise<RealServers> {
  const { path, name } = options.binary === undefined ? await serverBinary() : { path: options.binary, name: options.binary };
  const nodes: RealNode[] = [];
  try {
    for (let index = 0; index < (options.nodes ?? 1); index += 1) {
      const node = new RealNode(path, join(options.folder, `node-${index + 1}`), `node-${index + 1}`, options, nodes[0]);
      nodes.push(node);
      await node.start();
    }
  } catch (error) {
    for (const node of nodes) await node.kill();
    throw error;
  }
  return { name, nodes, addresses: nodes.map(({ address }) => address), stop: async () => { await Promise.all(nodes.map((node) => node.stop())); } };
}

export interface Servers {
  readonly addresses: readonly string[];
  node(index: number): RealNode;
  /** Kills every node; the folders stay. */
  close(): Promise<void>;
}

/** Nodes that are not initialised and not joined to each other, one folder a node below `folder`. */
export async function startVault(folder: string, options: Omit<RealServerOptions, 'folder'> = {}): Promise<Servers> {
  const { nodes, addresses } = await startServers({ ...options, folder });
  return {
    addresses,
    node: (index) => {
      const node = nodes[index];
      if (node === undefined) throw new Error(`there is no node ${index} of ${nodes.length}`);
      return node;
    },
    close: async () => { await Promise.all(nodes.map((node) => node.kill())); },
  };
}

/** One server process with its own folder; ports are chosen at the first start and kept. */
export class RealNode {
  readonly name: string;
  readonly folder: string;
  readonly #binary: string;
  readonly #options: RealServerOptions;
  readonly #first: RealNode | undefined;
  #port = 0;
  #clusterPort = 0;
  #child: ChildProcess | undefined;

  constructor(binary: string, folder: string, name: string, options: RealServerOptions, first: RealNode | undefined) {
    this.#binary = binary;
    this.folder = folder;
    this.name = name;
    this.#options = options;
    this.#first = first;
    mkdirSync(join(folder, 'data'), { recursive: true });
  }

  get address(): string { return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`; }
  get running(): boolean { return this.#child !== undefined; }
  /** Of the server, or of the program that it runs under. */
  get pid(): number | undefined { return this.#child?.pid; }
  get log(): string { return readFileSync(join(this.folder, 'server.log'), 'utf8'); }

  /** Resolves once it answers. @param under the program in front of the server, for this start only */
  async start(under: readonly string[] = this.#options.under ?? []): Promise<void> {
    if (this.#child !== undefined) throw new Error(`${this.name} runs already`);
    for (let attempt = 1; ; attempt += 1) {
      const fresh = this.#port === 0;
      if (fresh) [this.#port, this.#clusterPort] = await freePorts();
      try {
        await this.#startOnce(under);
        return;
      } catch (error) {
        await this.kill();
        // Between our asking for a free port and the server's binding it, somebody else may have it.
        if (!fresh || attempt >= START_ATTEMPTS || !this.log.includes('address already in use')) throw error;
        this.#port = 0;
      }
    }
  }

  /** SIGTERM: it seals itself and goes. */
  async stop(): Promise<void> { await this.#end('SIGTERM'); }
  /** SIGKILL: what its disk holds is all that is left. SIGSTOP and SIGCONT leave it alive. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> { await this.#end(signal); }
  async restart(): Promise<void> { await this.stop(); await this.start(); }

  /** As if its disk had been replaced: only while it is down. */
  wipe(): void {
    if (this.running) throw new Error(`${this.name} is running`);
    rmSync(join(this.folder, 'data'), { recursive: true });
    mkdirSync(join(this.folder, 'data'));
  }

  /** Resolves when the process has ended by itself: a server killed by its own system call, for instance. */
  async ended(): Promise<void> {
    if (this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    this.#child = undefined;
  }

  async #startOnce(under: readonly string[]): Promise<void> {
    const configuration = join(this.folder, 'server.json');
    writeFileSync(configuration, JSON.stringify(this.#configuration(), undefined, 2));
    const log = join(this.folder, 'server.log');
    // Nothing of ours outlives us by accident, not even after kill -9.
    const guard = this.#options.outlivesUs === true || !isOnPath('setpriv') ? [] : ['setpriv', '--pdeathsig', 'KILL', '--'];
    const [program, ...args] = [...guard, ...under, this.#binary, 'server', `-config=${configuration}`];
    const output = openSync(log, 'a', 0o600);
    // Its own group: a Ctrl-C for the demo is not for the server.
    const child = spawn(program!, args, { stdio: ['ignore', output, output], detached: true, env: { PATH: process.env['PATH'], HOME: this.folder } });
    closeSync(output);
    if (this.#options.outlivesUs === true) child.unref();
    this.#child = child;
    let failed: string | undefined;
    child.once('error', (error) => { failed = error.message; });
    child.once('exit', (code, signal) => { failed = `ended with ${signal ?? code}`; });
    const wire = new HttpWire({ ca: this.#options.tls === undefined ? undefined : readFileSync(this.#options.tls.ca, 'utf8') });
    try {
      for (const until = Date.now() + READY_WITHIN_MS; ; await sleep(25)) {
        if (failed !== undefined) throw new Error(`${this.name} did not start (${failed}); its last words:\n${this.log.slice(-1500)}`);
        if (await wire.request(this.address, { method: 'GET', path: 'sys/seal-status', timeoutMs: 1000 }).then(() => true, () => false)) return;
        if (Date.now() > until) throw new Error(`${this.name} does not answer on ${this.address}; its last words:\n${this.log.slice(-1500)}`);
      }
    } finally {
      wire.close();
    }
  }

  #configuration() {
    const { tls } = this.#options;
    const first = this.#first;
    const join_ = this.#options.retryJoin === true && first !== undefined
      ? { retry_join: [{ leader_api_addr: first.address, ...(tls === undefined ? {} : { leader_ca_cert_file: tls.ca }) }] } : {};
    return {
      // Elections in a second instead of seven.
      storage: { raft: { path: join(this.folder, 'data'), node_id: this.name, performance_multiplier: 1, ...join_ } },
      listener: [{ tcp: { address: `127.0.0.1:${this.#port}`, cluster_address: `127.0.0.1:${this.#clusterPort}`, ...(tls === undefined ? { tls_disable: true } : { tls_cert_file: tls.cert, tls_key_file: tls.key }) } }],
      api_addr: this.address, cluster_addr: `https://127.0.0.1:${this.#clusterPort}`,
      disable_mlock: true, ui: false, log_level: 'info',
    };
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') { child.kill(signal); return; }
    this.#child = undefined;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    process.kill(child.pid, signal);
    const late = signal === 'SIGKILL' ? undefined : setTimeout(() => child.kill('SIGKILL'), 20_000);
    await exited;
    clearTimeout(late);
  }
}

async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  const ports = await Promise.all(servers.map(async (server) => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as { port: number }).port;
  }));
  await Promise.all(servers.map((server) => new Promise((resolve) => { server.close(resolve); })));
  return [ports[0]!, ports[1]!];
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try { accessSync(join(folder, program), constants.X_OK); return true; } catch { return false; }
  });
}

/** A CA and a server certificate for 127.0.0.1 and `names`, made by openssl below `folder`. */
export function makeCertificates(folder: string, names: readonly string[] = ['localhost']): { cert: string; key: string; ca: string } {
  mkdirSync(folder, { recursive: true });
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=vaultctl test CA', '-days', '2', '-keyout', at('ca.key'), '-out', at('ca.pem'));
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=vault', '-keyout', at('server.key'), '-out', at('server.csr'));
  writeFileSync(at('names'), `subjectAltName=${['IP:127.0.0.1', ...names.map((name) => `DNS:${name}`)].join(',')}\n`);
  openssl('x509', '-req', '-in', at('server.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', at('names'), '-out', at('server.pem'));
  return { cert: at('server.pem'), key: at('server.key'), ca: at('ca.pem') };
}
