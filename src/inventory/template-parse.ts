/**
 * The `{{ }}` subset: references, calls of a few filters, literals, `~`, comparison and `if … else`.
 * A tiny grammar of our own: nothing is ever evaluated as code, and what is not in it is refused.
 */
export type Expression =
  | { readonly is: 'literal'; readonly value: string | number | boolean | null }
  | { readonly is: 'list'; readonly items: readonly Expression[] }
  | { readonly is: 'name'; readonly name: string }
  | { readonly is: 'member'; readonly of: Expression; readonly key: Expression }
  | { readonly is: 'filter'; readonly of: Expression; readonly filter: FilterName; readonly options: readonly Expression[] }
  | { readonly is: 'test'; readonly of: Expression; readonly test: 'defined' | 'none'; readonly wanted: boolean }
  | { readonly is: 'not'; readonly of: Expression }
  | { readonly is: 'either'; readonly operator: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly is: 'join'; readonly parts: readonly Expression[] }
  | { readonly is: 'compare'; readonly first: Expression; readonly others: readonly { readonly operator: Comparison; readonly with: Expression }[] }
  | { readonly is: 'choice'; readonly when: Expression; readonly yes: Expression; readonly no: Expression };

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in';

/** How many options each filter takes, least and most. */
const filters = {
  default: [0, 2], lower: [0, 0], upper: [0, 0], trim: [0, 0], join: [0, 1], first: [0, 0], last: [0, 0], length: [0, 0], replace: [2, 2], ternary: [2, 3],
  int: [0, 1], bool: [0, 0], string: [0, 0], b64encode: [0, 0], b64decode: [0, 0],
} as const;
export type FilterName = keyof typeof filters;
export const filterNames = Object.keys(filters) as FilterName[];
const shortNames: Readonly<Record<string, FilterName>> = { d: 'default', count: 'length' };
const words = new Set(['if', 'else', 'and', 'or', 'not', 'in', 'is']);

export type TemplatePart = { readonly text: string } | { readonly expression: Expression };

/** Outside the subset; the message says what is. */
export class BadTemplate extends Error {}

type Token = { readonly kind: 'name' | 'sign' | 'text' | 'number' | 'end'; readonly text: string };
const nestingLimit = 40;
/** Long chains nest as deep as they are long once they are evaluated. */
const stepsLimit = 1000;

