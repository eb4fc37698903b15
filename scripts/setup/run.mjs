// Starting other programs: the one place where the set-up does it, so that a signal to us always reaches them.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Runs to the end with our stdin, stdout and stderr; resolves to its exit code (128 + n when signal n ended it). */
export function run(program, args, options = {}) {
  const child = spawn(program, args, { stdio: 'inherit', ...options });
  // A terminal sends its ^C to the child as well as to us: passed on it would arrive twice.
  return followed(child, (signal) => { if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal); });
}

/** Runs to the end in a process group of its own, handing every line of its output to `onLine`; resolves to its exit
 *  code. A signal to us goes to the whole group: `sh` and `flock` would not pass it on to what they wait for. */
export function runTold(program, args, options, onLine) {
  const child = spawn(program, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      lines.forEach(onLine);
    });
    stream.on('end', () => { if (rest !== '') onLine(rest); });
  }
  return followed(child, (signal) => { if (child.pid !== undefined) process.kill(-child.pid, signal); });
}

const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

function followed(child, forward) {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? 128 + (signalNumbers[signal] ?? 0)));
  }).finally(() => { for (const signal of signals) process.off(signal, forward); });
}

/** stdout and stderr of a short program (at most a minute), or undefined when it cannot be run or fails. */
export function answerOf(program, args, options = {}) {
  const result = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  return result.status === 0 ? `${result.stdout}${result.stderr}` : undefined;
}

/** The full path of a program on PATH or in one of `alsoIn`, or undefined. */
export function onPath(name, alsoIn = []) {
  return [...(process.env.PATH ?? '').split(delimiter), ...alsoIn]
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isProgram);
}

/** True for a file that may be executed. */
export function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
