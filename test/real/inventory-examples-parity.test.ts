import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { nodeInventoryFiles } from '../../src/adapters/node-inventory-files.ts';
import { listJson } from '../../src/inventory/list.ts';
import { loadInventory } from '../../src/inventory/load.ts';
import { jsonText } from '../../src/inventory/value.ts';
import { askAnsible, listed } from './ansible-answers.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'vaultctl-examples-'));
after(() => rmSync(folder, { recursive: true }));

describe('the examples of docs/inventory.md and inventories/', () => {
  it('are to Ansible what they are to vaultctl', async () => {
    const written = [...readFileSync(join(root, 'docs/inventory.md'), 'utf8').matchAll(/```(?:yaml|ini)\n# (\S+)\n([^]*?)```/g)].map(([, path, text]) => {
      const file = join(folder, path!);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text!);
      return file;
    });
    const kept = readdirSync(join(root, 'inventories')).map((name) => join(root, 'inventories', name, ...(name.includes('.') ? [] : ['inventory.ini'])));
    const sources = [...written, ...kept];
    const answers = askAnsible(folder, sources.map((source) => ({ cwd: folder, args: ['-i', source, '--list'] })));
    assert.ok(written.length >= 4 && kept.length >= 6);
    for (const [index, source] of sources.entries()) {
      const inventory = await loadInventory(nodeInventoryFiles, { sources: [source], cwd: folder, extraVars: [] });
      assert.deepEqual(JSON.parse(jsonText(listJson(inventory))), listed(answers[index]!), source);
    }
  });
});
