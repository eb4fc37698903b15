import { UsageError } from '../model/halt.ts';
import type { InventoryFiles } from '../ports/inventory-files.ts';
import { parseAddress } from './addresses.ts';
import type { AnsibleConfig } from './ansible-config.ts';
import type { Topology } from './groups.ts';
import { addIniSource } from './ini-source.ts';
import type { SourceFiles } from './read-file.ts';
import { Mapping, refuse } from './value.ts';
import { addYamlSource } from './yaml-source.ts';

const folderDepthLimit = 20;
/** What Ansible passes over in a folder of inventories, whatever its settings say. */
const passedOver = /^\.|^(?:host_vars|group_vars|vars_plugins)$/;
/** Before ansible-core 2.19 `.ini` was one of these. */
const usualEndings = ['.pyc', '.pyo', '.swp', '.bak', '~', '.rpm', '.md', '.txt', '.rst', '.orig', '.cfg', '.retry'];
const yamlEndings = ['', '.yaml', '.yml', '.json'];

/** Reads `-i` after `-i` into one topology. What Ansible would leave out with a warning is refused. */
export class Sources {
  readonly #topology: Topology;
  readonly #files: SourceFiles;
  readonly #config: AnsibleConfig;
  readonly #warn: (text: string) => void;

  constructor(topology: Topology, files: SourceFiles, config: AnsibleConfig, warn: (text: string) => void) {
    this.#topology = topology;
    this.#files = files;
    this.#config = config;
    this.#warn = warn;
  }

  /** A file, a folder of files, or `host1,host2,`. */
  add(source: string): void {
    const kind = this.#files.files.kind(source);
    if (kind === 'folder') this.#folder(source, 0);
    else if (isHostList(this.#files.files, source)) this.#hostList(source);
    else this.#file(source);
  }

  #folder(folder: string, depth: number): void {
    if (depth > folderDepthLimit) refuse({ file: folder }, `folders are nested deeper than ${folderDepthLimit} levels`, 'Look for a link that leads back to its own folder.');
    const { ignoredEndings = usualEndings, ignoredPatterns } = this.#config;
    const names = this.#files.list(folder)
      .filter((name) => !passedOver.test(name) && !ignoredEndings.some((ending) => name.endsWith(ending)) && !ignoredPatterns.some((pattern) => pattern.test(name)));
    if (names.length === 0) refuse({ file: folder }, 'the folder holds no inventory', 'Name a file, or put hosts.yaml into the folder.');
    this.#refuseMixed(folder, names);
    for (const name of names) {
      const path = `${folder === '/' ? '' : folder}/${name}`;
      if (this.#files.files.kind(path) === 'folder') this.#folder(path, depth + 1);
      else this.#file(path);
    }
  }

  /** Old and new Ansible read such a folder differently: which hosts shall get keys is not ours to guess. */
  #refuseMixed(folder: string, names: readonly string[]): void {
    if (this.#config.ignoredEndings !== undefined) return;
    const ini = names.find((name) => name.endsWith('.ini'));
    const other = names.find((name) => !name.endsWith('.ini'));
    if (ini === undefined || other === undefined) return;
    refuse({ file: `${folder}/${ini}` }, `in a folder Ansible passes .ini files over before version 2.19 and reads them since; ${other} beside it is read by both`,
      'Name the files themselves with -i, or say which endings are passed over: inventory_ignore_extensions below [defaults] in ansible.cfg.');
  }

  #hostList(source: string): void {
    const place = { file: '-i' };
    const names = source.split(',').map((name) => name.trim()).filter((name) => name !== '');
    if (names.length === 0) refuse(place, `${JSON.stringify(source)} names no host`, 'Write host1,host2, or the path of an inventory.');
    for (const name of names) {
      const { host, port } = parseAddress(name);
      if (!this.#topology.hosts.has(host)) this.#topology.addHost(host, this.#topology.ungrouped, port, place);
    }
  }

  /** As Ansible tries its readers: YAML (and JSON) where the name allows it, then INI. */
  #file(source: string): void {
    const ending = /[^./][^/]*?(\.[^./]*)$/.exec(source)?.[1] ?? '';
    if (ending === '.toml') refuse({ file: source }, 'a TOML inventory is not read', wayOut(source));
    const { text, program } = this.#files.inventory(source);
    // `#!` is a comment to YAML and to INI; what is neither is a program that nobody made executable.
    if (program && (this.#executable(source) || (!hasSections(text) && !(this.#yaml(text, source).value instanceof Mapping)))) {
      refuse({ file: source, line: 1 }, 'this inventory is a program; vaultctl runs none', wayOut(source));
    }
    this.#text(text, source, ending);
  }

  /** An executable YAML or INI file is still read as such: only what begins as a program is one. */
  #executable(source: string): boolean { return this.#files.files.kind(source) === 'file' && this.#files.files.executable(source); }

  #text(text: string, source: string, ending: string): void {
    if (!yamlEndings.includes(ending)) return this.#iniWithoutYaml(text, source, ending);
    if (beginsNoMapping(text)) return addIniSource(this.#topology, text, source, this.#warn);
    const { value, error } = this.#yaml(text, source);
    if (error === undefined && (value === undefined || value === null || value instanceof Mapping)) return addYamlSource(this.#topology, value, source);
    try {
      addIniSource(this.#topology, text, source, this.#warn);
    } catch (iniError) {
      if (!(iniError instanceof UsageError) || hasSections(text)) throw iniError;
      if (error !== undefined) throw error;
      addYamlSource(this.#topology, value, source);
    }
  }

  #yaml(text: string, source: string): { value?: ReturnType<SourceFiles['parse']>; error?: UsageError } {
    try {
      return { value: this.#files.parse(text, source) };
    } catch (error) {
      if (error instanceof UsageError) return { error };
      throw error;
    }
  }

  #iniWithoutYaml(text: string, source: string, ending: string): void {
    try {
      addIniSource(this.#topology, text, source, this.#warn);
    } catch (error) {
      if (!(error instanceof UsageError) || hasSections(text) || !(this.#yaml(text, source).value instanceof Mapping)) throw error;
      refuse({ file: source, line: 1 }, `this is YAML, and in a file that ends in ${ending} Ansible reads INI only`, 'Let its name end in .yaml, .yml or .json, or in nothing.');
    }
  }
}

/** Where group_vars/ and host_vars/ of a source lie: beside the file, in the folder itself, nowhere for a list of hosts. */
export function sourceFolder(files: InventoryFiles, source: string): string | undefined {
  if (isHostList(files, source)) return undefined;
  return files.kind(source) === 'folder' ? source : source.slice(0, Math.max(1, source.lastIndexOf('/')));
}

function isHostList(files: InventoryFiles, source: string): boolean { return source.includes(',') && files.kind(source) === 'absent'; }

/** Its first line is a section, or words without a colon: to YAML a list or a text, never groups, however it goes on. */
function beginsNoMapping(text: string): boolean {
  const first = /^(?![ \t\r]*(?:#|$)).*/m.exec(text)?.[0].trim() ?? '';
  return /^\[|^[\p{L}\p{N}_;](?!.*:(?:\s|$))/u.test(first);
}

function hasSections(text: string): boolean { return /^[ \t]*\[[^\]\s,]+\][ \t]*(?:#.*)?\r?$/m.test(text); }

function wayOut(source: string): string { return `ansible-inventory -i ${source} --list --yaml --export > hosts.yaml`; }
