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
/** A range that stands in many groups costs once a host and group. */
const membershipsLimit = 2_000_000;
const depthLimit = 1000;

export class Topology {
  readonly groups = new Map<string, Group>();
  readonly hosts = new Map<string, Host>();
  readonly all: Group;
  readonly ungrouped: Group;
  /** Every `children` entry in the order in which it was read. */
  readonly #links: { readonly parent: Group; readonly child: Group; readonly place: Place | undefined }[] = [];
  #memberships = 0;

  constructor() {
    this.all = new Group('all', undefined);
    this.ungrouped = new Group('ungrouped', undefined);
    this.groups.set('all', this.all).set('ungrouped', this.ungrouped);
    this.#link(this.all, this.ungrouped, undefined);
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
    if (host.groups.has(group)) return host;
    this.#memberships += 1;
    if (this.#memberships > membershipsLimit) refuse(place, `the inventory puts hosts into groups more than ${membershipsLimit} times`, 'Look for a range that stands in too many groups.');
    group.hosts.add(host);
    host.groups.add(group);
    return host;
  }

  /** Circles are found when everything is known: to look for one at each entry would take hours for a long chain. */
  addChild(parent: Group, child: Group, place: Place): void {
    if (parent === child || child === this.all) refuseCircle(parent, child, place);
    this.#link(parent, child, place);
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
      if (group !== this.all && group.parents.size === 0) this.#link(this.all, group, undefined);
    }
    for (const host of this.hosts.values()) {
      const others = [...host.groups].filter((group) => group !== this.all && group !== this.ungrouped);
      if (others.length === 0) {
        const namesake = host.groups.has(this.ungrouped) ? undefined : this.groups.get(host.name);
        // Ansible looks for groups first here too.
        if (namesake !== undefined) this.#link(this.ungrouped, namesake, undefined);
        else {
          this.ungrouped.hosts.add(host);
          host.groups.add(this.ungrouped);
        }
      } else if (host.groups.delete(this.ungrouped)) this.ungrouped.hosts.delete(host);
    }
    this.#measureDepths();
  }

  #link(parent: Group, child: Group, place: Place | undefined): void {
    if (parent.children.has(child)) return;
    parent.children.add(child);
    child.parents.add(parent);
    this.#links.push({ parent, child, place });
  }

  /** Kahn's order: a group is measured once all its parents are. Those that are left have a circle above them. */
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
      waiting.delete(group);
      if (group.depth > depthLimit) refuse(group.place ?? { file: group.name }, `groups are nested deeper than ${depthLimit} levels`, 'Look for a chain of children that goes on and on.');
    }
    const [left] = waiting.keys();
    if (left !== undefined) this.#refuseCircleAbove(left, waiting);
  }

  /** Names the entry that closed the circle: the last of those in it. */
  #refuseCircleAbove(start: Group, left: ReadonlyMap<Group, number>): never {
    const way: Group[] = [];
    const passed = new Set<Group>();
    for (let group = start; !passed.has(group); group = [...group.parents].find((parent) => left.has(parent))!) {
      passed.add(group);
      way.push(group);
      start = group;
    }
    const first = [...start.parents].find((parent) => left.has(parent))!;
    const circle = new Set(way.slice(way.indexOf(first)));
    const { parent, child, place } = this.#links.findLast((link) => circle.has(link.parent) && circle.has(link.child) && link.place !== undefined)!;
    refuseCircle(parent, child, place!);
  }
}

function refuseCircle(parent: Group, child: Group, place: Place): never {
  refuse(place, `group ${child.name} cannot be a child of ${parent.name}: the groups would contain each other`, 'Remove one of the two `children` entries.');
}

/** The groups of a host except `all`, lowest precedence first; `steps` is how many `children` entries were gone up for it. */
export function groupsOf(host: Host): { readonly groups: readonly Group[]; readonly steps: number } {
  const groups = new Set(host.groups);
  let steps = 0;
  // A set that grows is walked to its new end.
  for (const group of groups) {
    for (const parent of group.parents) {
      steps += 1;
      groups.add(parent);
    }
  }
  const sorted = [...groups].filter((group) => group.name !== 'all').toSorted((a, b) => a.depth - b.depth || a.priority - b.priority || byCodePoint(a.name, b.name));
  return { groups: sorted, steps: steps + groups.size };
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
