import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

export const vaultctl = join(resolve(import.meta.dirname, '..'), 'bin/vaultctl.js');

export interface Ended { readonly code: number | null; readonly signal: string | null; readonly text: string }
export interface RunOptions {
  /** It gets SIGKILL as soon as it prints a line with that text. */
  readonly killAfter?: string;
  readonly show?: (line: string) => void;
  /** Aborted, it gets SIGKILL, and the run is rejected. */
  readonly over?: AbortSignal;
}

/** Runs a program to its end, and shows what it prints line by line. */
export function shownRun([program, ...args]: readonly string[], folder: string, { killAfter, show, over }: RunOptions = {}): Promise<Ended> {
  const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder, killSignal: 'SIGKILL', ...(over === undefined ? {} : { signal: over }) });
  let text = '';
  const read = (stream: NodeJS.ReadableStream) => {
    createInterface({ input: stream }).on('line', (line) => {
      if (killAfter !== undefined && line.includes(killAfter)) child.kill('SIGKILL');
      text += `${line}\n`;
      show?.(line);
    });
  };
  read(child.stdout);
  read(child.stderr);
  return new Promise((done, failed) => {
    child.on('error', failed);
    child.on('close', (code, signal) => { done({ code, signal, text }); });
  });
}
