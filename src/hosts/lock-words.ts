import type { LockWords } from '../ports/hosts.ts';

/**
 * What a lock file holds: one line of JSON that begins with the operation, so that a POSIX shell can compare the fence
 * without a JSON reader; then, where a holder before us left a proof open, its line; then an empty one. Whatever stands
 * behind that is older and means nothing: new words are written over old ones in one write and nothing is ever cut off,
 * so that who dies in the middle leaves one or the other. Torn or empty text is no words at all.
 */
export function formatWords(words: LockWords): string {
  if (!/^[\w.-]{1,100}$/.test(words.operation)) throw new Error(`operation id ${JSON.stringify(words.operation)}: only letters, digits, _ . - are allowed`);
  const { operation, flow, holder, host, pid, sinceMs, proof } = words;
  return `${JSON.stringify({ operation, flow, holder, host, pid, sinceMs, ...(proof === undefined ? {} : { proof }) })}\n`;
}

/** How the first line of a lock file of this operation begins. */
export function fenceText(operation: string): string {
  if (!/^[\w.-]{1,100}$/.test(operation)) throw new Error(`operation id ${JSON.stringify(operation)}: only letters, digits, _ . - are allowed`);
  return `{"operation":"${operation}",`;
}

export function parseWords(bytes: Uint8Array): LockWords | undefined {
  const [first = '', second = ''] = (new TextDecoder().decode(bytes).split('\n\n')[0] ?? '').split('\n');
  const words = parseLine(first);
  const proof = words?.proof ?? parseLine(second)?.proof;
  return words === undefined || proof === undefined ? words : { ...words, proof };
}

/** The operation of words whose lock was broken: no fence has it. */
export const BROKEN = 'broken';

/** What stands in a lock file that is put in the broken one's place: the proof that its holder may have left open, if any. */
export function wordsOfBroken(words: LockWords | undefined): string {
  return words?.proof === undefined ? '' : formatWords({ ...words, operation: BROKEN }) + WORDS_END;
}

/** Ends a lock file's words; alone, there are none. */
export const WORDS_END = '\n';

function parseLine(line: string): LockWords | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { operation, flow, holder, host, pid, sinceMs, proof } = value as Record<string, unknown>;
  if (typeof operation !== 'string' || typeof flow !== 'string' || typeof holder !== 'string' || typeof host !== 'string') return undefined;
  if (typeof pid !== 'number' || typeof sinceMs !== 'number') return undefined;
  const kept = parseProof(proof);
  return { operation, flow, holder, host, pid, sinceMs, ...(kept === undefined ? {} : { proof: kept }) };
}

function parseProof(value: unknown): LockWords['proof'] {
  if (typeof value !== 'object' || value === null) return undefined;
  const { nonce, shares, threshold } = value as Record<string, unknown>;
  if (typeof shares !== 'number' || typeof threshold !== 'number') return undefined;
  return { shares, threshold, ...(typeof nonce === 'string' ? { nonce } : {}) };
}
