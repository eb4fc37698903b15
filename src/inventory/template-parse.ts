/**
 * The `{{ }}` subset: references, calls of a few filters, literals, `~`, comparison and `if … else`.
 * A tiny grammar of our own: nothing is ever evaluated as code, and what is not in it is refused.
 */
export type Expression =
  | { readonly is: 'literal'; readonly value: string | number | boolean | null }
  | { readonly is: 'list'; readonly items: readonly Expression[] }
  | { readonly is: 'name'; readonly name: string }
  | { readonly is: 'member'; readonly of: Expression; readonly key: Expression }
  | { readonly is: 'filter'; readonly of: Expression; readonly filter: string; readonly options: readonly Expression[] }
  | { readonly is: 'join'; readonly parts: readonly Expression[] }
  | { readonly is: 'compare'; readonly operator: '==' | '!='; readonly left: Expression; readonly right: Expression }
  | { readonly is: 'choice'; readonly when: Expression; readonly yes: Expression; readonly no: Expression };

export type TemplatePart = { readonly text: string } | { readonly expression: Expression };

/** Outside the subset; the message says what is. */
export class BadTemplate extends Error {}

type Token = { readonly kind: 'name' | 'sign' | 'text' | 'number' | 'end'; readonly text: string };
const filters = new Set(['default', 'd', 'lower', 'upper', 'trim', 'join', 'first', 'int', 'bool', 'string', 'b64encode', 'b64decode']);
const nestingLimit = 40;

