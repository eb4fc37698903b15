import { UsageError } from '../model/halt.ts';
import type { Manager, Settings } from '../model/settings.ts';
import { shellWord } from '../model/shell-word.ts';
import { managerFrom } from './connection.ts';
import type { ThisMachine } from './connection.ts';
import { deploymentFrom } from './deployment-settings.ts';
import { hostsOf } from './groups.ts';
import type { Group } from './groups.ts';
import { agreed, HostReading, placeText, sortedNames } from './host-reading.ts';
import { hostsMatching } from './host-patterns.ts';
import { kubernetesSettings } from './kubernetes-settings.ts';
import type { KubernetesFlags } from './kubernetes-settings.ts';
import { unknownVariables } from './known-variables.ts';
import type { Inventory } from './load.ts';
import { Templates } from './template.ts';
import { absolutePath } from './paths.ts';
import { refuse } from './value.ts';
import { configurationFrom } from './vault-configuration.ts';
import { shareSettings, vaultSettings } from './vault-settings.ts';
import type { SharesGiven, VaultFallbacks } from './vault-settings.ts';

export interface SettingsOptions extends ThisMachine {
  /** `--limit`: the name of the master manager. */
  readonly limit?: string;
  /** `--timeout`; wins over `vault_timeout`. */
  readonly timeoutMs?: number;
  readonly shares?: SharesGiven;
  readonly fallbacks?: Omit<VaultFallbacks, 'home'>;
  readonly kubernetes?: KubernetesFlags;
  readonly allowMissing?: readonly string[];
  /** Words of the command line without which the same command would not mean the same: they are printed with the next command. */
  readonly again?: readonly string[];
  readonly allowMissingNodes?: readonly string[];
}

const usualGroups = ['managers', 'kube_control_plane', 'control_plane', 'masters'];
const defaultTimeoutMs = 120_000;

/** Everything a flow wants to know. UsageError names file, line, value and fix; warnings go to `inventory.warnings`. */
export function settingsFrom(inventory: Inventory, options: SettingsOptions): Promise<Settings> {
  return inventory.vault.unlocking(() => settings(inventory, options));
}

function settings(inventory: Inventory, options: SettingsOptions): Settings {
  const templates = new Templates(inventory);
  const group = managersGroup(inventory, templates);
  const readings = hostsOf(group).map((host) => new HostReading(host.name, templates));
  const managers = readings.map((reading) => managerFrom(reading, options));
  refuseTwins(inventory, managers);
  for (const { host } of readings) warnOnce(inventory, unknownVariables(inventory.variablesOf(host)));
  const named = agreed(readings, (reading) => reading.text('vault_cluster_name')) ?? agreed(readings, (reading) => reading.text('vault_release_name', 'vault_helm_release'));
  const kubernetes = kubernetesSettings(inventory, readings, { ...options.kubernetes, home: options.home });
  const vault = vaultSettings(inventory, readings, { ...options.fallbacks, home: options.home }, kubernetes !== undefined && kubernetes.reach !== 'address');
  const seconds = agreed(readings, (reading) => reading.whole(1, 86_400, 'vault_timeout'));
  return {
    clusterName: named?.value ?? group.name,
    inventory: [inventory.sources.map(shellWord).join(' -i '), ...(options.again ?? [])].join(' '),
    managers,
    master: masterOf(inventory, group, managers, options),
    limited: options.limit !== undefined,
    keepPrevious: agreed(readings, (reading) => reading.whole(0, 100, 'vault_creds_keep_previous'))?.value ?? 1,
    vault,
    kubernetes,
    deployment: deploymentFrom(inventory, readings, options.home, kubernetes),
    configuration: configurationFrom(inventory, readings),
    shares: shareSettings(inventory, readings, options.shares ?? {}),
    timeoutMs: options.timeoutMs ?? (seconds === undefined ? defaultTimeoutMs : seconds.value * 1000),
    allowMissing: known('--allow-missing', options.allowMissing ?? [], managers.map((manager) => manager.name)),
    allowMissingNodes: knownNodes(options.allowMissingNodes ?? [], vault.addresses),
  };
}

/** A message of ten thousand names helps nobody. */
function firstOf(names: readonly string[]): string { return names.length <= 30 ? names.join(', ') : `${names.slice(0, 30).join(', ')} and ${names.length - 30} more`; }

