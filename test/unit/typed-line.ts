import type { Machine, World } from '../../src/commands/context.ts';
import { runCommand } from '../../src/commands/program.ts';
import type { InventoryFiles } from '../../src/ports/inventory-files.ts';

/** What one command line printed and how it ended, on a machine without inventories, hosts or Vault. */
export interface Typed { readonly out: string; readonly err: string; readonly code: number | undefined; readonly error: unknown }

const nowhere: InventoryFiles = {
  kind: () => 'absent',
  read: () => { throw new Error('there is no file on this machine'); },
  list: () => [], executable: () => false, worldWritable: () => false,
};

export async function typed(...argv: string[]): Promise<Typed> {
  let [out, err] = ['', ''];
  const machine: Machine = {
    files: nowhere, cwd: '/', clock: { now: () => 0, sleep: async () => undefined, random: () => 'ab' },
    env: () => undefined, localNames: () => [],
    readInput: async (path) => { throw new Error(`${path} was read`); },
    holder: () => ({ holder: 'test', host: 'here', pid: 1 }),
    out: (text) => { out += text; }, err: (text) => { err += text; },
    operator: () => ({
      tell: () => undefined, confirm: async () => false, askSecret: async () => undefined, stopRequested: () => undefined, showKeys: async () => false, end: () => undefined,
    }),
    open: async (): Promise<World> => { throw new Error('the world was opened'); },
  };
  try {
    return { code: await runCommand(machine, argv, '1.2.3'), out, err, error: undefined };
  } catch (error) {
    return { code: undefined, out, err, error };
  }
}

export async function helpOf(verb: string): Promise<string> {
  return (await typed(verb, '--help')).out;
}

