import { jsonText } from '../inventory/value.ts';
import { hostJson, listJson } from '../inventory/list.ts';
import { UsageError } from '../model/halt.ts';
import type { CommonFlags, Machine } from './context.ts';
import { readInventory } from './settings.ts';

/** The resolved inventory, in the JSON of `ansible-inventory`. */
export async function inventory(machine: Machine, flags: CommonFlags & { list?: boolean; host?: string; check?: boolean }): Promise<number> {
  if ([flags.list === true, flags.host !== undefined, flags.check === true].filter(Boolean).length !== 1) throw new UsageError('inventory wants --list or --host NAME, or --check');
  if (flags.check === true) return (await import('./inventory-check.ts')).inventoryCheck(machine, flags);
  const operator = machine.operator({ json: flags.json === true, color: flags.color !== false, verbose: flags.verbose === true, confirm: undefined, quiet: true });
  try {
    const found = await readInventory(machine, flags, operator);
    for (const text of found.warnings) operator.tell({ is: 'warning', text });
    machine.out(`${jsonText(flags.host === undefined ? listJson(found) : hostJson(found, flags.host))}\n`);
    return 0;
  } finally {
    operator.end();
  }
}
