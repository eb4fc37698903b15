import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import type { KubeHttp } from '../../src/adapters/kube-http.ts';
import { openTunnel } from '../../src/adapters/pod-tunnel.ts';
import { WireError } from '../../src/ports/vault.ts';

const PORT = [8200 & 255, 8200 >> 8];
const refused = 'failed to connect to localhost:8200: connection refused';

describe('a tunnel into a pod in which nobody listens', () => {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  let afterMs = 0;
  sockets.on('connection', (socket) => {
    socket.send(Buffer.from([0, ...PORT]));
    socket.send(Buffer.from([1, ...PORT]));
    const fail = () => socket.send(Buffer.concat([Buffer.from([1]), Buffer.from(refused)]));
    if (afterMs === 0) fail();
    else setTimeout(fail, afterMs);
  });
  before(() => new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); }));
  after(() => { for (const client of sockets.clients) client.terminate(); sockets.close(); server.close(); });

  const open = () => {
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const kube = { server: base, login: async () => ({ headers: {} }), url: (path: string) => new URL(path, base) } as unknown as KubeHttp;
    return openTunnel(kube, { namespace: 'vault', pod: 'vault-0', port: 8200, address: 'http://vault-0' });
  };

  it('is no tunnel where that came with the answer to the upgrade, or breaks right after', async () => {
    afterMs = 0;
    const outcome = await open().then(async (tunnel) => { await sleep(50); return tunnel.errored; }, (error: unknown) => error as Error);
    assert.match(outcome?.message ?? '', /connection refused/);
    if (outcome instanceof WireError) assert.equal(outcome.reached, 'before');
  });

  it('may break while no request uses it: the process lives on', async () => {
    afterMs = 30;
    const tunnel = await open();
    await sleep(100);
    assert.ok(tunnel.destroyed);
    assert.match(tunnel.errored?.message ?? '', /connection refused/);
  });
});
