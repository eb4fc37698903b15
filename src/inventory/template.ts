import { neverShow } from '../model/secret.ts';
import { hostsOf } from './groups.ts';
import type { Inventory } from './load.ts';
import { BadTemplate, hasTemplate, parseTemplate } from './template-parse.ts';
import type { Expression } from './template-parse.ts';
import { Encrypted, isSecretName, Mapping, refuse, shown, Unsafe } from './value.ts';
import type { Entry, Place, Value, Variables } from './value.ts';

/** Something with members that is no value by itself: `hostvars`, `hostvars[h]`, `groups`. */
class Lookup {
  readonly get: (key: string) => Result;
  constructor(get: (key: string) => Result) { this.get = get; }
}
class Undefined {
  readonly name: string;
  constructor(name: string) { this.name = name; }
}
const omit = Symbol('omit');
type Result = Value | Lookup | Undefined | typeof omit;

const depthLimit = 30;
/** References that each repeat the next one twice double at every step: what one variable may lead through, all in all. */
const stepLimit = 300_000;
/** Templates may repeat each other's text; what one value may grow to. */
const textLimit = 1024 * 1024;

/** A variable with its templates resolved and its vault texts opened. */
export interface Resolved {
  readonly value: Value;
  readonly place: Place;
  /** As it was written: what messages may show. */
  readonly written: Value;
}

/** Resolves the variables of an inventory's hosts, lazily: only what is asked for must be resolvable. */
export class Templates {
  readonly #inventory: Inventory;
  readonly #members: ReadonlyMap<string, readonly string[]>;
  /** What Ansible's settings say where a host says nothing; never templates. */
  readonly defaults: readonly Variables[];
  readonly #open: string[] = [];
  #steps = 0;

  constructor(inventory: Inventory) {
    this.#inventory = inventory;
    this.defaults = inventory.defaults;
    this.#members = new Map([...inventory.topology.groups.values()].map((group) => [group.name, hostsOf(group).map((host) => host.name)]));
  }

  /** Undefined: no such variable, or it came out as `omit`. UsageError for what the subset does not take. */
  variable(host: string, name: string): Resolved | undefined {
    const variable = this.#inventory.variablesOf(host).get(name);
    if (variable === undefined) return undefined;
    this.#steps = 0;
    const result = this.#resolved(host, name, variable.value, variable.place);
    if (result === omit) return undefined;
    if (result instanceof Undefined) return refuse(variable.place, `${name}: ${result.name} is not defined for ${host}`, `Define ${result.name}, or write ${result.name} | default(…).`);
    if (result instanceof Lookup) return refuse(variable.place, `${name} names all of hostvars or groups, not a value`);
    return { value: result, place: variable.place, written: variable.value };
  }

