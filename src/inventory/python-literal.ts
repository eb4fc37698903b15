import { Mapping } from './value.ts';
import type { Entry, Place, Value } from './value.ts';

/** The text is no literal: Ansible then keeps it as it stands. */
class NoLiteral extends Error {}

export type Literal = { readonly is: 'value'; readonly value: Value } | { readonly is: 'text' } | { readonly is: 'unprintable'; readonly what: string };

/** Python's own limits: deeper brackets, and longer numbers, are no literals to it. */
const depthLimit = 200;
const digitsLimit = 4300;

/**
 * What `ast.literal_eval` makes of the value of an INI inventory: typed, or `text` where it is no literal.
 * `unprintable`: a literal for which there is no JSON (a set, a complex number), so that Ansible itself stops at it.
 */
export function pythonLiteral(text: string, place: Place): Literal {
  try {
    if (text.includes('\0')) throw new NoLiteral();
    const reader = new Reader(text, place);
    const value = reader.document();
    return reader.unprintable === undefined ? { is: 'value', value } : { is: 'unprintable', what: reader.unprintable };
  } catch (error) {
    if (error instanceof NoLiteral) return { is: 'text' };
    throw error;
  }
}

/** A node as far as the rules of literals ask: a sign may stand before a bare number only, and lists cannot be keys. */
type Kind = 'integer' | 'float' | 'complex' | 'signed' | 'text' | 'bytes' | 'word' | 'tuple' | 'mutable';
interface Part { readonly kind: Kind; readonly value: Value; readonly float?: boolean }

