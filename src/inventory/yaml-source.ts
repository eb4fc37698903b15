import { expandedHosts } from './host-keys.ts';
import type { Group, Topology } from './groups.ts';
import { Mapping, refuse, shown } from './value.ts';
import type { Entry, Place, Value } from './value.ts';

const sections = ['hosts', 'vars', 'children'] as const;

/** Adds one parsed YAML or JSON inventory to `topology`. What Ansible skips with a warning is refused here: it would be half a list of hosts. */
export function addYamlSource(topology: Topology, value: Value | undefined, file: string): void {
  if (value === undefined || value === null || (value instanceof Mapping && value.entries.size === 0)) {
    refuse({ file }, 'the inventory is empty', 'Begin it with `all:` and name your hosts below; see inventories/ for examples.');
  }
  if (!(value instanceof Mapping)) {
    refuse({ file, line: 1 }, `an inventory is a mapping of groups, this is ${Array.isArray(value) ? 'a list' : 'a plain text'}`,
      `If this is an INI inventory: ansible-inventory -i ${file} --list --yaml --export > hosts.yaml`);
  }
  if (value.entries.has('plugin')) {
    refuse(value.place('plugin'), `this configures the inventory plug-in ${shown(value.get('plugin')!)}; vaultctl runs no plug-ins`,
      `ansible-inventory -i ${file} --list --yaml --export > hosts.yaml`);
  }
  if (value.entries.has('_meta')) {
    refuse(value.place('_meta'), '_meta is in what a program prints that is an inventory, and in ansible-inventory --list; Ansible reads no file of that form',
      'Print the inventory in the other form: ansible-inventory -i SOURCE --list --yaml --export > hosts.yaml');
  }
  for (const [name, entry] of value.entries) addGroup(topology, name, entry, value);
}

function addGroup(topology: Topology, name: string, entry: Entry, parent: Mapping): Group {
  const place = parent.place(name);
  if (entry.keyIs !== 'text') refuse(place, `group name ${name} is a ${entry.keyIs === 'null' ? 'null' : entry.keyIs}, not text`, `Quote it: "${name}":`);
  if (name === '') refuse(place, 'a group has an empty name', 'Give it a name.');
  const content = entry.value;
  if (content !== null && !(content instanceof Mapping)) {
    refuse(place, `group ${name} must hold hosts, vars or children, not ${shown(content)}`, `Write \`${name}:\` with \`hosts:\` below it.`);
  }
  const group = topology.addGroup(name, place);
  if (content === null) return group;
  for (const key of content.entries.keys()) {
    if ((sections as readonly string[]).includes(key)) continue;
    refuse(content.place(key), `group ${name} has the unknown key ${key}`,
      `A group holds hosts, vars and children only; a subgroup belongs below \`children:\`, a variable below \`vars:\`.`);
  }
  for (const key of content.entries.keys()) addSection(topology, group, key as (typeof sections)[number], content);
  return group;
}

function addSection(topology: Topology, group: Group, key: (typeof sections)[number], content: Mapping): void {
  const rows = sectionRows(content, key, group.name);
  for (const [name, entry] of rows.entries) {
    const place = rows.place(name);
    if (key === 'vars') topology.setVariable(group, name, entry.value, place);
    else if (key === 'children') topology.addChild(group, addGroup(topology, name, entry, rows), place);
    else addHosts(topology, group, name, entry, place);
  }
}

/** A single name may stand as text instead of a mapping, as in Ansible. */
function sectionRows(content: Mapping, key: string, group: string): Mapping {
  const value = content.get(key);
  const place = content.place(key);
  if (value === null || value === undefined) return new Mapping(content.file, new Map());
  if (value instanceof Mapping) return value;
  if (typeof value === 'string') return new Mapping(content.file, new Map([[value, { value: null, line: place.line ?? 1, keyIs: 'text' }]]));
  return refuse(place, `${key} of group ${group} must be a mapping, not ${shown(value)}`, `Write one \`name:\` a line below \`${key}:\`, without dashes.`);
}

function addHosts(topology: Topology, group: Group, pattern: string, entry: Entry, place: Place): void {
  if (entry.keyIs !== 'text') refuse(place, `host name ${pattern} is a ${entry.keyIs}, not text`, `Quote it: "${pattern}":`);
  const variables = entry.value === '' ? null : entry.value;
  if (variables !== null && !(variables instanceof Mapping)) {
    refuse(place, `host ${pattern} must hold variables, not ${shown(variables)}`, `Write \`${pattern}:\` with \`name: value\` lines below it.`);
  }
  const { names, port } = expandedHosts(pattern, place);
  for (const name of names) {
    const host = topology.addHost(name, group, port, place);
    for (const [variable, { value }] of variables?.entries ?? []) topology.setVariable(host, variable, value, variables!.place(variable));
  }
}
