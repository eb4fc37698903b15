import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { nodeInventoryFiles } from '../../src/adapters/node-inventory-files.ts';
import { readAnsibleConfig } from '../../src/inventory/ansible-config.ts';
import type { AnsibleConfig } from '../../src/inventory/ansible-config.ts';
import { listJson } from '../../src/inventory/list.ts';
import { loadInventory } from '../../src/inventory/load.ts';
import { jsonText } from '../../src/inventory/value.ts';
import { askAnsible, listed } from './ansible-answers.ts';
import type { Answer, Question } from './ansible-answers.ts';

/** `files` below a fresh folder in which `home` is the home and `work` the working folder; in variables of the environment `@` is that folder. */
interface ConfigCase {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Folders that everybody may write into. */
  readonly open?: readonly string[];
  /** `-i`; without it the settings name the inventory. */
  readonly sources?: readonly string[];
}

const hosts = '[a]\nn1 x=1\n';
const connection = `[defaults]
inventory = hosts
private_key_file = keys/id
remote_user = "op user"
remote_port = 2022
host_key_checking = off
timeout = 33 ; a comment
vault_password_file = ~/vault-pass
vault_identity_list = prod@~/prod.txt, "dev@../home/prod.txt"
[ssh_connection]
ssh_args = -o ControlMaster=auto
  # a comment within the value
  -o ControlPersist=30m

  -o ServerAliveInterval=5
ssh_common_args : -o ProxyJump=bastion
ssh_extra_args=-o Port=2023
ssh_executable = /usr/bin/ssh
[privilege_escalation]
become = True
become_method = su
become_user = admin
become_flags = '-l'
become_exe = /bin/su
`;

const passwords = { 'home/vault-pass': 'x\n', 'home/prod.txt': 'y\n', 'work/pass': 'z\n' };

