import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openHosts } from '../../src/adapters/open-hosts.ts';
import { manager, openDeps } from '../contract/host-benches.ts';
import { startSshd } from './sshd.ts';

/** Longer than a goodbye may take, shorter than any keepalive. */
const GONE_WITHIN_MS = 5000;

test('a host that is cut off when all is done does not keep the process: the connection is given up, not waited for', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vaultctl-farewell-'));
  const world = await startSshd({ world: folder, names: ['m1'], net: 96 });
  const { name, address, port, user, hostKey } = world.managers[0]!;
  const ends: Socket[] = [];
  // It never closes by itself what the other side has ended: that is the cut cable.
  const front = createServer({ allowHalfOpen: true }, (client) => {
    const server = connect({ host: address, port });
    ends.push(client, server);
    for (const [one, other] of [[client, server], [server, client]] as const) one.on('data', (chunk: Buffer) => other.write(chunk)).on('error', () => undefined);
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  const at = (front.address() as AddressInfo).port;
  appendFileSync(world.knownHosts, `[127.0.0.1]:${at} ${hostKey}\n`);
  const [host] = openHosts([manager({ name, address: '127.0.0.1', port: at, user, key: world.key, knownHosts: world.knownHosts })], openDeps);
  try {
    await host!.look({ files: [], folders: ['/etc'], limitBytes: 10 });
    const [client] = ends;
    for (const end of ends) end.removeAllListeners('data').pause();
    await host!.close();
    const reset = new Promise<boolean>((resolve) => { client!.once('close', () => resolve(true)); });
    const until = Date.now() + GONE_WITHIN_MS;
    // Only a socket that is closed on the other side, and not merely ended, answers with a reset.
    const asking = setInterval(() => { if (!client!.destroyed) client!.write('?'); }, 200);
    const ended = await Promise.race([reset, new Promise<boolean>((resolve) => { setTimeout(() => resolve(false), until - Date.now()); })]);
    clearInterval(asking);
    assert.ok(ended, `the connection was still there ${GONE_WITHIN_MS / 1000} s after all was done`);
  } finally {
    for (const end of ends) end.destroy();
    front.close();
    await world.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
