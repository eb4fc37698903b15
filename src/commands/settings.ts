import { loadInventory } from '../inventory/load.ts';
import type { Inventory } from '../inventory/load.ts';
import { settingsFrom } from '../inventory/settings.ts';
import { UsageError } from '../model/halt.ts';
import { Secret } from '../model/secret.ts';
import type { Settings } from '../model/settings.ts';
import type { Flags } from '../engine/world.ts';
import type { Operator } from '../ports/operator.ts';
import type { CommonFlags, Machine } from './context.ts';

const PLACES = ['./inventories/hosts.yaml', './hosts.yaml', '/etc/vaultctl/hosts.yaml'];

/** `-i`, else $VAULTCTL_INVENTORY, else the first of the usual places that exists. */
export function inventorySources(machine: Machine, flags: CommonFlags): string[] {
  if (flags.inventory !== undefined && flags.inventory.length > 0) return flags.inventory;
  const named = machine.env('VAULTCTL_INVENTORY');
  if (named !== undefined && named !== '') return [named];
  const found = PLACES.find((path) => machine.files.kind(path.startsWith('/') ? path : `${machine.cwd}/${path}`) !== 'absent');
  if (found !== undefined) return [found];
  throw new UsageError('no inventory', `give one with -i FILE, or put it at one of ${PLACES.join(', ')} (examples are in inventories/)`);
}

export async function readInventory(machine: Machine, flags: CommonFlags, operator: Operator): Promise<Inventory> {
  const vaultPassword = async (): Promise<Secret | undefined> => {
    const file = flags.vaultPasswordFile ?? machine.env('ANSIBLE_VAULT_PASSWORD_FILE');
    if (file !== undefined) return new Secret(new TextDecoder().decode(await machine.readInput(file)).replace(/\r?\n$/, ''));
    return flags.askVaultPass === true ? operator.askSecret('Vault password: ') : undefined;
  };
  return loadInventory(machine.files, { sources: inventorySources(machine, flags), cwd: machine.cwd, extraVars: flags.extraVars ?? [], vaultPassword });
}

export async function readSettings(machine: Machine, flags: CommonFlags, operator: Operator): Promise<Settings> {
  const inventory = await readInventory(machine, flags, operator);
  const number = (flag: string, text: string | undefined) => {
    if (text === undefined) return undefined;
    if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${flag} wants a whole number, not "${text}"`);
    return Number(text);
  };
  const [count, threshold, timeout] = [number('--shares', flags.shares), number('--threshold', flags.threshold), number('--timeout', flags.timeout)];
  const [caFile, serverName, namespace] = ['VAULT_CACERT', 'VAULT_TLS_SERVER_NAME', 'VAULT_NAMESPACE'].map((name) => machine.env(name) || undefined);
  const settings = await settingsFrom(inventory, {
    localNames: machine.localNames(), home: machine.env('HOME') ?? '/root', allowMissing: flags.allowMissing ?? [], allowMissingNodes: flags.allowMissingNode ?? [],
    ...(flags.limit === undefined ? {} : { limit: flags.limit }), ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000 }),
    kubernetes: { ...(flags.kubeconfig === undefined ? {} : { kubeconfig: flags.kubeconfig }), ...(flags.context === undefined ? {} : { context: flags.context }) },
    shares: { ...(count === undefined ? {} : { count }), ...(threshold === undefined ? {} : { threshold }) },
    fallbacks: { ...(caFile === undefined ? {} : { caFile }), ...(serverName === undefined ? {} : { serverName }), ...(namespace === undefined ? {} : { namespace }) },
  });
  for (const text of inventory.warnings) operator.tell({ is: 'warning', text });
  return settings;
}

export async function readFlags(machine: Machine, flags: CommonFlags & { rootToken?: boolean; revokeRoot?: boolean }): Promise<Flags> {
  const token = flags.tokenFile === undefined ? undefined : new Secret(new TextDecoder().decode(await machine.readInput(flags.tokenFile)).trim());
  if (token?.empty === true) throw new UsageError(`${flags.tokenFile} is empty`, 'write the token into it, alone on its line');
  return {
    token, acceptRestored: flags.acceptRestored === true, noSnapshot: flags.snapshot === false,
    rootToken: flags.revokeRoot === true ? 'revoke' : flags.rootToken === true ? 'replace' : 'keep',
  };
}
