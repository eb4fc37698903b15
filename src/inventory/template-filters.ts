import { pythonText } from './python-text.ts';
import { BadTemplate } from './template-parse.ts';
import type { Comparison, FilterName } from './template-parse.ts';
import { byCodePoint, Encrypted, Mapping, Unsafe } from './value.ts';
import type { Value } from './value.ts';

/** Something with members that is no value by itself: `hostvars`, `hostvars[h]`, `groups`. */
export class Lookup {
  readonly get: (key: string) => Result;
  constructor(get: (key: string) => Result) { this.get = get; }
}
export class Undefined {
  readonly name: string;
  constructor(name: string) { this.name = name; }
}
export const omit = Symbol('omit');
export type Result = Value | Lookup | Undefined | typeof omit;

export function plain(result: Result): Value {
  if (result instanceof Undefined) throw new BadTemplate(`${result.name} is not defined`);
  if (result instanceof Lookup || result === omit) throw new BadTemplate('hostvars, groups and omit are not values by themselves');
  return result as Value;
}

export function member(of: Result, key: Value): Result {
  if (of instanceof Undefined) return of;
  if (of instanceof Lookup) return of.get(textOf(key));
  if (of instanceof Mapping) return of.get(textOf(key)) ?? (of.entries.has(textOf(key)) ? null : new Undefined(textOf(key)));
  if (Array.isArray(of) && typeof key === 'number') return (of as readonly Value[]).at(key) ?? new Undefined(`element ${key}`);
  return new Undefined(textOf(key));
}

/** As Jinja prints it within a text. */
export function textOf(result: Result): string { return plain(result) === null ? '' : wordOf(result); }

/** As Python's `str()` has it: what filters and `~` work on, where null is a word. */
export function wordOf(result: Result): string {
  const value = plain(result);
  if (typeof value === 'object' && value !== null && !(value instanceof Unsafe)) throw new BadTemplate('a list or mapping cannot stand within a text; use join or an index');
  return pythonText(value);
}

export function truthy(result: Result): boolean {
  const value = plain(result);
  if (Array.isArray(value)) return value.length > 0;
  return value instanceof Mapping ? value.entries.size > 0 : Boolean(value instanceof Unsafe ? value.text : value);
}

/** Python's `==`: true is 1, and lists and mappings are compared by what is in them. */
function equal(a: Value, b: Value): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, index) => equal(item as Value, b[index] as Value));
  if (a instanceof Mapping && b instanceof Mapping) return a.entries.size === b.entries.size && [...a.entries].every(([key, entry]) => b.entries.has(key) && equal(entry.value, b.entries.get(key)!.value));
  if (isNumber(a) && isNumber(b)) return difference(toNumber(a), toNumber(b)) === 0;
  return scalar(a) === scalar(b);
}

function scalar(value: Value): Value { return value instanceof Unsafe || value instanceof Encrypted ? value.text : value; }
function isNumber(value: Value): value is number | bigint | boolean { return ['number', 'bigint', 'boolean'].includes(typeof value); }
function toNumber(value: number | bigint | boolean): number | bigint { return typeof value === 'boolean' ? Number(value) : value; }

export function holds(operator: Comparison, left: Result, right: Result): boolean {
  if (operator === 'in' || operator === 'not in') return contains(right, plain(left)) === (operator === 'in');
  const [a, b] = [plain(left), plain(right)];
  if (operator === '==' || operator === '!=') return equal(a, b) === (operator === '==');
  const [one, other] = [scalar(a), scalar(b)];
  const order = isNumber(one) && isNumber(other) ? difference(toNumber(one), toNumber(other))
    : typeof one === 'string' && typeof other === 'string' ? byCodePoint(one, other) : undefined;
  if (order === undefined) throw new BadTemplate(`${operator} compares two numbers or two texts`);
  switch (operator) {
    case '<': return order < 0;
    case '<=': return order <= 0;
    case '>': return order > 0;
    case '>=': return order >= 0;
  }
}

function difference(a: number | bigint, b: number | bigint): number { return a < b ? -1 : a > b ? 1 : a >= b ? 0 : Number.NaN; }