const number = new RegExp([
  String.raw`(?:(?:\d(?:_?\d)*)?\.\d(?:_?\d)*|\d(?:_?\d)*\.)(?:[eE][-+]?\d(?:_?\d)*)?[jJ]?`,
  String.raw`\d(?:_?\d)*[eE][-+]?\d(?:_?\d)*[jJ]?`,
  String.raw`\d(?:_?\d)*[jJ]`,
  String.raw`0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+`,
  String.raw`[1-9](?:_?\d)*|0(?:_?0)*`,
].join('|'), 'y');
const word = /[\p{L}\p{N}_]+/uy;
const quotes = /([A-Za-z]{0,2})('''|"""|'|")/y;
const space = /[ \t\f]+|#.*/y;

class Reader {
  /** Set by the first thing that has no JSON; counts only if all the rest is a literal too. */
  unprintable: string | undefined;
  readonly #text: string;
  readonly #place: Place;
  #at = 0;
  #depth = 0;

  constructor(text: string, place: Place) {
    this.#text = text;
    this.#place = place;
  }

  document(): Value {
    const found = this.#list('');
    if (found.items.length === 0 || this.#at !== this.#text.length) throw new NoLiteral();
    if (found.commas > 0) return found.items.map((item) => this.#inner(item));
    const [only] = found.items;
    return only!.value;
  }

  /** Items up to `end`, which is taken; a comma may follow the last. */
  #list(end: string): { items: Part[]; commas: number } {
    const items: Part[] = [];
    let commas = 0;
    for (;;) {
      if (this.#next(end)) return { items, commas };
      items.push(this.#sum());
      if (this.#next(end)) return { items, commas };
      this.#expect(',');
      commas += 1;
    }
  }

  #skip(): void { while (this.#match(space) !== undefined); }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null || found[0] === '') return undefined;
    this.#at = pattern.lastIndex;
    return found;
  }

  /** Takes `sign` if it comes next; the empty sign stands for the end. */
  #next(sign: string): boolean {
    this.#skip();
    if (sign === '') return this.#at === this.#text.length;
    if (this.#text[this.#at] !== sign) return false;
    this.#at += 1;
    return true;
  }

  #expect(sign: string): void { if (!this.#next(sign)) throw new NoLiteral(); }

  /** `1+2j` is the only sum that is a literal. */
  #sum(): Part {
    const left = this.#signed();
    if (!this.#next('+') && !this.#next('-')) return left;
    const right = this.#atom();
    if (!['integer', 'float', 'complex', 'signed'].includes(left.kind) || right.kind !== 'complex') throw new NoLiteral();
    return { kind: 'tuple', value: null };
  }

  #signed(): Part {
    const minus = this.#next('-');
    if (!minus && !this.#next('+')) return this.#atom();
    const part = this.#atom();
    if (part.kind !== 'integer' && part.kind !== 'float' && part.kind !== 'complex') throw new NoLiteral();
    // Python's whole zero has no sign.
    const value = !minus || (part.kind === 'integer' && part.value === 0) ? part.value : -(part.value as number);
    return { kind: 'signed', value, float: part.kind === 'float' };
  }

  #atom(): Part {
    this.#skip();
    switch (this.#text[this.#at]) {
      case '(': return this.#within(() => this.#tuple());
      case '[': return this.#within(() => ({ kind: 'mutable', value: this.#list(']').items.map((item) => this.#inner(item)) }));
      case '{': return this.#within(() => this.#braces());
      default: return this.#string() ?? this.#number() ?? this.#word();
    }
  }

  #within(read: () => Part): Part {
    this.#at += 1;
    this.#depth += 1;
    if (this.#depth > depthLimit) throw new NoLiteral();
    const part = read();
    this.#depth -= 1;
    return part;
  }

  #tuple(): Part {
    const { items, commas } = this.#list(')');
    if (items.length === 1 && commas === 0) return items[0]!;
    // A tuple that holds a list is no key either.
    return { kind: items.some(({ kind }) => kind === 'mutable') ? 'mutable' : 'tuple', value: items.map((item) => this.#inner(item)) };
  }

  #inner(part: Part): Value {
    if (part.kind === 'bytes') this.#cannotPrint('bytes within a list or mapping');
    return part.value;
  }

  #braces(): Part {
    if (this.#next('}')) return { kind: 'mutable', value: new Mapping(this.#place.file, new Map()) };
    const first = this.#sum();
    if (!this.#next(':')) {
      const items = [first];
      if (this.#next(',')) items.push(...this.#list('}').items);
      else this.#expect('}');
      if (items.some(({ kind }) => kind === 'mutable')) throw new NoLiteral();
      this.#cannotPrint('a set');
      return { kind: 'mutable', value: null };
    }
    const entries = new Map<string, Entry>();
    const names = new Map<string, string>();
    for (let key = first; ; key = this.#sum(), this.#expect(':')) {
      const value = this.#inner(this.#sum());
      const { same, name, keyIs } = this.#key(key);
      // 1, 1.0 and True are one key to Python: the first names it, the last gives its value.
      const known = names.get(same) ?? name;
      names.set(same, known);
      entries.set(known, { value, line: this.#place.line ?? 1, keyIs });
      if (this.#next('}')) break;
      this.#expect(',');
      if (this.#next('}')) break;
    }
    return { kind: 'mutable', value: new Mapping(this.#place.file, entries) };
  }

  #key({ kind, value, float }: Part): { same: string; name: string; keyIs: Entry['keyIs'] } {
    if (kind === 'mutable') throw new NoLiteral();
    if (typeof value === 'string' && kind === 'text') return { same: `text ${value}`, name: value, keyIs: 'text' };
    if (value === null) return { same: 'null', name: 'null', keyIs: 'null' };
    if (typeof value === 'boolean') return { same: `number ${Number(value)}`, name: String(value), keyIs: 'boolean' };
    if (typeof value === 'bigint' || typeof value === 'number') {
      return { same: `number ${value}`, name: kind === 'float' || float === true ? floatText(value as number) : String(value), keyIs: 'number' };
    }
    this.#cannotPrint('a mapping whose key is neither a text nor a number');
    return { same: '', name: '', keyIs: 'null' };
  }

  #word(): Part {
    switch (this.#match(word)?.[0]) {
      case 'True': return { kind: 'word', value: true };
      case 'False': return { kind: 'word', value: false };
      case 'None': return { kind: 'word', value: null };
      case 'set':
        this.#expect('(');
        this.#expect(')');
        this.#cannotPrint('a set');
        return { kind: 'mutable', value: null };
      case undefined:
        if (!this.#text.startsWith('...', this.#at)) throw new NoLiteral();
        this.#at += 3;
        this.#cannotPrint('an ellipsis');
        return { kind: 'word', value: null };
      default: throw new NoLiteral();
    }
  }

  #number(): Part | undefined {
    const found = this.#match(number)?.[0];
    if (found === undefined) return undefined;
    if (/^[\p{L}\p{N}_]/u.test(this.#text.slice(this.#at, this.#at + 2))) throw new NoLiteral();
    const digits = found.replaceAll('_', '');
    if (/[jJ]$/.test(digits)) {
      this.#cannotPrint('a complex number');
      return { kind: 'complex', value: 0 };
    }
    if (/^0[xXoObB]/.test(digits)) return { kind: 'integer', value: whole(BigInt(digits)) };
    if (/[.eE]/.test(digits)) return { kind: 'float', value: Number(digits) };
    if (digits.length > digitsLimit) throw new NoLiteral();
    return { kind: 'integer', value: whole(BigInt(digits)) };
  }

  /** Strings side by side are one; bytes are read as the UTF-8 text that they are. */
  #string(): Part | undefined {
    let bytes: boolean | undefined;
    let text = '';
    for (let found = this.#match(quotes); found !== undefined; this.#skip(), found = this.#match(quotes)) {
      const prefix = found[1]!.toLowerCase();
      if (!['', 'r', 'u', 'b', 'br', 'rb'].includes(prefix)) throw new NoLiteral();
      if (bytes !== undefined && bytes !== prefix.includes('b')) throw new NoLiteral();
      bytes = prefix.includes('b');
      text += this.#quoted(found[2]!, prefix.includes('r'), bytes);
    }
    if (bytes === undefined) return undefined;
    return { kind: bytes ? 'bytes' : 'text', value: bytes ? this.#decoded(text) : text };
  }

  #decoded(bytes: string): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, 'latin1'));
    } catch {
      this.#cannotPrint('bytes that are no UTF-8');
      return '';
    }
  }

  #quoted(quote: string, raw: boolean, bytes: boolean): string {
    let text = '';
    for (;;) {
      if (this.#at >= this.#text.length) throw new NoLiteral();
      if (this.#text.startsWith(quote, this.#at)) { this.#at += quote.length; return text; }
      const sign = this.#text[this.#at]!;
      if (bytes && sign > '\x7F') throw new NoLiteral();
      if (sign !== '\\') { text += sign; this.#at += 1; continue; }
      if (this.#at + 1 >= this.#text.length) throw new NoLiteral();
      if (raw) { text += this.#text.slice(this.#at, this.#at + 2); this.#at += 2; }
      else text += this.#escape(bytes);
    }
  }

  #escape(bytes: boolean): string {
    const octal = this.#match(/\\([0-7]{1,3})/y);
    if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal[1]!, 8) & (bytes ? 0xFF : 0x1FF));
    const sign = this.#text[this.#at + 1]!;
    const width = sign === 'x' ? 2 : bytes ? 0 : sign === 'u' ? 4 : sign === 'U' ? 8 : 0;
    if (width > 0) {
      const digits = this.#text.slice(this.#at + 2, this.#at + 2 + width);
      if (!/^[0-9a-fA-F]+$/.test(digits) || digits.length !== width) throw new NoLiteral();
      const code = Number.parseInt(digits, 16);
      if (code > 0x10FFFF) throw new NoLiteral();
      this.#at += 2 + width;
      return String.fromCodePoint(code);
    }
    if (sign === 'N' && !bytes) this.#cannotPrint('a character by its Unicode name (\\N{…})');
    this.#at += 2;
    return simpleEscapes[sign] ?? `\\${sign}`;
  }

  #cannotPrint(what: string): void { this.unprintable ??= what; }
}

const simpleEscapes: Readonly<Record<string, string>> = { '\\': '\\', "'": "'", '"': '"', a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** As Python writes a float, where it is the key of a mapping. */
function floatText(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return String(value);
  if (size >= 1e16 || (size < 1e-4 && size > 0)) return value.toExponential().replace(/e([-+])(\d)$/, 'e$10$2');
  return Object.is(value, -0) ? '-0.0' : Number.isInteger(value) ? `${value}.0` : String(value);
}

function whole(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
