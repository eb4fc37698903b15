import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Boundary, KillingFront } from './killing-front.ts';
import { type Servers, startVault } from './vault.ts';

const repository = resolve(import.meta.dirname, '../..');
const names = ['m1', 'm2'];

/** The program itself, killed with SIGKILL at every request boundary; two managers on this machine, one real server. */
describe('kill -9 of the real program at every request boundary', { timeout: 900_000 }, () => {
  let folder: string;
  let vault: Servers;
  let front: KillingFront;
  const inventory = () => join(folder, 'hosts.yaml');
  const keysFolder = (name: string) => join(folder, name, 'etc');

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vaultctl-kill-'));
    vault = await startVault(join(folder, 'vault'));
    front = await KillingFront.start(() => vault.addresses[0]!);
    const own = (path: string) => `"${folder}/{{ inventory_hostname }}/${path}"`;
    writeFileSync(inventory(), ['all:', '  vars:', `    vault_addresses: ["${front.address}"]`, '    vault_cluster_name: kill', `    vault_creds_host_path: ${own('etc/vault-unseal.json')}`,
      `    vault_creds_init_tmp_path: ${own('etc/vault-creds-init.json.tmp')}`, `    vault_creds_rotate_tmp_path: ${own('etc/vault-creds-rotate.json.tmp')}`, `    vault_snapshot_dir: ${own('snapshots')}`,
      '  children:', '    managers:', '      hosts:', ...names.map((name) => `        ${name}: { ansible_connection: local }`), ''].join('\n'));
    fresh();
  });
  after(async () => {
    await front.close();
    await vault.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const fresh = () => { for (const name of names) { rmSync(join(folder, name), { recursive: true, force: true }); mkdirSync(keysFolder(name), { recursive: true, mode: 0o755 }); } };
  const emptied = async () => { await vault.node(0).kill('SIGKILL'); await vault.node(0).wipe(); await vault.node(0).start(); fresh(); };

  function vaultctl(verb: string, at = Infinity, when: Boundary = 'before'): Promise<{ code: number | null; killed: boolean; text: string }> {
    const child = spawn(process.execPath, [join(repository, 'bin/vaultctl.js'), verb, '-i', inventory()], { stdio: ['ignore', 'pipe', 'pipe'] });
    front.arm(at, when, () => child.kill('SIGKILL'));
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    child.stderr.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    return new Promise((done) => { child.on('close', (code, signal) => { done({ code, killed: signal === 'SIGKILL', text }); }); });
  }

  const files = () => names.map((name) => readFileSync(join(keysFolder(name), 'vault-unseal.json'), 'utf8'));

  /** Equal files, three keys, 0600, nothing left over, and they open the server after a restart. */
  async function allIsWell(why: string): Promise<void> {
    const [first, ...others] = files();
    for (const other of others) assert.equal(other, first, `${why}: the managers differ`);
    assert.deepEqual(Object.keys(JSON.parse(first!) as object), ['root_token', 'unseal_keys', 'key_threshold'], why);
    for (const name of names) {
      assert.equal(statSync(join(keysFolder(name), 'vault-unseal.json')).mode & 0o777, 0o600, why);
      const left = readdirSync(keysFolder(name)).filter((file) => /\.tmp$|\.(intent|keys|plain)$/.test(file));
      assert.deepEqual(left, [], `${why}: left over on ${name}`);
    }
    await vault.node(0).kill('SIGKILL');
    await vault.node(0).start();
    const opened = await vaultctl('unseal');
    assert.equal(opened.code, 0, `${why}: the files do not open a freshly restarted server:\n${opened.text}`);
  }

  it('install: at most the init reply is lost, and then it is recognised; every other kill is finished by the next run', async (t) => {
    assert.equal((await vaultctl('install')).code, 0);
    const { requests } = front;
    assert.ok(requests.includes('PUT sys/init'), 'the flow went through the front');
    let lost = 0;
    let kills = 0;
    for (let at = 1; at <= requests.length; at += 1) {
      for (const when of ['before', 'after'] as const) {
        await emptied();
        const why = `install killed ${when} request ${at} (${requests[at - 1]})`;
        const struck = await vaultctl('install', at, when);
        assert.ok(struck.killed, `${why}: it was not killed:\n${struck.text}`);
        kills += 1;
        const resumed = await vaultctl('install');
        if (requests[at - 1] === 'PUT sys/init' && when === 'after') {
          assert.equal(resumed.code, 3, `${why}:\n${resumed.text}`);
          assert.match(resumed.text, /nobody ever held these keys/);
          lost += 1;
          continue;
        }
        assert.equal(resumed.code, 0, `${why}:\n${resumed.text}`);
        await allIsWell(why);
      }
    }
    t.diagnostic(`${kills} kills over ${requests.length} requests, init reply never saved: ${lost}, lost otherwise: 0`);
    assert.equal(lost, 1);
  });

  it('rotate: whatever is killed, one set is live, and the next run ends with it everywhere', async (t) => {
    await emptied();
    assert.equal((await vaultctl('install')).code, 0);
    const before = files()[0];
    assert.equal((await vaultctl('rotate')).code, 0);
    assert.notEqual(files()[0], before);
    const { requests } = front;
    let kills = 0;
    for (let at = 1; at <= requests.length; at += 1) {
      for (const when of ['before', 'after'] as const) {
        const why = `rotate killed ${when} request ${at} (${requests[at - 1]})`;
        const struck = await vaultctl('rotate', at, when);
        assert.ok(struck.killed, `${why}: it was not killed:\n${struck.text}`);
        kills += 1;
        const resumed = await vaultctl('rotate');
        assert.equal(resumed.code, 0, `${why}:\n${resumed.text}`);
        await allIsWell(why);
      }
    }
    t.diagnostic(`${kills} kills over ${requests.length} requests, lost: 0`);
  });
});
