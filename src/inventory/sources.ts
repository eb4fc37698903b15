import type { InventoryFiles } from '../ports/inventory-files.ts';
import { parseAddress } from './addresses.ts';
import type { Topology } from './groups.ts';
import type { SourceFiles } from './read-file.ts';
import { byCodePoint, refuse } from './value.ts';
import { addYamlSource } from './yaml-source.ts';

/** What Ansible passes over in a folder of inventories. */
const passedOver = /^\.|^(?:host_vars|group_vars|vars_plugins)$|(?:\.pyc|\.pyo|\.swp|\.bak|~|\.rpm|\.md|\.txt|\.rst|\.orig|\.cfg|\.retry)$/;
const folderDepthLimit = 20;

/** A file, a folder of files, or `host1,host2,`. What Ansible would leave out with a warning is refused. */
export function addSource(topology: Topology, files: SourceFiles, source: string): void {
  const kind = files.files.kind(source);
  if (kind === 'folder') addFolder(topology, files, source, 0);
  else if (isHostList(files.files, source)) addHostList(topology, source);
  else addFile(topology, files, source);
}

/** Where group_vars/ and host_vars/ of a source lie: beside the file, in the folder itself, nowhere for a list of hosts. */
export function sourceFolder(files: InventoryFiles, source: string): string | undefined {
  if (isHostList(files, source)) return undefined;
  return files.kind(source) === 'folder' ? source : source.slice(0, Math.max(1, source.lastIndexOf('/')));
}

function isHostList(files: InventoryFiles, source: string): boolean { return source.includes(',') && files.kind(source) === 'absent'; }

function addFolder(topology: Topology, files: SourceFiles, folder: string, depth: number): void {
  if (depth > folderDepthLimit) refuse({ file: folder }, `folders are nested deeper than ${folderDepthLimit} levels`, 'Look for a link that leads back to its own folder.');
  const names = files.files.list(folder).filter((name) => !passedOver.test(name)).toSorted(byCodePoint);
  if (names.length === 0) refuse({ file: folder }, 'the folder holds no inventory', 'Name a file, or put hosts.yaml into the folder.');
  for (const name of names) {
    const path = `${folder}/${name}`;
    if (files.files.kind(path) === 'folder') addFolder(topology, files, path, depth + 1);
    else addFile(topology, files, path);
  }
}

function addHostList(topology: Topology, source: string): void {
  const place = { file: '-i' };
  const names = source.split(',').map((name) => name.trim()).filter((name) => name !== '');
  if (names.length === 0) refuse(place, `${JSON.stringify(source)} names no host`, 'Write host1,host2, or the path of an inventory.');
  for (const name of names) {
    const { host, port } = parseAddress(name);
    if (!topology.hosts.has(host)) topology.addHost(host, topology.ungrouped, port, place);
  }
}

function addFile(topology: Topology, files: SourceFiles, source: string): void {
  const ending = /\.[^./]*$/.exec(source)?.[0] ?? '';
  if (ending === '.ini') refuse({ file: source }, 'an INI inventory is not read yet', wayOut(source));
  if (!['', '.yaml', '.yml', '.json'].includes(ending)) refuse({ file: source }, `an inventory ends in .yaml, .yml or .json, not ${ending}`, wayOut(source));
  if (files.files.kind(source) === 'file' && files.files.executable(source)) refuseProgram(files, source);
  addYamlSource(topology, files.value(source), source);
}

/** An executable YAML file is still YAML; one that begins as a program is one. */
function refuseProgram(files: SourceFiles, source: string): void {
  const start = files.bytes(source).subarray(0, 4);
  const program = (start[0] === 0x23 && start[1] === 0x21) || (start[0] === 0x7F && start[1] === 0x45);
  if (program) refuse({ file: source, line: 1 }, 'this inventory is a program; vaultctl runs none', wayOut(source));
}

function wayOut(source: string): string { return `ansible-inventory -i ${source} --list --yaml --export > hosts.yaml`; }
