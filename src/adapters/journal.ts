import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { redactedJson } from '../model/secret.ts';
import type { Event } from '../ports/operator.ts';

/** Appends what happened to the journal on this host; it is helpful and never needed, so a journal that cannot be written stops nothing. */
export function journalTo(path: string, words: { operation?: string; host: string }): (event: Event) => void {
  let dead = false;
  let operation = words.operation;
  return (event) => {
    if (event.is === 'flow') operation = event.operation;
    if (dead || (event.is === 'step' && event.mark === 'start')) return;
    try {
      makeFolder(dirname(path));
      appendFileSync(path, `${redactedJson({ at: new Date().toISOString(), host: words.host, operation, ...event })}\n`, { mode: 0o600 });
    } catch {
      dead = true;
    }
  };
}

/** One level: where its parent is missing too there is no journal. Node's own `recursive` never returns where the kernel answers ENOENT to every mkdir, as below /proc. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
