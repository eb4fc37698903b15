import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Vault } from 'ansible-vault';
import { noAnsibleConfig } from '../../src/inventory/ansible-config.ts';
import { checkInventory } from '../../src/inventory/check.ts';
import { inventoryCheck } from '../../src/commands/inventory-check.ts';
import type { Machine } from '../../src/commands/context.ts';
import { Secret } from '../../src/model/secret.ts';
import type { Reach } from '../../src/ports/hosts.ts';
import { filesOf, load, three } from './inventory-world.ts';

const here = { localNames: [], home: '/home/op' };
const check = async (text: string, how: Parameters<typeof load>[1] = {}) => checkInventory(await load(text, how), here);

const ssh: Reach = { is: 'ssh', user: 'op', hostname: '10.0.0.1', port: 22, strict: 'yes', through: undefined, transport: 'ssh2', why: undefined, fixed: false };

async function run(text: string, { json = false, verbose = false, reach = async () => ssh }: { json?: boolean; verbose?: boolean; reach?: Machine['reach'] } = {}) {
  let out = '';
  const warnings: string[] = [];
  const machine: Machine = {
    files: filesOf({ '/w/hosts.yaml': text }), cwd: '/w', clock: { now: () => 0, sleep: async () => undefined, random: () => 'ab' }, env: () => undefined, localNames: () => [],
    readInput: async () => new Uint8Array(), holder: () => ({ holder: 'ada', host: 'desk', pid: 1 }), out: (said) => { out += said; }, err: () => undefined,
    ...(reach === undefined ? {} : { reach }),
    operator: () => ({
      tell: (event) => { if (event.is === 'warning') warnings.push(event.text); }, confirm: async () => false, askSecret: async () => undefined, stopRequested: () => undefined, showKeys: async () => false, end: () => undefined,
    }),
    open: async () => { throw new Error('the world was opened'); },
  };
  return { code: await inventoryCheck(machine, { inventory: ['/w/hosts.yaml'], json, verbose }), out, warnings };
}

describe('what vaultctl makes of an inventory', () => {
  it('a variable is named once where it is said, with all hosts that have it from there', async () => {
    const { used } = await check(three('', 'ansible_user: op').replace('{ansible_host: 10.0.0.3}', '{ansible_host: 10.0.0.3, ansible_user: other}'));
    assert.deepEqual(used.filter(({ name }) => name === 'ansible_user'), [
      { name: 'ansible_user', place: '/w/hosts.yaml:4', value: '"op"', hosts: ['m1', 'm2'] },
      { name: 'ansible_user', place: '/w/hosts.yaml:10', value: '"other"', hosts: ['m3'] },
    ]);
  });

  it('what Ansible alone needs is ignored with the reason, a misspelt name with what it may mean, the rest is the operator\'s own', async () => {
    const { ignored, others, warnings } = await check(three('', 'ansible_python_interpreter: python3\nansible_pipelining: yes\nvault_cred_host_path: /x\nkube_version: v1\nansible_ssh_retries: 3'));
    assert.deepEqual(ignored.map(({ name, why }) => [name, why]), [
      ['ansible_pipelining', 'scripts always come on standard input'], ['ansible_python_interpreter', 'nothing on a manager is run by Python'],
      ['ansible_ssh_retries', 'vaultctl tries again by itself, where that is safe'], ['vault_cred_host_path', 'is no variable of vaultctl; did you mean vault_creds_host_path?'],
    ]);
    assert.deepEqual([others, warnings], [['kube_version'], []]);
  });

  it('a name that another one takes the place of is not used', async () => {
    const { used, ignored } = await check(three('', 'ansible_user: a\nansible_ssh_user: b\nansible_become: yes\nansible_su_user: c'));
    assert.deepEqual([used, ignored].map((list) => list.map(({ name }) => name).filter((name) => name.includes('user'))), [['ansible_ssh_user'], ['ansible_su_user', 'ansible_user']]);
    assert.deepEqual(ignored.map(({ why }) => why), ['another name or setting counts instead', 'another name or setting counts instead']);
  });

  it('everything that is wrong is told at once, and the good managers beside it', async () => {
    const { refused, managers, settings } = await check(three('', 'vault_key_threshold: 9').replace('10.0.0.1}', '10.0.0.1, ansible_port: x}').replace('10.0.0.2}', '10.0.0.2, ansible_become: yes, ansible_become_method: runas}'));
    assert.deepEqual(refused.map(({ what }) => what.replace(/^\S+ /, '').slice(0, 30)), ['ansible_port must be a whole n', 'ansible_become_method "runas" ']);
    assert.deepEqual(managers.map(({ name, manager }) => [name, manager?.address]), [['m1', undefined], ['m2', undefined], ['m3', '10.0.0.3']]);
    assert.equal(settings, undefined);
    assert.match((await check(three('', 'vault_key_threshold: 9'))).refused[0]?.what ?? '', /threshold 9 is above/);
    assert.match((await check('all: {hosts: {a: }}\n')).refused[0]?.what ?? '', /no managers/);
  });

  it('no secret is shown, however it is written', async () => {
    const text = new Vault({ password: 'vault-pass' }).encryptSync('hidden-word-1', '');
    const how = { vaultPassword: () => new Secret('vault-pass') };
    const found = await check(three('', `ansible_become_password: !vault |\n${text.split('\n').map((each) => `  ${each}`).join('\n')}\nansible_password: hidden-word-2\nansible_ssh_common_args: -o ProxyCommand="sshpass -p hidden-word-3 ssh -W %h:%p b"`), how);
    assert.equal(found.managers[0]!.manager?.becomePassword?.reveal(), 'hidden-word-1');
    assert.doesNotMatch(JSON.stringify([found.used, found.ignored, found.others, found.refused]), /hidden-word/);
    await assert.rejects(check(three('', `ansible_password: !vault |\n${text.split('\n').map((each) => `  ${each}`).join('\n')}`)), /no vault password was given/);
  });

  it('ansible.cfg and the environment count where a host says nothing', async () => {
    const layer = (file: string, user: string) => new Map([['ansible_user', { value: user, place: { file } }]]);
    const found = await check(three('', '').replace('10.0.0.2}', '10.0.0.2, ansible_user: own}'), { config: { ...noAnsibleConfig, defaults: [layer('$ANSIBLE_REMOTE_USER', 'env'), layer('/w/ansible.cfg', 'cfg')] } });
    assert.deepEqual(found.used.filter(({ name }) => name === 'ansible_user').map(({ place, hosts }) => [place, hosts]), [['$ANSIBLE_REMOTE_USER', ['m1', 'm3']], ['/w/hosts.yaml:9', ['m2']]]);
    assert.deepEqual(found.managers.map(({ manager }) => manager?.user), ['env', 'own', 'env']);
  });
});

