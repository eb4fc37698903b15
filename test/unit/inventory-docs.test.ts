import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Vault } from 'ansible-vault';
import { checkInventory } from '../../src/inventory/check.ts';
import { readVariables } from '../../src/inventory/known-variables.ts';
import { loadInventory } from '../../src/inventory/load.ts';
import { whyPassedOver } from '../../src/inventory/passed-over.ts';
import { Secret } from '../../src/model/secret.ts';
import { filesOf } from './inventory-world.ts';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/inventory.md'), 'utf8');
/** The page without its examples, whose hosts may have variables of their own. */
const prose = page.replaceAll(/```[^]*?```/g, '');

/** Fenced blocks whose first line names their file: FOLDER/NAME. */
const examples = [...page.matchAll(/```(?:yaml|ini)\n# (\S+)\n([^]*?)```/g)].map(([, path, text]) => ({ path: path!, text: text! }));

describe('docs/inventory.md', () => {
  it('names every variable that vaultctl reads, and none that it does not know', () => {
    const named = new Set(prose.match(/\b(?:vault|ansible)_[a-z0-9_]+\b/g));
    assert.deepEqual([...readVariables].filter((name) => !named.has(name)), []);
    assert.deepEqual([...named].filter((name) => !readVariables.has(name) && whyPassedOver(name) === undefined), []);
  });

  it('points only to what is there', () => {
    for (const [, path] of page.matchAll(/\]\(([^)#]+)\)/g)) statSync(join(root, 'docs', path!));
    assert.match(readFileSync(join(root, 'README.md'), 'utf8'), /docs\/inventory\.md/);
  });

  it('has examples of every folder that it speaks of', () => {
    assert.deepEqual(examples.map(({ path }) => path), ['certificates/hosts.yaml', 'bastion/inventory.ini', 'alpine/hosts.yaml', 'passwords/hosts.yaml']);
    assert.ok(readdirSync(join(root, 'inventories')).includes('kubespray'));
  });

  for (const { path, text } of examples) {
    it(`${path} is taken as it stands, without a warning`, async () => {
      const secret = new Vault({ password: 'vault-pass' }).encryptSync('hidden-word', '').split('\n').map((line) => `      ${line}`).join('\n');
      const whole = text.replace(/ {6}\$ANSIBLE_VAULT;1\.1;AES256\n {6}…\n/, `${secret}\n`);
      const inventory = await loadInventory(filesOf({ [`/w/${path}`]: whole }), { sources: [path], cwd: '/w', extraVars: [], vaultPassword: () => new Secret('vault-pass') });
      const found = await checkInventory(inventory, { localNames: [], home: '/home/op' });
      assert.deepEqual([found.refused, found.warnings, found.ignored], [[], [], []]);
      assert.ok(found.managers.length > 0 && found.settings !== undefined);
    });
  }

  it('what it says of its examples is so', async () => {
    const of = async (path: string) => {
      const { text } = examples.find((each) => each.path === path)!;
      const inventory = await loadInventory(filesOf({ [`/w/${path}`]: text }), { sources: [path], cwd: '/w', extraVars: [] });
      return (await checkInventory(inventory, { localNames: [], home: '/home/op' })).managers.map(({ manager }) => manager!);
    };
    assert.deepEqual((await of('certificates/hosts.yaml')).map(({ name, ssh }) => [name, ssh.needsOpenssh, ssh.knownHostsFiles]), [1, 2, 3].map((n) => [`keeper${n}.example.com`, 'CertificateFile', ['/etc/ssh/company_known_hosts']]));
    assert.deepEqual((await of('bastion/inventory.ini')).map(({ name, ssh }) => [name, ssh.configFile]), [['node1', '/home/ops/cluster/ssh-bastion.conf'], ['node2', '/home/ops/cluster/ssh-bastion.conf']]);
    assert.deepEqual((await of('alpine/hosts.yaml')).map(({ becomeMethod, transport }) => [becomeMethod, transport]), [['doas', 'auto'], ['doas', 'auto'], ['doas', 'openssh']]);
  });
});
