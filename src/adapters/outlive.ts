import { writeSync } from 'node:fs';
import process from 'node:process';
import { messageOf } from '../model/halt.ts';
import { redact } from '../model/secret.ts';

/** What a script reads from a run that did all, and whose output is not whole. */
const NOT_WHOLE = 1;

/**
 * Whoever reads along may go away (`| head`, a terminal that is closed), and the disk of a log may be full. Node's own
 * answer is to die at once, where the keys may be in memory alone: instead a run goes on to its own end, unheard. Output
 * that a disk did not take is told by exit 1, where all else was well; a reader who had enough, or closed his terminal, is no failure.
 */
export function outliveReaders(): void {
  let lost: string | undefined;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => { if (error.code !== 'EPIPE' && process.stdout.isTTY !== true) lost ??= error.message; });
  process.stderr.on('error', () => undefined);
  process.once('exit', (code) => {
    if (lost === undefined || code !== 0) return;
    process.exitCode = NOT_WHOLE;
    try { writeSync(2, `vaultctl: standard output could not be written: ${lost}\n`); } catch { /* Nobody is left to tell. */ }
  });
}

/**
 * An error that nobody waits for, the last word of a connection that is closed already, is a flaw of ours or of a library,
 * and no reason to drop what the run has in hand: it is said once, without secrets, and what the run itself finds decides.
 */
export function outliveStrays(): void {
  const said = new Set<string>();
  process.on('uncaughtException', (error: unknown) => {
    const line = redact(`vaultctl: an error that nobody waited for, the run goes on: ${messageOf(error)}`);
    if (said.has(line)) return;
    said.add(line);
    process.stderr.write(`${line}\n`);
  });
}
