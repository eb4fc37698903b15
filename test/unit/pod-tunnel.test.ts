import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type WebSocket, WebSocketServer } from 'ws';
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

describe('a tunnel that carries a request', () => {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  /** What the API server does when it has heard the request. */
  let answer: (socket: WebSocket) => void = () => undefined;
  sockets.on('connection', (socket) => {
    socket.send(Buffer.from([0, ...PORT]));
    socket.send(Buffer.from([1, ...PORT]));
    socket.on('message', () => answer(socket));
  });
  before(() => new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); }));
  after(() => { for (const client of sockets.clients) client.terminate(); sockets.close(); server.close(); });

  /** Through Node's own http client, as Vault's answers come. */
  const ask = async () => {
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const kube = { server: base, login: async () => ({ headers: {} }), url: (path: string) => new URL(path, base) } as unknown as KubeHttp;
    const tunnel = await openTunnel(kube, { namespace: 'vault', pod: 'vault-0', port: 8200, address: 'http://vault-0' });
    return new Promise<string>((resolve, reject) => {
      const asked = request({ createConnection: () => tunnel as unknown as Socket, path: '/v1/sys/init', timeout: 5000 });
      asked.on('timeout', () => asked.destroy(new Error('nothing was noticed within 5 s')));
      asked.on('error', reject);
      asked.on('response', (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => { text += chunk.toString(); });
        response.on('end', () => resolve(text));
        response.on('error', reject);
      });
      asked.end();
    });
  };
  const data = (text: string) => Buffer.concat([Buffer.from([0]), Buffer.from(text)]);
  const HALF = 'HTTP/1.1 200 OK\r\n\r\n{"keys":[';

  it('hands on an answer that comes in many frames', async () => {
    answer = (socket) => { for (const part of ['HTTP/1.1 200 OK\r\ncontent-length: 8\r\n', '\r\n{"a"', ':1}\n']) socket.send(data(part)); };
    assert.equal(await ask(), '{"a":1}\n');
  });

  it('fails at once where the API server dies before the answer, or in the middle of one without a length: half an answer is none', async () => {
    for (const part of ['', HALF]) {
      answer = (socket) => { if (part !== '') socket.send(data(part)); setTimeout(() => socket.terminate(), 20); };
      const begun = performance.now();
      await assert.rejects(ask(), /the way to pod vault-0 broke|aborted/, part);
      assert.ok(performance.now() - begun < 2500, 'not at once: only the next ping told');
    }
  });

  it('fails at once where the kubelet says that the pod is gone, before or in the middle of an answer', async () => {
    for (const part of ['', HALF]) {
      answer = (socket) => { if (part !== '') socket.send(data(part)); setTimeout(() => socket.send(Buffer.concat([Buffer.from([1]), Buffer.from('lost connection to pod')])), 20); };
      await assert.rejects(ask(), /lost connection to pod|aborted/, part);
    }
  });
});
