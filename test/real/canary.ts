import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Shorter pieces would be found by chance; longer ones would miss a secret that was cut. */
const PIECE = 12;
const SAMPLE_EVERY_MS = 60;

/** The secrets of a run, in every form in which they could turn up, and the one search that looks for them everywhere. */
export class Canary {
  readonly #needles = new Set<string>();
  readonly #file: string;
  readonly #secrets = new Map<string, string>();

  /** `folder`: outside of everything that is searched. */
  constructor(folder: string) { this.#file = join(folder, 'needles'); }

  get count(): number { return this.#secrets.size; }

  add(kind: string, secret: string): void {
    if (secret.length < PIECE || this.#secrets.has(secret)) return;
    this.#secrets.set(secret, kind);
    const raw = /^[0-9a-f]{64,66}$/.test(secret) ? Buffer.from(secret, 'hex') : /^[A-Za-z0-9+/]{43,44}=?$/.test(secret) ? Buffer.from(secret, 'base64') : Buffer.from(secret);
    const text = Buffer.from(secret);
    // As it is, as bytes that somebody printed in hex (`<Buffer 68 76 …>` too), in base64, and in a URL.
    const forms = [secret, raw.toString('hex'), raw.toString('base64'), text.toString('hex'), spaced(raw), spaced(text), text.toString('base64'), encodeURIComponent(secret)];
    for (const form of forms) {
      const size = form.includes(' ') ? PIECE * 2 : PIECE;
      for (let at = 0; at + size <= form.length; at += size) this.#needles.add(form.slice(at, at + size));
    }
    writeFileSync(this.#file, `${[...this.#needles].join('\n')}\n`, { mode: 0o600 });
  }

  /** What of `path`, a file or a folder, holds a piece of a secret. `except`: names that are credential files. */
  findBelow(path: string, except: (file: string) => boolean = () => false): string[] {
    const { stdout, stderr, status } = spawnSync('grep', ['-rlaiF', '-f', this.#file, '--', path], { encoding: 'utf8', env: { PATH: process.env['PATH'], LC_ALL: 'C' } });
    if (status !== 0 && status !== 1) throw new Error(`grep: ${stderr}`);
    return stdout.split('\n').filter((file) => file !== '' && !except(file)).toSorted();
  }
}

const spaced = (bytes: Buffer) => bytes.toString('hex').replaceAll(/(..)(?!$)/g, '$1 ');

export interface Watch { stop(): Promise<void> }

/** Every execve below these processes with its whole argv and environment, into `log`: none is missed. */
export async function watchExecs(pids: readonly number[], log: string): Promise<Watch> {
  const tracer = spawn('strace', [...tracing(log), ...pids.flatMap((pid) => ['-p', String(pid)])], { stdio: ['ignore', 'ignore', 'pipe'] });
  for (let round = 0; round < 200 && !pids.every(isTraced); round += 1) await sleep(10);
  return { stop: () => ended(tracer) };
}

/** Words before a program. The kernel stops it at nothing but execve, which also means that it cannot use sudo. */
export const traced = (log: string) => ['strace', '-A', '--seccomp-bpf', ...tracing(log)];
const tracing = (log: string) => ['-f', '-qq', '-v', '-s', '100000', '-e', 'trace=execve', '-e', 'signal=none', '-o', log];
export const canTrace = () => spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', 'true']).status === 0;
const isTraced = (pid: number) => !/^TracerPid:\s+0$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGINT');
  await exit;
}

/** Command lines and environments of every process of the machine as they change later (titles, setenv), again and again, into `log`. */
export function sampleProcesses(log: string): Watch {
  const seen = new Set<string>();
  const look = () => {
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      for (const name of ['cmdline', 'environ']) try { seen.add(readFileSync(`/proc/${pid}/${name}`, 'latin1')); } catch { /* it has ended */ }
    }
  };
  const timer = setInterval(look, SAMPLE_EVERY_MS);
  return { stop: async () => { clearInterval(timer); look(); writeFileSync(log, [...seen].join('\n'), 'latin1'); } };
}

/** What a front does with a request: nothing, an answer of its own, or something first. */
export type Whim = (request: { readonly method: string; readonly path: string; readonly body: string; readonly token: string }) => { status: number; errors: string[] } | undefined | Promise<undefined>;

/** Between vaultctl and Vault: learns every secret that passes, and may answer with a whim of the test's. */
export async function startListeningFront(target: string, canary: Canary): Promise<{ address: string; whim(next: Whim): void; close(): Promise<void> }> {
  let whim: Whim = () => undefined;
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const body = await whole(incoming);
      const token = String(incoming.headers['x-vault-token'] ?? '');
      canary.add('token', token);
      learn(canary, body);
      const own = await whim({ method: incoming.method ?? '', path: (incoming.url ?? '').replace('/v1/', ''), body: body.toString('latin1'), token });
      if (own !== undefined) { outgoing.writeHead(own.status, { 'content-type': 'application/json' }).end(JSON.stringify({ errors: own.errors })); return; }
      const sent = httpRequest(target + incoming.url, { method: incoming.method, headers: { ...incoming.headers, 'content-length': body.length } });
      sent.end(body);
      const [answer] = await once(sent, 'response');
      const bytes = await whole(answer);
      learn(canary, bytes);
      outgoing.writeHead(answer.statusCode, answer.headers).end(bytes);
    })().catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    whim: (next) => { whim = next; },
    close: async () => { server.closeAllConnections(); await new Promise((resolve) => { server.close(resolve); }); },
  };
}

async function whole(message: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const telling = new Set(['key', 'keys', 'keys_base64', 'root_token', 'client_token', 'encoded_token', 'encoded_root_token', 'otp', 'token']);

function learn(canary: Canary, body: Buffer): void {
  if (body[0] !== 0x7b) return;
  JSON.parse(body.toString('utf8'), (name, value: unknown) => {
    if (telling.has(name)) for (const secret of [value].flat()) if (typeof secret === 'string') canary.add(name, secret);
    return value;
  });
}

export const coreFiles = (folder: string) => execFileSync('find', [folder, '-name', 'core*', '-type', 'f'], { encoding: 'utf8' }).split('\n').filter((name) => name !== '');
