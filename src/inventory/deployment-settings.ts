import { type Deployment, type Extra, type HelmSettings, type Manifest, noDeployment, type Plain, type PlainTable } from '../model/deployment.ts';
import type { KubernetesSettings } from '../model/settings.ts';
import { agreed, asData } from './host-reading.ts';
import type { HostReading, Read } from './host-reading.ts';
import { absolutePath } from './paths.ts';
import type { Inventory } from './load.ts';
import { atHome } from './ssh-args.ts';
import { type Json, refuse } from './value.ts';

type From = Pick<Read<unknown>, 'place' | 'name'>;
interface Here { readonly inventory: Inventory; readonly readings: readonly HostReading[]; readonly home: string }

const HELM: readonly string[] = ['vault_helm_chart', 'vault_helm_repo', 'vault_helm_version', 'vault_helm_values', 'vault_helm_binary'];
const NAMES = [...HELM, 'vault_install_pre', 'vault_install_post'];
const EXACT_HINT = 'Write it in full, 0.30.0: a range would be another chart tomorrow, and nothing could say whether the release is as wanted.';
const EXACT = /^v?\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$/;

/** `vault_helm_*`, `vault_install_pre`, `vault_install_post`. Files are read now: what is wrong in them is said before anything is touched. */
export function deploymentFrom(inventory: Inventory, readings: readonly HostReading[], home: string, kubernetes: KubernetesSettings | undefined): Deployment {
  // Ten thousand hosts that say nothing of it are not asked one name after the other.
  const speaks = readings.some(({ host }) => { const variables = inventory.variablesOf(host); return NAMES.some((name) => variables.has(name)); });
  if (!speaks) return noDeployment;
  const here = { inventory, readings, home };
  const said = NAMES.map((name) => agreed(readings, (reading) => reading.data(name))).find((found) => found !== undefined);
  if (said === undefined) return noDeployment;
  if (kubernetes === undefined) return refuse(said.place, `${said.name} is set, and nothing says where Vault is in Kubernetes`, 'Set vault_namespace.');
  return { helm: helmFrom(here), pre: extras(here, 'vault_install_pre'), post: extras(here, 'vault_install_post') };
}

function helmFrom(here: Here): HelmSettings | undefined {
  const { inventory, readings, home } = here;
  const text = (name: string) => agreed(readings, (reading) => reading.text(name));
  if (agreed(readings, (reading) => reading.flag('vault_helm'))?.value === false) return undefined;
  const chart = text('vault_helm_chart');
  if (chart === undefined) {
    const alone = HELM.map((name) => agreed(readings, (reading) => reading.data(name))).find((found) => found !== undefined);
    return alone === undefined ? undefined : refuse(alone.place, `${alone.name} is set, and vault_helm_chart is not: which chart?`, 'For example vault_helm_chart: hashicorp/vault; or vault_helm: false where somebody else runs helm.');
  }
  const repo = text('vault_helm_repo');
  if (repo !== undefined && (!URL.canParse(repo.value) || !/^https?:$/.test(new URL(repo.value).protocol))) refuse(repo.place, 'vault_helm_repo must be the URL of a chart repository', 'For example https://helm.releases.hashicorp.com');
  if (repo !== undefined && new URL(repo.value).password !== '') refuse(repo.place, 'vault_helm_repo holds a password: every user of this machine would see it in the list of processes', 'Log in once with `helm repo add`, and write vault_helm_chart: REPO/NAME.');
  const binary = text('vault_helm_binary')?.value ?? 'helm';
  return {
    chart: chartFrom(here, chart, repo), repo: repo?.value, version: versionFrom(chart, text('vault_helm_version')), values: valuesFrom(here),
    binary: binary.includes('/') ? absolutePath(atHome(binary, home), inventory.cwd) : binary,
  };
}

