import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openHosts } from '../../src/adapters/open-hosts.ts';
import { manager, openDeps } from '../contract/host-benches.ts';
import { startSshd } from './sshd.ts';

/** As a busy client or a network that was away for a moment has it: what the server says comes in one piece. */
const GATHERED_MS = 60;

async function gathering(address: string, port: number): Promise<Server> {
  const front = createServer((client) => {
    const server = connect({ host: address, port });
    let waiting: Buffer[] = [];
    server.on('data', (chunk: Buffer) => {
      if (waiting.push(chunk) === 1) setTimeout(() => { client.write(Buffer.concat(waiting)); waiting = []; }, GATHERED_MS);
    });
    client.on('data', (chunk: Buffer) => server.write(chunk));
    for (const [one, other] of [[client, server], [server, client]] as const) one.on('close', () => other.destroy()).on('error', () => other.destroy());
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  return front;
}

test('a command that begins and ends within one packet has ended well: its exit status is not missed', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vaultctl-batched-'));
  const world = await startSshd({ world: folder, names: ['m1'], net: 98 });
  const { name, address, port, user, hostKey } = world.managers[0]!;
  const front = await gathering(address, port);
  const at = (front.address() as AddressInfo).port;
  appendFileSync(world.knownHosts, `[127.0.0.1]:${at} ${hostKey}\n`);
  const [host] = openHosts([manager({ name, address: '127.0.0.1', port: at, user, key: world.key, knownHosts: world.knownHosts })], openDeps);
  try {
    const snapshot = join(folder, 'vault.snap');
    writeFileSync(snapshot, 'a snapshot');
    for (let round = 1; round <= 3; round += 1) {
      const read: Uint8Array[] = [];
      for await (const chunk of host!.fetch(snapshot)) read.push(chunk);
      assert.equal(Buffer.concat(read).toString(), 'a snapshot', `round ${round}`);
    }
  } finally {
    await host!.close();
    front.close();
    await world.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
