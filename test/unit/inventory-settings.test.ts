import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, it } from 'node:test';
import { Vault } from 'ansible-vault';
import { settingsFrom } from '../../src/inventory/settings.ts';
import { Secret } from '../../src/model/secret.ts';
import { plainSsh } from '../../src/model/settings.ts';
import { load, refusal, settings, three } from './inventory-world.ts';

const line = (text: string, words: string) => text.split('\n').findIndex((each) => each.includes(words)) + 1;

describe('settings from an inventory', () => {
  it('the defaults are those of the contract', async () => {
    const found = await settings(three());
    assert.deepEqual(found.managers.map((manager) => [manager.name, manager.connection, manager.address, manager.port]), [
      ['m1', 'ssh', '10.0.0.1', undefined], ['m2', 'ssh', '10.0.0.2', undefined], ['m3', 'ssh', '10.0.0.3', undefined]]);
    assert.deepEqual(found.managers[0]!.paths, {
      main: '/etc/kubernetes/vault-unseal.json', installCheckpoint: '/etc/kubernetes/vault-creds-init.json.tmp', rotateCheckpoint: '/etc/kubernetes/vault-creds-rotate.json.tmp',
      previous: '/etc/kubernetes/vault-unseal.previous.json', about: '/etc/kubernetes/vault-unseal.about.json', lock: '/etc/kubernetes/.vaultctl.lock',
      snapshots: '/var/lib/vaultctl', journal: '/var/lib/vaultctl/journal.ndjson',
    });
    assert.deepEqual({ ...found, managers: 0 }, {
      clusterName: 'managers', inventory: '/w/hosts.yaml', managers: 0, master: 'm1', limited: false, keepPrevious: 1,
      vault: { addresses: ['https://10.0.0.1:8200'], ca: undefined, caFile: undefined, serverName: undefined, namespace: undefined },
      kubernetes: undefined, deployment: { helm: undefined, pre: [], post: [] }, configuration: { engines: [], policies: [], auth: undefined, roles: [] },
      shares: { count: 3, threshold: 2, given: false }, timeoutMs: 120_000, allowMissing: [], allowMissingNodes: [],
    });
    const { becomeUser, become, connectTimeoutMs, ssh } = found.managers[0]!;
    assert.deepEqual({ becomeUser, become, connectTimeoutMs }, { becomeUser: 'root', become: false, connectTimeoutMs: 10_000 });
    assert.deepEqual(ssh, plainSsh);
  });

  it('each manager may have its own paths', async () => {
    const found = await settings(three('', 'vault_creds_host_path: "/world/{{ inventory_hostname }}/main.json"\nvault_snapshot_dir: "/world/{{ inventory_hostname }}/snap/"\nvault_journal_path: "/var/log/j"'));
    assert.deepEqual(found.managers.map((manager) => manager.paths.previous), ['/world/m1/main.previous.json', '/world/m2/main.previous.json', '/world/m3/main.previous.json']);
    assert.equal(found.managers[1]!.paths.snapshots, '/world/m2/snap');
    assert.equal(found.managers[1]!.paths.journal, '/var/log/j');
  });

  it('connection variables and their old names', async () => {
    const { managers } = await settings(`managers:
  vars: {vault_addresses: "https://a:8200, https://b:8200"}
  hosts:
    new: {ansible_host: h1, ansible_port: 2222, ansible_user: op, ansible_ssh_private_key_file: ~/.ssh/k, ansible_become: yes, ansible_become_password: pw-pw-pw-1, ansible_become_user: vault, ansible_timeout: 4}
    old: {ansible_ssh_host: h2, ansible_ssh_port: "23", ansible_ssh_user: op2, ansible_private_key_file: /k, ansible_become: "true", ansible_sudo_pass: pw-pw-pw-2, ansible_ssh_pass: pw-pw-pw-3, ansible_become_method: ansible.builtin.sudo}
    here: {ansible_connection: local}
`);
    const [a, b, c] = managers;
    assert.deepEqual([a!.address, a!.port, a!.user, a!.privateKeyFile, a!.become, a!.becomeUser, a!.connectTimeoutMs], ['h1', 2222, 'op', '/home/op/.ssh/k', true, 'vault', 4000]);
    assert.equal(a!.becomePassword?.reveal(), 'pw-pw-pw-1');
    assert.deepEqual([b!.address, b!.port, b!.user, b!.privateKeyFile, b!.become], ['h2', 23, 'op2', '/k', true]);
    assert.equal(b!.becomePassword?.reveal(), 'pw-pw-pw-2');
    assert.equal(b!.password?.reveal(), 'pw-pw-pw-3');
    assert.equal(c!.connection, 'local');
    assert.doesNotMatch(inspect(managers, { depth: 9 }), /pw-pw/);
  });

  it('of two names for one setting Ansible takes the later of its own list, whatever the layer', async () => {
    const { managers } = await settings(three('', 'ansible_ssh_host: from-group\nansible_user: u1\nansible_ssh_user: u2\nansible_port: 1\nansible_ssh_port: ""').replace('{ansible_host: 10.0.0.2}', '{ansible_host: 10.0.0.2, ansible_ssh_host: ~}')
      .replace('{ansible_host: 10.0.0.1}', '{ansible_host: 10.0.0.1, ansible_port: 9}').replace('{ansible_host: 10.0.0.3}', '{ansible_ssh_host: own}'));
    assert.deepEqual(managers.map(({ address, user, port }) => [address, user, port]), [['from-group', 'u2', 9], ['10.0.0.2', 'u2', 1], ['own', 'u2', 1]]);
  });

  it('ssh arguments are understood, the first of two values counts', async () => {
    const { managers } = await settings(three('', `ansible_ssh_common_args: >-
  -o ProxyCommand="ssh -W %h:%p -q jump" -J ops@bastion:2222,second -o 'StrictHostKeyChecking no' -oUserKnownHostsFile=~/.ssh/kh
  -o ControlMaster=auto -o ControlPersist=60s -C -i ~/.ssh/a -o IdentityFile=/b -o IdentitiesOnly=yes -p 2200 -o Port=1 -o HostKeyAlias=alias -o User=who -o ConnectTimeout=3
ansible_ssh_extra_args: -o StrictHostKeyChecking=yes`));
    const { ssh, port, user, connectTimeoutMs } = managers[0]!;
    assert.deepEqual(ssh, {
      proxyJump: 'ops@bastion:2222,second', proxyCommand: 'ssh -W %h:%p -q jump', knownHostsFiles: ['/home/op/.ssh/kh'], identityFiles: ['/home/op/.ssh/a', '/b'],
      identitiesOnly: true, hostKeyAlias: 'alias', strictHostKeyChecking: 'no', configFile: undefined, words: ['-C'], needsOpenssh: undefined, executable: undefined,
    });
    assert.deepEqual([port, user, connectTimeoutMs], [2200, 'who', 3000]);
  });

  it('what the system\'s ssh alone understands is kept for it, word by word', async () => {
    const { managers: [one] } = await settings(three('', `ansible_ssh_args: -C -o ControlMaster=auto -o ControlPersist=60s -4 -F ~/.ssh/bastion.conf
ansible_ssh_common_args: "-o CertificateFile=~/.ssh/op-cert.pub -oKexAlgorithms=sntrup761x25519-sha512@openssh.com -K -o PreferredAuthentications=publickey -b 10.0.0.9"
ansible_ssh_executable: /opt/ssh/bin/ssh`));
    assert.deepEqual(one!.ssh, {
      ...plainSsh, configFile: '/home/op/.ssh/bastion.conf', needsOpenssh: 'CertificateFile', executable: '/opt/ssh/bin/ssh',
      words: ['-C', '-4', '-o', 'CertificateFile="/home/op/.ssh/op-cert.pub"', '-o', 'KexAlgorithms=sntrup761x25519-sha512@openssh.com', '-o', 'GSSAPIAuthentication=yes', '-o', 'PreferredAuthentications=publickey', '-o', 'BindAddress=10.0.0.9'],
    });
  });

  it('the transport is auto unless the inventory names one; paramiko is the one that is no program', async () => {
    const of = async (said: string) => (await settings(three('', said))).managers[0]!.transport;
    assert.deepEqual(await Promise.all(['x: 1', 'vault_transport: openssh', 'vault_transport: ssh2', 'ansible_connection: paramiko', 'ansible_connection: ansible.builtin.paramiko_ssh\nvault_transport: auto', 'ansible_connection: ansible.builtin.ssh'].map(of)),
      ['auto', 'openssh', 'ssh2', 'ssh2', 'auto', 'auto']);
    const mixed = await settings(three().replace('{ansible_host: 10.0.0.2}', '{ansible_host: 10.0.0.2, vault_transport: openssh}'));
    assert.deepEqual(mixed.managers.map(({ transport }) => transport), ['auto', 'openssh', 'auto']);
  });

  it('the names of paramiko count where the connection is paramiko, and a token is for the system\'s ssh', async () => {
    const own = "ansible_user: general\nansible_paramiko_user: own\nansible_paramiko_port: 2222\nansible_paramiko_password: pw-pw-pw-5\nansible_paramiko_proxy_command: \"it's a %h\"\nansible_paramiko_host_key_checking: no";
    const of = async (connection: string) => {
      const { address, port, user, password, ssh } = (await settings(three('', `${own}\nansible_connection: ${connection}`).replace('{ansible_host: 10.0.0.1}', '{ansible_host: 10.0.0.1, ansible_paramiko_host: 10.9.9.9}'))).managers[0]!;
      return [address, port, user, password?.reveal(), ssh.proxyCommand, ssh.strictHostKeyChecking];
    };
    assert.deepEqual(await of('paramiko'), ['10.9.9.9', 2222, 'own', 'pw-pw-pw-5', "it's a %h", 'no']);
    assert.deepEqual(await of('ssh'), ['10.0.0.1', undefined, 'general', undefined, undefined, undefined]);
    const { ssh } = (await settings(three('', 'ansible_ssh_pkcs11_provider: /usr/lib/p11.so'))).managers[0]!;
    assert.deepEqual([ssh.words, ssh.needsOpenssh], [['-o', 'PKCS11Provider=/usr/lib/p11.so'], 'PKCS11Provider']);
  });

  it('sudo, doas and su, with program, flags and shell, by their general and their own names', async () => {
    const of = async (said: string) => {
      const { become, becomeMethod, becomeExe, becomeFlags, becomeUser, becomePassword, shell } = (await settings(three('', said))).managers[0]!;
      return [become, becomeMethod, becomeExe, becomeFlags, becomeUser, becomePassword?.reveal(), shell];
    };
    assert.deepEqual(await of('ansible_become: yes\nansible_become_exe: /usr/local/bin/sudo\nansible_become_flags: "-H -S -n -E"\nansible_shell_executable: /bin/dash'), [true, 'sudo', '/usr/local/bin/sudo', ['-H', '-E'], 'root', undefined, '/bin/dash']);
    assert.deepEqual(await of('ansible_become: yes\nansible_become_method: community.general.doas\nansible_doas_user: keeper\nansible_become_user: x\nansible_become_flags: -n'), [true, 'doas', undefined, [], 'keeper', undefined, undefined]);
    assert.deepEqual(await of('ansible_become: yes\nansible_become_method: su\nansible_su_pass: pw-pw-pw-4\nansible_su_flags: "-"\nansible_su_exe: /bin/su\nansible_sudo_user: other'), [true, 'su', '/bin/su', ['-'], 'root', 'pw-pw-pw-4', undefined]);
    assert.deepEqual(await of('ansible_become_method: pbrun'), [false, 'sudo', undefined, [], 'root', undefined, undefined], 'a method that is not used is not refused');
  });

  it('host keys are checked unless the inventory says otherwise for that host', async () => {
    const { managers } = await settings(three().replace('{ansible_host: 10.0.0.2}', '{ansible_host: 10.0.0.2, ansible_host_key_checking: no}'));
    assert.deepEqual(managers.map((manager) => manager.ssh.strictHostKeyChecking), [undefined, 'no', undefined]);
  });

  it('this machine is recognised by its address, and is the master; another port is another machine', async () => {
    const here = await settings(three(), { localNames: ['box', '10.0.0.2'] });
    assert.deepEqual([here.master, here.managers.map((manager) => manager.connection)], ['m2', ['ssh', 'local', 'ssh']]);
    const named = await settings(three().replace('m3: {ansible_host: 10.0.0.3}', 'box:'), { localNames: ['box'] });
    assert.equal(named.managers[2]!.connection, 'local');
    const tests = await settings(three().replaceAll(/ansible_host: 10\.0\.0\.(\d)/g, 'ansible_host: 127.0.0.1, ansible_port: 222$1'), { localNames: ['127.0.0.1'] });
    assert.deepEqual([tests.master, tests.managers.map((manager) => manager.connection)], ['m1', ['ssh', 'ssh', 'ssh']]);
  });

  it('--limit is a pattern: of several managers this host is the master, else the first', async () => {
    const [only, none] = [await settings(three(), { limit: 'managers:!m1' }), await settings(three(), { limit: 'managers:!m1', localNames: ['m3'] })];
    assert.deepEqual([only.master, none.master], ['m2', 'm3']);
    assert.match((await refusal(settings(three(), { limit: 'm1:!m1' }))).what, /--limit m1:!m1: nothing is left of it/);
  });

  it('--limit names the master', async () => {
    const found = await settings(three(), { limit: 'm3', localNames: ['10.0.0.2'] });
    assert.deepEqual([found.master, found.limited], ['m3', true]);
  });

  it('the managers are the usual group, or the named one', async () => {
    assert.equal((await settings(three().replace('managers:', 'kube_control_plane:'))).clusterName, 'kube_control_plane');
    assert.deepEqual((await settings(three('    few: {hosts: {m2: }}', 'vault_managers_group: few'))).managers.map((manager) => manager.name), ['m2']);
    assert.equal((await settings(three('    masters: {hosts: {m3: , m2: , m1: }}'))).managers.length, 3);
    assert.equal((await settings(three(), {}, { extraVars: ['vault_managers_group=all'] })).clusterName, 'all');
  });

  it('an encrypted sudo password is opened only for settings, and once', async () => {
    const secret = new Vault({ password: 'vault-pass' }).encryptSync('sudo-secret-1', '');
    let asked = 0;
    const inventory = await load(three('', `ansible_become_password: !vault |\n${secret.split('\n').map((each) => `  ${each}`).join('\n')}`), { vaultPassword: () => { asked += 1; return new Secret('vault-pass'); } });
    assert.equal(asked, 0);
    const found = await settingsFrom(inventory, { localNames: [], home: '/' });
    assert.equal(found.managers[2]!.becomePassword?.reveal(), 'sudo-secret-1');
    assert.equal(asked, 1);
  });

  it('Vault: addresses, CA, server name, namespace, with the environment where the inventory is silent', async () => {
    const pem = '-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n';
    const text = three('', 'vault_cacert: "{{ inventory_dir }}/ca.pem"\nvault_tls_server_name: vault.local').replace('[https://10.0.0.1:8200]', '["https://[2001:db8::1]:8200/", http://127.0.0.1:8201, https://v.example.com]');
    const { vault } = await settings(text, { fallbacks: { namespace: 'team', serverName: 'ignored', caFile: '/other.pem' } }, { files: { '/w/ca.pem': pem } });
    assert.deepEqual(vault, { addresses: ['https://[2001:db8::1]:8200', 'http://127.0.0.1:8201', 'https://v.example.com'], ca: pem, caFile: '/w/ca.pem', serverName: 'vault.local', namespace: 'team' });
    assert.equal((await settings(three(), { fallbacks: { caFile: 'ca.pem' } }, { files: { '/w/ca.pem': pem } })).vault.ca, pem);
    assert.deepEqual((await settings(three('', 'vault_allow_http: yes').replace('https:', 'http:'))).vault.addresses, ['http://10.0.0.1:8200']);
  });

  it('shares come from flags, then the inventory; only a flag or -e makes them given', async () => {
    const text = three('', 'vault_key_shares: 9\nvault_key_threshold: "5"');
    assert.deepEqual((await settings(text)).shares, { count: 9, threshold: 5, given: false });
    assert.deepEqual((await settings(text, { shares: { count: 7 } })).shares, { count: 7, threshold: 5, given: true });
    assert.deepEqual((await settings(text, {}, { extraVars: ['vault_key_threshold=6'] })).shares, { count: 9, threshold: 6, given: true });
    assert.deepEqual((await settings(three('', 'vault_key_shares: 1'))).shares, { count: 1, threshold: 1, given: false });
  });

  it('what looks like ours and is not gives a warning with its line', async () => {
    const text = three('', 'vault_cred_host_path: /x\nvault_db_host: h\nansible_become_plugin: x\nansible_python_interpreter: /usr/bin/python3\nansible_ssh_hots: a\nvault_other: !vault "$ANSIBLE_VAULT;1.1;AES256\\n61"\nvault_helm_chart: hashicorp/vault');
    const inventory = await load(text);
    await settingsFrom(inventory, { localNames: [], home: '/' });
    assert.deepEqual(inventory.warnings, [
      `/w/hosts.yaml:${line(text, 'cred_host')}: vault_cred_host_path is no variable of vaultctl; did you mean vault_creds_host_path?`,
      `/w/hosts.yaml:${line(text, 'db_host')}: vault_db_host is no variable of vaultctl`,
      `/w/hosts.yaml:${line(text, 'plugin')}: ansible_become_plugin is a connection setting that vaultctl does not use`,
      `/w/hosts.yaml:${line(text, 'hots')}: ansible_ssh_hots is a connection setting that vaultctl does not use; did you mean ansible_ssh_host?`,
    ]);
  });
});

