import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';

/**
 * What this process and its children hold in memory is written to no disk when they crash. Node has neither setrlimit
 * nor prctl. The filter is heeded by programs behind a `|` in core_pattern too, which the limit alone does not stop,
 * and costs one write; the limit costs a start of prlimit(1), and only where it is not 0 already.
 */
export async function keepMemoryPrivate(): Promise<void> {
  // By default it opens a debugger on a local port, which then asks nobody for a password.
  process.on('SIGUSR1', () => undefined);
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch { /* a kernel that dumps no core, or no Linux */ }
  if (!coresAreOff()) await coresOff();
}

function coresAreOff(): boolean {
  try {
    return /^Max core file size\s+0\s/m.test(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return true;
  }
}

function coresOff(): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn('prlimit', ['--pid', String(process.pid), '--core=0:0'], { stdio: 'ignore', env: { PATH: `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin` } });
    // Without prlimit(1) an empty core may be written: the filter holds.
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
}
