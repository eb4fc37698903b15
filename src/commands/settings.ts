import { readAnsibleConfig } from '../inventory/ansible-config.ts';
import type { AnsibleConfig } from '../inventory/ansible-config.ts';
import { loadInventory } from '../inventory/load.ts';
import type { Inventory } from '../inventory/load.ts';
import { expandedPath } from '../inventory/paths.ts';
import type { PathWorld } from '../inventory/paths.ts';
import { settingsFrom } from '../inventory/settings.ts';
import type { SettingsOptions } from '../inventory/settings.ts';
import { UsageError } from '../model/halt.ts';
import { Secret } from '../model/secret.ts';
import { shellWord } from '../model/shell-word.ts';
import type { Settings } from '../model/settings.ts';
import type { Flags } from '../engine/world.ts';
import type { Operator } from '../ports/operator.ts';
import type { CommonFlags, Machine } from './context.ts';
import { vaultPasswords } from './vault-passwords.ts';

const SECRETIVE = /pass|secret|token|key|pin\b/i;

const PLACES = ['./inventories/hosts.yaml', './hosts.yaml', '/etc/vaultctl/hosts.yaml'];

/** Where Ansible looks when nothing names an inventory. */
const ANSIBLE_PLACE = '/etc/ansible/hosts';

interface Chosen { readonly sources: readonly string[]; readonly warning?: string }

/** `-i`, else $VAULTCTL_INVENTORY, else what Ansible's own settings name, else the first of the usual places that exists. */
export function inventorySources(machine: Machine, flags: CommonFlags, config: AnsibleConfig, world: PathWorld): Chosen {
  const given = flags.inventory ?? [];
  if (given.length > 0) return { sources: given.map((source) => source === '' || source.includes(',') ? source : expandedPath(source, world.cwd, world)) };
  const named = machine.env('VAULTCTL_INVENTORY');
  if (named !== undefined && named !== '') return { sources: [named] };
  const exists = (path: string) => machine.files.kind(expandedPath(path, world.cwd, world)) !== 'absent';
  const found = PLACES.find(exists);
  if (config.inventory !== undefined) {
    const { sources, from } = config.inventory;
    const passedBy = found !== undefined && !sources.includes(expandedPath(found, world.cwd, world));
    return { sources, ...(passedBy ? { warning: `${found} is not read: ${from} names ${sources.join(', ')}; -i says otherwise` } : {}) };
  }
  if (found !== undefined) return { sources: [found] };
  if (exists(ANSIBLE_PLACE)) return { sources: [ANSIBLE_PLACE] };
  throw new UsageError('no inventory', `give one with -i FILE, or put it at one of ${PLACES.join(', ')} (examples are in inventories/)`);
}

export async function readInventory(machine: Machine, flags: CommonFlags, operator: Operator): Promise<Inventory> {
  const world: PathWorld = { cwd: machine.cwd, home: machine.env('HOME') ?? '/root', env: (name) => machine.env(name) };
  const config = readAnsibleConfig(machine.files, world);
  const { sources, warning } = inventorySources(machine, flags, config, world);
  if (warning !== undefined) operator.tell({ is: 'warning', text: warning });
  const vaultPassword = () => vaultPasswords(machine, flags, { config, world, operator });
  return loadInventory(machine.files, { sources, cwd: machine.cwd, extraVars: flags.extraVars ?? [], vaultPassword, config });
}

export async function readSettings(machine: Machine, flags: CommonFlags, operator: Operator): Promise<Settings> {
  const inventory = await readInventory(machine, flags, operator);
  const settings = await settingsFrom(inventory, settingsOptions(machine, flags));
  for (const text of inventory.warnings) operator.tell({ is: 'warning', text });
  return settings;
}

/** What the command line and the environment say beside the inventory. UsageError for a flag that is no number. */
export function settingsOptions(machine: Machine, flags: CommonFlags): SettingsOptions {
  const number = (flag: string, text: string | undefined) => {
    if (text === undefined) return undefined;
    if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${flag} wants a whole number, not "${text}"`, `for example ${flag} ${flag === '--timeout' ? 120 : 3}`);
    if (flag === '--timeout' && Number(text) === 0) throw new UsageError('--timeout 0 waits for nobody: nothing could answer in time', 'for example --timeout 120');
    return Number(text);
  };
  const [count, threshold, timeout] = [number('--shares', flags.shares), number('--threshold', flags.threshold), number('--timeout', flags.timeout)];
  const [caFile, serverName, namespace] = ['VAULT_CACERT', 'VAULT_TLS_SERVER_NAME', 'VAULT_NAMESPACE'].map((name) => machine.env(name) || undefined);
  return {
    localNames: machine.localNames(), home: machine.env('HOME') ?? '/root', allowMissing: flags.allowMissing ?? [], allowMissingNodes: flags.allowMissingNode ?? [],
    again: wordsToRepeat(flags),
    ...(flags.limit === undefined ? {} : { limit: flags.limit }), ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000 }),
    kubernetes: { ...(flags.kubeconfig === undefined ? {} : { kubeconfig: flags.kubeconfig }), ...(flags.context === undefined ? {} : { context: flags.context }) },
    shares: { ...(count === undefined ? {} : { count }), ...(threshold === undefined ? {} : { threshold }) },
    fallbacks: { ...(caFile === undefined ? {} : { caFile }), ...(serverName === undefined ? {} : { serverName }), ...(namespace === undefined ? {} : { namespace }) },
  };
}

/** `-e` as it was given, but for what may be a secret: three dots stand for it. */
function wordsToRepeat(flags: CommonFlags): string[] {
  const named = (flag: string, value: string | undefined) => (value === undefined ? [] : [flag, shellWord(value)]);
  return [
    ...named('--limit', flags.limit),
    ...(flags.extraVars ?? []).flatMap((text) => ['-e', text.startsWith('@') || !SECRETIVE.test(text) ? shellWord(text) : '…']),
    ...(flags.vaultId ?? []).flatMap((id) => named('--vault-id', id)), ...(flags.vaultPasswordFile ?? []).flatMap((file) => named('--vault-password-file', file)), ...(flags.askVaultPass === true ? ['--ask-vault-pass'] : []),
    ...named('--kubeconfig', flags.kubeconfig), ...named('--context', flags.context),
  ];
}

export async function readFlags(machine: Machine, flags: CommonFlags & { rootToken?: boolean; revokeRoot?: boolean }): Promise<Flags> {
  const token = flags.tokenFile === undefined ? undefined : new Secret(new TextDecoder().decode(await machine.readInput(flags.tokenFile)).trim());
  if (token?.empty === true) throw new UsageError(`${flags.tokenFile} is empty`, 'write the token into it, alone on its line');
  return {
    token, acceptRestored: flags.acceptRestored === true, noSnapshot: flags.snapshot === false,
    rootToken: flags.revokeRoot === true ? 'revoke' : flags.rootToken === true ? 'replace' : 'keep',
  };
}