  #resolved(host: string, name: string, value: Value, place: Place): Result {
    const key = `${host}\0${name}`;
    if (this.#open.includes(key)) refuse(place, `${name} refers to itself: ${shownOf(name, value)}`, 'Break the circle of {{ }} references.');
    this.#steps += 1;
    if (this.#steps > stepLimit) refuse(place, `${name} leads through more than ${stepLimit} references`);
    if (this.#open.length >= depthLimit) refuse(place, `${name} leads through more than ${depthLimit} references`);
    this.#open.push(key);
    try {
      return this.#value(host, value, place);
    } catch (error) {
      if (error instanceof BadTemplate) refuse(place, `${name}: ${shownOf(name, value)}: ${error.message}`, 'vaultctl takes a small part of Jinja only: write the value out, or use default, lower, upper, trim, join, first, int, bool, b64encode, b64decode.');
      throw error;
    } finally {
      this.#open.pop();
    }
  }

  #value(host: string, value: Value, place: Place): Result {
    if (value instanceof Encrypted) {
      const text = this.#inventory.vault.decrypt(value.text, place);
      neverShow(text);
      return text;
    }
    if (value instanceof Unsafe) return value.text;
    if (typeof value === 'string') return hasTemplate(value) ? this.#text(host, value) : value;
    if (Array.isArray(value)) {
      const items = (value as readonly Value[]).map((item) => this.#value(host, item, place)).filter((item) => item !== omit);
      return items.map(plain);
    }
    if (!(value instanceof Mapping)) return value;
    const entries: [string, Entry][] = [];
    for (const [key, entry] of value.entries) {
      const inner = this.#value(host, entry.value, place);
      if (inner !== omit) entries.push([key, { ...entry, value: plain(inner) }]);
    }
    return new Mapping(value.file, new Map(entries));
  }

  /** A text that is one `{{ … }}` keeps the type of its value; everything else is text. */
  #text(host: string, text: string): Result {
    const parts = parseTemplate(text);
    const [only] = parts;
    if (parts.length === 1 && only !== undefined && 'expression' in only) return this.#evaluate(host, only.expression);
    let whole = '';
    for (const part of parts) {
      const piece = 'text' in part ? part.text : this.#evaluate(host, part.expression);
      if (piece instanceof Undefined) return piece;
      whole += textOf(piece);
      if (whole.length > textLimit) throw new BadTemplate(`it grows beyond ${textLimit} characters`);
    }
    return whole;
  }

  #evaluate(host: string, expression: Expression): Result {
    switch (expression.is) {
      case 'literal': return expression.value;
      case 'list': return expression.items.map((item) => plain(this.#evaluate(host, item)));
      case 'name': return this.#name(host, expression.name);
      case 'member': return member(this.#evaluate(host, expression.of), plain(this.#evaluate(host, expression.key)));
      case 'join': {
        const parts = expression.parts.map((part) => this.#evaluate(host, part));
        return parts.find((part) => part instanceof Undefined) ?? parts.map(textOf).join('');
      }
      case 'compare': {
        const same = plain(this.#evaluate(host, expression.left)) === plain(this.#evaluate(host, expression.right));
        return expression.operator === '==' ? same : !same;
      }
      case 'choice': return this.#evaluate(host, truthy(this.#evaluate(host, expression.when)) ? expression.yes : expression.no);
      case 'filter': {
        const of = this.#evaluate(host, expression.of);
        return filtered(expression.filter, of, () => expression.options.map((option) => this.#evaluate(host, option)));
      }
    }
  }

  #name(host: string, name: string): Result {
    switch (name) {
      case 'omit': return omit;
      case 'inventory_hostname': return host;
      case 'inventory_hostname_short': return /^[\d.]+$|:/.test(host) ? host : host.split('.')[0]!;
      case 'inventory_dir': return this.#source(host).replace(/\/[^/]*$/, '') || '/';
      case 'inventory_file': return this.#source(host);
      case 'playbook_dir': return this.#inventory.cwd;
      case 'groups': return new Lookup((group) => this.#members.get(group) ?? new Undefined(`groups[${group}]`));
      case 'group_names': return [...this.#members].filter(([group, members]) => group !== 'all' && members.includes(host)).map(([group]) => group).toSorted();
      case 'hostvars': return new Lookup((other) => this.#hostvars(other));
      default: return this.#of(host, name);
    }
  }

  #source(host: string): string { return this.#inventory.topology.hosts.get(host)?.place.file ?? this.#inventory.sources[0] ?? ''; }

  #hostvars(host: string): Result {
    if (!this.#inventory.topology.hosts.has(host)) return new Undefined(`hostvars[${host}]`);
    return new Lookup((name) => name === 'inventory_hostname' ? host : this.#of(host, name));
  }

  #of(host: string, name: string): Result {
    const variable = this.#inventory.variablesOf(host).get(name);
    return variable === undefined ? new Undefined(name) : this.#resolved(host, name, variable.value, variable.place);
  }
}

/** A password may be part of its own template. */
function shownOf(name: string, value: Value): string { return isSecretName(name) ? '(not shown)' : shown(value); }

function plain(result: Result): Value {
  if (result instanceof Undefined) throw new BadTemplate(`${result.name} is not defined`);
  if (result instanceof Lookup || result === omit) throw new BadTemplate('hostvars, groups and omit are not values by themselves');
  return result as Value;
}

function member(of: Result, key: Value): Result {
  if (of instanceof Undefined) return of;
  if (of instanceof Lookup) return of.get(textOf(key));
  if (of instanceof Mapping) return of.get(textOf(key)) ?? (of.entries.has(textOf(key)) ? null : new Undefined(textOf(key)));
  if (Array.isArray(of) && typeof key === 'number') return (of as readonly Value[]).at(key) ?? new Undefined(`element ${key}`);
  return new Undefined(textOf(key));
}

/** As Jinja prints it within a text. */
function textOf(result: Result): string {
  const value = plain(result);
  if (value === null) return '';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'object') throw new BadTemplate('a list or mapping cannot stand within a text; use join or an index');
  return String(value);
}

function truthy(result: Result): boolean {
  const value = plain(result);
  if (Array.isArray(value)) return value.length > 0;
  return value instanceof Mapping ? value.entries.size > 0 : Boolean(value);
}

function filtered(filter: string, of: Result, optionsOf: () => readonly Result[]): Result {
  if (filter === 'default') {
    if (!(of instanceof Undefined) && of !== omit) {
      const falsy = optionsOf()[1];
      return falsy !== undefined && truthy(falsy) && !truthy(of) ? optionsOf()[0]! : of;
    }
    return optionsOf()[0] ?? '';
  }
  if (of instanceof Undefined) return of;
  const value = plain(of);
  const options = optionsOf();
  switch (filter) {
    case 'lower': return textOf(value).toLowerCase();
    case 'upper': return textOf(value).toUpperCase();
    case 'trim': return textOf(value).trim();
    case 'string': return textOf(value);
    case 'join': {
      if (!Array.isArray(value)) throw new BadTemplate('join needs a list');
      return (value as readonly Value[]).map(textOf).join(options[0] === undefined ? '' : textOf(options[0]));
    }
    case 'first': {
      const first = Array.isArray(value) ? (value as readonly Value[])[0] : textOf(value)[0];
      return first ?? new Undefined('the first element');
    }
    case 'int': {
      const number = typeof value === 'boolean' ? Number(value) : /^\s*[-+]?\d+(?:\.\d*)?\s*$/.test(textOf(value)) ? Math.trunc(Number(textOf(value))) : undefined;
      return number ?? (options[0] === undefined ? 0 : options[0]);
    }
    case 'bool': return value === true || value === 1 || (typeof value === 'string' && /^(?:yes|on|1|true|y|t)$/i.test(value));
    case 'b64encode': return Buffer.from(textOf(value)).toString('base64');
    case 'b64decode': return Buffer.from(textOf(value), 'base64').toString();
    default: throw new BadTemplate(`the filter ${filter} is not supported`);
  }
}
