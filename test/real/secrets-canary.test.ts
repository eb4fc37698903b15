import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { notRun } from '../not-run.ts';
import { Canary, canTrace, coreFiles, sampleProcesses, startListeningFront, traced as tracedInto, type Watch, watchExecs, type Whim } from './canary.ts';
import { type SshdWorld, startSshd } from './sshd.ts';
import { makeSudoUser, type SudoUser } from './sudo-user.ts';
import { type Servers, startVault } from './vault.ts';

const repository = resolve(import.meta.dirname, '../..');
const launcher = join(repository, 'bin/vaultctl.js');
/** The files that are there to hold keys; everything else below the world must not. */
const isCredentialFile = (path: string) => /^(vault-unseal(\.previous)?\.json|vault-creds-(init|rotate)\.json\.tmp)(\.archived-.*)?$|^\.(vault-unseal|vault-creds).*\.[0-9a-f]+\.(keys|intent)$|^(hosts|imported)\.json$/.test(basename(path));
/** All that a person or a library might turn on. */
const everyDebug = { DEBUG: '*', VAULTCTL_DEBUG: '1', NODE_DEBUG: 'http,https,http2,net,tls,stream,fs,child_process,timer,module,readline', NODE_DEBUG_NATIVE: 'http', NODE_OPTIONS: '--trace-tls --report-uncaught-exception' };

interface Ran { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly text: string }
interface How { readonly env?: Record<string, string>; readonly traced?: boolean; readonly onStart?: (pid: number) => void; readonly through?: readonly string[] }

