import { UsageError } from '../model/halt.ts';
import type { Inventory } from './load.ts';
import { hostsOf } from './groups.ts';
import type { Group } from './groups.ts';
import { toJson } from './value.ts';
import type { Json } from './value.ts';

/** Names that Ansible keeps for itself and does not print. */
const reserved = new Set(['ansible_diff_mode', 'ansible_config_file', 'ansible_facts', 'ansible_forks', 'ansible_inventory_sources', 'ansible_limit',
  'ansible_playbook_python', 'ansible_run_tags', 'ansible_skip_tags', 'ansible_verbosity', 'ansible_version', 'inventory_dir', 'inventory_file',
  'inventory_hostname', 'inventory_hostname_short', 'groups', 'group_names', 'omit', 'playbook_dir']);

export function isReserved(name: string): boolean { return reserved.has(name); }

/** What `ansible-inventory --list` prints for the same input. */
export function listJson(inventory: Inventory): { [key: string]: Json } {
  const listed: [string, Json][] = [];
  const seen = new Set<Group>();
  const visit = (group: Group): void => {
    const shown: { [key: string]: Json } = {};
    if (group.name !== 'all' && group.hosts.size > 0) shown['hosts'] = [...group.hosts].map((host) => host.name);
    if (group.children.size > 0) shown['children'] = [...group.children].map((child) => child.name);
    for (const child of group.children) {
      if (seen.has(child)) continue;
      seen.add(child);
      visit(child);
    }
    if (Object.keys(shown).length > 0) listed.push([group.name, shown]);
  };
  visit(inventory.topology.all);
  const hostvars = hostsOf(inventory.topology.all)
    .map((host) => [host.name, hostJson(inventory, host.name)] as const)
    .filter(([, variables]) => Object.keys(variables).length > 0);
  // fromEntries defines own properties, so a host named __proto__ is only a name.
  return Object.fromEntries([...listed, ['_meta', { hostvars: Object.fromEntries(hostvars) }]]);
}

/** What `ansible-inventory --host NAME` prints. */
export function hostJson(inventory: Inventory, name: string): { [key: string]: Json } {
  if (!inventory.topology.hosts.has(name)) {
    throw new UsageError(`no host ${name} in ${inventory.sources.join(', ')}`, `Its hosts: ${[...inventory.topology.hosts.keys()].slice(0, 20).join(', ')}`);
  }
  return Object.fromEntries([...inventory.variablesOf(name)].filter(([key]) => !reserved.has(key)).map(([key, variable]) => [key, toJson(variable.value)]));
}
