import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Conversation, Exchange, Family } from './conversation.ts';

/** What one real server said in the two conversations, with nothing left of its secrets and of its chance. */
export interface Recording {
  /** As the server calls itself: `Vault v1.21.0`. */
  readonly server: string;
  readonly family: Family;
  readonly alone: readonly Exchange[];
  readonly together: readonly Exchange[];
}

/** Recordings, and which servers answer as they do. */
export const RECORDINGS: readonly { readonly file: string; readonly like: RegExp; readonly family: Family }[] = [
  { file: 'vault-1.21', like: /^Vault v1\.21\./, family: 'rekey' },
  { file: 'openbao-2.6', like: /^OpenBao v(2\.6\.|2\.0\.0-HEAD)/, family: 'rotate' },
];

export const recordingPath = (file: string): string => fileURLToPath(new URL(`recorded/${file}.json`, import.meta.url));
export function readRecording(file: string): Recording { return JSON.parse(readFileSync(recordingPath(file), 'utf8')) as Recording; }

const PLACEHOLDERS: Readonly<Record<string, string>> = {
  keys: 'SHARE-IN-HEX', keys_base64: 'SHARE-IN-BASE64', root_token: 'TOKEN', client_token: 'TOKEN', id: 'TOKEN', accessor: 'ACCESSOR', nonce: 'NONCE', verification_nonce: 'NONCE', request_id: 'ID',
  cluster_id: 'ID', cluster_name: 'NAME', server_time_utc: '0', creation_time: '0', raft_committed_index: '0', raft_applied_index: '0', build_date: 'TIME', echo_duration_ms: '0', clock_skew_ms: '0',
};
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const ADDRESS = /https?:\/\/(?:127\.0\.0\.1|v\d):\d+/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

/** The same value without what is secret, and without what is chance; empty texts stay empty, for that says something. */
function cleaned(value: unknown, key: string, path: string): unknown {
  if (Array.isArray(value)) return value.map((item) => cleaned(item, key === 'keys' && path.includes('accessors') ? 'accessor' : key, path));
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, cleaned(part, name, path)]));
  const placeholder = PLACEHOLDERS[key];
  if (typeof value === 'number') return placeholder === undefined ? value : 0;
  if (typeof value !== 'string' || value === '') return value;
  return placeholder ?? value.replaceAll(UUID, 'NONCE').replaceAll(ADDRESS, 'ADDRESS').replaceAll(TIME, 'TIME');
}

export function clean({ ask, status, headers, body }: Exchange): Exchange {
  return { ask, status, headers: cleaned(headers, '', ask) as Record<string, string>, ...(body === undefined ? { body: null } : { body: cleaned(body, '', ask) }) };
}

/** What an answer looks like: its fields and their types, and every sentence of an error word for word. */
export function shapeOf({ body }: Exchange): unknown {
  const shape = (value: unknown, key: string): unknown => {
    if (value === null) return 'null';
    if (key === 'errors') return value;
    if (Array.isArray(value)) return [...new Set(value.map((item) => JSON.stringify(shape(item, ''))))].toSorted();
    if (typeof value === 'object') return Object.fromEntries(Object.entries(value as Record<string, unknown>).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, part]) => [name, shape(part, name)]));
    if (typeof value === 'boolean' || (typeof value === 'number' && !Object.hasOwn(PLACEHOLDERS, key))) return COUNTED.has(key) || typeof value === 'boolean' ? value : 'number';
    return value === '' ? 'empty' : typeof value;
  };
  return shape(body, '');
}

/** Numbers that are no chance: shares, thresholds, progress. */
const COUNTED = new Set(['t', 'n', 'progress', 'required', 'ttl']);

/** Both conversations as they are kept. */
export function recordingOf(server: string, alone: Conversation, together: Conversation): Recording {
  return { server, family: alone.family, alone: alone.exchanges.map(clean), together: together.exchanges.map(clean) };
}

/** Answers that differ in status or shape, in words. Headers are the wire's own business: a simulated server has none. */
export function differences(expected: readonly Exchange[], actual: readonly Exchange[]): string[] {
  return expected.flatMap((exchange, index) => {
    const found = actual[index];
    if (found?.ask !== exchange.ask) return [`${index}: ${exchange.ask} was recorded, and ${found?.ask ?? 'nothing'} was asked`];
    const [was, is] = [JSON.stringify([exchange.status, shapeOf(exchange)]), JSON.stringify([found.status, shapeOf(found)])];
    return was === is ? [] : [`${exchange.ask}\n  recorded ${was}\n  answered ${is}`];
  });
}