/** name, inventory, words of the message, a word in the line it must name (or undefined). */
const refused: readonly (readonly [string, string, RegExp, string | undefined])[] = [
  ['no managers', 'all: {hosts: {n1: {vault_addresses: [https://a]}}}\n', /no managers/, undefined],
  ['two groups with different hosts', three('    masters: {hosts: {m1: }}'), /managers \(m1, m2, m3\) and masters \(m1\)/, 'masters'],
  ['an unknown managers group', three('', 'vault_managers_group: manager'), /"manager".*no such group/, 'vault_managers_group'],
  ['an empty managers group', three('    few:', 'vault_managers_group: few'), /has no hosts/, 'vault_managers_group'],
  ['threshold above shares', three('', 'vault_key_threshold: 4'), /threshold 4 is above the number of shares 3/, 'vault_key_threshold'],
  ['threshold 1 of 3', three('', 'vault_key_threshold: 1'), /threshold of 1 with 3/, 'vault_key_threshold'],
  ['256 shares', three('', 'vault_key_shares: 256'), /from 1 to 255, not 256/, 'vault_key_shares'],
  ['half a share', three('', 'vault_key_shares: 2.5'), /not 2\.5/, 'vault_key_shares'],
  ['the same host twice', three().replace('10.0.0.2', '10.0.0.1'), /managers m1 \(\/w\/hosts\.yaml:\d+\) and m2 .*the same machine/, 'm2:'],
  ['the same host twice, behind a command', three('', 'ansible_ssh_common_args: -o ProxyCommand="sshpass -p geheim ssh -W %h:%p b"').replace('10.0.0.2', '10.0.0.1'), /the same machine \(10\.0\.0\.1 port 22\)/, 'm2:'],
  ['no addresses', three().replace('    vault_addresses: [https://10.0.0.1:8200]\n', '    x: 1\n'), /vault_addresses is missing/, undefined],
  ['an address without scheme', three().replace('https://', ''), /no scheme/, 'vault_addresses'],
  ['an address with a path', three().replace(':8200', ':8200/v1'), /has a path/, 'vault_addresses'],
  ['an address with a bad port', three().replace(':8200', ':99999'), /is not a URL/, 'vault_addresses'],
  ['plain http over the network', three().replace('https:', 'http:'), /in the clear/, 'vault_addresses'],
  ['an address twice', three().replace('[https', '[https://10.0.0.1:8200/, https'), /twice/, 'vault_addresses'],
  ['addresses that differ between managers', three().replace('{ansible_host: 10.0.0.2}', '{ansible_host: 10.0.0.2, vault_addresses: [https://b]}'), /differs between the managers/, 'm2:'],
  ['a missing CA file', three('', 'vault_cacert: /gone.pem'), /\/gone\.pem is not there/, 'vault_cacert'],
  ['a relative path', three('', 'vault_creds_host_path: keys.json'), /not absolute: "keys\.json"/, 'vault_creds_host_path'],
  ['a path with ..', three('', 'vault_creds_host_path: /etc/../keys.json'), /\.\./, 'vault_creds_host_path'],
  ['one path for two files', three('', 'vault_creds_init_tmp_path: /etc/kubernetes/vault-unseal.json'), /same path/, 'vault_creds_init_tmp_path'],
  ['become by pbrun', three('', 'ansible_become: yes\nansible_become_method: pbrun'), /"pbrun" of m1 is not supported/, 'ansible_become_method'],
  ['a password for doas', three('', 'ansible_become: yes\nansible_become_method: doas\nansible_become_pass: hidden-word'), /doas takes a password from a terminal only/, 'ansible_become_pass'],
  ['a flag that asks elsewhere', three('', 'ansible_become: yes\nansible_become_flags: -H -A'), /sudo -A is not supported/, 'become_flags'],
  ['a program with arguments', three('', 'ansible_become: yes\nansible_become_exe: sudo -H'), /not a program: "sudo -H"/, 'become_exe'],
  ['a shell that is none', three('', 'ansible_shell_executable: bash -l'), /not the path of a shell/, 'shell_executable'],
  ['a shell of another world', three('', 'ansible_shell_type: powershell'), /POSIX shell/, 'shell_type'],
  ['an ssh with arguments', three('', 'ansible_ssh_executable: ssh -v'), /not a program/, 'ssh_executable'],
  ['an unknown transport', three('', 'vault_transport: ssh'), /vault_transport "ssh" of m1 is unknown/, 'vault_transport'],
  ['ssh2 with what it cannot do', three('', 'vault_transport: ssh2\nansible_ssh_extra_args: -o CertificateFile=/c'), /CertificateFile is for the system's ssh alone, and vault_transport of m1 \(.*:\d+\) forbids it/, 'extra_args'],
  ['paramiko with what it cannot do', three('', 'ansible_connection: paramiko\nansible_ssh_extra_args: -o Ciphers=aes256-ctr'), /Ciphers is for the system's ssh alone/, 'extra_args'],
  ['winrm', three('', 'ansible_connection: winrm'), /"winrm"/, 'ansible_connection'],
  ['a port of words', three('', 'ansible_port: ssh'), /ansible_port must be a whole number from 1 to 65535, not "ssh"/, 'ansible_port'],
  ['a host with its port', three().replace('10.0.0.2', '10.0.0.2:22'), /holds a port/, 'm2:'],
  ['a host that is an option', three().replace('10.0.0.2', '-oProxyCommand=x'), /not a host name/, 'm2:'],
  ['a user that is an option', three('', 'ansible_user: -x'), /not a user name/, 'ansible_user'],
  ['an unsupported ssh option', three('', 'ansible_ssh_common_args: -o LocalForward=1:b:2'), /LocalForward is not supported/, 'common_args'],
  ['an unsupported ssh flag', three('', 'ansible_ssh_extra_args: -D 1080'), /-D is not supported/, 'extra_args'],
  ['an unclosed quotation', three('', "ansible_ssh_common_args: -o 'ProxyJump=x"), /not closed/, 'common_args'],
  ['become that is neither yes nor no', three('', 'ansible_become: maybe'), /ansible_become must be true or false/, 'ansible_become'],
  ['an undefined reference', three('', 'ansible_user: "{{ admin }}"'), /ansible_user: admin is not defined for m1/, 'ansible_user'],
];

describe('settings that would go wrong later are refused now', () => {
  for (const [name, text, words, place] of refused) {
    it(`${name}: exit 2 with its line`, async () => {
      const { what, next, exit } = await refusal(settings(text));
      assert.equal(exit, 2);
      assert.match(what, words);
      assert.notEqual(next, '');
      if (place !== undefined) assert.ok(what.startsWith(`/w/hosts.yaml:${line(text, place)}: `), what);
    });
  }

  it('an unknown --limit lists the managers', async () => {
    const { what, next } = await refusal(settings(three('    web: {hosts: {w1: }}'), { limit: 'w1' }));
    assert.match(what, /--limit w1: w1 is not in the managers' group managers/);
    assert.match(next, /m1, m2, m3/);
    assert.match((await refusal(settings(three(), { limit: 'm9' }))).what, /m9 matches no host/);
  });

  it('an unknown --allow-missing-node lists the nodes, and one that the inventory names is taken', async () => {
    const { what, next } = await refusal(settings(three(), { allowMissingNodes: ['v9'] }));
    assert.match(what, /--allow-missing-node v9: no such Vault node/);
    assert.match(next, /https:\/\/10\.0\.0\.1:8200/);
    assert.deepEqual((await settings(three(), { allowMissingNodes: ['https://10.0.0.1:8200'] })).allowMissingNodes, ['https://10.0.0.1:8200']);
  });

  it('a password of the wrong type is not shown', async () => {
    const { what } = await refusal(settings(three('', 'ansible_password: [hidden-word]')));
    assert.match(what, /ansible_password must be text/);
    assert.doesNotMatch(what, /hidden-word/);
  });

  it('a password whose template is refused is not shown', async () => {
    const { what } = await refusal(settings(three('', "ansible_password: \"{{ 'hidden-word' | secret_filter }}\"")));
    assert.doesNotMatch(what, /hidden-word/);
  });
});