const cases: readonly ConfigCase[] = [
  { name: './ansible.cfg and all its connection settings', files: { 'work/ansible.cfg': connection, 'work/hosts': hosts, ...passwords } },
  {
    name: 'the environment over the file', files: { ...passwords, 'work/ansible.cfg': connection, 'work/hosts': hosts, 'work/other.yaml': 'all: {hosts: {n7: }}\n' },
    env: {
      ANSIBLE_INVENTORY: 'other.yaml,hosts', ANSIBLE_PRIVATE_KEY_FILE: '~/own', ANSIBLE_REMOTE_USER: 'eve', ANSIBLE_REMOTE_PORT: '22', ANSIBLE_HOST_KEY_CHECKING: 'True', ANSIBLE_TIMEOUT: '5',
      ANSIBLE_SSH_ARGS: '-C', ANSIBLE_SSH_COMMON_ARGS: '-J b2', ANSIBLE_SSH_EXTRA_ARGS: '-v', ANSIBLE_BECOME: 'no', ANSIBLE_BECOME_METHOD: 'sudo', ANSIBLE_BECOME_USER: 'root', ANSIBLE_BECOME_FLAGS: '-H',
      ANSIBLE_BECOME_EXE: 'sudo', ANSIBLE_VAULT_PASSWORD_FILE: 'pass', ANSIBLE_SSH_EXECUTABLE: 'ssh2',
    },
  },
  { name: 'later places of one setting over earlier ones', files: { 'work/ansible.cfg': '[defaults]\ninventory=hosts\nhost_key_checking=True\ntimeout=1\n[ssh_connection]\nhost_key_checking=False\ntimeout=2\n[privilege_escalation]\nbecome_user=a\n[sudo_become_plugin]\nuser=b\nflags=-n\n[su_become_plugin]\nuser=c\npassword=p\n', 'work/hosts': hosts }, env: { ANSIBLE_SUDO_FLAGS: '-X' } },
  { name: '$ANSIBLE_CONFIG, and paths from its own folder', files: { 'etc/x.cfg': '[defaults]\ninventory = ../work/hosts, $FOLDER/more\nprivate_key_file = ${FOLDER}/id\n', 'work/hosts': hosts, 'etc/more': '[b]\nn2\n', 'work/ansible.cfg': '[defaults]\ninventory=nowhere\n' }, env: { ANSIBLE_CONFIG: '@/etc/x.cfg', FOLDER: '@/etc' } },
  { name: '$ANSIBLE_CONFIG as a folder', files: { 'etc/ansible.cfg': '[defaults]\ninventory = {{CWD}}/hosts\n', 'work/hosts': hosts }, env: { ANSIBLE_CONFIG: '../etc' } },
  { name: '$ANSIBLE_CONFIG that does not exist', files: { 'work/ansible.cfg': '[defaults]\ninventory=hosts\n', 'work/hosts': hosts }, env: { ANSIBLE_CONFIG: '@/none.cfg' } },
  { name: '~/.ansible.cfg', files: { 'home/.ansible.cfg': '[defaults]\ninventory=~/inv\nremote_user=home\n', 'home/inv': hosts, 'work/x': '' } },
  { name: 'a working folder that everybody may write into', files: { 'home/.ansible.cfg': '[defaults]\ninventory=inv\nremote_user=home\n', 'home/inv': hosts, 'work/ansible.cfg': '[defaults]\nremote_user=evil\n' }, open: ['work'] },
  { name: 'what ConfigParser takes', files: { 'work/ansible.cfg': '# c\n; d\n[DEFAULT]\nremote_user = fallback\nTIMEOUT=7\n[defaults] trailing\n  Inventory:hosts ;c\nREMOTE_PORT = 23;4\n[ssh_connection]\n\n[empty]\n'.replace('REMOTE_PORT = 23;4\n', 'private_key_file = a;b\n'), 'work/hosts': hosts } },
  { name: 'CRLF', files: { 'work/ansible.cfg': '[defaults]\r\ninventory=hosts\r\nremote_user=x\r\n', 'work/hosts': hosts } },
  { name: 'group_vars beside an inventory that the settings name', files: { 'work/ansible.cfg': '[defaults]\ninventory=inv\n', 'work/inv/hosts': hosts, 'work/inv/group_vars/a': 'y: 2\n' } },
  {
    name: 'names that a folder passes over, by ending and by pattern', sources: ['inv'],
    files: {
      'work/ansible.cfg': '[defaults]\ninventory_ignore_extensions = ~, .orig, .creds, .gpg\n[inventory]\nignore_patterns = artifacts, ^cred\n', 'work/inv/hosts.ini': hosts, 'work/inv/x.creds': 'n2\n', 'work/inv/artifacts/y': 'n3\n',
      'work/inv/credentials': 'n4\n', 'work/inv/notes.md': 'n5\n', 'work/inv/my-cred': 'n6\n', 'work/inv/old~': 'n7\n',
    },
  },
  { name: 'the settings\' inventory gives way to -i', sources: ['hosts'], files: { 'work/ansible.cfg': '[defaults]\ninventory=nowhere\n', 'work/hosts': hosts } },
  { name: 'kubespray\'s ansible.cfg', sources: ['inv/hosts.yaml'], files: { 'work/inv/hosts.yaml': 'all: {hosts: {n1: }}\n', 'work/ansible.cfg': '[ssh_connection]\npipelining=True\nssh_args = -o ControlMaster=auto -o ControlPersist=30m -o ConnectionAttempts=100 -o UserKnownHostsFile=/dev/null\n#control_path = ~/.ssh/ansible-%%r@%%h:%%p\n[defaults]\n# https://github.com/ansible/ansible/issues/56930 (to ignore group names with - and .)\nforce_valid_group_names = ignore\n\nhost_key_checking=False\ngathering = smart\nfact_caching = jsonfile\ntimeout = 300\nstdout_callback = default\nlibrary = ./library\nroles_path = roles:$VIRTUAL_ENV/usr/local/share/kubespray/roles\ninventory_ignore_extensions = ~, .orig, .bak, .ini, .cfg, .retry, .pyc, .pyo, .creds, .gpg\n[inventory]\nignore_patterns = artifacts, credentials\n' } },
];

/** The plug-in that answers for each of our variables, and its name there. */
const answersFor: Readonly<Record<string, readonly [plugin: string, option: string]>> = {
  ansible_user: ['ssh', 'remote_user'], ansible_port: ['ssh', 'port'], ansible_host_key_checking: ['ssh', 'host_key_checking'], ansible_timeout: ['ssh', 'timeout'],
  ansible_ssh_args: ['ssh', 'ssh_args'], ansible_ssh_common_args: ['ssh', 'ssh_common_args'], ansible_ssh_extra_args: ['ssh', 'ssh_extra_args'], ansible_ssh_executable: ['ssh', 'ssh_executable'],
  ansible_private_key_file: ['base', 'DEFAULT_PRIVATE_KEY_FILE'], ansible_become: ['base', 'DEFAULT_BECOME'], ansible_become_method: ['base', 'DEFAULT_BECOME_METHOD'],
};
const becomeOptions = ['user', 'exe', 'flags'];

type Row = { readonly name?: string; readonly value?: unknown; readonly origin?: string };

/** Every setting that is not Ansible's default: plug-in → option → value. */
function said({ out, err }: Answer): Map<string, Map<string, unknown>> {
  const found = new Map<string, Map<string, unknown>>();
  const add = (plugin: string, rows: readonly Row[]) => found.set(plugin, new Map(rows.filter(({ origin }) => origin !== 'default').map(({ name, value }) => [name!, value])));
  assert.ok(out.startsWith('['), err);
  const rows = JSON.parse(out) as (Row & { CONNECTION_PLUGINS?: object[]; BECOME_PLUGINS?: object[] })[];
  add('base', rows.filter(({ name }) => name !== undefined));
  for (const each of rows.flatMap((row) => [...row.CONNECTION_PLUGINS ?? [], ...row.BECOME_PLUGINS ?? []])) {
    for (const [plugin, options] of Object.entries(each)) add(plugin, options as Row[]);
  }
  return found;
}

