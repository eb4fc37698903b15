import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openHosts } from '../../src/adapters/open-hosts.ts';
import { Secret } from '../../src/model/secret.ts';
import { type Manager, plainSsh, type SshOptions } from '../../src/model/settings.ts';
import { HostError, type HostErrorKind } from '../../src/ports/hosts.ts';
import { manager, openDeps } from '../contract/host-benches.ts';
import { notRun } from '../not-run.ts';
import { type SshdManager, type SshdWorld, startSshd } from './sshd.ts';
import { makeSudoUser } from './sudo-user.ts';

describe('logging in to a real sshd', () => {
  const base = mkdtempSync(join(tmpdir(), 'vaultctl-login-'));
  chmodSync(base, 0o755);
  let world: SshdWorld;
  let one: SshdManager;
  let two: SshdManager;
  const agentBefore = process.env.SSH_AUTH_SOCK;
  before(async () => {
    delete process.env.SSH_AUTH_SOCK;
    world = await startSshd({ world: base, names: ['m1', 'm2'], net: 77, config: ['PasswordAuthentication yes'] });
    [one, two] = [world.managers[0]!, world.managers[1]!];
  });
  after(async () => {
    if (agentBefore !== undefined) process.env.SSH_AUTH_SOCK = agentBefore;
    await world.stop();
    rmSync(base, { recursive: true });
  });

  const reach = (parts: Partial<Manager> = {}, ssh: Partial<SshOptions> = {}, to = one): Manager => ({
    ...manager({ name: to.name, address: to.address, port: to.port, user: to.user, key: world.key }),
    ssh: { ...plainSsh, knownHostsFiles: [world.knownHosts], ...ssh }, ...parts,
  });
  async function look(to: Manager, deps: Partial<typeof openDeps> = {}): Promise<string> {
    const [host] = openHosts([to], { ...openDeps, ...deps });
    try {
      return (await host!.look({ files: [], folders: ['/'], limitBytes: 1 })).folders.get('/')!.is;
    } finally {
      await host!.close();
    }
  }
  const refused = (kind: HostErrorKind, message: RegExp, mend: RegExp) => (error: unknown) => {
    assert.ok(error instanceof HostError, String(error));
    assert.deepEqual([error.kind, error.host], [kind, 'm1'], error.message);
    assert.match(error.message, message);
    assert.match(error.mend ?? '', mend);
    return true;
  };

  it('an unknown key, a changed one, a revoked one and a missing file each have their own error with what mends it', async () => {
    const file = (name: string, text: string) => { const path = join(base, name); writeFileSync(path, text); return path; };
    const at = `[${one.address}]:${one.port}`;
    const known = (path: string) => look(reach({}, { knownHostsFiles: [path] }));
    await assert.rejects(known(file('unknown', `other ${two.hostKey}\n`)), refused('hostkey', /unknown/, new RegExp(`ssh-keyscan -p ${one.port} ${one.address} >> .*/unknown`)));
    await assert.rejects(known(file('changed', `${at} ${two.hostKey}\n`)), refused('hostkey', /CHANGED/, /ssh-keygen -f .*\/changed -R/));
    await assert.rejects(known(file('revoked', `@revoked * ${one.hostKey}\n`)), refused('hostkey', /revoked/, /new keys/));
    await assert.rejects(known(join(base, 'none')), refused('hostkey', /no known_hosts file/, /ssh-keyscan/));
    const hashed = file('hashed', `${at} ${one.hostKey}\n`);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', hashed], { stdio: 'ignore' });
    assert.match(readFileSync(hashed, 'utf8'), /^\|1\|/);
    assert.equal(await known(hashed), 'folder');
  });

  it('the mend of an unknown host, run as it is printed, mends it', async () => {
    const path = join(base, 'scanned');
    writeFileSync(path, '# nobody yet\n');
    const error = await look(reach({}, { knownHostsFiles: [path] })).then(() => assert.fail(), (failed: unknown) => failed as HostError);
    execFileSync('sh', ['-c', error.mend!.replace(/ {3}\(.*$/s, '')], { stdio: 'ignore' });
    assert.equal(await look(reach({}, { knownHostsFiles: [path] })), 'folder');
  });

  it('a host that the inventory does not check passes with a warning', async () => {
    const warnings: string[] = [];
    assert.equal(await look(reach({}, { knownHostsFiles: [join(base, 'none')], strictHostKeyChecking: 'no' }), { warn: ((text: string) => { warnings.push(text); }) as () => void }), 'folder');
    assert.match(warnings.join(), /lets pass/);
  });

  it('nothing to log in with, or a key that is not taken, is denied and names what was tried', async () => {
    const stranger = join(base, 'stranger');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', stranger]);
    await assert.rejects(look(reach({ privateKeyFile: stranger, user: 'nobody' })), refused('denied', /tried key .*stranger/, /ssh -p \d+ nobody@/));
    await assert.rejects(look(reach({ privateKeyFile: join(base, 'gone') })), refused('denied', /gone \(no such file\)/, /ssh -p/));
  });

  it('an encrypted key is asked for once for all hosts, and a wrong passphrase again', async () => {
    const locked = join(base, 'locked');
    copyFileSync(world.key, locked);
    chmodSync(locked, 0o600);
    execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'open sesame', '-f', locked]);
    const asked: string[] = [];
    const askSecret = (question: string) => { asked.push(question); return Promise.resolve(new Secret(asked.length === 1 ? 'wrong' : 'open sesame')); };
    const hosts = openHosts([reach({ privateKeyFile: locked }), reach({ privateKeyFile: locked }, {}, two)], { ...openDeps, askSecret: askSecret as typeof openDeps.askSecret });
    await Promise.all(hosts.map((host) => host.look({ files: [], folders: ['/'], limitBytes: 1 })));
    await Promise.all(hosts.map((host) => host.close()));
    assert.deepEqual(asked, [`Passphrase for ${locked}: `, `Passphrase for ${locked}: `]);
    await assert.rejects(look(reach({ privateKeyFile: locked })), refused('denied', /locked \(its passphrase was not given\)/, /ssh -p/));
  });

  it('the agent is asked, and with IdentitiesOnly only for the keys that are named', async () => {
    const socket = join(base, 'agent');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    try {
      for (let round = 0; round < 100 && !existsSync(socket); round += 1) await new Promise((resolve) => { setTimeout(resolve, 20); });
      process.env.SSH_AUTH_SOCK = socket;
      execFileSync('ssh-add', ['-q', world.key], { stdio: 'ignore' });
      assert.equal(await look(reach({ privateKeyFile: undefined })), 'folder');
      await assert.rejects(look(reach({ privateKeyFile: undefined }, { identitiesOnly: true, identityFiles: [join(base, 'other')] })), refused('denied', /agent/, /ssh -p/));
      const named = join(base, 'named');
      copyFileSync(`${world.key}.pub`, `${named}.pub`);
      writeFileSync(named, 'the private half is in the agent only\n', { mode: 0o600 });
      assert.equal(await look(reach({ privateKeyFile: undefined }, { identitiesOnly: true, identityFiles: [named] })), 'folder');
    } finally {
      delete process.env.SSH_AUTH_SOCK;
      agent.kill();
    }
  });

  it('an agent with more keys than the host hears is told apart from a host that is away', async () => {
    const socket = join(base, 'full-agent');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    try {
      for (let round = 0; round < 100 && !existsSync(socket); round += 1) await new Promise((resolve) => { setTimeout(resolve, 20); });
      process.env.SSH_AUTH_SOCK = socket;
      for (let index = 0; index < 7; index += 1) {
        const file = join(base, `many-${index}`);
        execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
        execFileSync('ssh-add', ['-q', file], { stdio: 'ignore' });
      }
      await assert.rejects(look(reach({ privateKeyFile: undefined })), refused('denied', /too many keys/, /IdentitiesOnly/));
      assert.equal(await look(reach()), 'folder', 'the key of the inventory comes first');
    } finally {
      delete process.env.SSH_AUTH_SOCK;
      agent.kill();
    }
  });

  it('a password logs in, and a wrong one is denied without being shown', async () => {
    if (userInfo().uid !== 0) { notRun('login with a password', 'needs root to make a user with one'); return; }
    const user = makeSudoUser('none');
    try {
      assert.equal(await look(reach({ user: user.name, privateKeyFile: undefined, password: new Secret(user.password) })), 'folder');
      await assert.rejects(look(reach({ user: user.name, privateKeyFile: undefined, password: new Secret('wrong-password') })), (error) => {
        assert.ok(error instanceof HostError && error.kind === 'denied' && /tried the password/.test(error.message) && !error.message.includes('wrong-password'));
        return true;
      });
    } finally {
      user.remove();
    }
  });

  it('goes through a bastion, whose key is checked as strictly', async () => {
    const jump = `${two.user}@${two.address}:${two.port}`;
    assert.equal(await look(reach({}, { proxyJump: jump })), 'folder');
    assert.equal(await look(reach({}, { proxyJump: `${jump},${jump}` })), 'folder');
    const only = join(base, 'only-one');
    writeFileSync(only, `[${one.address}]:${one.port} ${one.hostKey}\n`);
    await assert.rejects(look(reach({}, { proxyJump: jump, knownHostsFiles: [only] })), (error) => error instanceof HostError && error.kind === 'hostkey' && /unknown/.test(error.message) && error.host.includes(two.address));
    await assert.rejects(look(reach({ port: 1 }, { proxyJump: jump })), refused('unreachable', /could not connect to/, /^/));
  });

  it('goes through a ProxyCommand, and says so when that ends', async () => {
    const node = `${process.execPath} -e "const s=require('node:net').connect(+process.argv[2],process.argv[1]);process.stdin.pipe(s).pipe(process.stdout)"`;
    assert.equal(await look(reach({}, { proxyCommand: `${node} %h %p` })), 'folder');
    await assert.rejects(look(reach({}, { proxyCommand: 'false' })), refused('unreachable', /closed the connection|Premature|EPIPE|socket|lost/i, /^/));
  });

  it('a closed port, a dead name and a server that says nothing are unreachable within the time given', async () => {
    await assert.rejects(look(reach({ port: 1 })), refused('unreachable', /ECONNREFUSED/, /sshd running/));
    await assert.rejects(look(reach({ address: 'no-such-host.invalid', connectTimeoutMs: 5000 })), refused('unreachable', /./, /./));
    const silent: Server = createServer(() => undefined);
    await new Promise<void>((resolve) => { silent.listen(0, '127.0.0.1', resolve); });
    const { port } = silent.address() as { port: number };
    const start = Date.now();
    await assert.rejects(look(reach({ address: '127.0.0.1', port, connectTimeoutMs: 400 })), refused('unreachable', /handshake took over 0.4 s/, /^/));
    assert.ok(Date.now() - start < 3000);
    silent.close();
  });

  it('a connection that was lost is made anew for the next question', async () => {
    const [host] = openHosts([reach()], openDeps);
    const ask = () => host!.look({ files: [], folders: ['/'], limitBytes: 1 });
    await ask();
    await one.stop();
    await assert.rejects(ask(), refused('unreachable', /./, /^/));
    await one.start();
    assert.equal((await ask()).folders.get('/')?.is, 'folder');
    await host!.close();
    appendFileSync(world.knownHosts, '');
  });
});
