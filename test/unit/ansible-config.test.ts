import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inventorySources } from '../../src/commands/settings.ts';
import { readAnsibleConfig } from '../../src/inventory/ansible-config.ts';
import { loadInventory } from '../../src/inventory/load.ts';
import { settingsFrom } from '../../src/inventory/settings.ts';
import { filesOf, refusal, three } from './inventory-world.ts';

type Env = Readonly<Record<string, string>>;
const worldOf = (env: Env = {}) => ({ cwd: '/w', home: '/home/op', env: (name: string) => env[name] });
const config = (text: string, env: Env = {}, files: Record<string, string> = {}) => readAnsibleConfig(filesOf({ '/w/ansible.cfg': text, ...files }), worldOf(env));

async function managers(inventory: string, cfg: string, env: Env = {}) {
  const files = filesOf({ '/w/hosts.yaml': inventory });
  const loaded = await loadInventory(files, { sources: ['hosts.yaml'], cwd: '/w', extraVars: [], config: config(cfg, env) });
  return (await settingsFrom(loaded, { localNames: [], home: '/home/op' })).managers;
}

/** ansible.cfg, environment, words of the refusal. */
const broken: readonly (readonly [string, string, Env, RegExp])[] = [
  ['a setting before the first section', 'timeout=1\n', {}, /^\/w\/ansible\.cfg:1: a setting stands before the first section/],
  ['a section that begins twice', '[defaults]\n[defaults]\n', {}, /^\/w\/ansible\.cfg:2: section \[defaults\] begins a second time/],
  ['a setting given twice', '[defaults]\ntimeout=1\nTimeout=2\n', {}, /^\/w\/ansible\.cfg:3: timeout stands twice/],
  ['a line that is no setting', '[defaults]\ntimeout\n', {}, /^\/w\/ansible\.cfg:2: this is no setting/],
  ['hash_behaviour = merge', '[defaults]\n\nhash_behaviour = merge\n', {}, /^\/w\/ansible\.cfg:3: hash_behaviour = merge is not supported/],
  ['hash_behaviour of the environment', '[defaults]\nhash_behaviour = replace\n', { ANSIBLE_HASH_BEHAVIOUR: 'merge' }, /^\$ANSIBLE_HASH_BEHAVIOUR: hash_behaviour = merge/],
  ['names of groups that are changed', '[defaults]\nforce_valid_group_names = always\n', {}, /:2: force_valid_group_names = always is not supported/],
  ['another precedence', '[defaults]\nprecedence = groups_inventory, all_inventory\n', {}, /:2: precedence = .* is not supported/],
  ['other endings of YAML', '[defaults]\nyaml_valid_extensions = .yml\n', {}, /:2: yaml_valid_extensions/],
  ['plug-ins for variables', '[defaults]\nvars_plugins_enabled = host_group_vars,community.sops.sops\n', {}, /:2: vars_plugins_enabled .* runs no plug-ins/],
  ['a port that is no number', '[defaults]\nremote_port = ssh\n', {}, /:2: remote_port must be a whole number, not "ssh"/],
  ['a flag that is none: Ansible would switch the check of host keys off', '[defaults]\nhost_key_checking = ture\n', {}, /:2: host_key_checking must be true or false, not "ture"/],
  ['an empty path among the inventories', '[defaults]\ninventory = hosts,\n', {}, /:2: an empty path/],
  ['the home of somebody else', '[defaults]\nprivate_key_file = ~bob/id\n', {}, /:2: ~bob\/id: the home of another user/],
  ['a pattern that is none', '[inventory]\nignore_patterns = [\n', {}, /:2: inventory_ignore_patterns: "\[" is no regular expression/],
  ['a configuration of another ending', '', { ANSIBLE_CONFIG: '/w/ansible.yaml' }, /^\/w\/ansible\.yaml: a configuration of Ansible ends in/],
];