export function hasTemplate(text: string): boolean { return /\{\{|\{%|\{#/.test(text); }

export function parseTemplate(text: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let at = 0;
  for (;;) {
    const open = /\{\{|\{%|\{#/.exec(text.slice(at));
    if (open === null) break;
    if (open[0] !== '{{') throw new BadTemplate(`${open[0]} is not supported: only {{ … }} is`);
    const start = at + open.index;
    const before = text.startsWith('-', start + 2) ? text.slice(at, start).trimEnd() : text.slice(at, start);
    if (before !== '') parts.push({ text: before });
    const parser = new Parser(text, start + 2);
    parts.push({ expression: parser.whole() });
    at = parser.at;
    if (text.slice(at - 3, at) === '-}}') at += /^\s*/.exec(text.slice(at))![0].length;
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
  #steps = 0;

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
      // Versions of Ansible differ in what it stands for.
      if (quoted[0].includes('\\')) throw new BadTemplate('a backslash in a text is not supported');
      return { kind: 'text', text: quoted[1] ?? quoted[2] ?? '' };
    }
    const plain = /^(?:([A-Za-z_][A-Za-z0-9_]*)|(-?\d+(?:\.\d+)?)|(==|!=|<=|>=|[<>|.,()[\]~=]))/.exec(rest);
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
    let expression = this.#or();
    if (this.#is('name', 'if')) {
      this.#next();
      const when = this.#or();
      if (!this.#is('name', 'else')) throw new BadTemplate('an `if` needs its `else`');
      this.#next();
      expression = { is: 'choice', when, yes: expression, no: this.#choice() };
    }
    this.#nesting -= 1;
    return expression;
  }

  #or(): Expression { return this.#either('or', () => this.#either('and', () => this.#not())); }

  #either(operator: 'and' | 'or', part: () => Expression): Expression {
    let left = part();
    while (this.#is('name', operator)) {
      this.#next();
      if (++this.#steps > stepsLimit) throw new BadTemplate(`longer than ${stepsLimit} parts`);
      left = { is: 'either', operator, left, right: part() };
    }
    return left;
  }

  #not(): Expression {
    let negated = 0;
    for (; this.#is('name', 'not'); negated += 1) this.#next();
    const of = this.#compare();
    if (negated === 0) return of;
    return negated % 2 === 1 ? { is: 'not', of } : { is: 'not', of: { is: 'not', of } };
  }

  #compare(): Expression {
    const first = this.#joined();
    const others: { operator: Comparison; with: Expression }[] = [];
    for (let operator = this.#comparison(); operator !== undefined; operator = this.#comparison()) others.push({ operator, with: this.#joined() });
    return others.length === 0 ? first : { is: 'compare', first, others };
  }

  #comparison(): Comparison | undefined {
    const { kind, text } = this.#token;
    if (kind === 'name' && text === 'not') {
      this.#next();
      if (!this.#is('name', 'in')) throw new BadTemplate('`not` stands before a condition, or before `in`');
      this.#next();
      return 'not in';
    }
    const known = (kind === 'sign' && ['==', '!=', '<', '<=', '>', '>='].includes(text)) || (kind === 'name' && text === 'in');
    return known ? this.#next().text as Comparison : undefined;
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
      if (++this.#steps > stepsLimit) throw new BadTemplate(`longer than ${stepsLimit} parts`);
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
      } else if (this.#is('name', 'is')) {
        this.#next();
        expression = this.#test(expression);
      } else return expression;
    }
  }

  #filter(of: Expression): Expression {
    const name = this.#next();
    const filter = Object.hasOwn(shortNames, name.text) ? shortNames[name.text]! : name.text;
    if (name.kind !== 'name' || !Object.hasOwn(filters, filter)) throw new BadTemplate(`the filter ${name.text} is not supported; these are: ${filterNames.join(', ')}`);
    const options = this.#is('sign', '(') ? this.#list('(', ')', filter === 'default' ? 'boolean' : undefined) : [];
    const [least, most] = filters[filter as FilterName];
    if (options.length < least || options.length > most) throw new BadTemplate(`${filter} takes ${least === most ? most : `${least} to ${most}`} options, not ${options.length}`);
    return { is: 'filter', of, filter: filter as FilterName, options };
  }

  #test(of: Expression): Expression {
    let wanted = true;
    if (this.#is('name', 'not')) {
      this.#next();
      wanted = false;
    }
    const { text } = this.#next();
    switch (text) {
      case 'defined': return { is: 'test', of, test: 'defined', wanted };
      case 'undefined': return { is: 'test', of, test: 'defined', wanted: !wanted };
      case 'none': return { is: 'test', of, test: 'none', wanted };
      default: throw new BadTemplate(`the test "is ${text}" is not supported; these are: defined, undefined, none`);
    }
  }

  /** @param named an option that may be written with its name, as the second one */
  #list(open: string, close: string, named?: string): Expression[] {
    const items: Expression[] = [];
    this.#expect(open);
    while (!this.#is('sign', close)) {
      items.push(this.#choice());
      if (named !== undefined && items.length === 2 && this.#is('sign', '=') && isName(items[1]!, named)) {
        this.#next();
        items[1] = this.#choice();
      }
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
    if (token.kind === 'number' && token.text.includes('.') && Number.isInteger(Number(token.text))) throw new BadTemplate(`${token.text} is not supported as a number: write "${token.text}"`);
    if (token.kind === 'number') return { is: 'literal', value: Number(token.text) };
    if (token.kind !== 'name' || words.has(token.text)) throw new BadTemplate(token.text === '' ? 'an expression is missing' : `unexpected ${token.text}`);
    if (this.#is('sign', '(')) throw new BadTemplate(`calling ${token.text}() is not supported`);
    const constants: Readonly<Record<string, boolean | null>> = { true: true, True: true, false: false, False: false, none: null, None: null };
    return Object.hasOwn(constants, token.text) ? { is: 'literal', value: constants[token.text] ?? null } : { is: 'name', name: token.text };
  }
}

function isName(expression: Expression, name: string): boolean { return expression.is === 'name' && expression.name === name; }
