import { UsageError } from '../model/halt.ts';
import type { Group } from './groups.ts';
import { isReserved } from './list.ts';
import type { Inventory } from './load.ts';
import { pythonText } from './python-text.ts';
import { byCodePoint } from './value.ts';
import type { Variables } from './value.ts';

/** What `ansible-inventory --graph [GROUP] [--vars]` prints; but what is encrypted stays so. */
export function graphText(inventory: Inventory, start: string, withVariables: boolean): string {
  const group = inventory.topology.groups.get(start);
  if (group === undefined) throw new UsageError(`no group ${start} in ${inventory.sources.join(', ')}`, `Its groups: ${[...inventory.topology.groups.keys()].slice(0, 20).join(', ')}`);
  const lines: string[] = [];
  const add = (name: string, depth: number) => {
    if (lines.push(depth === 0 ? name : `${'  |'.repeat(depth)}--${name}`) > LINES_AT_MOST) throw new UsageError(`the graph of ${start} has over ${LINES_AT_MOST} lines`, 'name a smaller group: --graph GROUP');
  };
  const addVariables = (variables: Variables, depth: number) => {
    if (!withVariables) return;
    for (const [name, { value }] of [...variables].filter(([key]) => !isReserved(key)).toSorted(([a], [b]) => byCodePoint(a, b))) add(`{${name} = ${pythonText(value)}}`, depth);
  };
  const visit = (at: Group, depth: number): void => {
    add(`@${at.name}:`, depth);
    for (const child of at.children) visit(child, depth + 1);
    if (at.name !== 'all') {
      for (const host of at.hosts) {
        add(host.name, depth + 1);
        addVariables(inventory.variablesOf(host.name), depth + 2);
      }
    }
    addVariables(inventory.variablesOfGroup(at.name), depth + 1);
  };
  visit(group, 0);
  return lines.join('\n');
}

/** A group below many parents is drawn below each of them. */
const LINES_AT_MOST = 1_000_000;
