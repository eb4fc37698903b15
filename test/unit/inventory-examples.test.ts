import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { nodeInventoryFiles } from '../../src/adapters/node-inventory-files.ts';
import { readVariables } from '../../src/inventory/known-variables.ts';
import { loadInventory } from '../../src/inventory/load.ts';
import { settingsFrom } from '../../src/inventory/settings.ts';

const folder = join(import.meta.dirname, '../../inventories');
const expected: Readonly<Record<string, { managers: string[]; master: string; addresses: number; cluster: string; shares: [number, number] }>> = {
  'kubernetes-ha.yaml': { managers: ['node1', 'node2', 'node3'], master: 'node1', addresses: 3, cluster: 'production', shares: [5, 3] },
  'kubernetes-pods.yaml': { managers: ['node1', 'node2', 'node3'], master: 'node1', addresses: 0, cluster: 'vault', shares: [3, 2] },
  'single-node.yaml': { managers: ['vault1'], master: 'vault1', addresses: 1, cluster: 'managers', shares: [1, 1] },
  'local.yaml': { managers: ['localhost'], master: 'localhost', addresses: 1, cluster: 'managers', shares: [3, 2] },
  kubespray: { managers: ['node1', 'node2', 'node3'], master: 'node1', addresses: 0, cluster: 'production', shares: [3, 2] },
  'direct-addresses.yaml': { managers: ['keeper-a.example.com', 'keeper-b.example.com', 'keeper-c.example.com'], master: 'keeper-a.example.com', addresses: 3, cluster: 'secrets-eu', shares: [3, 2] },
};

/** A folder is an inventory of kubespray, beside its group_vars. */
const sourceOf = (name: string) => name.includes('.') ? join(folder, name) : join(folder, name, 'inventory.ini');
const textsOf = (path: string): string[] => statSync(path).isDirectory() ? readdirSync(path).flatMap((name) => textsOf(join(path, name))) : [readFileSync(path, 'utf8')];

describe('the examples in inventories/', () => {
  it('are the ones this test knows', () => {
    assert.deepEqual(readdirSync(folder).toSorted(), Object.keys(expected).toSorted());
  });

  for (const [name, want] of Object.entries(expected)) {
    it(`${name} loads without a warning and means what it says`, async () => {
      const inventory = await loadInventory(nodeInventoryFiles, { sources: [sourceOf(name)], cwd: folder, extraVars: [] });
      const settings = await settingsFrom(inventory, { localNames: [], home: '/home/op' });
      assert.deepEqual(inventory.warnings, []);
      assert.deepEqual({
        managers: settings.managers.map((manager) => manager.name), master: settings.master, addresses: settings.vault.addresses.length,
        cluster: settings.clusterName, shares: [settings.shares.count, settings.shares.threshold],
      }, want);
    });

    it(`${name} mentions no variable that vaultctl does not read, not even in a comment`, () => {
      const named = textsOf(join(folder, name)).join('\n').match(/\b(?:vault|ansible)_[a-z0-9_]+(?=[:=])/g) ?? [];
      assert.deepEqual(named.filter((variable) => !readVariables.has(variable)), []);
    });
  }
});
