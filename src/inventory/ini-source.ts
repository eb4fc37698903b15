import { messageOf } from '../model/halt.ts';
import type { Topology } from './groups.ts';
import { BadQuotes, iniWords } from './ini-words.ts';
import { expandedHosts } from './host-keys.ts';
import { pythonLiteral } from './python-literal.ts';
import { refuse } from './value.ts';
import type { Place, Value } from './value.ts';

/** Python's `\s` and line ends are wider than those of an editor; a file that holds others has its lines counted as Python does. */
const lineEnds = /\r\n|[\n\r\v\f\x1C-\x1E\x85\u2028\u2029]/;
const section = /^\[([^:\]\s]+)(?::([\p{L}\p{N}_]+))?\]\s*(?:#.*)?$/u;
const childName = /^([^:\]\s]+)\s*(?:#.*)?$/;
const kinds = ['hosts', 'vars', 'children'];

/** Adds one INI inventory to `topology`, as Ansible's own reader does. UsageError with file and line; it never shows a value. */
export function addIniSource(topology: Topology, text: string, file: string, warn: (text: string) => void): void {
  const reader = new IniReader(topology, file, warn);
  for (const [index, line] of text.split(lineEnds).entries()) reader.line(line.trim(), { file, line: index + 1 });
  reader.end();
}

/** A group that is named and not yet declared: by its variables, or as the child of others. */
type Awaited = { readonly as: 'vars'; readonly place: Place } | { readonly as: 'child'; readonly of: { readonly parent: string; readonly place: Place }[] };

class IniReader {
  readonly #topology: Topology;
  readonly #file: string;
  readonly #warn: (text: string) => void;
  readonly #awaited = new Map<string, Awaited>();
  #group = 'ungrouped';
  #kind = 'hosts';
  #empty = true;
  /** Variables of the section that is being read → line. */
  #seen = new Map<string, number | undefined>();

  constructor(topology: Topology, file: string, warn: (text: string) => void) {
    this.#topology = topology;
    this.#file = file;
    this.#warn = warn;
  }

  line(text: string, place: Place): void {
    if (text === '' || text.startsWith('#') || text.startsWith(';')) return;
    this.#empty = false;
    const found = section.exec(text);
    if (found !== null) return this.#section(found[1]!, found[2] ?? 'hosts', place);
    if (text.startsWith('[') && text.endsWith(']')) {
      refuse(place, `${shortened(text)} is no section`, 'Write [group], [group:vars] or [group:children], without spaces; an IPv6 address in brackets needs a port after them.');
    }
    if (this.#kind === 'hosts') this.#hosts(text, place);
    else if (this.#kind === 'vars') this.#variable(text, place);
    else this.#child(text, place);
  }

  /** What was awaited and never came: Ansible warns of it and goes on with half a list. */
  end(): void {
    if (this.#empty) refuse({ file: this.#file }, 'the inventory is empty', 'Name your hosts in it, one a line below [group]; see inventories/ for examples.');
    for (const [name, awaited] of this.#awaited) {
      if (awaited.as === 'vars') refuse(awaited.place, `[${name}:vars] stands for a group that is declared nowhere`, `Declare it with [${name}] or [${name}:children].`);
      const last = awaited.of.at(-1)!;
      refuse(last.place, `[${last.parent}:children] names the group ${name}, which is declared nowhere`, `Declare it with [${name}], or mend the name.`);
    }
  }

  #section(name: string, kind: string, place: Place): void {
    if (!kinds.includes(kind)) refuse(place, `section [${name}:${kind}] is of no known kind`, 'Write [group], [group:vars] or [group:children].');
    this.#group = name;
    this.#kind = kind;
    this.#seen = new Map();
    const awaited = this.#awaited.get(name);
    if (!this.#topology.groups.has(name)) {
      if (kind === 'vars' && awaited === undefined) this.#awaited.set(name, { as: 'vars', place });
      this.#topology.addGroup(name, place);
    }
    if (awaited === undefined || kind === 'vars') return;
    this.#awaited.delete(name);
    if (awaited.as === 'child') for (const { parent, place: named } of awaited.of) this.#link(parent, name, named);
  }

  #child(text: string, place: Place): void {
    const name = childName.exec(text)?.[1];
    if (name === undefined || name.includes('=')) return refuse(place, `${shortened(text)} is no name of a group`, `Below [${this.#group}:children] stands one group a line.`);
    if (this.#topology.groups.has(name)) return this.#link(this.#group, name, place);
    const awaited = this.#awaited.get(name);
    if (awaited?.as === 'child') awaited.of.push({ parent: this.#group, place });
    else this.#awaited.set(name, { as: 'child', of: [{ parent: this.#group, place }] });
  }

  #link(parent: string, child: string, place: Place): void {
    this.#topology.addChild(this.#topology.groups.get(parent)!, this.#topology.groups.get(child)!, place);
  }

  #variable(text: string, place: Place): void {
    const equals = text.indexOf('=');
    if (equals === -1) refuse(place, `below [${this.#group}:vars] every line is name=value`, 'Write the = and the value, or mend the section.');
    const name = text.slice(0, equals).trim();
    const before = this.#seen.get(name);
    if (before !== undefined) this.#warn(`${this.#file}:${place.line}: ${name} is set a second time (first at line ${before}); the last one counts, as in Ansible`);
    this.#seen.set(name, place.line);
    const group = this.#topology.groups.get(this.#group)!;
    this.#topology.setVariable(group, name, typed(name, text.slice(equals + 1).trim(), place), place);
  }

  #hosts(text: string, place: Place): void {
    const [pattern = '', ...rest] = words(text, place);
    if (pattern.includes('=')) refuse(place, `${shortened(pattern)} stands where the name of a host is expected`, 'Begin the line with the host, or let its section be [group:vars].');
    const { names, port } = expandedHosts(pattern, place);
    if (pattern.trim().endsWith(':') && port === undefined) {
      refuse(place, `host ${shortened(pattern)} ends in a colon without a port`, 'Write host:port, or no colon. If this is YAML, mend it; a file that ends in .yaml is read as YAML first.');
    }
    // Ansible takes each of these for the name of a host when it cannot read the file as YAML.
    if (/^(?:---|-|\?)$|[{}]/.test(pattern)) refuse(place, `${shortened(pattern)} is no name of a host; it looks like YAML or JSON that is broken`, 'Mend the YAML or JSON, or remove the line.');
    const variables = new Map<string, Value>();
    for (const each of rest) {
      const equals = each.indexOf('=');
      const name = each.slice(0, Math.max(0, equals));
      if (name === '') refuse(place, `after the host ${shortened(pattern)} stands something that is not name=value`, 'Write name=value without spaces around the =, and quote a value that holds spaces or a #.');
      if (variables.has(name)) this.#warn(`${this.#file}:${place.line}: ${name} is set twice for ${pattern}; the last one counts, as in Ansible`);
      variables.set(name, typed(name, each.slice(equals + 1), place));
    }
    const group = this.#topology.groups.get(this.#group)!;
    for (const name of names) {
      const host = this.#topology.addHost(name, group, port, place);
      for (const [variable, value] of variables) this.#topology.setVariable(host, variable, value, place);
    }
  }
}

function typed(name: string, text: string, place: Place): Value {
  const literal = pythonLiteral(text, place);
  if (literal.is === 'unprintable') {
    refuse(place, `${name} is ${literal.what} to Ansible, which cannot go on with it`, `If it is text, quote it for Python too: ${name}='"…"' on a host's line, ${name}="…" below [group:vars].`);
  }
  return literal.is === 'value' ? literal.value : text;
}

function words(text: string, place: Place): string[] {
  try {
    return iniWords(text);
  } catch (error) {
    if (error instanceof BadQuotes) refuse(place, `this line cannot be read: ${messageOf(error)}`, 'Close the quotation; a mark that is part of a value stands within quotes of the other kind.');
    throw error;
  }
}

/** The first word alone: what follows a host's name may be a password. */
function shortened(text: string): string {
  const [first = ''] = text.split(/\s/, 1);
  return JSON.stringify(first.includes('=') ? `${first.slice(0, first.indexOf('='))}=…` : first.slice(0, 80));
}
