import { checkInventory } from '../inventory/check.ts';
import type { InventoryCheck, Said } from '../inventory/check.ts';
import { messageOf } from '../model/halt.ts';
import type { Manager, Settings } from '../model/settings.ts';
import type { Reach } from '../ports/hosts.ts';
import type { CommonFlags, Machine } from './context.ts';
import { readInventory, settingsOptions } from './settings.ts';

const NAMES_AT_MOST = 8;

interface Way { readonly reach: Reach | undefined; readonly problem: string | undefined }

/** What vaultctl takes from an inventory, passes over and cannot take, and how it will reach each manager. Connects to nobody. */
export async function inventoryCheck(machine: Machine, flags: CommonFlags): Promise<number> {
  const operator = machine.operator({ json: flags.json === true, color: flags.color !== false, verbose: flags.verbose === true, confirm: undefined, quiet: true });
  try {
    const inventory = await readInventory(machine, flags, operator);
    const found = await checkInventory(inventory, settingsOptions(machine, flags));
    const ways = await Promise.all(found.managers.map(({ manager }) => wayTo(machine, manager)));
    for (const text of found.warnings) operator.tell({ is: 'warning', text });
    machine.out(flags.json === true ? `${JSON.stringify(asJson(found, ways))}\n` : `${lines(found, ways, flags.verbose === true).join('\n')}\n`);
    return takes(found, ways) ? 0 : 2;
  } finally {
    operator.end();
  }
}

async function wayTo(machine: Machine, manager: Manager | undefined): Promise<Way> {
  if (manager === undefined) return { reach: undefined, problem: undefined };
  try {
    return { reach: await machine.reach?.(manager), problem: undefined };
  } catch (error) {
    return { reach: undefined, problem: messageOf(error) };
  }
}

function lines(found: InventoryCheck, ways: readonly Way[], verbose: boolean): string[] {
  const { settings, refused, others } = found;
  return [
    'Inventory', ...found.sources.map((source) => `  ${source}`), '',
    found.group === undefined ? 'Managers: none' : `Managers: group ${found.group}, ${found.managers.length} of ${found.hosts} hosts${settings === undefined ? '' : `; ${settings.master} is the master`}`,
    ...found.managers.map(({ name, manager }, index) => `  ${name}  ${manager === undefined ? '✗ see below' : managerText(manager, ways[index]!)}`),
    ...filesOf(found),
    ...(settings === undefined ? [] : ['', 'Vault', `  ${vaultLine(settings)}`, `  cluster ${settings.clusterName}; ${settings.shares.count} shares, ${settings.shares.threshold} of them open it`]),
    '', 'Used', ...table(found.used),
    ...(found.ignored.length === 0 ? [] : ['', 'Ignored', ...table(found.ignored)]),
    ...(others.length === 0 ? [] : ['', `${others.length} other variables are not vaultctl's: ${verbose || others.length <= NAMES_AT_MOST ? others.join(', ') : `${others.slice(0, NAMES_AT_MOST).join(', ')} … (-v names them all)`}`]),
    ...(refused.length === 0 ? [] : ['', 'Cannot be taken', ...refused.flatMap(({ what, next }) => [`  ✗ ${what}`, ...next.map((line) => `    ${line}`)])]),
    '', !takes(found, ways) ? 'Verdict: vaultctl refuses this inventory (exit 2); nothing was connected to' : 'Verdict: vaultctl takes this inventory; nothing was connected to (vaultctl status looks)',
  ];
}

function takes({ refused }: InventoryCheck, ways: readonly Way[]): boolean { return refused.length === 0 && ways.every(({ problem }) => problem === undefined); }

function managerText(manager: Manager, { reach, problem }: Way): string {
  if (problem !== undefined) return `✗ ${problem}`;
  return `${reach === undefined ? manager.connection : wayText(reach)}${becomes(manager) ? `, then ${manager.becomeMethod} to ${manager.becomeUser}` : ''}`;
}

/** Nobody becomes who he is already. */
function becomes({ become, becomeUser, user, connection }: Manager): boolean { return become && (connection === 'local' || user !== becomeUser); }

/** Each set of paths once. */
function filesOf({ managers }: InventoryCheck): string[] {
  const sets = new Map<string, string[]>();
  for (const { name, manager } of managers) {
    if (manager === undefined) continue;
    const { main, installCheckpoint, rotateCheckpoint, snapshots } = manager.paths;
    const key = `${main}; checkpoints ${installCheckpoint}, ${rotateCheckpoint}; snapshots ${snapshots}`;
    sets.set(key, [...(sets.get(key) ?? []), name]);
  }
  return [...sets].map(([paths, names]) => `  files${sets.size === 1 ? '' : ` on ${names.join(', ')}`}: ${paths}`);
}

function wayText(reach: Reach): string {
  if (reach.is === 'local') return 'this machine, without ssh';
  const { user, hostname, port, through, transport, why, fixed, strict } = reach;
  const by = transport === 'ssh2' ? 'ssh2' : `the system's ssh`;
  const because = why !== undefined ? ` (auto: ${why})` : fixed ? ' (as the inventory says)' : ' (auto)';
  return `ssh ${user}@${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}${through === undefined ? '' : ` through ${through}`} by ${by}${because}${strict === 'yes' ? '' : `, StrictHostKeyChecking=${strict}`}`;
}

function vaultLine({ vault, kubernetes }: Settings): string {
  if (kubernetes === undefined || kubernetes.reach === 'address') return vault.addresses.join(', ');
  return `the pods ${kubernetes.podSelector} in ${kubernetes.namespace}, by ${kubernetes.reach}`;
}

function table(all: readonly Said[]): string[] {
  const width = Math.max(0, ...all.map(({ name }) => name.length));
  return all.map(({ name, value, place, hosts, why }) => `  ${name.padEnd(width)}  ${why === undefined ? value : why}  (${place}; ${hosts.length === 1 ? hosts[0] : `${hosts.length} managers`})`);
}

function asJson(found: InventoryCheck, ways: readonly Way[]): unknown {
  const { settings } = found;
  return {
    takes: takes(found, ways),
    sources: found.sources, hosts: found.hosts, group: found.group ?? null, master: settings?.master ?? null,
    cluster: settings?.clusterName ?? null, addresses: settings?.vault.addresses ?? [],
    managers: found.managers.map(({ name, manager }, index) => ({
      name, ...ways[index]!.reach, ...(ways[index]!.problem === undefined ? {} : { problem: ways[index]!.problem }),
      ...(manager === undefined ? {} : { become: becomes(manager) ? { method: manager.becomeMethod, user: manager.becomeUser } : null, paths: manager.paths }),
    })),
    used: found.used, ignored: found.ignored, others: found.others, refused: found.refused, warnings: found.warnings,
  };
}
