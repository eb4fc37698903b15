import { inspect } from 'node:util';

/** Every value that ever was a Secret in this process, so that `redact` can take it out of foreign text. */
const known = new Set<string>();

/**
 * A value that must not be seen: an unseal key share, a token, a password.
 * Printing, JSON, template strings and `console.log` all give `[redacted]`;
 * only `reveal()` gives the value, and its callers stand on an allow-list kept by a test.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
    // Shorter values would redact ordinary words out of every message.
    if (value.length >= 8) known.add(value);
  }

  reveal(): string { return this.#value; }
  get empty(): boolean { return this.#value === ''; }
  /** Visible ASCII without blanks: what a header can carry. Every token is; one that was damaged may not be. */
  get isWord(): boolean { return /^[\x21-\x7e]+$/.test(this.#value); }
  equals(other: Secret): boolean { return this.#value === other.#value; }
  toString(): string { return '[redacted]'; }
  toJSON(): string { return '[redacted]'; }
  [inspect.custom](): string { return '[redacted]'; }
}

/**
 * Overwrites bytes that held a secret and that nobody needs any more. Only bytes on their way are wiped, never the record
 * of a flow that may write them once more; strings cannot be: they stay until the collector has taken them.
 */
export function wipe(...spent: readonly Uint8Array[]): void {
  for (const bytes of spent) bytes.fill(0);
}

/** What somebody encrypted is in nobody's output from now on. Shorter texts would redact ordinary words. */
export function neverShow(text: string): void { if (text.length >= 8) known.add(text); }

/** `text` with every known secret replaced: for errors and output of libraries that may quote what we sent. */
export function redact(text: string): string {
  let clean = text;
  const found = [...known].filter((value) => text.includes(value));
  // The longest first: of a secret that begins with another one no rest may stay.
  for (const value of found.toSorted((a, b) => b.length - a.length)) clean = clean.replaceAll(value, '[redacted]');
  return clean;
}

/** One line of JSON, its texts redacted before quotes and controls in a secret are written differently. */
export function redactedJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'string' ? redact(part) : part));
}
