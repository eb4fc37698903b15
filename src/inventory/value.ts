import { UsageError } from '../model/halt.ts';

/** Where a value was written. `file` is a path, or `-e` for what came on the command line. Lines count from 1. */
export interface Place { readonly file: string; readonly line?: number }

/** What YAML or JSON text holds, as Ansible types it. Dates are already their ISO text. */
export type Value = null | boolean | number | bigint | string | Encrypted | Unsafe | Mapping | readonly Value[];

/** A `!vault` value: opened only when somebody reads it. */
export class Encrypted {
  readonly text: string;
  constructor(text: string) { this.text = text; }
}

/** An `!unsafe` text: never treated as a template. */
export class Unsafe {
  readonly text: string;
  constructor(text: string) { this.text = text; }
}

export interface Entry {
  readonly value: Value;
  readonly line: number;
  /** What the key was before it became text: only `text` keys can name hosts and groups. */
  readonly keyIs: 'text' | 'boolean' | 'number' | 'null';
}

export class Mapping {
  readonly file: string;
  readonly entries: ReadonlyMap<string, Entry>;
  constructor(file: string, entries: ReadonlyMap<string, Entry>) {
    this.file = file;
    this.entries = entries;
  }
  get(key: string): Value | undefined { return this.entries.get(key)?.value; }
  place(key: string): Place {
    const line = this.entries.get(key)?.line;
    return { file: this.file, ...(line === undefined ? {} : { line }) };
  }
}

/** A variable and where it was written. */
export interface Variable { readonly value: Value; readonly place: Place }
export type Variables = ReadonlyMap<string, Variable>;

/** JSON as `ansible-inventory` prints it; big integers stay whole. */
export type Json = null | boolean | number | bigint | string | Json[] | { [key: string]: Json };

export function toJson(value: Value): Json {
  if (value instanceof Encrypted) return { __ansible_vault: value.text };
  if (value instanceof Unsafe) return { __ansible_unsafe: value.text };
  if (value instanceof Mapping) {
    return Object.fromEntries([...value.entries].map(([key, entry]) => [key, toJson(entry.value)]));
  }
  if (Array.isArray(value)) return (value as readonly Value[]).map(toJson);
  return value as Json;
}

/** JSON text with sorted keys, four spaces, big integers and NaN as Python writes them. */
export function jsonText(json: Json, indent = ''): string {
  if (typeof json === 'number' && !Number.isFinite(json)) return Number.isNaN(json) ? 'NaN' : json < 0 ? '-Infinity' : 'Infinity';
  if (Object.is(json, -0)) return '-0.0';
  if (typeof json === 'bigint') return json.toString();
  if (json === null || typeof json !== 'object') return JSON.stringify(json);
  const inner = `${indent}    `;
  const lines = Array.isArray(json)
    ? json.map((item) => jsonText(item, inner))
    : Object.keys(json).toSorted(byCodePoint).map((key) => `${JSON.stringify(key)}: ${jsonText(json[key]!, inner)}`);
  const [open, close] = Array.isArray(json) ? ['[', ']'] : ['{', '}'];
  return lines.length === 0 ? `${open}${close}` : `${open}\n${lines.map((line) => inner + line).join(',\n')}\n${indent}${close}`;
}

const surrogate = /[\uD800-\uDFFF]/;

/** Python's order of text; JavaScript's own compares UTF-16 units. */
export function byCodePoint(a: string, b: string): number {
  if (a === b) return 0;
  return surrogate.test(a) || surrogate.test(b) ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : a < b ? -1 : 1;
}

/** How messages show a value: short, and never what is encrypted. */
export function shown(value: Value): string {
  if (value instanceof Encrypted) return '!vault (encrypted)';
  if (value instanceof Mapping) return 'a mapping';
  if (Array.isArray(value)) return 'a list';
  const text = value instanceof Unsafe ? value.text : typeof value === 'string' ? value : String(value);
  const short = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return value === null ? 'null' : typeof value === 'string' || value instanceof Unsafe ? JSON.stringify(short) : short;
}

const secretName = /pass|secret|token/i;

/** Whether what a variable of this name holds is shown to nobody. */
export function isSecretName(name: string): boolean { return secretName.test(name); }

/**
 * `message` without what stands after a secret's name in `line` of `text`, or below a line that ends in one: an unquoted
 * password that begins with `*`, `!` or `|` is a mistake that YAML names in full.
 */
export function withoutSecrets(message: string, text: string, line: number): string {
  const lines = text.split('\n');
  const [above = '', own = ''] = [lines[line - 2], lines[line - 1]];
  const below = secretName.test(above) && above.trimEnd().endsWith(':') ? own : '';
  const value = secretName.test(own) ? own.slice(own.search(secretName)).replace(/^[^:]*:/, '') : below;
  const words = value.split(/\s+/).flatMap((word) => [word, word.replaceAll(/^\W+|\W+$/g, '')]).filter((word) => word.length > 2);
  return words.reduce((clean, word) => clean.replaceAll(word, '(not shown)'), message);
}

export function refuse(place: Place, what: string, hint?: string): never {
  throw new UsageError(what, hint, place);
}
