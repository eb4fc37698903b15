import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { targetOf } from '../../src/adapters/ssh-settings.ts';
import { Connector } from '../../src/adapters/ssh-connect.ts';
import { SshShell } from '../../src/adapters/ssh-shell.ts';
import { Ssh2Transport } from '../../src/adapters/ssh2-transport.ts';
import { manager, openDeps } from '../contract/host-benches.ts';
import { startSshd } from './sshd.ts';

test('a command whose output ends before it does is waited for: its end is not a lost connection', { timeout: 30_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vaultctl-channel-'));
  const world = await startSshd({ world: folder, names: ['m1'], net: 97 });
  const { name, address, port, user } = world.managers[0]!;
  const connector = new Connector(openDeps);
  const found = manager({ name, address, port, user, key: world.key });
  const target = () => targetOf({ ...found, ssh: { ...found.ssh, knownHostsFiles: [world.knownHosts] } });
  const shell = new SshShell({ name, transport: new Ssh2Transport(name, connector, target), become: undefined });
  try {
    const channel = await shell.open('printf abc; exec 1>&-; sleep 0.3; exit 3');
    channel.end();
    const read: Uint8Array[] = [];
    for await (const chunk of channel.stdout) read.push(chunk);
    assert.equal(Buffer.concat(read).toString(), 'abc');
    assert.equal((await channel.exit).code, 3);
  } finally {
    await shell.close();
    await connector.close();
    await world.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
