import { Mapping } from './value.ts';
import type { Entry, Value } from './value.ts';
import { BadScalar, plainScalar } from './yaml-scalars.ts';

/** Something stands there that only the library reads. */
class NotPlain extends Error {}

interface Line { readonly indent: number; readonly text: string; readonly line: number }
export type Row = Entry & { readonly key: string };

const depthLimit = 100;
/** A text of equal keys alone is for the library, which has a limit of its own. */
const warningsLimit = 1000;
/** Tabs, returns and everything with a meaning of its own in some YAML are left to the library. */
const strange = /[^\n\x20-\x7E\u00C0-\u024F]/;
const keyed = /^([\w./][\w./[\]:-]{0,200}?|'[^'\\]{1,200}'|"[^"\\]{1,200}"):(?: +(.*))?$/;
const quoted = /'([^']*)'|"([^"\\]*)"/y;
const flowWord = /[\w./+~][\w./+@=-]*(?::[\w/][\w./+@=-]*)*/y;
const flowSpace = / */y;

/**
 * The plain part of YAML (mappings, lists and one-line values, without anchors, tags, blocks of text), some ten times as
 * fast as the library: inventories of ten thousand hosts are written like that. Undefined where a file holds anything
 * else; then the library reads it all. A test holds the two equal.
 */
export function parsePlainYaml(text: string, file: string, warn: (text: string) => void): { readonly value: Value } | undefined {
  if (strange.test(text)) return undefined;
  const warnings: string[] = [];
  try {
    const warned = (each: string) => { if (warnings.push(each) > warningsLimit) throw new NotPlain(); };
    const value = new Plain(significant(text), file, warned).document();
    for (const each of warnings) warn(each);
    return { value };
  } catch (error) {
    if (error instanceof NotPlain || error instanceof BadScalar) return undefined;
    throw error;
  }
}

function significant(text: string): Line[] {
  const lines: Line[] = [];
  let number = 0;
  let marked = false;
  for (const raw of text.split('\n')) {
    number += 1;
    const content = raw.trim();
    if (content === '' || content.startsWith('#')) continue;
    if (raw.startsWith('---') || raw.startsWith('...') || raw.startsWith('%')) {
      if (marked || lines.length > 0 || content !== '---') throw new NotPlain();
      marked = true;
      continue;
    }
    lines.push({ indent: raw.length - raw.trimStart().length, text: content, line: number });
  }
  return lines;
}

/** The last of equal keys counts, in the place of the first; each further one is told. */
export function mappingOf(file: string, merged: readonly Row[], own: readonly Row[], warn: (text: string) => void): Mapping {
  const entries = new Map<string, Entry>();
  for (const { key, ...entry } of merged) entries.set(key, entry);
  const seen = new Map<string, number>();
  for (const { key, ...entry } of own) {
    const before = seen.get(key);
    if (before !== undefined) warn(`${file}:${entry.line}: duplicate key ${key} (first at line ${before}); the last one counts, as in Ansible`);
    seen.set(key, entry.line);
    entries.set(key, entry);
  }
  return new Mapping(file, entries);
}

class Plain {
  readonly #lines: readonly Line[];
  readonly #file: string;
  readonly #warn: (text: string) => void;
  #at = 0;
  /** The value that is read within one line, and where in it. */
  #flow = '';
  #sign = 0;

  constructor(lines: readonly Line[], file: string, warn: (text: string) => void) {
    this.#lines = lines;
    this.#file = file;
    this.#warn = warn;
  }