/** What vaultctl would read for a variable that no host sets: the stronger layer first, of several names the last. */
function ours(config: AnsibleConfig, ...names: string[]): unknown {
  for (const layer of config.defaults) for (const name of names.toReversed()) if (layer.has(name)) return layer.get(name)!.value;
  return undefined;
}

const flat = (value: unknown) => typeof value === 'string' ? value.replaceAll(/\s*\n\s*/g, ' ') : value;

describe('Ansible\'s own settings are found and read as Ansible does', () => {
  const home = mkdtempSync(join(tmpdir(), 'vaultctl-config-'));
  const answers = new Map<ConfigCase, { list: Answer; dump: Answer }>();
  const at = (index: number) => join(home, String(index));
  const worldOf = (each: ConfigCase, index: number) => {
    const env: Record<string, string> = { HOME: join(at(index), 'home'), ...Object.fromEntries(Object.entries(each.env ?? {}).map(([name, value]) => [name, value.replaceAll('@', at(index))])) };
    return { cwd: join(at(index), 'work'), home: env['HOME']!, env: (name: string) => env[name], all: env };
  };
  after(() => rmSync(home, { recursive: true, force: true }));

  before(() => {
    const questions = cases.flatMap((each, index): Question[] => {
      for (const folder of ['home', 'work']) mkdirSync(join(at(index), folder), { recursive: true });
      for (const [path, text] of Object.entries(each.files)) {
        mkdirSync(dirname(join(at(index), path)), { recursive: true });
        writeFileSync(join(at(index), path), text);
      }
      for (const folder of each.open ?? []) chmodSync(join(at(index), folder), 0o777);
      const { cwd, all: env } = worldOf(each, index);
      return [{ cwd, env, args: [...(each.sources ?? []).flatMap((source) => ['-i', source]), '--list'] }, { cwd, env, program: 'config', args: ['dump', '-t', 'all', '--format', 'json'] }];
    });
    const all = askAnsible(home, questions);
    for (const [index, each] of cases.entries()) answers.set(each, { list: all[index * 2]!, dump: all[index * 2 + 1]! });
  });

  for (const [index, each] of cases.entries()) {
    it(each.name, async () => {
      const { list, dump } = answers.get(each)!;
      const world = worldOf(each, index);
      const config = readAnsibleConfig(nodeInventoryFiles, world);
      const theirs = said(dump);
      for (const [variable, [plugin, option]] of Object.entries(answersFor)) {
        assert.deepEqual(flat(ours(config, variable)), flat(theirs.get(plugin)!.get(option)), variable);
      }
      for (const method of ['sudo', 'su']) {
        for (const option of becomeOptions) assert.deepEqual(ours(config, `ansible_become_${option}`, `ansible_${method}_${option}`), theirs.get(method)!.get(`become_${option}`), `${method} ${option}`);
        assert.deepEqual(ours(config, 'ansible_become_password', `ansible_${method}_pass`), theirs.get(method)!.get('become_pass'), method);
      }
      const base = theirs.get('base')!;
      assert.equal(config.vaultPasswordFile, base.get('DEFAULT_VAULT_PASSWORD_FILE'));
      assert.deepEqual(config.vaultIdentityList, base.get('DEFAULT_VAULT_IDENTITY_LIST') ?? []);
      assert.deepEqual(config.inventory?.sources, base.get('DEFAULT_HOST_LIST'));
      const inventory = await loadInventory(nodeInventoryFiles, { sources: each.sources ?? config.inventory!.sources, cwd: world.cwd, extraVars: [], config });
      assert.deepEqual(JSON.parse(jsonText(listJson(inventory))), listed(list), list.err);
      assert.ok(inventory.topology.hosts.size > 0);
    });
  }

  it('and the program itself, started there, prints the same', () => {
    for (const name of ['the environment over the file', '~/.ansible.cfg', 'kubespray\'s ansible.cfg']) {
      const index = cases.findIndex((each) => each.name === name);
      const { cwd, all: env } = worldOf(cases[index]!, index);
      const sources = (cases[index]!.sources ?? []).flatMap((source) => ['-i', source]);
      const run = spawnSync(process.execPath, [join(import.meta.dirname, '../../bin/vaultctl.js'), 'inventory', '--list', ...sources], { cwd, env: { PATH: process.env['PATH'], ...env }, encoding: 'utf8' });
      assert.equal(run.status, 0, run.stderr);
      assert.deepEqual(JSON.parse(run.stdout), listed(answers.get(cases[index]!)!.list), name);
    }
  });
});
