import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { after, before, describe, it, mock } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import type { KubeHttp } from '../../src/adapters/kube-http.ts';
import { PodWays } from '../../src/adapters/pod-ways.ts';
import type { KubernetesSettings } from '../../src/model/settings.ts';
import { WireError } from '../../src/ports/vault.ts';

const settings = { namespace: 'vault', podSelector: 'component=server', release: 'vault', port: 8200, reach: 'port-forward', allowHttp: false } as unknown as KubernetesSettings;
const set = { metadata: { name: 'vault', uid: 'set' }, spec: { replicas: 1, template: { metadata: { labels: { component: 'server' } }, spec: { containers: [] } } } };
const pod = (uid: string, containerID: string) => ({
  metadata: { name: 'vault-0', uid, ownerReferences: [{ kind: 'StatefulSet', name: 'vault' }] }, spec: { containers: [] },
  status: { phase: 'Running', containerStatuses: [{ name: 'vault', restartCount: 0, containerID, state: { running: {} } }] },
});

describe('the way to a pod, on which the kubelet says nothing when the pod goes', () => {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  let now: unknown = pod('1', 'a');
  sockets.on('connection', (socket) => { socket.send(Buffer.from([0, 8, 32])); socket.send(Buffer.from([1, 8, 32])); });
  before(() => new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); }));
  after(() => { for (const client of sockets.clients) client.terminate(); sockets.close(); server.close(); });

  async function opened(): Promise<{ ways: PodWays; socket: Duplex }> {
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const kube = {
      server: base, login: async () => ({ headers: {} }), url: (path: string) => new URL(path, base),
      request: async ({ path }: { path: string }) => ({ status: 200, body: { items: path.includes('statefulsets') ? [set] : now === undefined ? [] : [now] } }),
    } as unknown as KubeHttp;
    const ways = new PodWays(kube, settings);
    return { ways, socket: await ways.to(new URL('http://vault-0.vault.pod:8200'))!() };
  }

  it('is cut when the pod is replaced, its container restarted, or gone, and stands as long as it is the same', async () => {
    for (const [what, next] of [['the same', pod('1', 'a')], ['replaced', pod('2', 'b')], ['restarted', pod('1', 'c')], ['gone', undefined]] as const) {
      now = pod('1', 'a');
      mock.timers.enable({ apis: ['setInterval'] });
      try {
        const { ways, socket } = await opened();
        socket.on('error', () => undefined);
        now = next;
        mock.timers.tick(3000);
        await sleep(20);
        assert.equal(socket.destroyed, what !== 'the same', what);
        if (socket.destroyed) assert.match(socket.errored?.message ?? '', /the way to pod vault-0 broke: the pod was restarted or replaced/, what);
        ways.close();
      } finally {
        mock.timers.reset();
      }
    }
  });

  it('is none to a pod that is being deleted', async () => {
    const dying = pod('1', 'a');
    now = { ...dying, metadata: { ...dying.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    await assert.rejects(opened(), (error) => error instanceof WireError && error.reached === 'before' && /is being deleted/.test(error.message));
  });
});