function contains(whole: Result, part: Value): boolean {
  if (whole instanceof Lookup) return !(whole.get(wordOf(part)) instanceof Undefined);
  const value = scalar(plain(whole));
  if (Array.isArray(value)) return (value as readonly Value[]).some((item) => equal(item, part));
  if (value instanceof Mapping && !Array.isArray(part) && !(part instanceof Mapping)) return typeof part === 'string' && value.entries.has(part);
  const text = scalar(part);
  if (typeof value === 'string' && typeof text === 'string') return value.includes(text);
  throw new BadTemplate('`in` looks into a list, a mapping, or a text for a text');
}

export function filtered(filter: FilterName, of: Result, optionsOf: () => readonly Result[]): Result {
  if (filter === 'default') {
    const options = optionsOf();
    const replaced = of instanceof Undefined || of === omit || (options[1] !== undefined && truthy(options[1]) && !truthy(of));
    return replaced ? options[0] ?? '' : of;
  }
  if (of instanceof Undefined) return of;
  const value = plain(of);
  const options = optionsOf();
  switch (filter) {
    case 'lower': return wordOf(value).toLowerCase();
    case 'upper': return wordOf(value).toUpperCase();
    case 'trim': return wordOf(value).trim();
    case 'string': return wordOf(value);
    case 'replace': return replaced(wordOf(value), wordOf(options[0]!), wordOf(options[1]!));
    case 'join': return listOf(value, 'join').map(wordOf).join(options[0] === undefined ? '' : wordOf(options[0]));
    case 'first': return sequence(value).at(0) ?? new Undefined('the first element');
    case 'last': return sequence(value).at(-1) ?? new Undefined('the last element');
    case 'length': return value instanceof Mapping ? value.entries.size : sequence(value).length;
    case 'ternary': return value === null && options[2] !== undefined && options[2] !== null ? options[2] : truthy(value) ? options[0]! : options[1]!;
    case 'int': return whole(value) ?? options[0] ?? 0;
    // Whatever is no word for yes is false to Ansible, `y` and `t` too.
    case 'bool': return value === null ? null : value === true || value === 1 || (typeof value === 'string' && /^(?:yes|on|1|true)$/i.test(value));
    case 'b64encode': return Buffer.from(wordOf(value)).toString('base64');
    case 'b64decode': return decoded(wordOf(value));
  }
}

const TEXT_LIMIT = 1024 * 1024;

function replaced(text: string, from: string, to: string): string {
  const parts = from === '' ? ['', ...text, ''] : text.split(from);
  if (text.length + parts.length * to.length > TEXT_LIMIT) throw new BadTemplate(`it grows beyond ${TEXT_LIMIT} characters`);
  return parts.join(to);
}

function listOf(value: Value, filter: string): readonly Value[] {
  if (!Array.isArray(value)) throw new BadTemplate(`${filter} needs a list`);
  return value as readonly Value[];
}

function sequence(value: Value): readonly Value[] {
  if (Array.isArray(value)) return value as readonly Value[];
  if (typeof value !== 'string' && !(value instanceof Unsafe)) throw new BadTemplate('only a list or a text has elements');
  return [...wordOf(value)];
}

/** Python's int(), and where that fails int(float()); undefined where both fail. */
function whole(value: Value): number | bigint | undefined {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'bigint') return value;
  if (value === null || typeof value === 'object') return undefined;
  const text = String(value).trim();
  if (/^[-+]?\d+(?:_\d+)*$/.test(text) && text.length <= 4300) {
    const exact = BigInt(text.replaceAll(/[_+]/g, ''));
    return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
  }
  if (/^[-+]?inf(?:inity)?$/i.test(text)) throw new BadTemplate('int: infinity is no whole number');
  const number = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?$/i.test(text) ? Math.trunc(Number(text)) : NaN;
  return Number.isFinite(number) ? number + 0 : undefined;
}

/** Node takes damaged base64 for what is left of it; Ansible refuses it. */
function decoded(text: string): string {
  const packed = text.replaceAll(/\s/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(packed) || packed.length % 4 !== 0) throw new BadTemplate('b64decode: this is not base64');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(packed, 'base64'));
  } catch {
    throw new BadTemplate('b64decode: what it holds is not UTF-8 text');
  }
}