/** One version: of `vault_helm_version`, or of the tag in an `oci://` reference. */
function versionFrom(chart: Read<string>, said: Read<string> | undefined): string | undefined {
  if (said !== undefined && !EXACT.test(said.value)) refuse(said.place, `vault_helm_version must be one version, not ${JSON.stringify(said.value)}`, EXACT_HINT);
  if (!chart.value.startsWith('oci://')) return said?.value;
  if (/^oci:\/\/[^/]*@/.test(chart.value)) refuse(chart.place, 'vault_helm_chart holds a user or a password: every user of this machine would see it in the list of processes', 'Log in once with `helm registry login`.');
  const [reference = '', digest] = chart.value.split('@');
  // A tag cannot hold a plus sign: registries have an underscore there.
  const tag = /:([^/]*)$/.exec(reference.slice('oci://'.length))?.[1]?.replaceAll('_', '+');
  if (tag !== undefined && !EXACT.test(tag)) refuse(chart.place, `vault_helm_chart must name one version, not ${JSON.stringify(tag)}`, EXACT_HINT);
  if (tag !== undefined && said !== undefined && tag !== said.value) refuse(said.place, `vault_helm_version is ${said.value}, and vault_helm_chart names ${tag}: which of them?`, 'Remove one of them.');
  if (digest !== undefined && tag === undefined && said === undefined) refuse(chart.place, 'vault_helm_chart has a digest and no version: nothing could say whether the release is as wanted', 'Write oci://REGISTRY/NAME:VERSION@DIGEST, or set vault_helm_version.');
  return said?.value ?? tag;
}

function chartFrom({ inventory, home }: Here, { value, place }: Read<string>, repo: Read<string> | undefined): string {
  if (value.startsWith('-')) refuse(place, `vault_helm_chart: ${JSON.stringify(value)} is no chart`, 'REPO/NAME, oci://…, a folder or a .tgz file.');
  if (value.startsWith('oci://')) return value;
  const path = absolutePath(atHome(value, home), inventory.cwd);
  const kind = inventory.files.files.kind(path);
  if (/^[./~]/.test(value) || value.endsWith('.tgz')) {
    if (kind === 'absent') refuse(place, `vault_helm_chart: there is no chart at ${path}`, 'Relative paths count from where vaultctl runs; {{ inventory_dir }} helps.');
    return path;
  }
  if (repo !== undefined && kind !== 'absent') refuse(place, `vault_helm_chart: ${path} is there, and helm 3 would take it in place of the chart of vault_helm_repo`, 'Run vaultctl from another folder, or name the one that is meant: REPO/NAME, or ./NAME.');
  // As helm does, a folder of that name comes before a repository's chart.
  if (repo === undefined && kind === 'folder') return path;
  if (repo === undefined && !/^[^/\s]+\/[^/\s]+$/.test(value)) refuse(place, `vault_helm_chart: ${JSON.stringify(value)} names no repository`, 'Write REPO/NAME (as in `helm repo list`), or set vault_helm_repo to the repository\'s URL.');
  return value;
}

/** A mapping, a file, or a list of both; what comes later wins, mapping by mapping. */
function valuesFrom(here: Here): PlainTable {
  const said = agreed(here.readings, (reading) => reading.data('vault_helm_values'));
  if (said === undefined) return {};
  const parts = Array.isArray(said.value) ? said.value : [said.value];
  return parts.map((part) => {
    if (typeof part === 'string') return valuesFile(here, said, part);
    return isTable(part) ? plain(said, part) as PlainTable : refuse(said.place, 'vault_helm_values must be a mapping, a file, or a list of them', 'For example vault_helm_values: {server: {ha: {enabled: true}}}');
  }).reduce<PlainTable>((under, over) => laidOver(under, over), {});
}

function valuesFile(here: Here, from: From, name: string): PlainTable {
  const path = filePath(here, from, name);
  const value = here.inventory.files.value(path);
  if (value === undefined) return {};
  const data = asData(value);
  return isTable(data) ? plain({ ...from, place: { file: path } }, data) as PlainTable : refuse({ file: path, line: 1 }, 'a file of chart values must be a mapping', 'Write `name: value` lines.');
}

/** As helm lays values over each other: mappings are merged, everything else is replaced. */
export function laidOver(under: PlainTable, over: PlainTable): PlainTable {
  const merged: Record<string, Plain> = { ...under };
  for (const [name, value] of Object.entries(over)) {
    const below = merged[name];
    merged[name] = isPlainTable(below) && isPlainTable(value) ? laidOver(below, value) : value;
  }
  return merged;
}

