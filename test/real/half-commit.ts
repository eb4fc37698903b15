import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** Long enough for us to see a write and kill before the next one, short enough for the leader's lease to hold. */
const PAUSE_US = 40_000;
const ATTACHES_WITHIN_MS = 10_000;
/** A server that has just become active still writes for itself; those writes are not counted. */
const QUIET_FOR_MS = 300;

export interface DeathWatch {
  /** Resolves with the writes seen once the server is dead, by us or not, and nobody traces it any more. */
  readonly over: Promise<number>;
  /** Lets the server live on. */
  disarm(): void;
}

/**
 * Kills a running server as soon as `writes` more of its durable writes (fdatasync) have returned: in the middle of
 * whatever it is doing. Wants strace. @throws Error where the process cannot be traced
 */
export async function killAfterWrites(pid: number, writes: number): Promise<DeathWatch> {
  const tracer = spawn('strace', ['-f', '-p', String(pid), '-e', 'trace=fdatasync', '-e', 'signal=none', '-e', `inject=fdatasync:delay_exit=${PAUSE_US}`], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(tracer, 'exit');
  const said: string[] = [];
  let seen = 0;
  let counting = false;
  let lastWriteMs = 0;
  const attached = new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('strace did not attach')), ATTACHES_WITHIN_MS);
    tracer.once('error', reject);
    tracer.once('exit', () => reject(new Error(`strace cannot trace ${pid}: ${said.slice(-3).join(' ')}`)));
    createInterface({ input: tracer.stderr }).on('line', (line) => {
      if (said.length < 50) said.push(line);
      if (line.includes('attached')) { clearTimeout(late); lastWriteMs = Date.now(); resolve(); }
      if (!/fdatasync.*= 0/.test(line)) return;
      lastWriteMs = Date.now();
      if (!counting) return;
      seen += 1;
      if (seen === writes) { try { process.kill(pid, 'SIGKILL'); } catch { /* it died by itself */ } }
    });
  });
  attached.catch(() => tracer.kill('SIGKILL'));
  await attached;
  for (const end = Date.now() + ATTACHES_WITHIN_MS; Date.now() < Math.min(end, lastWriteMs + QUIET_FOR_MS); ) await sleep(20);
  counting = true;
  return { over: ended.then(() => seen), disarm: () => { tracer.kill('SIGINT'); } };
}

/** Why no server of ours can be traced here, or undefined where it can: strace must attach to a process that it did not start. */
export async function canTrace(): Promise<string | undefined> {
  const sleeper = spawn('sleep', ['30'], { stdio: 'ignore' });
  try {
    const watch = await killAfterWrites(sleeper.pid!, 1);
    watch.disarm();
    await watch.over;
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'needs strace (apt-get install -y strace)' : `strace may not attach to a process here: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    sleeper.kill('SIGKILL');
  }
}
