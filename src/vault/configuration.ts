import { type Configuration, type Engine, type Fields, isEmpty, type KubernetesAuth, type Policy, type Role } from '../model/configuration.ts';
import { UsageError } from '../model/halt.ts';
import type { VaultAdmin } from './admin.ts';

/** One field as it is and as the inventory wants it; `from` undefined: it is not there yet. */
export interface Change { readonly field: string; readonly from: string | undefined; readonly to: string }

/** One thing that Vault holds or shall hold, and what of it differs. */
export interface Item {
  /** `secrets engine secret/`, `policy internal-app`, … */
  readonly name: string;
  readonly is: 'as-wanted' | 'absent' | 'differs';
  readonly changes: readonly Change[];
  /** Brings it about; only what the inventory names is written. */
  readonly write: (admin: VaultAdmin) => Promise<unknown>;
}

/** What is there, compared with what is wanted, in the order in which it is written. @throws VaultError, WireError, UsageError */
export async function compareConfiguration(admin: Pick<VaultAdmin, 'read'>, wanted: Configuration): Promise<Item[]> {
  if (isEmpty(wanted)) return [];
  const items: Item[] = [];
  if (wanted.engines.length > 0) {
    const mounts = await admin.read('sys/mounts') ?? {};
    for (const engine of wanted.engines) items.push(engineItem(engine, mounts[`${engine.path}/`] as Fields | undefined));
  }
  for (const policy of wanted.policies) items.push(policyItem(policy, await admin.read(`sys/policies/acl/${encodeURIComponent(policy.name)}`)));
  if (wanted.auth !== undefined) {
    const methods = await admin.read('sys/auth') ?? {};
    const there = methods[`${wanted.auth.path}/`] as Fields | undefined;
    items.push(methodItem(wanted.auth, there));
    items.push(authItem(wanted.auth, there === undefined ? undefined : await admin.read(`auth/${wanted.auth.path}/config`)));
    for (const role of wanted.roles) items.push(roleItem(wanted.auth, role, there === undefined ? undefined : await admin.read(`auth/${wanted.auth.path}/role/${encodeURIComponent(role.name)}`)));
  }
  return items;
}

/** @throws VaultError, WireError */
export async function writeConfiguration(admin: VaultAdmin, items: readonly Item[]): Promise<void> {
  for (const item of items) if (item.is !== 'as-wanted') await item.write(admin);
}

function engineItem(engine: Engine, there: Fields | undefined): Item {
  const name = `secrets engine ${engine.path}/`;
  const { type, description, options, config } = engine;
  if (there === undefined) {
    const body = { type, ...(description === undefined ? {} : { description }), ...(Object.keys(options).length === 0 ? {} : { options }), ...(Object.keys(config).length === 0 ? {} : { config }) };
    return { name, is: 'absent', changes: [...added({ type, ...options, ...config })], write: (admin) => admin.write(`sys/mounts/${engine.path}`, body) };
  }
  // kv of version 2 calls itself kv with options.version 2, and so does one that was mounted as kv-v2.
  const sameType = there['type'] === type || (type === 'kv-v2' && there['type'] === 'kv' && (there['options'] as Fields | null)?.['version'] === '2');
  if (!sameType) throw new UsageError(`${engine.path}/ holds a secrets engine of type ${String(there['type'])}, and the inventory wants ${type}: vaultctl does not replace an engine, its secrets would be gone`, `choose another path, or move it away yourself: vault secrets move ${engine.path}/ ${engine.path}-old/`);
  const changes = [
    ...(description === undefined ? [] : differing({ description }, there)),
    ...differing(options, (there['options'] ?? {}) as Fields),
    ...differing(config, (there['config'] ?? {}) as Fields),
  ];
  return compared(name, changes, (admin) => admin.write(`sys/mounts/${engine.path}/tune`, { ...config, ...(description === undefined ? {} : { description }), ...(Object.keys(options).length === 0 ? {} : { options }) }));
}

function policyItem({ name, text }: Policy, there: Fields | undefined): Item {
  const now = there?.['policy'];
  const write = (admin: VaultAdmin) => admin.write(`sys/policies/acl/${encodeURIComponent(name)}`, { policy: text });
  if (typeof now !== 'string') return { name: `policy ${name}`, is: 'absent', changes: [{ field: 'policy', from: undefined, to: text.trim() }], write };
  return compared(`policy ${name}`, now.trim() === text.trim() ? [] : [{ field: 'policy', from: now.trim(), to: text.trim() }], write);
}

