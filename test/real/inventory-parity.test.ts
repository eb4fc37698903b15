import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Vault } from 'ansible-vault';
import { nodeInventoryFiles } from '../../src/adapters/node-inventory-files.ts';
import { hostJson, listJson } from '../../src/inventory/list.ts';
import { loadInventory } from '../../src/inventory/load.ts';
import type { Inventory } from '../../src/inventory/load.ts';
import { jsonText } from '../../src/inventory/value.ts';
import { Secret } from '../../src/model/secret.ts';
import { corpus } from './inventory-corpus.ts';
import type { InventoryCase } from './inventory-corpus.ts';

const password = 'corpus-password';
interface Answer { code: number; out: string; err: string }

/** The interpreter that Debian's ansible-inventory itself runs under. */
function ansiblePython(): string {
  const found = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'ansible-inventory'))
    .flatMap((path) => { try { return [readFileSync(path, 'utf8').split('\n', 1)[0] ?? '']; } catch { return []; } })[0];
  assert.ok(found !== undefined && found.startsWith('#!'), 'ansible-inventory is not installed, and parity cannot be proved without it: apt-get install -y ansible');
  return found.slice(2).trim();
}

function build(root: string, each: InventoryCase): void {
  for (const [path, text] of Object.entries(each.files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    const stored = each.encrypted?.includes(path) ? new Vault({ password }).encryptSync(text, '') : text;
    writeFileSync(join(root, path), stored);
  }
  for (const path of each.executable ?? []) chmodSync(join(root, path), 0o755);
  for (const [path, target] of Object.entries(each.links ?? {})) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    symlinkSync(target, join(root, path));
  }
  if (each.encrypted !== undefined) writeFileSync(join(root, '.password'), `${password}\n`);
}

const sourcesOf = (root: string, each: InventoryCase) => (each.sources ?? ['hosts.yaml']).map((path) => join(root, path));
const cwdOf = (root: string, each: InventoryCase) => join(root, each.cwd ?? '.');

function question(root: string, each: InventoryCase, ask: readonly string[]): { cwd: string; args: string[] } {
  return {
    cwd: cwdOf(root, each),
    args: [
      ...sourcesOf(root, each).flatMap((source) => ['-i', source]), ...(each.extra ?? []).flatMap((text) => ['-e', text]),
      ...(each.encrypted === undefined ? [] : ['--vault-password-file', join(root, '.password')]), ...ask,
    ],
  };
}

function read(root: string, each: InventoryCase): Promise<Inventory> {
  return loadInventory(nodeInventoryFiles, { sources: sourcesOf(root, each), cwd: cwdOf(root, each), extraVars: each.extra ?? [], vaultPassword: () => new Secret(password) });
}

describe('vaultctl reads an inventory as ansible-inventory does', () => {
  const roots = new Map<InventoryCase, string>();
  const answers = new Map<InventoryCase, { list: Answer; host: Answer }>();
  const home = mkdtempSync(join(tmpdir(), 'vaultctl-inventory-'));
  const firstHosts = new Map<InventoryCase, string>();

  before(async () => {
    const python = ansiblePython();
    const questions: { cwd: string; args: string[] }[] = [];
    for (const [index, each] of corpus.entries()) {
      const root = join(home, String(index));
      roots.set(each, root);
      mkdirSync(root, { recursive: true });
      build(root, each);
      const host = await read(root, each).then((inventory) => inventory.topology.hosts.keys().next().value ?? '', () => 'n1');
      firstHosts.set(each, host);
      questions.push(question(root, each, ['--list']), question(root, each, ['--host', host]));
    }
    const run = spawnSync(python, [join(import.meta.dirname, 'ansible_inventory.py')], {
      input: JSON.stringify(questions), maxBuffer: 64 * 1024 * 1024, encoding: 'utf8', timeout: 300_000,
      env: { PATH: process.env['PATH'], HOME: home, LC_ALL: 'C.UTF-8', ANSIBLE_NOCOLOR: '1', ANSIBLE_LOCAL_TEMP: join(home, 'tmp'), ANSIBLE_HOME: join(home, 'ansible') },
    });
    assert.equal(run.status, 0, run.stderr);
    const all = JSON.parse(run.stdout) as Answer[];
    for (const [index, each] of corpus.entries()) answers.set(each, { list: all[index * 2]!, host: all[index * 2 + 1]! });
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  for (const each of corpus) {
    it(each.name, async () => {
      const { list, host } = answers.get(each)!;
      assert.equal(list.code, 0, `ansible-inventory itself fails on this case: ${list.err}`);
      const inventory = await read(roots.get(each)!, each);
      const expected = JSON.parse(list.out) as { _meta: { profile?: unknown } };
      delete expected._meta.profile;
      assert.deepEqual(JSON.parse(jsonText(listJson(inventory))), expected, list.err);
      assert.equal(host.code, 0, host.err);
      assert.deepEqual(JSON.parse(jsonText(hostJson(inventory, firstHosts.get(each)!))), JSON.parse(host.out));
    });
  }
});
