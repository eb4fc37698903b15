import { appendFileSync } from 'node:fs';

/**
 * Notes that something could not be run here, so that the report counts and names it before its last lines:
 * `notRun('files owned by another user', 'needs root')`. Outside of `npm test` it says so on stderr.
 */
export function notRun(what: string, why: string): void {
  const line = `${what}: ${why}\n`;
  const file = process.env['VAULTCTL_NOT_RUN_FILE'];
  if (file === undefined) process.stderr.write(`not run: ${line}`);
  else appendFileSync(file, line);
}
