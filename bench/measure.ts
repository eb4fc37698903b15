import { spawn } from 'node:child_process';

/** `cpuMs`: user and system time of the process and all it started on this side; what the hosts' own sshd's spend is not in it. */
export interface Timed { readonly code: number | null; readonly wallMs: number; readonly cpuMs: number; readonly text: string }

/** One process from start to end, with what it printed. */
export function timed(program: string, args: readonly string[], options: { env?: Readonly<Record<string, string>>; cwd?: string } = {}): Promise<Timed> {
  const started = performance.now();
  // The shell's own `times` is the operating system's account of the finished child.
  const child = spawn('sh', ['-c', '"$@"; c=$?; times >&3; exit $c', 'sh', program, ...args], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env: { ...process.env, ...options.env }, ...(options.cwd === undefined ? {} : { cwd: options.cwd }) });
  let text = '';
  let times = '';
  (child.stdio[3] as NodeJS.ReadableStream).on('data', (chunk: Buffer) => { times += chunk.toString(); });
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => { text += chunk.toString(); });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => { resolve({ code, text, wallMs: performance.now() - started, cpuMs: childrenOf(times) }); });
  });
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** `12.3 (10.1–15.0)` */
export function spread(values: readonly number[], digits = 0): string {
  return `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;
}

/** Pair by pair, so that a machine whose speed drifts does not drift the answer. */
export function ratios(a: readonly number[], b: readonly number[]): number[] { return a.map((value, index) => value / b[index]!); }

/** What was measured, against what, and the aim it is held to. */
export interface Row { readonly what: string; readonly ours: string; readonly other: string; readonly ratio: string; readonly aim: string; readonly met: boolean }

/** The second line of `times`: `0m0.31s 0m0.05s`. */
function childrenOf(times: string): number {
  const [, line = ''] = times.split('\n');
  return [...line.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1000, 0);
}