describe('ansible.cfg', () => {
  for (const [name, text, env, words] of broken) {
    it(`with ${name} is refused: exit 2 with its place and fix`, async () => {
      const { what, next, exit } = await refusal(Promise.resolve().then(() => config(text, env, { '/w/ansible.yaml': '' })));
      assert.equal(exit, 2);
      assert.match(what, words);
      assert.notEqual(next, '');
    });
  }

  it('that is too large, or no UTF-8, is refused', async () => {
    assert.match((await refusal(Promise.resolve().then(() => config('#'.repeat(2 << 20))))).what, /larger than 1 MiB/);
    assert.match((await refusal(Promise.resolve().then(() => readAnsibleConfig(filesOf({ '/w/ansible.cfg': Uint8Array.of(0xff) }), worldOf())))).what, /not UTF-8/);
  });

  it('whose working folder everybody may write into is passed over, and that is said', () => {
    const found = readAnsibleConfig(filesOf({ '/w/ansible.cfg': '[defaults]\nremote_user=evil\n', '/home/op/.ansible.cfg': '[defaults]\nremote_user=op\n' }, [], ['/w']), worldOf());
    assert.equal(found.file, '/home/op/.ansible.cfg');
    assert.match(found.warnings.join(), /^\/w\/ansible\.cfg is not read/);
    assert.equal(readAnsibleConfig(filesOf({ '/w/ansible.cfg': '[defaults]\n' }, [], ['/w']), worldOf({ ANSIBLE_CONFIG: '/w/ansible.cfg' })).warnings.length, 0);
  });

  it('that asks for passwords is told what to do instead', () => {
    assert.match(config('[privilege_escalation]\nbecome_ask_pass = True\n').warnings.join(), /^\/w\/ansible\.cfg:2: become_ask_pass is not used by vaultctl; .*ansible_become_password/);
    assert.deepEqual(config('[privilege_escalation]\nbecome_ask_pass = False\n[defaults]\nask_pass=no\n').warnings, []);
  });

  it('nowhere is nothing, also to the settings', async () => {
    assert.equal(readAnsibleConfig(filesOf({}), worldOf()).file, undefined);
    const [m1] = await managers(three(), '');
    assert.deepEqual([m1!.user, m1!.port, m1!.become, m1!.connectTimeoutMs], [undefined, undefined, false, 10_000]);
  });

  it('stands in where a host says nothing: a variable is stronger than the environment, and that than the file', async () => {
    const cfg = '[defaults]\nremote_user=file\nremote_port=1\ntimeout=7\nprivate_key_file=id\n[privilege_escalation]\nbecome=yes\nbecome_user=admin\n[ssh_connection]\nssh_common_args=-o StrictHostKeyChecking=accept-new\n';
    const [m1, m2] = await managers(three('', '').replace('m1: {', 'm1: {ansible_user: own, ansible_become: false, '), cfg, { ANSIBLE_REMOTE_PORT: '2' });
    assert.deepEqual([m1!.user, m1!.port, m1!.become, m1!.becomeUser], ['own', 2, false, 'admin']);
    assert.deepEqual([m2!.user, m2!.port, m2!.become, m2!.connectTimeoutMs, m2!.privateKeyFile, m2!.ssh.strictHostKeyChecking], ['file', 2, true, 7000, '/w/id', 'accept-new']);
  });

  it('is named where what it says is wrong', async () => {
    const { what } = await refusal(managers(three(), '[defaults]\n\nremote_port = 70000\n'));
    assert.match(what, /^\/w\/ansible\.cfg:3: /);
  });
});

describe('the inventory of a command', () => {
  const chosen = (flags: readonly string[], env: Env, files: Record<string, string>) => {
    const machine = { files: filesOf(files), cwd: '/w', env: (name: string) => env[name] } as unknown as Parameters<typeof inventorySources>[0];
    return inventorySources(machine, { inventory: [...flags] }, readAnsibleConfig(machine.files, worldOf(env)), worldOf(env));
  };
  const cfg = { '/w/ansible.cfg': '[defaults]\ninventory=inv\n' };

  it('is that of -i, of $VAULTCTL_INVENTORY, of $ANSIBLE_INVENTORY, of ansible.cfg, of the usual places, of Ansible\'s place, in this order', () => {
    const all = { VAULTCTL_INVENTORY: 'v', ANSIBLE_INVENTORY: 'a,b' };
    assert.deepEqual(chosen(['one', '~/two', 'h1,h2,'], all, cfg).sources, ['/w/one', '/home/op/two', 'h1,h2,']);
    assert.deepEqual(chosen([], all, cfg).sources, ['v']);
    assert.deepEqual(chosen([], { ANSIBLE_INVENTORY: 'a,b' }, cfg).sources, ['/w/a', '/w/b']);
    assert.deepEqual(chosen([], {}, cfg).sources, ['/w/inv']);
    assert.deepEqual(chosen([], {}, { '/w/hosts.yaml': '', '/etc/ansible/hosts': '' }).sources, ['./hosts.yaml']);
    assert.deepEqual(chosen([], {}, { '/etc/ansible/hosts': '' }).sources, ['/etc/ansible/hosts']);
    assert.throws(() => chosen([], {}, {}), /no inventory/);
  });

  it('that ansible.cfg names in place of a usual one is said', () => {
    assert.match(chosen([], {}, { ...cfg, '/w/hosts.yaml': '' }).warning ?? '', /^\.\/hosts\.yaml is not read: \/w\/ansible\.cfg:2 names \/w\/inv; -i says otherwise$/);
    assert.equal(chosen([], {}, { '/w/ansible.cfg': '[defaults]\ninventory=./hosts.yaml\n', '/w/hosts.yaml': '' }).warning, undefined);
  });
});
