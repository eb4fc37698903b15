import { UsageError } from '../model/halt.ts';
import type { InventoryFiles } from '../ports/inventory-files.ts';
import { noAnsibleConfig } from './ansible-config.ts';
import type { AnsibleConfig } from './ansible-config.ts';
import { extraVariables } from './extra-vars.ts';
import { groupsOf, Topology } from './groups.ts';
import type { Group, Host } from './groups.ts';
import { normalPath } from './paths.ts';
import { SourceFiles } from './read-file.ts';
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
  /** What Ansible's settings say of connections where a host says nothing; the stronger first. */
  readonly defaults: readonly Variables[];
  /** `-e` alone. */
  readonly extra: Variables;
  /** Grows while settings are read. */
  readonly warnings: string[];
}

/** Reads inventories as Ansible would; UsageError (file, line, value, fix) for what is broken or unsupported. */
export async function loadInventory(files: InventoryFiles, options: LoadOptions): Promise<Inventory> {
  const vault = new VaultTexts(options.vaultPassword);
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
  const absolute = (path: string) => normalPath(path.startsWith('/') ? path : `${options.cwd}/${path}`);
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
  // Broken vars files are found now, not when some host is first asked for.
  for (const host of topology.hosts.values()) layers.variablesOf(host);
  return {
    sources, cwd: options.cwd, topology, files: sourceFiles, vault, extra, warnings, defaults: config.defaults,
    variablesOf: (name) => {
      const host = topology.hosts.get(name);
      return host === undefined ? new Map() : layers.variablesOf(host);
    },
  };
}

/** Ansible's layers of variables, lowest first; a later one replaces whole values. */
class Layers {
  readonly #topology: Topology;
  readonly #vars: VarsFiles;
  readonly #beside: readonly string[];
  readonly #cwd: string;
  readonly #extra: Variables;
  readonly #ready = new Map<Host, Variables>();

  constructor(topology: Topology, vars: VarsFiles, beside: readonly string[], cwd: string, extra: Variables) {
    this.#topology = topology;
    this.#vars = vars;
    this.#beside = beside;
    this.#cwd = cwd;
    this.#extra = extra;
  }

  variablesOf(host: Host): Variables {
    const ready = this.#ready.get(host);
    if (ready !== undefined) return ready;
    const groups = groupsOf(host);
    const all = this.#topology.all;
    const variables = new Map<string, Variable>();
    const lay = (layer: Variables) => { for (const [name, variable] of layer) variables.set(name, variable); };
    lay(all.variables);
    for (const group of groups) lay(group.variables);
    this.#layFiles(lay, 'group_vars', [all]);
    this.#layFiles(lay, 'group_vars', groups);
    lay(host.variables);
    this.#layFiles(lay, 'host_vars', [host]);
    lay(this.#extra);
    this.#ready.set(host, variables);
    return variables;
  }

  #layFiles(lay: (layer: Variables) => void, kind: 'group_vars' | 'host_vars', entities: readonly (Group | Host)[]): void {
    for (const folder of [...this.#beside, this.#cwd]) for (const entity of entities) lay(this.#vars.variables(folder, kind, entity.name));
  }
}
