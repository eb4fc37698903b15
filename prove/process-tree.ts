import { readdirSync, readFileSync } from 'node:fs';

/** Children, and theirs. Those in groups or sessions of their own are found, too. */
export function descendants(pid: number): number[] {
  try {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter((word) => word !== '').map(Number));
    return children.flatMap((child) => [child, ...descendants(child)]);
  } catch {
    return [];
  }
}

/** To each of them; who has ended by himself is passed over. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) { try { process.kill(pid, signal); } catch { /* it ended by itself */ } }
}
