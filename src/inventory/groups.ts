import { byCodePoint, refuse } from './value.ts';
import type { Place, Value, Variable } from './value.ts';

/** Hosts and groups of all sources, kept in the order in which Ansible would have added them. */
export class Group {
  readonly name: string;
  /** Where it was first named; undefined for `all` and `ungrouped`. */
  readonly place: Place | undefined;
  readonly variables = new Map<string, Variable>();
  readonly children = new Set<Group>();
  readonly parents = new Set<Group>();
  readonly hosts = new Set<Host>();
  /** Longest way down from `all`. */
  depth = 0;
  priority = 1;
  constructor(name: string, place: Place | undefined) {
    this.name = name;
    this.place = place;
  }
}

export class Host {
  readonly name: string;
  readonly place: Place;
  readonly variables = new Map<string, Variable>();
  readonly groups = new Set<Group>();
  constructor(name: string, place: Place) {
    this.name = name;
    this.place = place;
  }
}

const hostsLimit = 200_000;

export class Topology {
  readonly groups = new Map<string, Group>();
  readonly hosts = new Map<string, Host>();
  readonly all: Group;
  readonly ungrouped: Group;

  constructor() {
    this.all = new Group('all', undefined);
    this.ungrouped = new Group('ungrouped', undefined);
    this.groups.set('all', this.all).set('ungrouped', this.ungrouped);
    this.#link(this.all, this.ungrouped);
  }

  addGroup(name: string, place: Place): Group {
    const known = this.groups.get(name);
    if (known !== undefined) return known;
    const group = new Group(name, place);
    this.groups.set(name, group);
    return group;
  }

  addHost(name: string, group: Group, port: number | undefined, place: Place): Host {
    let host = this.hosts.get(name);
    if (host === undefined) {
      if (this.hosts.size >= hostsLimit) refuse(place, `the inventory names more than ${hostsLimit} hosts`, 'Look for a range with a digit too many.');
      host = new Host(name, place);
      // As in Ansible, a port that stands with a later mention of the host is dropped.
      if (port !== undefined) host.variables.set('ansible_port', { value: port, place });
      this.hosts.set(name, host);
    }
    group.hosts.add(host);
    host.groups.add(group);
    return host;
  }

  addChild(parent: Group, child: Group, place: Place): void {
    if (parent === child || ancestorsOf(parent).has(child)) {
      refuse(place, `group ${child.name} cannot be a child of ${parent.name}: the groups would contain each other`, 'Remove one of the two `children` entries.');
    }
    this.#link(parent, child);
  }

  /** A host that bears a group's name gives its inline variables to that group: Ansible looks for groups first. */
  setVariable(entity: Group | Host, name: string, value: Value, place: Place): void {
    const owner = this.groups.get(entity.name) ?? entity;
    if (owner instanceof Group && name === 'ansible_group_priority') owner.priority = priorityOf(value, place);
    else owner.variables.set(name, { value, place });
  }

  /** Everything belongs to `all`; hosts without a group belong to `ungrouped`, the others do not. */
  settle(): void {
    for (const group of this.groups.values()) {
      if (group !== this.all && group.parents.size === 0) this.addChild(this.all, group, group.place!);
    }
    for (const host of this.hosts.values()) {
      const others = [...host.groups].filter((group) => group !== this.all && group !== this.ungrouped);
      if (others.length === 0) {
        this.ungrouped.hosts.add(host);
        host.groups.add(this.ungrouped);
      } else if (host.groups.delete(this.ungrouped)) this.ungrouped.hosts.delete(host);
    }
    this.#measureDepths();
  }

  #link(parent: Group, child: Group): void {
    parent.children.add(child);
    child.parents.add(parent);
  }

  /** Kahn's order: a group is measured once all its parents are. */
  #measureDepths(): void {
    const waiting = new Map([...this.groups.values()].map((group) => [group, group.parents.size]));
    const ready = [...this.groups.values()].filter((group) => group.parents.size === 0);
    for (let group = ready.pop(); group !== undefined; group = ready.pop()) {
      for (const child of group.children) {
        child.depth = Math.max(child.depth, group.depth + 1);
        const left = waiting.get(child)! - 1;
        waiting.set(child, left);
        if (left === 0) ready.push(child);
      }
    }
  }
}

export function ancestorsOf(group: Group): Set<Group> {
  const found = new Set<Group>();
  const waiting = [...group.parents];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    waiting.push(...next.parents);
  }
  return found;
}

/** The groups of a host except `all`, lowest precedence first. */
export function groupsOf(host: Host): Group[] {
  const groups = new Set<Group>();
  for (const group of host.groups) for (const each of [group, ...ancestorsOf(group)]) if (each.name !== 'all') groups.add(each);
  return [...groups].toSorted((a, b) => a.depth - b.depth || a.priority - b.priority || byCodePoint(a.name, b.name));
}

/** Hosts of a group and of what is below it, in Ansible's order: breadth first, each once. */
export function hostsOf(group: Group): Host[] {
  const hosts = new Set<Host>();
  const seen = new Set([group]);
  for (const next of seen) {
    for (const host of next.hosts) hosts.add(host);
    for (const child of next.children) seen.add(child);
  }
  return [...hosts];
}

function priorityOf(value: Value, place: Place): number {
  const number = typeof value === 'string' ? (/^\s*[-+]?\d+\s*$/.test(value) ? Number(value) : NaN)
    : typeof value === 'boolean' ? Number(value) : typeof value === 'number' ? Math.trunc(value) : NaN;
  if (!Number.isSafeInteger(number)) refuse(place, 'ansible_group_priority must be a whole number', 'Write a number such as 10.');
  return number;
}
