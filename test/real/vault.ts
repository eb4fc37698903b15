import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedPath } from '../../scripts/setup/server.mjs';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const PORT_ATTEMPTS = 5;
const ANSWERS_WITHIN_MS = 20_000;
const ENDS_WITHIN_MS = 10_000;

/** The server's program. @throws Error with the one command that gets it */
export function serverProgram(): string {
  const path = process.env['VAULTCTL_TEST_SERVER'] || cachedPath(join(REPOSITORY, 'test/servers'));
  if (!existsSync(path)) throw new Error(`no Vault server at ${path}; npm test builds it, or name one: VAULTCTL_TEST_SERVER=/path/to/vault-or-bao`);
  return path;
}

export interface ServerNode {
  /** `http://127.0.0.1:PORT`, the same over every restart. */
  readonly address: string;
  /** Undefined while it does not run. */
  readonly pid: number | undefined;
  /** Holds `data/`, `config.hcl` and `log`. */
  readonly folder: string;
  /** SIGTERM, and until it is gone. */
  stop(): Promise<void>;
  /** Default SIGKILL; until it is gone, except for SIGSTOP and SIGCONT, after which it lives. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Until it answers; sealed, as a server is after a start. */
  start(): Promise<void>;
  /** Its storage is emptied, as `recover` asks of an operator. Only while stopped. */
  wipe(): void;
}

export interface Servers {
  readonly addresses: readonly string[];
  node(index: number): ServerNode;
  close(): Promise<void>;
}

/** Processes that a test left over (it threw, or was stopped) end with us. */
const running = new Set<ChildProcess>();
process.on('exit', () => { for (const child of running) child.kill('SIGKILL'); });

/** Real nodes on loopback with raft storage, uninitialised and not joined to each other. One folder a node below `folder`. */
export async function startVault(folder: string, { nodes: count = 1 }: { nodes?: number } = {}): Promise<Servers> {
  const program = serverProgram();
  const nodes: RunningNode[] = [];
  try {
    for (let index = 0; index < count; index += 1) nodes.push(await firstStart(program, join(folder, `node${index}`), `node${index}`));
  } catch (error) {
    await Promise.all(nodes.map((node) => node.kill('SIGKILL')));
    throw error;
  }
  return {
    addresses: nodes.map(({ address }) => address),
    node: (index) => {
      const node = nodes[index];
      if (node === undefined) throw new Error(`there is no node ${index} of ${count}`);
      return node;
    },
    close: async () => { await Promise.all(nodes.map((node) => node.kill('SIGKILL'))); },
  };
}

/** Between finding a port free and binding it somebody else may take it. */
async function firstStart(program: string, folder: string, name: string): Promise<RunningNode> {
  for (let attempt = 1; ; attempt += 1) {
    const [api, cluster] = await freePorts();
    const node = new RunningNode(program, folder, name, api, cluster);
    try {
      await node.start();
      return node;
    } catch (error) {
      await node.kill('SIGKILL');
      if (attempt === PORT_ATTEMPTS || !String(error).includes('address already in use')) throw error;
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  for (const server of servers) { server.listen(0, '127.0.0.1'); await once(server, 'listening'); }
  const [api, cluster] = servers.map((server) => (server.address() as { port: number }).port);
  for (const server of servers) { server.close(); await once(server, 'close'); }
  return [api!, cluster!];
}

class RunningNode implements ServerNode {
  readonly address: string;
  readonly folder: string;
  readonly #program: string;
  #child: ChildProcess | undefined;

  constructor(program: string, folder: string, name: string, api: number, cluster: number) {
    this.#program = program;
    this.folder = folder;
    this.address = `http://127.0.0.1:${api}`;
    mkdirSync(join(folder, 'data'), { recursive: true });
    writeFileSync(join(folder, 'config.hcl'), `
ui = false
disable_mlock = true
api_addr = "${this.address}"
cluster_addr = "https://127.0.0.1:${cluster}"
listener "tcp" {
  address = "127.0.0.1:${api}"
  cluster_address = "127.0.0.1:${cluster}"
  tls_disable = true
}
storage "raft" {
  path = "${join(folder, 'data')}"
  node_id = "${name}"
  performance_multiplier = 1
}
`);
  }

  get pid(): number | undefined { return this.#child?.pid; }

  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const log = join(this.folder, 'log');
    const out = openSync(log, 'a');
    const child = spawn(this.#program, ['server', `-config=${join(this.folder, 'config.hcl')}`], { stdio: ['ignore', out, out], env: { PATH: process.env['PATH'] ?? '', HOME: this.folder } });
    closeSync(out);
    this.#child = child;
    running.add(child);
    child.on('error', () => { this.#ended(child); });
    child.on('exit', () => { this.#ended(child); });
    const until = Date.now() + ANSWERS_WITHIN_MS;
    while (Date.now() < until) {
      if (this.#child !== child) throw new Error(`${this.#program} ended at once:\n${lastLines(log)}`);
      const answer = await fetch(`${this.address}/v1/sys/seal-status`).catch(() => undefined);
      if (answer !== undefined) { await answer.arrayBuffer(); return; }
      await new Promise((resolve) => { setTimeout(resolve, 30); });
    }
    throw new Error(`${this.#program} did not answer within ${ANSWERS_WITHIN_MS / 1000} s:\n${lastLines(log)}`);
  }

  async stop(): Promise<void> { await this.kill('SIGTERM'); }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') { child.kill(signal); return; }
    const gone = once(child, 'exit');
    child.kill(signal);
    const hard = setTimeout(() => child.kill('SIGKILL'), ENDS_WITHIN_MS);
    await gone;
    clearTimeout(hard);
  }

  wipe(): void {
    if (this.#child !== undefined) throw new Error(`${this.address} still runs: its storage is not emptied below it`);
    rmSync(join(this.folder, 'data'), { recursive: true, force: true });
    mkdirSync(join(this.folder, 'data'));
  }

  #ended(child: ChildProcess): void {
    running.delete(child);
    if (this.#child === child) this.#child = undefined;
  }
}

function lastLines(log: string): string {
  return readFileSync(log, 'utf8').split('\n').slice(-15).join('\n');
}
