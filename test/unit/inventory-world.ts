import { loadInventory } from '../../src/inventory/load.ts';
import type { Inventory, LoadOptions } from '../../src/inventory/load.ts';
import { settingsFrom } from '../../src/inventory/settings.ts';
import type { SettingsOptions } from '../../src/inventory/settings.ts';
import { Halt } from '../../src/model/halt.ts';
import type { Settings } from '../../src/model/settings.ts';
import type { InventoryFiles } from '../../src/ports/inventory-files.ts';

/** Files in memory: absolute path → text; folders exist where files lie below them. */
export function filesOf(contents: Readonly<Record<string, string | Uint8Array>>, executable: readonly string[] = [], writable: readonly string[] = []): InventoryFiles {
  const below = (path: string) => Object.keys(contents).filter((file) => file.startsWith(`${path}/`)).map((file) => file.slice(path.length + 1).split('/')[0]!);
  const failure = (code: string) => Object.assign(new Error(code), { code });
  return {
    kind: (path) => Object.hasOwn(contents, path) ? 'file' : below(path).length > 0 ? 'folder' : 'absent',
    read(path, limitBytes) {
      const content = contents[path];
      if (content === undefined) throw failure(below(path).length > 0 ? 'EISDIR' : 'ENOENT');
      const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
      if (bytes.length > limitBytes) throw failure('EFBIG');
      return bytes;
    },
    list: (path) => [...new Set(below(path))],
    executable: (path) => executable.includes(path),
    worldWritable: (path) => writable.includes(path),
  };
}

export function load(text: string, options: Partial<LoadOptions> & { files?: Record<string, string | Uint8Array> } = {}): Promise<Inventory> {
  const { files, ...rest } = options;
  return loadInventory(filesOf({ '/w/hosts.yaml': text, ...files }), { sources: ['hosts.yaml'], cwd: '/w', extraVars: [], ...rest });
}

export async function settings(text: string, options: Partial<SettingsOptions> = {}, how: Parameters<typeof load>[1] = {}): Promise<Settings> {
  return settingsFrom(await load(text, how), { localNames: [], home: '/home/op', ...options });
}

/** The refusal's first line and its way out. */
export async function refusal(work: Promise<unknown>): Promise<{ what: string; next: string; exit: number }> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof Halt)) throw error;
    return { what: error.text.what, next: error.text.next?.join(' ') ?? '', exit: error.exitCode };
  }
  throw new Error('it was accepted');
}

/** Three ssh managers and one Vault; every test changes one thing. */
export const three = (more = '', vars = '') => `all:
  vars:
    vault_addresses: [https://10.0.0.1:8200]
${vars.split('\n').filter((line) => line !== '').map((line) => `    ${line}`).join('\n')}
  children:
    managers:
      hosts:
        m1: {ansible_host: 10.0.0.1}
        m2: {ansible_host: 10.0.0.2}
        m3: {ansible_host: 10.0.0.3}
${more}`;