if (userInfo().uid !== 0) notRun('the search for secrets in every process and file while the real program runs', 'sudo users and other processes\' environments need root');
else {
  describe('no secret of a real run', { timeout: 300_000 }, () => {
    const room = mkdtempSync(join(tmpdir(), 'vaultctl-canary-'));
    const [world, evidence] = [join(room, 'world'), join(room, 'evidence')];
    let canary: Canary;
    let sshd: SshdWorld;
    let sudo: SshdWorld;
    let user: SudoUser;
    let vault: Servers;
    let front: Awaited<ReturnType<typeof startListeningFront>>;
    let tracer: Watch | undefined;
    let processes: Watch | undefined;
    let runs = 0;
    const own = (path: string) => join(world, '{{ inventory_hostname }}', path);
    const keysAt = (name: string, file: string) => join(world, name, 'etc', file);

    before(async () => {
      for (const folder of [room, world]) mkdirSync(folder, { recursive: true, mode: 0o755 });
      mkdirSync(evidence, { mode: 0o700 });
      for (const name of ['m1', 'm2', 'm3']) mkdirSync(join(world, name, 'etc'), { recursive: true, mode: 0o755 });
      for (const name of ['home', 'tmp', 'cwd']) mkdirSync(join(world, name), { mode: 0o700 });
      canary = new Canary(evidence);
      user = makeSudoUser('password');
      canary.add('become password', user.password);
      vault = await startVault(join(room, 'vault'));
      front = await startListeningFront(vault.addresses[0]!, canary);
      sshd = await startSshd({ world: join(world, 'sshd'), names: ['m2'], net: 61, ...(canTrace() ? { under: [...tracedInto(join(evidence, 'm2.execs')), '-D'] } : {}) });
      sudo = await startSshd({ world: join(world, 'sshd-sudo'), names: ['m3'], net: 62, config: ['PasswordAuthentication yes'] });
      const [two, three] = [sshd.managers[0]!, sudo.managers[0]!];
      writeFileSync(join(world, 'hosts.json'), JSON.stringify({ all: {
        vars: {
          vault_addresses: [front.address], vault_cluster_name: 'canary', vault_creds_host_path: own('etc/vault-unseal.json'), vault_creds_init_tmp_path: own('etc/vault-creds-init.json.tmp'),
          vault_creds_rotate_tmp_path: own('etc/vault-creds-rotate.json.tmp'), vault_snapshot_dir: own('snapshots'), vault_journal_path: own('journal.ndjson'),
          ansible_ssh_common_args: `-o UserKnownHostsFile=${join(world, 'known_hosts')} -o IdentitiesOnly=yes`,
        },
        children: { managers: { hosts: {
          m1: { ansible_connection: 'local' },
          m2: { ansible_host: two.address, ansible_port: two.port, ansible_user: two.user, ansible_ssh_private_key_file: sshd.key },
          m3: { ansible_host: three.address, ansible_port: three.port, ansible_user: user.name, ansible_password: user.password, ansible_become: true, ansible_become_password: user.password },
        } } },
      } }), { mode: 0o600 });
      writeFileSync(join(world, 'known_hosts'), [sshd, sudo].map(({ knownHosts }) => readFileSync(knownHosts, 'utf8')).join(''));
      if (canTrace()) tracer = await watchExecs([three.pid], join(evidence, 'm3.execs'));
      else notRun('every execve of vaultctl and its managers', 'strace is missing or not allowed here: apt-get install strace');
      processes = sampleProcesses(join(evidence, 'processes'));
    });
    after(async () => {
      await tracer?.stop();
      await processes?.stop();
      await front?.close();
      await Promise.all([vault?.close(), sshd?.stop(), sudo?.stop()]);
      user?.remove();
      rmSync(room, { recursive: true, force: true });
    });

    /** Runs the real program and keeps what it said; then looks into every file of the world as it is at that moment. */
    async function run(argv: readonly string[], { env = {}, traced = false, onStart, through = [] }: How = {}): Promise<Ran> {
      const name = `run-${runs += 1}-${argv[0]}`;
      const under = traced && canTrace() ? tracedInto(join(evidence, `${name}.execs`)) : [];
      const [program, ...args] = [...under, ...through, process.execPath, launcher, ...argv, '-i', join(world, 'hosts.json'), '--limit', 'm1'];
      const child = spawn(program!, args, { cwd: join(world, 'cwd'), stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], HOME: join(world, 'home'), TMPDIR: join(world, 'tmp'), ...env } });
      onStart?.(child.pid!);
      const said: Buffer[] = [];
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { said.push(chunk); });
      const ended = await new Promise<Omit<Ran, 'text'>>((done) => { child.on('close', (code, signal) => { done({ code, signal }); }); });
      writeFileSync(join(evidence, `${name}.said`), Buffer.concat(said));
      assert.deepEqual(canary.findBelow(world, isCredentialFile), [], `${name}: files that hold a secret`);
      return { ...ended, text: Buffer.concat(said).toString() };
    }
    const done = (ran: Ran) => { assert.equal(ran.code, 0, ran.text); return ran; };
    async function runWith(whim: Whim, ...argv: string[]): Promise<Ran> {
      front.whim(whim);
      try { return await run(argv, { env: { VAULTCTL_DEBUG: '1' } }); } finally { front.whim(() => undefined); }
    }
    /** A server that quotes all it was sent. */
    const echoes = (path: string, status: number): Whim => (request) => (request.path === path && request.method !== 'GET' && request.body.includes('"key"') ? { status, errors: [`cannot handle ${request.method} ${request.path}: ${request.body} of ${request.token}`, `%q ${JSON.stringify(request.body)}`] } : undefined);

    it('is in a process, an output or a file while every verb does its work', async () => {
      done(await run(['install'], { traced: true }));
      done(await run(['status'], { traced: true }));
      // Where sudo is, every call stops, which makes the manager several times slower; m2 stays watched to the end.
      await tracer?.stop();
      done(await run(['rotate', '--json'], { traced: true }));
      await vault.node(0).kill('SIGKILL');
      await vault.node(0).start();
      done(await run(['unseal'], { traced: true }));
      rmSync(keysAt('m2', 'vault-unseal.json'));
      done(await run(['distribute'], { traced: true }));
      done(await run(['verify'], { traced: true }));
      // The same through the system's ssh, which is told the password of m3 when it asks.
      done(await run(['verify', '-e', 'vault_transport=openssh'], { traced: true }));
      copyFileSync(keysAt('m1', 'vault-unseal.json'), join(world, 'imported.json'));
      done(await run(['recover', '--import', join(world, 'imported.json')], { traced: true }));
      assert.ok(readFileSync(join(world, 'm1/journal.ndjson'), 'utf8').includes('"is":"step"'), 'the journal was there to be searched');
      done(await run(['rotate', '--root-token'], { traced: true }));
    });

    it('is shown by any debug variable, by -vvv or in JSON', async () => {
      const rotated = done(await run(['rotate', '-vvv'], { env: everyDebug }));
      assert.match(rotated.text, /NODE_DEBUG and NODE_DEBUG_NATIVE and NODE_OPTIONS would show or save/);
      for (const verb of ['verify', 'status']) done(await run([verb, '-vvv', '--json'], { env: everyDebug }));
    });

    it('that is typed on a terminal is echoed or kept: the passphrase of a key', async () => {
      const passphrase = randomBytes(12).toString('hex');
      canary.add('passphrase', passphrase);
      const locked = join(world, 'home/locked');
      copyFileSync(sshd.key, locked);
      chmodSync(locked, 0o600);
      execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', passphrase, '-f', locked]);
      const inventory = join(world, 'locked.yaml');
      writeFileSync(inventory, readFileSync(join(world, 'hosts.json'), 'utf8').replace(sshd.key, locked), { mode: 0o600 });
      const child = spawn('script', ['-qefc', `'${process.execPath}' '${launcher}' status -i '${inventory}' --limit m1`, '/dev/null'], { cwd: join(world, 'cwd'), stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: process.env['PATH'], HOME: join(world, 'home'), SHELL: '/bin/sh' } });
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => {
        if (!said.includes('Passphrase for') && chunk.includes('Passphrase for')) setTimeout(() => { child.stdin.write(`${passphrase}\r`); }, 200);
        said += chunk.toString();
      });
      const code = await new Promise((end) => { child.once('close', end); });
      rmSync(inventory);
      writeFileSync(join(evidence, 'passphrase.said'), said);
      assert.match(said, /Passphrase for .*locked/);
      assert.equal(code, 0, said);
    });

    it('is in the page of a halt: Vault quotes the request, a manager goes away, a file is torn', async () => {
      for (const path of ['sys/rekey/update', 'sys/rekey/verify']) assert.notEqual((await runWith(echoes(path, 500), 'rotate')).code, 0);
      done(await run(['rotate', '--json']));
      await vault.node(0).kill('SIGKILL');
      await vault.node(0).start();
      assert.notEqual((await runWith(echoes('sys/unseal', 400), 'unseal')).code, 0);
      done(await run(['unseal']));
      let gone = false;
      const cut = await runWith(async (request) => { if (!gone && request.path === 'sys/rekey/update') { gone = true; await sshd.stop(); } return undefined; }, 'rotate', '--json');
      assert.equal(cut.code, 5, cut.text);
      await sshd.managers[0]!.start();
      done(await run(['rotate']));
      const main = readFileSync(keysAt('m2', 'vault-unseal.json'));
      writeFileSync(keysAt('m2', 'vault-unseal.json'), main.subarray(0, main.length - 30));
      for (const verb of ['status', 'verify']) assert.notEqual((await run([verb], { env: { VAULTCTL_DEBUG: '1' } })).code, 0);
      done(await run(['distribute']));
    });

    it('is in a core dump or anywhere else when the program crashes with keys in its hands', async () => {
      for (const [path, signal] of [['sys/rekey/update', 'SIGSEGV'], ['sys/rekey/verify', 'SIGABRT'], ['sys/rekey/update', 'SIGUSR1']] as const) {
        let pid = 0;
        front.whim((request) => { if (request.path === path && request.method !== 'GET') process.kill(pid, signal); return undefined; });
        const ran = await run(['rotate'], { through: ['sh', '-c', 'ulimit -c unlimited; exec "$@"', 'sh'], onStart: (started) => { pid = started; } });
        front.whim(() => undefined);
        assert.equal(ran.signal ?? ran.code, signal === 'SIGUSR1' ? 0 : signal, ran.text);
        assert.deepEqual(coreFiles(world), []);
      }
    });

    it('was in anything that any process was started with, or said', async () => {
      await processes?.stop();
      if (canTrace()) for (const [name, sign] of [['m3.execs', /execve\(.*"sudo".*"USER=vctl-/], ['m3.execs', /execve\(.*"mv", "-f"/], ['m2.execs', /execve\(.*"mv", "-f"/], ['run-1-install.execs', /execve\(.*"flock"/]] as const) {
        assert.match(readFileSync(join(evidence, name), 'utf8'), sign, `${name} has seen what was started`);
      }
      assert.ok(canary.count > 40, `${canary.count} secrets were known`);
      assert.deepEqual(canary.findBelow(evidence, (path) => path === join(evidence, 'needles')).map((path) => basename(path)), []);
    });

    it('would go unseen: the same search finds each that is planted', async () => {
      const share = (JSON.parse(readFileSync(keysAt('m1', 'vault-unseal.json'), 'utf8')) as { unseal_keys: string[] }).unseal_keys[1]!;
      const planted = join(room, 'planted');
      mkdirSync(planted);
      const processes = sampleProcesses(join(planted, 'processes'));
      const shell = spawn('sh', ['-c', 'read -r line; IT="$line" env true'], { stdio: ['pipe', 'ignore', 'ignore'] });
      const execs = canTrace() ? await watchExecs([shell.pid!], join(planted, 'execs')) : undefined;
      const argv = spawn('sleep', ['0.3'], { argv0: `sleep-${share}`, stdio: 'ignore' });
      await Promise.all([shell, argv].map((child) => { child.stdin?.end(`${share}\n`); return new Promise((end) => { child.once('exit', end); }); }));
      await processes.stop();
      await execs?.stop();
      const bytes = Buffer.from(share, 'base64');
      for (const [name, text] of [['hex', `key ${bytes.toString('hex')}`], ['inspected', `<Buffer ${bytes.toString('hex').replaceAll(/(..)/g, '$1 ')}...>`], ['cut', `… ${share.slice(0, 30)} …`], ['url', encodeURIComponent(share)]] as const) writeFileSync(join(planted, name), text);
      writeFileSync(join(planted, 'vault-unseal.json'), share);
      // What NODE_DEBUG prints of the same program, started past its launcher.
      const bare = spawn(process.execPath, ['-e', `import(${JSON.stringify(join(repository, 'dist/main.js'))}).then(({ main }) => main(['verify', '-i', ${JSON.stringify(join(world, 'hosts.json'))}, '--limit', 'm1']))`], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], NODE_DEBUG: everyDebug.NODE_DEBUG } });
      for (const stream of [bare.stdout, bare.stderr]) stream.on('data', (chunk: Buffer) => { appendFileSync(join(planted, 'debugged'), chunk); });
      await new Promise((end) => { bare.once('close', end); });
      writeFileSync(join(planted, 'clean'), 'operation 0123 done');
      assert.deepEqual(canary.findBelow(planted, isCredentialFile).map((path) => basename(path)), ['cut', 'debugged', ...(execs === undefined ? [] : ['execs']), 'hex', 'inspected', 'processes', 'url']);
    });
  });
}
