import { neverShow } from '../model/secret.ts';
import { hostsOf } from './groups.ts';
import type { Inventory } from './load.ts';
import { filtered, holds, Lookup, member, omit, plain, textOf, truthy, Undefined, wordOf } from './template-filters.ts';
import type { Result } from './template-filters.ts';
import { BadTemplate, filterNames, hasTemplate, parseTemplate } from './template-parse.ts';
import type { Expression } from './template-parse.ts';
import { Encrypted, isSecretName, Mapping, refuse, shown, Unsafe } from './value.ts';
import type { Entry, Place, Value, Variables } from './value.ts';

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
      if (error instanceof BadTemplate) refuse(place, `${name}: ${shownOf(name, value)}: ${error.message}`, `vaultctl takes a small part of Jinja only: write the value out, or use ${filterNames.join(', ')}.`);
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
        return parts.find((part) => part instanceof Undefined) ?? parts.map(wordOf).join('');
      }
      case 'compare': {
        let left = this.#evaluate(host, expression.first);
        for (const { operator, with: other } of expression.others) {
          const right = this.#evaluate(host, other);
          if (!holds(operator, left, right)) return false;
          left = right;
        }
        return true;
      }
      case 'test': {
        const of = this.#evaluate(host, expression.of);
        return (expression.test === 'defined' ? !(of instanceof Undefined) : plain(of) === null) === expression.wanted;
      }
      case 'not': return !truthy(this.#evaluate(host, expression.of));
      case 'either': {
        const left = this.#evaluate(host, expression.left);
        return truthy(left) === (expression.operator === 'or') ? left : this.#evaluate(host, expression.right);
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
