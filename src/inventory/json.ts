import { Encrypted, Mapping, refuse, Unsafe } from './value.ts';
import type { Entry, Value } from './value.ts';
import { digitsLimit } from './yaml-scalars.ts';

class NotJson extends Error {}
const depthLimit = 200;

/** `text` as JSON with the line of every key, or undefined where it is none: Ansible tries JSON before YAML. */
export function parseJson(text: string, file: string): { value: Value } | undefined {
  try {
    const reader = new Reader(text, file);
    return { value: reader.document() };
  } catch (error) {
    if (error instanceof NotJson) return undefined;
    throw error;
  }
}

class Reader {
  readonly #text: string;
  readonly #file: string;
  #at = 0;
  #line = 1;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  document(): Value {
    const value = this.#value(0);
    this.#space();
    if (this.#at !== this.#text.length) throw new NotJson();
    return value;
  }

  #space(): void {
    for (; this.#at < this.#text.length; this.#at += 1) {
      const sign = this.#text[this.#at];
      if (sign === '\n') this.#line += 1;
      else if (sign !== ' ' && sign !== '\t' && sign !== '\r') return;
    }
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) throw new NotJson();
    this.#at += found.length;
    return found;
  }

  #value(depth: number): Value {
    if (depth > depthLimit) throw new NotJson();
    this.#space();
    const sign = this.#text[this.#at];
    if (sign === '{') return this.#object(depth);
    if (sign === '[') return this.#list(depth);
    if (sign === '"') return this.#string();
    const word = this.#take(/true|false|null|NaN|-?Infinity|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y);
    switch (word) {
      case 'true': return true;
      case 'false': return false;
      case 'null': return null;
      default: {
        if (word.length > digitsLimit) refuse({ file: this.#file, line: this.#line }, `a number of ${word.length} digits`, 'Quote it if it is text.');
        const number = Number(word);
        return /^-?\d+$/.test(word) && !Number.isSafeInteger(number) ? BigInt(word) : number;
      }
    }
  }

  #string(): string { return JSON.parse(this.#take(/"(?:[^"\\\u0000-\u001F]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y)) as string; }

  #list(depth: number): Value {
    const items: Value[] = [];
    this.#at += 1;
    this.#space();
    if (this.#text[this.#at] === ']') { this.#at += 1; return items; }
    for (;;) {
      items.push(this.#value(depth + 1));
      this.#space();
      if (this.#take(/[,\]]/y) === ']') return items;
    }
  }

  #object(depth: number): Value {
    const entries = new Map<string, Entry>();
    this.#at += 1;
    this.#space();
    if (this.#text[this.#at] === '}') { this.#at += 1; return new Mapping(this.#file, entries); }
    for (;;) {
      this.#space();
      const line = this.#line;
      const key = this.#string();
      this.#space();
      this.#take(/:/y);
      entries.set(key, { value: this.#value(depth + 1), line, keyIs: 'text' });
      this.#space();
      if (this.#take(/[,}]/y) === '}') return marked(new Mapping(this.#file, entries));
    }
  }
}

/** What `ansible-inventory` prints for `!vault` and `!unsafe` is read back as such. */
function marked(mapping: Mapping): Value {
  const encrypted = mapping.get('__ansible_vault');
  if (typeof encrypted === 'string') return new Encrypted(encrypted);
  const unsafe = mapping.get('__ansible_unsafe');
  return typeof unsafe === 'string' ? new Unsafe(unsafe) : mapping;
}