/** `vault_managers_group`, else the one of the usual names that has hosts. */
export function managersGroup(inventory: Inventory, templates: Templates): Group {
  const everyHost = [...inventory.topology.hosts.keys()].map((name) => new HostReading(name, templates));
  const named = agreed(everyHost, (reading) => reading.text('vault_managers_group'));
  const source = { file: inventory.sources[0] ?? 'inventory' };
  const groups = firstOf([...inventory.topology.groups.keys()]);
  if (named !== undefined) {
    const group = inventory.topology.groups.get(named.value);
    if (group === undefined) return refuse(named.place, `vault_managers_group names ${JSON.stringify(named.value)}, and there is no such group`, `Groups: ${groups}`);
    if (hostsOf(group).length === 0) refuse(named.place, `the managers' group ${named.value} has no hosts`, 'Name the hosts that shall keep the credentials.');
    return group;
  }
  const found = usualGroups.map((name) => inventory.topology.groups.get(name)).filter((group) => group !== undefined && hostsOf(group).length > 0) as Group[];
  const [first, ...others] = found;
  if (first === undefined) {
    return refuse(source, `no managers: none of the groups ${usualGroups.join(', ')} has hosts`, `Name the group that keeps the credentials: vault_managers_group: GROUP. Groups here: ${groups}`);
  }
  const members = (group: Group) => sortedNames(hostsOf(group).map((host) => host.name)).join(', ');
  const other = others.find((group) => members(group) !== members(first));
  if (other !== undefined) {
    refuse(other.place ?? source, `which group are the managers? ${first.name} (${members(first)}) and ${other.name} (${members(other)}) have different hosts`,
      `Name one: vault_managers_group: ${first.name}`);
  }
  return first;
}

function masterOf(inventory: Inventory, group: Group, managers: readonly Manager[], { limit, localNames }: SettingsOptions): string {
  if (limit === undefined) {
    const here = managers.find((manager) => manager.connection === 'local') ?? managers.find((manager) => localNames.includes(manager.name));
    return (here ?? managers[0]!).name;
  }
  const named = hostsMatching(inventory.topology, limit, (path) => inventory.files.text(absolutePath(path, inventory.cwd)).split('\n'));
  const chosen = managers.filter((manager) => named.includes(manager.name));
  const here = chosen.find((manager) => manager.connection === 'local') ?? chosen.find((manager) => localNames.includes(manager.name)) ?? chosen[0];
  if (here !== undefined) return here.name;
  throw new UsageError(`--limit ${limit}: ${named.length === 0 ? 'nothing is left of it' : `${firstOf(named)} ${named.length === 1 ? 'is' : 'are'} not in the managers' group ${group.name}`}`, `Managers: ${managers.map((manager) => manager.name).join(', ')}`);
}

function known(flag: string, names: readonly string[], managers: readonly string[]): readonly string[] {
  const unknown = names.find((name) => !managers.includes(name));
  if (unknown !== undefined) throw new UsageError(`${flag} ${unknown}: no such manager`, `Managers: ${managers.join(', ')}`);
  return names;
}

/** Pods are found later, and one that is gone for good has no name any more. */
function knownNodes(names: readonly string[], addresses: readonly string[]): readonly string[] {
  const unknown = addresses.length === 0 ? undefined : names.find((name) => !addresses.includes(name));
  if (unknown !== undefined) throw new UsageError(`--allow-missing-node ${unknown}: no such Vault node`, `Nodes: ${addresses.join(', ')}`);
  return names;
}

/** Two names for one file would count one copy of the keys as two. */
function refuseTwins(inventory: Inventory, managers: readonly Manager[]): void {
  const seen = new Map<string, string>();
  for (const manager of managers) {
    const machine = manager.connection === 'local' ? 'local' : `${manager.address.toLowerCase()} port ${manager.port ?? 22}`;
    // The way there is part of what it is, and never shown: a ProxyCommand may hold a password.
    const way = manager.connection === 'local' ? '' : manager.ssh.proxyJump ?? manager.ssh.proxyCommand ?? '';
    for (const path of new Set([manager.paths.main, manager.paths.installCheckpoint, manager.paths.rotateCheckpoint])) {
      const key = `${machine}\0${way}\0${path}`;
      const other = seen.get(key);
      if (other !== undefined) {
        const place = inventory.topology.hosts.get(manager.name)!.place;
        const first = inventory.topology.hosts.get(other)!.place;
        refuse(place, `managers ${other} (${placeText(first)}) and ${manager.name} are the same machine (${machine}) with the same file ${path}: one copy of the keys would count as two`,
          'Remove one of them, or give them different addresses.');
      }
      seen.set(key, manager.name);
    }
  }
}

function warnOnce(inventory: Inventory, warnings: readonly string[]): void {
  for (const warning of warnings) if (!inventory.warnings.includes(warning)) inventory.warnings.push(warning);
}
