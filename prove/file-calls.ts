import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Ended, KilledWorld } from '../test/real/killed-world.ts';
import type { Flow } from './flow.ts';

const READY_WITHIN_MS = 10_000;
/** What makes, fills, names and reads back a file; where an architecture lacks one, strace is not to mind. */
export const TRACED = ['openat', 'chmod', 'fchmodat', 'chown', 'fchownat', 'pwrite64', 'write', 'pread64', 'read', 'ftruncate', 'fchmod', 'fchown', 'fsync', 'fdatasync', 'rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'mkdir', 'mkdirat', 'link', 'linkat', 'close'].map((name) => `?${name}`).join();

/** One system call of the thread that makes vaultctl's file calls. */
export interface FileCall {
  readonly name: string;
  /** Counted from 1 over the calls of that name, as strace does. */
  readonly nth: number;
  /** Of a rename the new name. */
  readonly path: string;
  /** As strace prints it; contents are left out. */
  readonly line: string;
}

export interface Traced { readonly ended: Ended; readonly calls: readonly FileCall[] }

/** `inject=fsync:error=EIO:when=3` and its like; or what is to be done as the lines come. */
export interface Injection { readonly inject?: readonly string[]; readonly hear?: (said: string, pid: number) => void }

/**
 * A run whose file calls strace sees and strikes. Node makes them on a pool of threads, and strace counts for each thread:
 * so the pool has one thread, strace is attached to it alone, and the n-th call is the n-th call. Everything else of the
 * program runs untraced, at its own speed.
 */
export async function traced(world: KilledWorld, flow: Flow, { inject = [], hear = () => undefined }: Injection = {}): Promise<Traced> {
  const ready = join(world.folder, 'file-thread');
  rmSync(ready, { force: true });
  const prelude = pathToFileURL(resolve(import.meta.dirname, 'one-file-thread.mjs'));
  prelude.searchParams.set('ready', ready);
  const { child, ended } = world.begin([flow], ['--import', prelude.href], { ...process.env, UV_THREADPOOL_SIZE: '1' });
  let said = '';
  let tracer: ChildProcess | undefined;
  try {
    const thread = await threadIn(ready);
    tracer = spawn('strace', ['-y', '-s', '0', '-e', `trace=${TRACED}`, '-e', 'signal=none', ...inject.flatMap((one) => ['-e', one]), '-p', thread], { stdio: ['ignore', 'ignore', 'pipe'] });
    const over = once(tracer, 'close');
    await new Promise<void>((done, failed) => {
      tracer!.once('error', failed);
      tracer!.once('exit', () => failed(new Error(`strace did not attach: ${said}`)));
      tracer!.stderr!.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('attached')) done();
        hear(said, child.pid!);
      });
    });
    rmSync(ready);
    const how = await ended;
    await over;
    return { ended: how, calls: callsIn(said, world.folder) };
  } finally {
    tracer?.kill('SIGKILL');
    child.kill('SIGKILL');
  }
}

async function threadIn(ready: string): Promise<string> {
  for (const end = Date.now() + READY_WITHIN_MS; Date.now() < end; await sleep(2)) if (existsSync(ready)) return readFileSync(ready, 'utf8');
  throw new Error('vaultctl did not start its file thread');
}

/** Those below a folder, numbered among all that strace printed. */
export function callsIn(said: string, folder: string): FileCall[] {
  const counts = new Map<string, number>();
  return said.split('\n').flatMap((line) => {
    const name = /^(\w+)\(/.exec(line)?.[1];
    if (name === undefined) return [];
    const nth = (counts.get(name) ?? 0) + 1;
    counts.set(name, nth);
    const path = [...line.matchAll(/"(\/[^"]*)"|<(\/[^>]*)>/g)].flatMap(([, quoted, opened]) => (name.startsWith('open') ? quoted : quoted ?? opened) ?? []).at(-1);
    return path?.startsWith(`${folder}/`) ? [{ name, nth, path, line }] : [];
  });
}

/** Why strace cannot strike here, or undefined. */
export function straceMissing(): string | undefined {
  const sleeper = spawn('sleep', ['10'], { stdio: 'ignore' });
  try {
    const tried = spawnSync('timeout', ['0.5', 'strace', '-q', '-p', String(sleeper.pid)], { encoding: 'utf8' });
    if (tried.error !== undefined || tried.status === 127) return 'needs strace (apt-get install -y strace)';
    return tried.status === 124 ? undefined : `strace may not attach to a process here: ${tried.stderr.trim().slice(-200)}`;
  } finally {
    sleeper.kill('SIGKILL');
  }
}
