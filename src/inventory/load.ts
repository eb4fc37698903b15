import { UsageError } from '../model/halt.ts';
import type { InventoryFiles } from '../ports/inventory-files.ts';
import { noAnsibleConfig } from './ansible-config.ts';
import type { AnsibleConfig } from './ansible-config.ts';
import { extraVariables } from './extra-vars.ts';
import { groupsOf, Topology } from './groups.ts';
import type { Group, Host } from './groups.ts';
import { absolutePath, normalPath } from './paths.ts';
import { SourceFiles } from './read-file.ts';
import { refuse } from './value.ts';
import type { Variable, Variables } from './value.ts';
import { VarsFiles } from './vars-files.ts';
import { VaultTexts } from './vault-text.ts';
import type { AskPassword } from './vault-text.ts';
import { sourceFolder, Sources } from './sources.ts';

export interface LoadOptions {
  /** Inventory files, folders of them, or `host1,host2,`, in order; relative to `cwd`. */
  readonly sources: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  /** Every `-e`, as given. */
  readonly extraVars: readonly string[];
  /** Asked at most once, and only where something encrypted must be read. */
  readonly vaultPassword?: AskPassword;
  /** Default: as if there were no ansible.cfg and no ANSIBLE_* variables. */
  readonly config?: AnsibleConfig;
}

export interface Inventory {
  /** Absolute paths of the sources; a list of hosts as it was given. */
  readonly sources: readonly string[];
  readonly cwd: string;
  readonly topology: Topology;
  readonly files: SourceFiles;
  readonly vault: VaultTexts;
  /** In Ansible's precedence; without the magic variables. Undefined: no such host. */
  variablesOf(host: string): Variables;
  /** What a group says itself, without what is above it. Undefined: no such group. */
  variablesOfGroup(group: string): Variables;
  /** What Ansible's settings say of connections where a host says nothing; the stronger first. */
  readonly defaults: readonly Variables[];
  /** `-e` alone. */
  readonly extra: Variables;
  /** Grows while settings are read. */
  readonly warnings: string[];
}

/** Reads inventories as Ansible would; UsageError (file, line, value, fix) for what is broken or unsupported. */
export async function loadInventory(files: InventoryFiles, options: LoadOptions): Promise<Inventory> {
  const vault = new VaultTexts(options.vaultPassword, options.config?.vaultIdMatch);
  return vault.unlocking(() => load(files, options, vault));
}

function load(files: InventoryFiles, options: LoadOptions, vault: VaultTexts): Inventory {
  const warnings: string[] = [];
  const told = new Set<string>();
  const warn = (text: string) => {
    if (!told.has(text)) warnings.push(text);
    told.add(text);
  };
  const config = options.config ?? noAnsibleConfig;
  for (const text of config.warnings) warn(text);
  const sourceFiles = new SourceFiles(files, vault, warn);
  const absolute = (path: string) => normalPath(absolutePath(path, options.cwd));
  const sources = options.sources.map((source) => {
    if (source === '') throw new UsageError('-i is empty', 'Give the path of an inventory, or host1,host2,');
    return source.includes(',') && files.kind(absolute(source)) === 'absent' ? source : absolute(source);
  });
  const topology = new Topology();
  const reader = new Sources(topology, sourceFiles, config, warn);
  for (const source of sources) reader.add(source);
  topology.settle();
  for (const name of topology.groups.keys()) {
    if (topology.hosts.has(name)) warn(`${topology.hosts.get(name)!.place.file}: ${name} is a group and a host; Ansible gives the host's inline variables to the group`);
  }
  const extra = extraVariables(options.extraVars, sourceFiles, absolute);
  const beside = sources.map((source) => sourceFolder(files, source)).filter((folder) => folder !== undefined);
  const layers = new Layers(topology, new VarsFiles(sourceFiles, warn), beside, normalPath(options.cwd), extra);
  layers.readFiles();
  return {
    sources, cwd: options.cwd, topology, files: sourceFiles, vault, extra, warnings, defaults: config.defaults,
    variablesOf: (name) => {
      const host = topology.hosts.get(name);
      return host === undefined ? new Map() : layers.variablesOf(host);
    },
    variablesOfGroup: (name) => {
      const group = topology.groups.get(name);
      return group === undefined ? new Map() : layers.variablesOfGroup(group);
    },
  };
}

