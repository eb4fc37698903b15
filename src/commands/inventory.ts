import { jsonText } from '../inventory/value.ts';
import { graphText } from '../inventory/graph.ts';
import { hostJson, listJson } from '../inventory/list.ts';
import { UsageError } from '../model/halt.ts';
import type { CommonFlags, Machine } from './context.ts';
import { readInventory } from './settings.ts';

type InventoryFlags = CommonFlags & { list?: boolean; host?: string; graph?: boolean; vars?: boolean; check?: boolean };

/** The resolved inventory, in the JSON of `ansible-inventory`, or as its tree. */
export async function inventory(machine: Machine, flags: InventoryFlags, group = 'all'): Promise<number> {
  if ([flags.list === true, flags.host !== undefined, flags.graph === true, flags.check === true].filter(Boolean).length !== 1) throw new UsageError('inventory wants one of --list, --host NAME, --graph [GROUP] and --check', 'vaultctl inventory --check   (says what vaultctl makes of it)');
  if (flags.vars === true && flags.graph !== true) throw new UsageError('--vars belongs to --graph', 'inventory --graph --vars');
  if (flags.check === true) return (await import('./inventory-check.ts')).inventoryCheck(machine, flags);
  const operator = machine.operator({ json: flags.json === true, color: flags.color !== false, verbose: flags.verbose === true, confirm: undefined, quiet: true });
  try {
    const found = await readInventory(machine, flags, operator);
    for (const text of found.warnings) operator.tell({ is: 'warning', text });
    if (flags.graph === true) machine.out(`${await found.vault.unlocking(() => graphText(found, group, flags.vars === true))}\n`);
    else machine.out(`${jsonText(flags.host === undefined ? listJson(found) : hostJson(found, flags.host))}\n`);
    return 0;
  } finally {
    operator.end();
  }
}