function methodItem({ path, description }: KubernetesAuth, there: Fields | undefined): Item {
  const name = `auth method ${path}/`;
  const body = { type: 'kubernetes', ...(description === undefined ? {} : { description }) };
  if (there === undefined) return { name, is: 'absent', changes: added(body), write: (admin) => admin.write(`sys/auth/${path}`, body) };
  if (there['type'] !== 'kubernetes') throw new UsageError(`auth/${path}/ is of type ${String(there['type'])}, not kubernetes: vaultctl does not replace it`, 'choose another path: vault_k8s_auth: {path: …}');
  return compared(name, description === undefined ? [] : differing({ description }, there), (admin) => admin.write(`sys/auth/${path}/tune`, { description }));
}

/** A write replaces the whole of it, so what is there and not ours to manage is written again. */
function authItem({ path, config }: KubernetesAuth, there: Fields | undefined): Item {
  const name = `auth/${path}/config`;
  if (there === undefined || there['kubernetes_host'] === undefined || there['kubernetes_host'] === '') return { name, is: 'absent', changes: added(config), write: (admin) => admin.write(`auth/${path}/config`, config) };
  const changes = differing(config, there);
  if (changes.length > 0 && there['token_reviewer_jwt_set'] === true && config['token_reviewer_jwt'] === undefined) {
    throw new UsageError(`auth/${path}/config holds a token_reviewer_jwt that nobody can read back; changing ${changes.map(({ field }) => field).join(', ')} would clear it`, 'put token_reviewer_jwt into vault_k8s_auth.config (a !vault value), or change it by hand');
  }
  const kept = Object.fromEntries(['kubernetes_host', 'kubernetes_ca_cert', 'pem_keys', 'issuer', 'disable_iss_validation', 'disable_local_ca_jwt', 'use_annotations_as_alias_metadata'].flatMap((field) => (there[field] === undefined ? [] : [[field, there[field]]])));
  return compared(name, changes, (admin) => admin.write(`auth/${path}/config`, { ...kept, ...config }));
}

function roleItem({ path }: KubernetesAuth, { name, fields }: Role, there: Fields | undefined): Item {
  const title = `role ${name} of auth/${path}/`;
  const write = (admin: VaultAdmin) => admin.write(`auth/${path}/role/${encodeURIComponent(name)}`, fields);
  if (there === undefined) return { name: title, is: 'absent', changes: added(fields), write };
  return compared(title, differing(fields, there), write);
}

function compared(name: string, changes: readonly Change[], write: Item['write']): Item { return { name, is: changes.length === 0 ? 'as-wanted' : 'differs', changes, write }; }
function added(fields: Fields): Change[] { return Object.entries(fields).map(([field, value]) => ({ field, from: undefined, to: shown(field, value) })); }

function differing(wanted: Fields, there: Fields): Change[] {
  return Object.entries(wanted).flatMap(([field, value]) => {
    // What Vault never gives back cannot be compared: it is written where something else differs.
    if (SECRET.test(field) || alike(field, value, there[field])) return [];
    return [{ field, from: there[field] === undefined ? undefined : shown(field, there[field]), to: shown(field, value) }];
  });
}

const SECRET = /jwt|password|secret_id|private_key/;
const DURATION = /ttl$|period$|leeway$/;

function shown(field: string, value: unknown): string {
  if (SECRET.test(field)) return '[redacted]';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** As Vault means it: lists without order, `1h` and 3600, `"true"` and true. */
export function alike(field: string, wanted: unknown, there: unknown): boolean {
  if (Array.isArray(wanted) || Array.isArray(there)) return JSON.stringify(listed(wanted).toSorted()) === JSON.stringify(listed(there).toSorted());
  if (DURATION.test(field)) return seconds(wanted) === seconds(there);
  if (typeof wanted === 'object' && wanted !== null) return typeof there === 'object' && there !== null && Object.entries(wanted).every(([key, value]) => alike(key, value, (there as Fields)[key]));
  if (typeof wanted === 'string' && typeof there === 'string') return wanted.trim() === there.trim();
  return String(wanted ?? '') === String(there ?? '');
}

function listed(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === 'string' && value !== '' ? value.split(',').map((part) => part.trim()) : value === undefined || value === null || value === '' ? [] : [String(value)];
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

function seconds(value: unknown): number | string {
  if (typeof value === 'number') return value;
  const text = String(value ?? '0').trim();
  if (/^\d+$/.test(text)) return Number(text);
  const parts = [...text.matchAll(/(\d+)([smhd])/g)];
  return parts.length > 0 && parts.map(([part]) => part).join('') === text ? parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0) : text;
}