describe('inventory --check', () => {
  it('prints each manager with the way to it, and connects to nobody', async () => {
    const text = three('    web: {hosts: {w1: }}', 'ansible_become: yes\nansible_become_method: doas');
    const { out, code } = await run(text, { reach: async ({ name }) => (name === 'm1' ? ssh : name === 'm2' ? { ...ssh, through: 'ops@bastion', transport: 'openssh', why: 'x-cert.pub is a certificate' } : { is: 'local' }) });
    assert.equal(code, 0);
    assert.match(out, /^Managers: group managers, 3 of 4 hosts; m1 is the master$/m);
    assert.match(out, /^ {2}m1 {2}ssh op@10\.0\.0\.1:22 by ssh2 \(auto\), then doas to root$/m);
    assert.match(out, /^ {2}m2 {2}ssh op@10\.0\.0\.1:22 through ops@bastion by the system's ssh \(auto: x-cert\.pub is a certificate\), then doas to root$/m);
    assert.match(out, /^ {2}m3 {2}this machine, without ssh, then doas to root$/m);
    assert.match(out, /^ {2}files: \/etc\/kubernetes\/vault-unseal\.json; checkpoints /m);
    assert.match(out, /Verdict: vaultctl takes this inventory/);
  });

  it('paths that differ are told by host, and other variables by name with -v', async () => {
    const many = Array.from({ length: 12 }, (_, index) => `own_${String(index).padStart(2, '0')}: 1`).join('\n');
    const text = three('', many).replace('10.0.0.2}', '10.0.0.2, vault_creds_host_path: /keys/main.json}');
    const { out } = await run(text);
    assert.match(out, /files on m1, m3: \/etc/);
    assert.match(out, /files on m2: \/keys\/main\.json/);
    assert.match(out, /12 other variables .*own_07 … \(-v names them all\)/);
    assert.match((await run(text, { verbose: true })).out, /own_11$/m);
  });

  it('refuses with exit 2 and says all of it, in JSON too', async () => {
    const text = three().replace('10.0.0.1}', '10.0.0.1, ansible_port: x}');
    const { out, code } = await run(text);
    assert.equal(code, 2);
    assert.match(out, /m1 {2}✗ see below/);
    assert.match(out, /Cannot be taken\n {2}✗ \/w\/hosts\.yaml:\d+: ansible_port/);
    const json = JSON.parse((await run(text, { json: true })).out) as { takes: boolean; managers: { name: string; port?: number }[]; refused: { what: string }[] };
    assert.deepEqual([json.takes, json.managers.map(({ name, port }) => [name, port]), json.refused.length], [false, [['m1', undefined], ['m2', 22], ['m3', 22]], 1]);
  });

  it('a configuration of ssh that cannot be read is a way that is not there', async () => {
    const { out, code } = await run(three(), { reach: async () => { throw new Error('~/.ssh/config: Bad configuration option: nonsense'); } });
    assert.equal(code, 2);
    assert.match(out, /m1 {2}✗ ~\/\.ssh\/config: Bad configuration/);
    assert.match(out, /Verdict: vaultctl refuses/);
  });
});