  document(): Value {
    const first = this.#lines[0];
    if (first === undefined) throw new NotPlain();
    const value = this.#block(first.indent, 0);
    if (this.#at < this.#lines.length) throw new NotPlain();
    return value;
  }

  #block(indent: number, depth: number): Value {
    if (depth > depthLimit) throw new NotPlain();
    return isItem(this.#lines[this.#at]!) ? this.#list(indent, depth) : this.#mapping(indent, depth);
  }

  #mapping(indent: number, depth: number): Mapping {
    const rows: Row[] = [];
    for (let line = this.#lines[this.#at]; line !== undefined && line.indent >= indent; line = this.#lines[this.#at]) {
      const [, key, rest] = keyed.exec(line.text) ?? [];
      if (line.indent > indent || key === undefined || isItem(line)) throw new NotPlain();
      this.#at += 1;
      rows.push(this.#row(key, line.line, this.#value(rest, indent, depth, true)));
    }
    return mappingOf(this.#file, [], rows, this.#warn);
  }

  #row(key: string, line: number, value: Value): Row {
    const mark = key[0];
    const typed = mark === '"' || mark === "'" ? key.slice(1, -1) : plainScalar(key);
    return { key: String(typed), keyIs: typed === null ? 'null' : typeof typed === 'string' ? 'text' : typeof typed === 'boolean' ? 'boolean' : 'number', line, value };
  }

  #list(indent: number, depth: number): Value {
    const items: Value[] = [];
    for (let line = this.#lines[this.#at]; line !== undefined && line.indent >= indent; line = this.#lines[this.#at]) {
      if (line.indent > indent) throw new NotPlain();
      // A list may stand as deep as the key that holds it.
      if (!isItem(line)) break;
      const rest = line.text.slice(1).trimStart();
      if (keyed.test(rest) || rest.startsWith('- ') || rest === '-') throw new NotPlain();
      this.#at += 1;
      items.push(this.#value(rest, indent, depth, false));
    }
    return items;
  }

  /** What stands after a key or a dash, or below it; nothing may go on in the next line. */
  #value(rest: string | undefined, indent: number, depth: number, ofKey: boolean): Value {
    const next = this.#lines[this.#at];
    const deeper = next !== undefined && next.indent > indent;
    if (rest === undefined || rest === '' || rest.startsWith('#')) {
      if (deeper) return this.#block(next.indent, depth + 1);
      return ofKey && next !== undefined && next.indent === indent && isItem(next) ? this.#list(indent, depth + 1) : null;
    }
    if (deeper) throw new NotPlain();
    const mark = rest[0]!;
    if (mark !== '{' && mark !== '[' && mark !== '"' && mark !== "'") return scalar(rest);
    this.#flow = rest;
    this.#sign = 0;
    const value = this.#inline(0);
    if (!/^(?: *| +#.*)$/.test(rest.slice(this.#sign))) throw new NotPlain();
    return value;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#sign;
    const found = pattern.exec(this.#flow);
    if (found === null) return undefined;
    this.#sign = pattern.lastIndex;
    return found;
  }

  #next(sign: string): boolean {
    this.#take(flowSpace);
    if (this.#flow[this.#sign] !== sign) return false;
    this.#sign += 1;
    return true;
  }

  #inline(depth: number): Value {
    if (depth > depthLimit) throw new NotPlain();
    if (this.#next('{')) return this.#inlineMapping(depth);
    if (this.#next('[')) return this.#inlineList(depth);
    const text = this.#take(quoted);
    if (text !== undefined) return text[1] ?? text[2]!;
    const found = this.#take(flowWord)?.[0];
    // Several words, or a sign of YAML within one: what follows must end the value.
    if (found === undefined || !/^ *[,\]}]/.test(this.#flow.slice(this.#sign, this.#sign + 40))) throw new NotPlain();
    return plainScalar(found);
  }

  #inlineList(depth: number): Value {
    const items: Value[] = [];
    if (this.#next(']')) return items;
    for (;;) {
      items.push(this.#inline(depth + 1));
      if (this.#next(']')) return items;
      if (!this.#next(',')) throw new NotPlain();
    }
  }

  #inlineMapping(depth: number): Mapping {
    const rows: Row[] = [];
    const { line } = this.#lines[this.#at - 1]!;
    if (this.#next('}')) return mappingOf(this.#file, [], rows, this.#warn);
    for (;;) {
      this.#take(flowSpace);
      const key = this.#take(/(?:[\w./][\w./-]*|'[^'\\]{1,200}'|"[^"\\]{1,200}")(?=: )/y)?.[0];
      if (key === undefined) throw new NotPlain();
      this.#sign += 2;
      this.#take(flowSpace);
      const empty = this.#flow[this.#sign] === ',' || this.#flow[this.#sign] === '}';
      rows.push(this.#row(key, line, empty ? null : this.#inline(depth + 1)));
      if (this.#next('}')) return mappingOf(this.#file, [], rows, this.#warn);
      if (!this.#next(',')) throw new NotPlain();
    }
  }
}

function isItem({ text }: Line): boolean { return text.startsWith('- ') || text === '-'; }

/** A word, or several, without anything that could be more than text. */
function scalar(rest: string): Value {
  const comment = rest.indexOf(' #');
  const text = comment === -1 ? rest : rest.slice(0, comment).trimEnd();
  if (!/^(?:[\w./+~(]|-(?![- ]|$))/.test(text) || text.includes(': ') || text.endsWith(':')) throw new NotPlain();
  return plainScalar(text);
}
