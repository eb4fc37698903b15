import { absolutePath } from './paths.ts';
import type { Configuration, Engine, Fields, KubernetesAuth, Policy, Role } from '../model/configuration.ts';
import { agreed } from './host-reading.ts';
import type { HostReading, Read } from './host-reading.ts';
import type { Inventory } from './load.ts';
import { type Json, refuse } from './value.ts';

type Table = Readonly<Record<string, Json>>;

/**
 * `vault_secrets_engines`, `vault_policies`, `vault_k8s_auth`, `vault_k8s_roles`: each a list of mappings, or a mapping
 * by name; fields as Vault's own API calls them.
 */
export function configurationFrom(inventory: Inventory, readings: readonly HostReading[]): Configuration {
  const said = (name: string) => agreed(readings, (reading) => reading.data(name));
  const auth = said('vault_k8s_auth');
  const roles = items(said('vault_k8s_roles'), 'name', 'bound_service_account_names').map(([from, fields]) => role(from, fields));
  return {
    engines: items(said('vault_secrets_engines'), 'path', 'type').map(([from, fields]) => engine(from, fields)),
    policies: items(said('vault_policies'), 'name', 'policy').map(([from, fields]) => policy(inventory, from, fields)),
    auth: auth === undefined ? (roles.length === 0 ? undefined : { path: 'kubernetes', description: undefined, config: defaultConfig }) : kubernetesAuth(auth),
    roles,
  };
}

/** In the cluster only this is needed; what a pod re-reads by itself would die with the pod it was pasted from. */
const defaultConfig: Fields = { kubernetes_host: 'https://kubernetes.default.svc:443' };

type From = Pick<Read<unknown>, 'place' | 'name'>;

/** @param short the field that a mapping's plain text stands for: `vault_policies: {reader: "path …"}` */
function items(said: Read<Json> | undefined, key: 'name' | 'path', short: string): [From, Table][] {
  if (said === undefined) return [];
  const { value } = said;
  const list = Array.isArray(value) ? value : isTable(value) ? Object.entries(value).map(([name, fields]) => (isTable(fields) ? { [key]: name, ...fields } : { [key]: name, [short]: fields })) : undefined;
  if (list === undefined) return refuse(said.place, `${said.name} must be a list of mappings, or a mapping by ${key}`, `For example: ${said.name}: [{${key}: …, ${short}: …}]`);
  const seen = new Set<string>();
  return list.map((fields, index) => {
    const from = { place: said.place, name: `${said.name}[${index}]` };
    if (!isTable(fields)) return refuse(said.place, `${from.name} must be a mapping`, `For example: {${key}: …, ${short}: …}`);
    const name = text(from, fields, key);
    if (seen.has(name)) refuse(said.place, `${said.name} names ${JSON.stringify(name)} twice`, 'Name each once.');
    seen.add(name);
    return [from, fields];
  });
}

function engine(from: From, fields: Table): Engine {
  only(from, fields, ['path', 'type', 'description', 'options', 'config', 'version']);
  const options = { ...table(from, fields, 'options'), ...(fields['version'] === undefined ? {} : { version: fields['version'] }) };
  return {
    path: path(from, text(from, fields, 'path')), type: text(from, fields, 'type'), description: optional(from, fields, 'description'),
    options: Object.fromEntries(Object.entries(options).map(([name, value]) => [name, String(value)])), config: table(from, fields, 'config'),
  };
}

function policy(inventory: Inventory, from: From, fields: Table): Policy {
  only(from, fields, ['name', 'policy', 'file', 'rules']);
  const name = text(from, fields, 'name');
  if (name === 'root') refuse(from.place, `${from.name}: the policy root cannot be changed`, 'Remove it.');
  const file = optional(from, fields, 'file');
  if (file === undefined) return { name, text: text(from, { policy: fields['policy'] ?? fields['rules'] ?? '' }, 'policy') };
  const at = absolutePath(file, inventory.cwd);
  if (inventory.files.files.kind(at) !== 'file') return refuse(from.place, `${from.name}: the policy file ${at} is not there`, 'Check `file` (relative paths count from where vaultctl runs; {{ inventory_dir }} helps).');
  return { name, text: new TextDecoder().decode(inventory.files.bytes(at)) };
}

function kubernetesAuth({ place, name, value }: Read<Json>): KubernetesAuth {
  const from = { place, name };
  if (!isTable(value)) return refuse(place, `${name} must be a mapping`, `For example: ${name}: {path: kubernetes, config: {kubernetes_host: "https://kubernetes.default.svc:443"}}`);
  only(from, value, ['path', 'description', 'config', 'type']);
  const config = table(from, value, 'config');
  return { path: path(from, optional(from, value, 'path') ?? 'kubernetes'), description: optional(from, value, 'description'), config: Object.keys(config).length === 0 ? defaultConfig : config };
}

function role(from: From, fields: Table): Role {
  const { name, ...rest } = fields;
  if (rest['bound_service_account_names'] === undefined || rest['bound_service_account_namespaces'] === undefined) {
    refuse(from.place, `${from.name} (${String(name)}) lacks bound_service_account_names or bound_service_account_namespaces`, 'Vault takes no Kubernetes role without both.');
  }
  return { name: String(name), fields: rest };
}

function only(from: From, fields: Table, known: readonly string[]): void {
  const other = Object.keys(fields).find((name) => !known.includes(name));
  if (other !== undefined) refuse(from.place, `${from.name} has the field ${other}, which vaultctl does not know`, `Known: ${known.join(', ')}`);
}

function text(from: From, fields: Table, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string' || value.trim() === '') return refuse(from.place, `${from.name}: ${name} must be a text`, `Write ${name}: …`);
  return value;
}
function optional(from: From, fields: Table, name: string): string | undefined { return fields[name] === undefined || fields[name] === null ? undefined : text(from, fields, name); }

function table(from: From, fields: Table, name: string): Table {
  const value = fields[name];
  if (value === undefined || value === null) return {};
  return isTable(value) ? value : refuse(from.place, `${from.name}: ${name} must be a mapping`, `Write ${name}: {…}`);
}

function path(from: From, said: string): string {
  const found = said.replaceAll(/^\/+|\/+$/g, '');
  return /^[A-Za-z0-9][A-Za-z0-9._/-]*$/.test(found) && !found.includes('..') ? found : refuse(from.place, `${from.name}: ${JSON.stringify(said)} is no path of a mount`, 'Letters, digits, dashes and slashes.');
}

function isTable(value: Json | undefined): value is Record<string, Json> { return typeof value === 'object' && value !== null && !Array.isArray(value); }
