import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { redactedJson } from '../model/secret.ts';
import type { Event } from '../ports/operator.ts';

/** A master that went away in the middle must not keep the operator from the page that says so. */
const SENT_WITHIN_MS = 3000;

/** Appends what happened to the journal on this host; it is helpful and never needed, so a journal that cannot be written stops nothing. */
export function journalTo(path: string, words: { operation?: string; host: string }): (event: Event) => void {
  let dead = false;
  let operation = words.operation;
  return (event) => {
    if (event.is === 'flow') operation = event.operation;
    if (dead || (event.is === 'step' && event.mark === 'start')) return;
    try {
      makeFolder(dirname(path));
      appendFileSync(path, lineOf(event, words.host, operation), { mode: 0o600 });
    } catch {
      dead = true;
    }
  };
}

/** The same for a master manager that is another host: the lines are kept and sent in one round trip at the end. */
export class RemoteJournal {
  readonly #words: { readonly host: string };
  readonly #send: (lines: Uint8Array) => Promise<void>;
  #lines: string[] = [];
  #operation: string | undefined;

  constructor(words: { readonly host: string }, send: (lines: Uint8Array) => Promise<void>) {
    this.#words = words;
    this.#send = send;
  }

  hear(event: Event): void {
    if (event.is === 'flow') this.#operation = event.operation;
    if (event.is === 'step' && event.mark === 'start') return;
    this.#lines.push(lineOf(event, this.#words.host, this.#operation));
  }

  /** A query that ran no flow leaves no line. */
  async end(): Promise<void> {
    if (this.#operation === undefined) return;
    const lines = Buffer.from(this.#lines.splice(0).join(''));
    const sent = this.#send(lines).catch(() => undefined);
    await Promise.race([sent, new Promise((resolve) => { setTimeout(resolve, SENT_WITHIN_MS).unref(); })]);
  }
}

function lineOf(event: Event, host: string, operation: string | undefined): string {
  return `${redactedJson({ at: new Date().toISOString(), host, operation, ...event })}\n`;
}

/** One level: where its parent is missing too there is no journal. Node's own `recursive` never returns where the kernel answers ENOENT to every mkdir, as below /proc. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
