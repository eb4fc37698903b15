import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export type Verdict =
  | { readonly is: 'passed'; readonly tests: number }
  | { readonly is: 'failed'; readonly test: string; readonly why: string }
  /** The program did not even load, and not for a mistake in the writing of it. */
  | { readonly is: 'crashed'; readonly why: string }
  /** Not a break but a typing error in the list: it says nothing about the tests. */
  | { readonly is: 'no-program'; readonly why: string }
  | { readonly is: 'hung' };

/** They hold no process and no mount, and run long: the first failure ends them. */
const endsAtOnce = (file: string) => /^test\/(crash|sim)\//.test(file);
const KEPT_STDERR = 4000;
/** Some tests that fail leave something open that keeps their process: it has this long to tidy up. */
const TIDIES_WITHIN_MS = 15_000;

/** Runs one test file of the copy, kindly to whoever else works on this machine. */
export async function tryTest(copy: string, file: string, { limitMs, stop }: { readonly limitMs: number; readonly stop: AbortSignal }): Promise<Verdict> {
  const child = spawn(process.execPath, [`--test-reporter=${join(import.meta.dirname, 'reporter.ts')}`, '--test-reporter-destination=stdout', file], {
    cwd: copy, stdio: ['ignore', 'pipe', 'pipe'], detached: true,
    // A test runner that runs us would have its words in another form.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  setPriority(child.pid!, constants.priority.PRIORITY_LOW);
  const ended = new Promise<number | null>((resolve) => { child.once('close', resolve); });
  let late = false;
  const timer = setTimeout(() => { late = true; end(child); }, limitMs);
  const stopped = () => end(child);
  stop.addEventListener('abort', stopped);
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => { stderr = (stderr + chunk.toString('utf8')).slice(-KEPT_STDERR); });
  let tidying: NodeJS.Timeout | undefined;
  let failed: { test: string; why: string } | undefined;
  let passed = 0;
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const said = event(line);
      if (said?.is === 'passed') passed += 1;
      if (said?.is !== 'failed') continue;
      if (failed === undefined) tidying = setTimeout(stopped, endsAtOnce(file) ? 0 : TIDIES_WITHIN_MS);
      failed ??= { test: said.test ?? '', why: said.why ?? '' };
    }
    const code = await ended;
    if (failed !== undefined) return { is: 'failed', ...failed };
    if (late) return { is: 'hung' };
    if (code === 0) return { is: 'passed', tests: passed };
    const why = stderr.split('\n').find((text) => /^\w*Error\b/.test(text)) ?? stderr.trim();
    return { is: /SyntaxError/.test(stderr) ? 'no-program' : 'crashed', why };
  } finally {
    clearTimeout(timer);
    clearTimeout(tidying);
    stop.removeEventListener('abort', stopped);
    end(child);
  }
}

function event(line: string): { is: string; test?: string; why?: string } | undefined {
  // What a test prints is in the same stream.
  try {
    const said = JSON.parse(line) as unknown;
    return typeof said === 'object' && said !== null && 'is' in said ? said as { is: string } : undefined;
  } catch {
    return undefined;
  }
}

/** The test and all that it started, servers with a group of their own among them. */
function end(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  for (const pid of [...descendants(child.pid), child.pid]) { try { process.kill(pid, 'SIGKILL'); } catch { /* it ended by itself */ } }
}

function descendants(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const [, after = ''] = /\) \w (.*)$/s.exec(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? [];
      parents.set(Number(name), Number(after.split(' ')[0]));
    } catch { /* it ended meanwhile */ }
  }
  const found = [root];
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child);
  return found.slice(1);
}