function extras(here: Here, name: string): Extra[] {
  const said = agreed(here.readings, (reading) => reading.data(name));
  if (said === undefined) return [];
  if (!Array.isArray(said.value)) return refuse(said.place, `${name} must be a list`, `For example ${name}: [manifests/namespace.yaml, {name: …, command: […], unless: […]}]`);
  return said.value.flatMap((item, index): Extra[] => {
    const from = { place: said.place, name: `${name}[${index}]` };
    if (typeof item === 'string') return manifestFile(here, from, item);
    if (!isTable(item)) return refuse(from.place, `${from.name} must be a file of manifests, a manifest or a command`, 'A command has `command`; a manifest has `apiVersion` and `kind`.');
    if (item['command'] !== undefined) return [command(here, from, item)];
    return manifests(from, `${name}[${index}]`, item);
  });
}

function manifestFile(here: Here, from: From, name: string): Extra[] {
  const path = filePath(here, from, name);
  return here.inventory.files.values(path).flatMap((value) => manifests({ place: { file: path }, name: path }, name, asData(value)));
}

/** A manifest, or all in a List. */
function manifests(from: From, shown: string, item: Json): Extra[] {
  if (!isTable(item)) return refuse(from.place, `${from.name}: a manifest must be a mapping`, 'It has apiVersion, kind and metadata.name.');
  const { apiVersion, kind, metadata, items } = item;
  if (kind === 'List' && Array.isArray(items)) return items.flatMap((each) => manifests(from, shown, each));
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || !isTable(metadata) || typeof metadata['name'] !== 'string') {
    return refuse(from.place, `${from.name} is no manifest: it lacks apiVersion, kind or metadata.name`, 'A name that the server makes up (generateName) could not be found again.');
  }
  return [{ is: 'manifest', from: shown, object: plain(from, item) as unknown as Manifest }];
}

function command(here: Here, from: From, item: Readonly<Record<string, Json>>): Extra {
  const other = Object.keys(item).find((name) => !['name', 'command', 'creates', 'unless'].includes(name));
  if (other !== undefined) refuse(from.place, `${from.name} has the field ${other}, which vaultctl does not know`, 'Known: name, command, creates, unless');
  const name = typeof item['name'] === 'string' ? item['name'] : refuse(from.place, `${from.name}: a command must have a name`, 'It is what messages call it.');
  const creates = item['creates'];
  if (creates !== undefined && typeof creates !== 'string') refuse(from.place, `${from.name} (${name}): creates must be a path`);
  if (creates === undefined && item['unless'] === undefined) {
    refuse(from.place, `${from.name} (${name}) has neither creates nor unless: nothing says whether it was done already`, 'unless: a command that ends with 0 where there is nothing left to do; creates: a file that is there then.');
  }
  return {
    is: 'command', name, argv: words(from, name, 'command', item['command']!), creates: creates === undefined ? undefined : absolutePath(atHome(creates as string, here.home), here.inventory.cwd),
    unless: item['unless'] === undefined ? undefined : words(from, name, 'unless', item['unless']),
  };
}

/** A list is a program and its arguments; a text is a shell's. */
function words(from: From, name: string, field: string, value: Json): string[] {
  if (typeof value === 'string' && value.trim() !== '') return ['sh', '-c', value];
  if (Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === 'string' || typeof word === 'number')) return value.map(String);
  return refuse(from.place, `${from.name} (${name}): ${field} must be a list of words, or a text for sh`, `For example ${field}: [kubectl, get, namespace, vault]`);
}

/** Without what YAML has and JSON has not. An encrypted value that nobody opened is no value. */
function plain(from: From, value: Json): Plain {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number' && !Number.isFinite(value)) return refuse(from.place, `${from.name}: ${value} is no number for Kubernetes`);
  if (Array.isArray(value)) return value.map((each) => plain(from, each));
  if (value === null || typeof value !== 'object') return value;
  if ('__ansible_vault' in value) return refuse(from.place, `${from.name} holds a value encrypted with !vault, in a file that is not opened`, 'Keep it in a variable of the inventory, and write the mapping there.');
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(from, each)]));
}

function filePath({ inventory, home }: Here, from: From, name: string): string {
  const path = absolutePath(atHome(name, home), inventory.cwd);
  if (inventory.files.files.kind(path) !== 'file') refuse(from.place, `${from.name}: there is no file ${path}`, 'Relative paths count from where vaultctl runs; {{ inventory_dir }} helps.');
  return path;
}

function isTable(value: Json | undefined): value is Record<string, Json> { return typeof value === 'object' && value !== null && !Array.isArray(value); }
function isPlainTable(value: Plain | undefined): value is PlainTable { return typeof value === 'object' && value !== null && !Array.isArray(value); }