export function hasTemplate(text: string): boolean { return /\{\{|\{%|\{#/.test(text); }

export function parseTemplate(text: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let at = 0;
  for (;;) {
    const open = /\{\{|\{%|\{#/.exec(text.slice(at));
    if (open === null) break;
    if (open[0] !== '{{') throw new BadTemplate(`${open[0]} is not supported: only {{ … }} is`);
    const start = at + open.index;
    if (start > at) parts.push({ text: text.slice(at, start) });
    const parser = new Parser(text, start + 2);
    parts.push({ expression: parser.whole() });
    at = parser.at;
  }
  if (at < text.length) parts.push({ text: text.slice(at) });
  return parts;
}

class Parser {
  readonly #text: string;
  /** Behind the closing `}}` once `whole` has returned. */
  at: number;
  #token: Token = { kind: 'sign', text: '{{' };
  #nesting = 0;

  constructor(text: string, at: number) {
    this.#text = text;
    this.at = text.startsWith('-', at) ? at + 1 : at;
    this.#next();
  }

  whole(): Expression {
    const expression = this.#choice();
    if (this.#token.kind !== 'end') throw new BadTemplate(`unexpected ${this.#token.text}`);
    return expression;
  }

  #next(): Token {
    const before = this.#token;
    if (before.kind === 'end') throw new BadTemplate('an expression is missing before }}');
    while (/\s/.test(this.#text[this.at] ?? '')) this.at += 1;
    this.#token = this.#read();
    return before;
  }

  #read(): Token {
    const rest = this.#text.slice(this.at);
    const close = /^-?\}\}/.exec(rest)?.[0];
    if (close !== undefined) { this.at += close.length; return { kind: 'end', text: '' }; }
    const quoted = /^'((?:[^'\\]|\\[^])*)'|^"((?:[^"\\]|\\[^])*)"/.exec(rest);
    if (quoted !== null) {
      this.at += quoted[0].length;
      return { kind: 'text', text: (quoted[1] ?? quoted[2] ?? '').replace(/\\([^])/g, (_, sign: string) => ({ n: '\n', t: '\t', r: '\r' })[sign] ?? sign) };
    }
    const plain = /^(?:([A-Za-z_][A-Za-z0-9_]*)|(-?\d+(?:\.\d+)?)|(==|!=|[|.,()[\]~]))/.exec(rest);
    if (plain === null) throw new BadTemplate(rest === '' ? 'a {{ is not closed' : `unexpected ${JSON.stringify(rest.slice(0, 12))}`);
    this.at += plain[0].length;
    return { kind: plain[1] !== undefined ? 'name' : plain[2] !== undefined ? 'number' : 'sign', text: plain[0] };
  }

  #is(kind: Token['kind'], text: string): boolean { return this.#token.kind === kind && this.#token.text === text; }
  #expect(text: string): void {
    if (!this.#is('sign', text)) throw new BadTemplate(`expected ${text}, found ${this.#token.text === '' ? 'the end' : this.#token.text}`);
    this.#next();
  }

  #choice(): Expression {
    if (++this.#nesting > nestingLimit) throw new BadTemplate(`nested deeper than ${nestingLimit} levels`);
    let expression = this.#compare();
    if (this.#is('name', 'if')) {
      this.#next();
      const when = this.#compare();
      if (!this.#is('name', 'else')) throw new BadTemplate('an `if` needs its `else`');
      this.#next();
      expression = { is: 'choice', when, yes: expression, no: this.#choice() };
    }
    this.#nesting -= 1;
    return expression;
  }

  #compare(): Expression {
    const left = this.#joined();
    if (!this.#is('sign', '==') && !this.#is('sign', '!=')) return left;
    const operator = this.#next().text as '==' | '!=';
    return { is: 'compare', operator, left, right: this.#joined() };
  }

  #joined(): Expression {
    const parts = [this.#filtered()];
    while (this.#is('sign', '~')) {
      this.#next();
      parts.push(this.#filtered());
    }
    return parts.length === 1 ? parts[0]! : { is: 'join', parts };
  }

  #filtered(): Expression {
    let expression = this.#primary();
    for (;;) {
      if (this.#is('sign', '.')) {
        this.#next();
        const key = this.#next();
        if (key.kind !== 'name' && key.kind !== 'number') throw new BadTemplate('a dot must be followed by a name');
        if (this.#is('sign', '(')) throw new BadTemplate(`calling .${key.text}() is not supported`);
        expression = { is: 'member', of: expression, key: { is: 'literal', value: key.kind === 'number' ? Number(key.text) : key.text } };
      } else if (this.#is('sign', '[')) {
        this.#next();
        const key = this.#choice();
        this.#expect(']');
        expression = { is: 'member', of: expression, key };
      } else if (this.#is('sign', '|')) {
        this.#next();
        expression = this.#filter(expression);
      } else return expression;
    }
  }

  #filter(of: Expression): Expression {
    const name = this.#next();
    if (name.kind !== 'name' || !filters.has(name.text)) throw new BadTemplate(`the filter ${name.text} is not supported; these are: ${[...filters].join(', ')}`);
    return { is: 'filter', of, filter: name.text === 'd' ? 'default' : name.text, options: this.#is('sign', '(') ? this.#list('(', ')') : [] };
  }

  #list(open: string, close: string): Expression[] {
    const items: Expression[] = [];
    this.#expect(open);
    while (!this.#is('sign', close)) {
      items.push(this.#choice());
      if (!this.#is('sign', close)) this.#expect(',');
    }
    this.#next();
    return items;
  }

  #primary(): Expression {
    if (this.#is('sign', '(')) {
      this.#next();
      const inner = this.#choice();
      this.#expect(')');
      return inner;
    }
    if (this.#is('sign', '[')) return { is: 'list', items: this.#list('[', ']') };
    const token = this.#next();
    if (token.kind === 'text') return { is: 'literal', value: token.text };
    if (token.kind === 'number') return { is: 'literal', value: Number(token.text) };
    if (token.kind !== 'name') throw new BadTemplate(token.text === '' ? 'an expression is missing' : `unexpected ${token.text}`);
    if (this.#is('sign', '(')) throw new BadTemplate(`calling ${token.text}() is not supported`);
    const words: Readonly<Record<string, boolean | null>> = { true: true, True: true, false: false, False: false, none: null, None: null };
    return Object.hasOwn(words, token.text) ? { is: 'literal', value: words[token.text] ?? null } : { is: 'name', name: token.text };
  }
}
