import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { notRun } from '../not-run.ts';
import { startSshd } from './sshd.ts';
import { startVault } from './vault.ts';

const program = resolve(import.meta.dirname, '../../bin/vaultctl.js');
/** What the contract promises where the inventory says nothing. */
const folders = { '/etc/kubernetes': 'etc/kubernetes', '/var/lib/vaultctl': 'var/lib/vaultctl' };

if (userInfo().uid !== 0) notRun('the default paths on managers with an /etc/kubernetes of their own', 'mount namespaces need root');
else {
  test('with the default paths: three managers, each with its own /etc/kubernetes in a mount namespace', { timeout: 120_000 }, async () => {
    const made = Object.keys(folders).filter((path) => !existsSync(path));
    for (const path of made) mkdirSync(path, { recursive: true, mode: 0o755 });
    const folder = mkdtempSync(join(tmpdir(), 'vaultctl-default-'));
    const sshd = await startSshd({ world: folder, names: ['manager1', 'manager2', 'manager3'], net: 43, mounts: folders });
    const vault = await startVault(join(folder, 'vault'));
    try {
      const inventory = join(folder, 'hosts.yaml');
      writeFileSync(inventory, JSON.stringify({ all: {
        vars: { vault_addresses: vault.addresses, ansible_ssh_private_key_file: sshd.key, ansible_ssh_common_args: `-o UserKnownHostsFile=${sshd.knownHosts}`, ansible_connection: 'ssh' },
        children: { managers: { hosts: Object.fromEntries(sshd.managers.map(({ name, address, port, user }) => [name, { ansible_host: address, ansible_port: port, ansible_user: user }])) } },
      } }));
      for (const verb of ['install', 'rotate', 'verify', 'status']) {
        const { code, text } = await run([verb, '-i', inventory]);
        assert.equal(code, 0, `${verb}: ${text}`);
      }
      const mains = sshd.managers.map(({ name }) => join(folder, name, 'etc/kubernetes/vault-unseal.json'));
      for (const main of mains) {
        const { mode, uid, gid } = statSync(main);
        assert.deepEqual([mode & 0o777, uid, gid], [0o600, 0, 0], main);
        assert.equal(readFileSync(main, 'utf8'), readFileSync(mains[0]!, 'utf8'));
      }
      assert.equal(readdirSync(join(folder, 'manager1/var/lib/vaultctl')).filter((name) => name.endsWith('.snap')).length, 1);
      assert.deepEqual(readdirSync('/etc/kubernetes'), [], "this machine's own /etc/kubernetes was not touched");
    } finally {
      await vault.close();
      await sshd.stop();
      rmSync(folder, { recursive: true, force: true });
      for (const path of made) rmdirSync(path);
    }
  });
}

function run(argv: readonly string[]): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, [program, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { text += chunk.toString(); });
  return new Promise((done) => { child.on('close', (code) => { done({ code, text }); }); });
}
