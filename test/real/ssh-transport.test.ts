import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openHosts } from '../../src/adapters/open-hosts.ts';
import { Secret } from '../../src/model/secret.ts';
import { type Manager, plainSsh, type SshOptions } from '../../src/model/settings.ts';
import { HostError } from '../../src/ports/hosts.ts';
import { manager, openDeps } from '../contract/host-benches.ts';
import { notRun } from '../not-run.ts';
import { kerberosMissing, startKerberos } from './kerberos.ts';
import { type SshdWorld, startSshd } from './sshd.ts';
import { makeSudoUser } from './sudo-user.ts';

const POST_QUANTUM = 'sntrup761x25519-sha512@openssh.com';

describe('what ssh2 cannot do goes through the system\'s ssh', () => {
  const base = mkdtempSync(join(tmpdir(), 'vaultctl-transport-'));
  chmodSync(base, 0o755);
  const agentBefore = process.env.SSH_AUTH_SOCK;
  const authority = join(base, 'ca');
  const certified = join(base, 'certified');
  let plain: SshdWorld;
  let certificates: SshdWorld;
  let quantum: SshdWorld;
  before(async () => {
    delete process.env.SSH_AUTH_SOCK;
    for (const file of [authority, certified]) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
    const user = process.env.USER ?? 'root';
    execFileSync('ssh-keygen', ['-q', '-s', authority, '-I', 'test', '-n', `${user},root`, `${certified}.pub`]);
    plain = await startSshd({ world: join(base, 'plain'), names: ['m1', 'm2'], net: 176 });
    certificates = await startSshd({ world: join(base, 'certificates'), names: ['m1'], net: 177, config: [`TrustedUserCAKeys ${authority}.pub`, 'AuthorizedKeysFile none'] });
    quantum = await startSshd({ world: join(base, 'quantum'), names: ['m1'], net: 178, config: [`KexAlgorithms ${POST_QUANTUM}`] });
  });
  after(async () => {
    if (agentBefore !== undefined) process.env.SSH_AUTH_SOCK = agentBefore;
    await Promise.all([plain, certificates, quantum].map((world) => world.stop()));
    rmSync(base, { recursive: true });
  });

  const reach = (world: SshdWorld, parts: Partial<Manager> = {}, ssh: Partial<SshOptions> = {}, to = world.managers[0]!): Manager => ({
    ...manager({ address: to.address, port: to.port, user: to.user, key: world.key }),
    ssh: { ...plainSsh, knownHostsFiles: [world.knownHosts], ...ssh }, ...parts,
  });
  /** What the operator was told, where it got in. */
  async function look(to: Manager): Promise<string[]> {
    const notes: string[] = [];
    const tell = (text: string) => { notes.push(text); };
    const [host] = openHosts([to], { ...openDeps, note: tell, warn: tell });
    try {
      assert.equal((await host!.look({ files: [], folders: ['/'], limitBytes: 1 })).folders.get('/')!.is, 'folder');
      return notes;
    } finally {
      await host!.close();
    }
  }
  const refused = (kind: HostError['kind'], message: RegExp, mend = /^/) => (error: unknown) => {
    assert.ok(error instanceof HostError && error.kind === kind, String(error));
    assert.match(error.message, message);
    assert.match(error.mend ?? '', mend);
    return true;
  };

  it('auto takes ssh2 where it suffices, and says nothing', async () => {
    assert.deepEqual(await look(reach(plain)), []);
  });

  it('a server that takes certificates only: beside the key, by CertificateFile, and from the agent', async () => {
    assert.deepEqual(await look(reach(certificates, { privateKeyFile: certified })), [`m1: through the system's ssh, for ${certified}-cert.pub is a certificate (vault_transport: auto)`]);
    const bare = join(base, 'bare');
    copyFileSync(certified, bare);
    chmodSync(bare, 0o600);
    assert.match((await look(reach(certificates, { privateKeyFile: bare }, { words: ['-o', `CertificateFile="${certified}-cert.pub"`], needsOpenssh: 'CertificateFile' })))[0] ?? '', /CertificateFile in the inventory/);
    await assert.rejects(look(reach(certificates, { privateKeyFile: bare })), refused('denied', /tried key .*bare/));
    await assert.rejects(look(reach(certificates, { privateKeyFile: certified, transport: 'ssh2' })), refused('denied', /tried key .*certified/));
    const socket = join(base, 'agent');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    try {
      for (let round = 0; round < 100 && !existsSync(socket); round += 1) await new Promise((resolve) => { setTimeout(resolve, 20); });
      process.env.SSH_AUTH_SOCK = socket;
      execFileSync('ssh-add', ['-q', certified], { stdio: 'ignore' });
      assert.match((await look(reach(certificates, { privateKeyFile: undefined })))[0] ?? '', /the agent holds a certificate/);
    } finally {
      delete process.env.SSH_AUTH_SOCK;
      agent.kill();
    }
  });

  it('a server that speaks post-quantum key exchange only', async () => {
    assert.deepEqual(await look(reach(quantum)), ["m1: through the system's ssh, for ssh2 knows no key exchange algorithm (vault_transport: auto)"]);
    await assert.rejects(look(reach(quantum, { transport: 'ssh2' })), refused('unreachable', /no matching key exchange/));
    const [host] = openHosts([reach(quantum)], openDeps);
    const fence = { lockPath: join(quantum.managers[0]!.folder, '.vaultctl.lock'), operation: 'op1' };
    const main = join(quantum.managers[0]!.folder, 'main');
    const answer = await host!.lock(fence.lockPath, { operation: 'op1', flow: 'x', holder: 'x', host: 'x', pid: 1, sinceMs: 1 });
    await host!.apply([{ do: 'write', path: main, bytes: new TextEncoder().encode('content'), purpose: 'keys' }], fence);
    if (answer.is === 'held') await answer.lock.release();
    await host!.close();
    assert.equal(readFileSync(main, 'utf8'), 'content');
  });

  it('a server that takes Kerberos tickets only', async () => {
    const missing = kerberosMissing();
    if (missing !== undefined || userInfo().uid !== 0) { notRun('login with a Kerberos ticket', missing ?? 'an sshd that reads its keytab needs root'); return; }
    const address = '127.0.180.1';
    const realm = await startKerberos(join(base, 'realm'), { address, user: userInfo().username });
    const world = await startSshd({ world: join(base, 'kerberos'), names: ['m1'], net: 180, env: realm.server, config: ['GSSAPIAuthentication yes', 'GSSAPIStrictAcceptorCheck no', 'PubkeyAuthentication no'] });
    const before = { KRB5_CONFIG: process.env.KRB5_CONFIG, KRB5CCNAME: process.env.KRB5CCNAME };
    try {
      await assert.rejects(look(reach(world)), refused('denied', /tried key/));
      Object.assign(process.env, realm.client);
      const config = join(base, 'gssapi.conf');
      writeFileSync(config, 'Host *\n  GSSAPIAuthentication yes\n');
      assert.match((await look(reach(world, {}, { words: ['-o', 'GSSAPIAuthentication=yes'], needsOpenssh: 'GSSAPIAuthentication' })))[0] ?? '', /GSSAPIAuthentication in the inventory/);
      assert.match((await look(reach(world, {}, { configFile: config })))[0] ?? '', /there is a Kerberos ticket/);
    } finally {
      for (const [name, value] of Object.entries(before)) { if (value === undefined) delete process.env[name]; else process.env[name] = value; }
      await world.stop();
      await realm.stop();
    }
  });

  it('a key that never leaves its token, whose PIN is asked for', async () => {
    const library = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so'].find((path) => existsSync(path));
    if (library === undefined || !existsSync('/usr/bin/pkcs11-tool')) { notRun('login with a key in a PKCS#11 token', 'apt-get install --no-install-recommends softhsm2 opensc'); return; }
    const folder = join(base, 'token');
    const before = process.env.SOFTHSM2_CONF;
    mkdirSync(join(folder, 'tokens'), { recursive: true });
    writeFileSync(join(folder, 'conf'), `directories.tokendir = ${folder}/tokens\nobjectstore.backend = file\n`);
    process.env.SOFTHSM2_CONF = join(folder, 'conf');
    try {
      execFileSync('softhsm2-util', ['--init-token', '--free', '--label', 'vaultctl', '--pin', '4711', '--so-pin', '4712'], { stdio: 'ignore' });
      execFileSync('pkcs11-tool', ['--module', library, '--login', '--pin', '4711', '--keypairgen', '--key-type', 'EC:prime256v1', '--id', '01', '--label', 'k'], { stdio: 'ignore' });
      const shown = execFileSync('ssh-keygen', ['-D', library], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      const world = await startSshd({ world: join(base, 'pkcs11'), names: ['m1'], net: 181 });
      try {
        writeFileSync(join(world.key, '../m1/authorized_keys'), shown);
        const to = reach(world, { privateKeyFile: undefined }, { words: ['-o', `PKCS11Provider=${library}`], needsOpenssh: 'PKCS11Provider' });
        const asked: string[] = [];
        const [host] = openHosts([to], { ...openDeps, askSecret: ((question: string) => { asked.push(question); return Promise.resolve(new Secret('4711')); }) as typeof openDeps.askSecret });
        assert.equal((await host!.look({ files: [], folders: ['/'], limitBytes: 1 })).folders.get('/')!.is, 'folder');
        await host!.close();
        assert.deepEqual(asked, ["Enter PIN for 'vaultctl': "]);
        await assert.rejects(look(to), refused('denied', /asked and not answered: Enter PIN for 'vaultctl'/));
      } finally {
        await world.stop();
      }
    } finally {
      if (before === undefined) delete process.env.SOFTHSM2_CONF; else process.env.SOFTHSM2_CONF = before;
    }
  });

  it('a hardware key, which the operator is told to touch', async () => {
    const library = join(base, 'hardware-key.so');
    const key = join(base, 'hardware');
    const config = join(base, 'hardware.conf');
    try {
      execFileSync('cc', ['-shared', '-fPIC', '-o', library, join(import.meta.dirname, 'hardware-key.c'), '-lcrypto'], { stdio: 'ignore' });
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519-sk', '-w', library, '-N', '', '-f', key], { stdio: 'ignore' });
    } catch {
      notRun('login with a hardware key', 'apt-get install gcc libssl-dev openssh-client (the key is made in software, behind OpenSSH\'s own interface)');
      return;
    }
    const world = await startSshd({ world: join(base, 'hardware-keys'), names: ['m1'], net: 183 });
    writeFileSync(config, `Host *\n  SecurityKeyProvider ${library}\n`);
    try {
      writeFileSync(join(world.key, '../m1/authorized_keys'), readFileSync(`${key}.pub`));
      const [why, touch] = await look(reach(world, { privateKeyFile: key }, { configFile: config }));
      assert.match(why ?? '', /hardware is a hardware key \(touch it when it blinks\)/);
      assert.match(touch ?? '', /^m1: Confirm user presence for key ED25519-SK SHA256:/);
      await assert.rejects(look(reach(world, { privateKeyFile: key, transport: 'ssh2' })), refused('denied', /hardware \(not a private key that ssh2 reads\)/));
    } finally {
      await world.stop();
    }
  });

  it('a host that known_hosts knows by its certificate authority only', async () => {
    const file = join(plain.key, '../m1/ssh_host_ed25519_key');
    const world = join(base, 'host-certificate');
    const one = plain.managers[0]!;
    execFileSync('ssh-keygen', ['-q', '-s', authority, '-I', 'host', '-h', '-n', one.address, `${file}.pub`]);
    const config = join(plain.key, '../m1/sshd_config');
    appendFileSync(config, `HostCertificate ${file}-cert.pub\n`);
    await one.stop();
    await one.start();
    writeFileSync(world, `@cert-authority 127.0.176.* ${readFileSync(`${authority}.pub`, 'utf8')}@cert-authority [127.0.176.*]:* ${readFileSync(`${authority}.pub`, 'utf8')}`);
    assert.match((await look(reach(plain, {}, { knownHostsFiles: [world] })))[0] ?? '', /known_hosts knows .* by a certificate authority/);
  });

  it('ssh arguments that ssh2 has no word for, and an ssh of the inventory\'s own', async () => {
    assert.match((await look(reach(plain, {}, { words: ['-o', 'Ciphers=aes256-gcm@openssh.com'], needsOpenssh: 'Ciphers' })))[0] ?? '', /Ciphers in the inventory/);
    const wrapper = join(base, 'my-ssh');
    writeFileSync(wrapper, `#!/bin/sh\necho called >> ${base}/calls\nexec /usr/bin/ssh "$@"\n`, { mode: 0o755 });
    assert.match((await look(reach(plain, {}, { executable: wrapper })))[0] ?? '', /ansible_ssh_executable names/);
    assert.match(readFileSync(join(base, 'calls'), 'utf8'), /called/);
    await assert.rejects(look(reach(plain, {}, { executable: join(base, 'gone') })), refused('tool', /gone cannot be run on this machine/, /openssh-client/));
  });

  it('host keys are as strict: unknown, changed and revoked are refused with what mends them', async () => {
    const [one, two] = plain.managers as [SshdWorld['managers'][0], SshdWorld['managers'][0]];
    const file = (name: string, text: string) => { const path = join(base, name); writeFileSync(path, text); return path; };
    const known = (path: string, parts: Partial<SshOptions> = {}) => look(reach(plain, { transport: 'openssh' }, { knownHostsFiles: [path], ...parts }, two));
    const at = `[${two.address}]:${two.port}`;
    await assert.rejects(known(file('unknown', `other ${one.hostKey}\n`)), refused('hostkey', /is unknown/, new RegExp(`ssh-keyscan -p ${two.port} ${two.address} >> .*/unknown`)));
    await assert.rejects(known(file('changed', `${at} ${one.hostKey}\n`)), refused('hostkey', /CHANGED/, /ssh-keygen -f .*\/changed -R/));
    await assert.rejects(known(file('revoked', `@revoked * ${two.hostKey}\n`)), refused('hostkey', /revoked/, /new keys/));
    const empty = file('accepts', '');
    assert.match((await known(empty, { strictHostKeyChecking: 'accept-new' })).join(), /m1: Permanently added .* \(StrictHostKeyChecking=accept-new\)/);
    assert.match(readFileSync(empty, 'utf8'), /ssh-ed25519/);
    assert.deepEqual(await known(empty), []);
  });

  it('what is wrong otherwise has the same kinds of error', async () => {
    const stranger = join(base, 'stranger');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', stranger]);
    const by = (parts: Partial<Manager>, ssh: Partial<SshOptions> = {}) => look(reach(plain, { transport: 'openssh', ...parts }, ssh));
    await assert.rejects(by({ privateKeyFile: stranger }), refused('denied', /login refused: .*Permission denied/, /ssh -p \d+/));
    await assert.rejects(by({ port: 1 }), refused('unreachable', /Connection refused/, /sshd running/));
    await assert.rejects(by({ address: 'no-such-host.invalid', connectTimeoutMs: 5000 }), refused('unreachable', /resolve/, /ansible_host/));
    await assert.rejects(by({}, { words: ['-o', 'Nonsense=yes'] }), refused('unreachable', /[Nn]onsense/));
  });

  it('an encrypted key is asked for once for all hosts, and a wrong passphrase again', async () => {
    const locked = join(base, 'locked');
    copyFileSync(plain.key, locked);
    chmodSync(locked, 0o600);
    execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'open sesame', '-f', locked]);
    const asked: string[] = [];
    const askSecret = (question: string) => { asked.push(question); return Promise.resolve(new Secret(asked.length === 1 ? 'wrong' : 'open sesame')); };
    const hosts = plain.managers.map((to) => openHosts([reach(plain, { privateKeyFile: locked, transport: 'openssh' }, {}, to)], { ...openDeps, askSecret: askSecret as typeof openDeps.askSecret })[0]!);
    await hosts[0]!.look({ files: [], folders: ['/'], limitBytes: 1 });
    await Promise.all(hosts.map((host) => host.close()));
    assert.deepEqual(asked, [`Enter passphrase for key '${locked}': `, `Enter passphrase for key '${locked}': `]);
    asked.length = 0;
    const both = openHosts(plain.managers.map((to) => reach(plain, { privateKeyFile: locked, transport: 'openssh' }, {}, to)), { ...openDeps, askSecret: ((question: string) => { asked.push(question); return Promise.resolve(new Secret('open sesame')); }) as typeof openDeps.askSecret });
    await Promise.all(both.map((host) => host.look({ files: [], folders: ['/'], limitBytes: 1 })));
    await Promise.all(both.map((host) => host.close()));
    assert.equal(asked.length, 1);
    await assert.rejects(look(reach(plain, { privateKeyFile: locked, transport: 'openssh' })), refused('denied', /asked and not answered: Enter passphrase for key '.*locked'/));
  });

  it('a password logs in, once, seen in no process; a wrong one and a missing one are denied', async () => {
    if (userInfo().uid !== 0) { notRun('login with a password through the system\'s ssh', 'needs root to make a user with one'); return; }
    const world = await startSshd({ world: join(base, 'passwords'), names: ['m1'], net: 179, config: ['PasswordAuthentication yes', 'PubkeyAuthentication no'] });
    const user = makeSudoUser('none');
    const by = (password: Secret | undefined) => look(reach(world, { transport: 'openssh', user: user.name, privateKeyFile: undefined, password }));
    try {
      assert.deepEqual(await by(new Secret(user.password)), []);
      let over = false;
      const seen = new Set<string>();
      const login = by(new Secret(user.password)).finally(() => { over = true; });
      for (let round = 0; round < 200 && !over; round += 1) {
        for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
          for (const kind of ['cmdline', 'environ']) { try { if (readFileSync(`/proc/${pid}/${kind}`, 'latin1').includes(user.password)) seen.add(`${pid}/${kind}`); } catch { /* it has ended */ } }
        }
        await new Promise((resolve) => { setTimeout(resolve, 5); });
      }
      await login;
      assert.deepEqual([...seen], []);
      await assert.rejects(by(new Secret('wrong-password')), (error) => error instanceof HostError && error.kind === 'denied' && !error.message.includes('wrong-password'));
      await assert.rejects(by(undefined), refused('denied', /login refused/));
    } finally {
      user.remove();
      await world.stop();
    }
  });

  it('goes through bastions, each as strict and with the same keys, and through a ProxyCommand', async () => {
    const [, two] = plain.managers;
    const jump = `${two!.user}@${two!.address}:${two!.port}`;
    const by = (ssh: Partial<SshOptions>) => look(reach(quantum, {}, ssh));
    const both = join(base, 'both');
    writeFileSync(both, readFileSync(plain.knownHosts, 'utf8') + readFileSync(quantum.knownHosts, 'utf8'));
    appendFileSync(join(plain.key, '../m2/authorized_keys'), readFileSync(`${quantum.key}.pub`, 'utf8'));
    await by({ proxyJump: jump, knownHostsFiles: [both] });
    await by({ proxyJump: `${jump},${jump}`, knownHostsFiles: [both] });
    await assert.rejects(by({ proxyJump: jump }), refused('hostkey', /unknown/));
    await by({ proxyCommand: `${process.execPath} -e "const s=require('node:net').connect(+process.argv[2],process.argv[1]);process.stdin.pipe(s).pipe(process.stdout)" %h %p` });
  });

  it('what ssh and a ProxyCommand find in their environment holds no secret of Vault', async () => {
    const before = process.env.VAULT_TOKEN;
    process.env.VAULT_TOKEN = 'hvs.seen-by-nobody';
    const seen = join(base, 'environment');
    const node = `${process.execPath} -e "require('node:fs').writeFileSync('${seen}',JSON.stringify(process.env));const s=require('node:net').connect(+process.argv[2],process.argv[1]);process.stdin.pipe(s).pipe(process.stdout)" %h %p`;
    try {
      for (const transport of ['ssh2', 'openssh'] as const) {
        await look(reach(plain, { transport }, { proxyCommand: node }));
        assert.match(readFileSync(seen, 'utf8'), /"PATH"/);
        assert.doesNotMatch(readFileSync(seen, 'utf8'), /seen-by-nobody/);
        rmSync(seen);
      }
    } finally {
      if (before === undefined) delete process.env.VAULT_TOKEN; else process.env.VAULT_TOKEN = before;
    }
  });

  it('its socket lies where only we can enter, and goes with the last host', async () => {
    const before = folders();
    const [host] = openHosts([reach(plain, { transport: 'openssh' })], openDeps);
    await host!.look({ files: [], folders: ['/'], limitBytes: 1 });
    const made = folders().filter((name) => !before.includes(name));
    assert.equal(made.length, 1);
    assert.equal(execFileSync('stat', ['-c', '%a', join(tmpdir(), made[0]!)], { encoding: 'utf8' }).trim(), '700');
    await host!.close();
    assert.deepEqual(folders().filter((name) => made.includes(name)), []);
  });

  it('a vaultctl that is killed leaves no connection, no process and no folder', async () => {
    const file = join(base, 'manager.json');
    writeFileSync(file, JSON.stringify(reach(plain, { transport: 'openssh' })));
    const at = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
    const script = `const { openHosts } = await import(${at('../../src/adapters/open-hosts.ts')}); const { systemClock: clock } = await import(${at('../../src/adapters/clock.ts')});
      const { readFileSync } = await import('node:fs'); const [host] = openHosts([JSON.parse(readFileSync(${JSON.stringify(file)}, 'utf8'))], { clock, askSecret: async () => undefined, warn: () => undefined });
      await host.lock(${JSON.stringify(join(plain.managers[0]!.folder, '.killed.lock'))}, { operation: 'a', flow: 'x', holder: 'x', host: 'x', pid: 1, sinceMs: 1 }); console.log('held'); setInterval(() => undefined, 1000);`;
    const before = folders();
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => { child.stdout.once('data', resolve); child.once('exit', resolve); });
    const made = folders().filter((name) => !before.includes(name));
    assert.equal(made.length, 1);
    child.kill('SIGKILL');
    const running = () => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).filter((pid) => { try { return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(made[0]!); } catch { return false; } });
    for (let round = 0; round < 100 && (running().length > 0 || folders().includes(made[0]!)); round += 1) await new Promise((resolve) => { setTimeout(resolve, 50); });
    assert.deepEqual([running(), folders().filter((name) => made.includes(name))], [[], []]);
    const [host] = openHosts([reach(plain)], openDeps);
    const answer = await host!.lock(join(plain.managers[0]!.folder, '.killed.lock'), { operation: 'b', flow: 'x', holder: 'x', host: 'x', pid: 1, sinceMs: 1 });
    assert.equal(answer.is, 'held', 'its lock is free');
    if (answer.is === 'held') await answer.lock.release();
    await host!.close();
  });

  it('a connection that was lost is made anew for the next question', async () => {
    const one = plain.managers[1]!;
    const [host] = openHosts([reach(plain, { transport: 'openssh' }, {}, one)], openDeps);
    const ask = () => host!.look({ files: [], folders: ['/'], limitBytes: 1 });
    await ask();
    await one.stop();
    await assert.rejects(ask(), refused('unreachable', /./));
    await one.start();
    assert.equal((await ask()).folders.get('/')?.is, 'folder');
    await host!.close();
  });

  function folders(): string[] { return readdirSync(tmpdir()).filter((name) => name.startsWith('vaultctl-mux-')); }
});