/** Hosts whose variables are kept once they were asked for: more would not fit into memory. */
const keptHosts = 20_000;
/** How often a group's parents are looked up for hosts: more is a mistake or an attack. */
const stepsLimit = 10_000_000;

/** Ansible's layers of variables, lowest first; a later one replaces whole values. */
class Layers {
  readonly #topology: Topology;
  readonly #vars: VarsFiles;
  readonly #beside: readonly string[];
  readonly #folders: readonly string[];
  readonly #extra: Variables;
  readonly #ready = new Map<Host, Variables>();
  /** By the groups that name a host: hosts of the same groups share them. */
  readonly #ofGroups = new Map<string, { readonly groups: readonly Group[]; variables?: Variables }>();
  #steps = 0;

  constructor(topology: Topology, vars: VarsFiles, beside: readonly string[], cwd: string, extra: Variables) {
    this.#topology = topology;
    this.#vars = vars;
    this.#beside = beside;
    this.#folders = [...beside, cwd];
    this.#extra = extra;
  }

  /** Broken files of variables are found now, not when some host is first asked for. */
  readFiles(): void {
    const used = new Set<Group>([this.#topology.all]);
    for (const host of this.#topology.hosts.values()) {
      for (const group of this.#shared(host).groups) used.add(group);
      for (const folder of this.#folders) this.#vars.variables(folder, 'host_vars', host.name);
    }
    for (const group of used) for (const folder of this.#folders) this.#vars.variables(folder, 'group_vars', group.name);
  }

  variablesOf(host: Host): Variables {
    const ready = this.#ready.get(host);
    if (ready !== undefined) return ready;
    const variables = new Map(this.#groupVariables(host));
    lay(variables, host.variables);
    for (const folder of this.#folders) lay(variables, this.#vars.variables(folder, 'host_vars', host.name));
    lay(variables, this.#extra);
    if (this.#ready.size < keptHosts) this.#ready.set(host, variables);
    return variables;
  }

  /** As Ansible draws a group: what stands beside the working folder counts for hosts only. */
  variablesOfGroup(group: Group): Variables {
    const variables = new Map(group.variables);
    for (const folder of this.#beside) lay(variables, this.#vars.variables(folder, 'group_vars', group.name));
    const { priority, place = { file: group.name } } = group;
    if (priority !== 1) variables.set('ansible_group_priority', { value: priority, place });
    return variables;
  }

  #groupVariables(host: Host): Variables {
    const shared = this.#shared(host);
    if (shared.variables !== undefined) return shared.variables;
    const all = this.#topology.all;
    const variables = new Map(all.variables);
    for (const group of shared.groups) lay(variables, group.variables);
    for (const groups of [[all], shared.groups]) {
      for (const folder of this.#folders) for (const group of groups) lay(variables, this.#vars.variables(folder, 'group_vars', group.name));
    }
    return shared.variables = variables;
  }

  #shared(host: Host): { readonly groups: readonly Group[]; variables?: Variables } {
    const key = Array.from(host.groups, (group) => group.name).join('\0');
    let shared = this.#ofGroups.get(key);
    if (shared === undefined) {
      const { groups, steps } = groupsOf(host);
      this.#ofGroups.set(key, shared = { groups });
      this.#steps += steps;
      if (this.#steps > stepsLimit) refuse(host.place, `host ${host.name} and those before it have too many groups above them`, 'Put the hosts into fewer groups, and the groups into fewer others.');
    }
    return shared;
  }
}

function lay(variables: Map<string, Variable>, layer: Variables): void { for (const [name, variable] of layer) variables.set(name, variable); }
