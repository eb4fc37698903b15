import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startSshd } from './sshd.ts';
import { startVault } from './vault.ts';

const launcher = fileURLToPath(new URL('../../bin/vaultctl.js', import.meta.url));

function run(argv: readonly string[]): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, [launcher, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { text += chunk.toString(); });
  return new Promise((done) => { child.on('close', (code) => { done({ code, text }); }); });
}

test('install, rotate, verify and status on managers that take certificates and post-quantum key exchange only', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vaultctl-certified-'));
  chmodSync(folder, 0o755);
  const [authority, key] = ['ca', 'key'].map((name) => join(folder, name)) as [string, string];
  for (const file of [authority, key]) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
  execFileSync('ssh-keygen', ['-q', '-s', authority, '-I', 'test', '-n', userInfo().username, `${key}.pub`]);
  const sshd = await startSshd({
    world: join(folder, 'world'), names: ['keeper1', 'keeper2', 'keeper3'], net: 182,
    config: [`TrustedUserCAKeys ${authority}.pub`, 'AuthorizedKeysFile none', 'KexAlgorithms sntrup761x25519-sha512@openssh.com'],
  });
  const vault = await startVault(join(folder, 'vault'));
  try {
    const at = (name: string) => join(folder, 'world', '{{ inventory_hostname }}', 'etc/kubernetes', name);
    const inventory = join(folder, 'hosts.yaml');
    writeFileSync(inventory, JSON.stringify({ all: {
      vars: {
        vault_addresses: vault.addresses, ansible_ssh_private_key_file: key, ansible_ssh_common_args: `-o UserKnownHostsFile=${sshd.knownHosts}`, ansible_connection: 'ssh', ansible_user: userInfo().username,
        vault_creds_host_path: at('vault-unseal.json'), vault_creds_init_tmp_path: at('init.tmp'), vault_creds_rotate_tmp_path: at('rotate.tmp'), vault_snapshot_dir: at('snapshots'),
      },
      children: { managers: { hosts: Object.fromEntries(sshd.managers.map(({ name, address, port }) => [name, { ansible_host: address, ansible_port: port }])) } },
    } }));
    const checked = await run(['inventory', '--check', '-i', inventory]);
    assert.equal(checked.code, 0, checked.text);
    assert.match(checked.text, /keeper3 {2}ssh .* by the system's ssh \(auto: .*key-cert\.pub is a certificate\)/);
    for (const verb of ['install', 'rotate', 'verify', 'status']) {
      const { code, text } = await run([verb, '-i', inventory]);
      assert.equal(code, 0, `${verb}: ${text}`);
      if (verb === 'install') assert.match(text, /keeper1: through the system's ssh, for .*key-cert\.pub is a certificate/);
    }
    const mains = sshd.managers.map((each) => join(each.folder, 'vault-unseal.json'));
    for (const path of mains) assert.deepEqual([readFileSync(path, 'utf8'), statSync(path).mode & 0o777], [readFileSync(mains[0]!, 'utf8'), 0o600]);
    assert.equal(readdirSync(join(sshd.managers[0]!.folder, 'snapshots')).filter((name) => name.endsWith('.snap')).length, 1);
  } finally {
    await vault.close();
    await sshd.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
