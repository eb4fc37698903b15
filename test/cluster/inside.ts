// Programs that are a part of the cluster: started inside of its namespaces, found there, waited for.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespaces } from './namespaces.ts';

const BETWEEN_LOOKS_MS = 100;

/** Starts a program as a part of the cluster; what it says goes to the end of the log. */
export function startInside({ inside }: Namespaces, command: readonly string[], log: string): ChildProcess {
  const [program = '', ...args] = [...inside, ...command];
  const output = openSync(log, 'a', 0o600);
  const child = spawn(program, args, { cwd: '/', detached: true, stdio: ['ignore', output, output] });
  closeSync(output);
  // It is looked for when it is asked and does not answer.
  child.on('error', () => undefined);
  child.unref();
  return child;
}

/** The processes of that program that are in these namespaces, as the machine numbers them. */
export function insidePids({ pid: first }: Namespaces, program: string): number[] {
  const home = namespaceOf(first);
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number)
    .filter((pid) => commandOf(pid) === program && namespaceOf(pid) === home);
}

function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0];
  } catch {
    return undefined;
  }
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** Looks again and again; a look that fails counts as no. */
export async function until(what: string, withinMs: number, look: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const seen = await look().catch((cause: unknown) => cause as Error);
    if (seen === true) return;
    if (performance.now() >= endMs) throw new Error(`not within ${withinMs / 1000} s: ${what}${seen === false ? '' : ` (${seen.message.trim()})`}`);
    await sleep(BETWEEN_LOOKS_MS);
  }
}
