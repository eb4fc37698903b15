import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Hands, Prover } from '../../src/engine/world.ts';
import { podReasons, withoutSecrets } from '../../src/kubernetes/pod-reasons.ts';
import { Halt, haltPage } from '../../src/model/halt.ts';
import type { KubernetesSettings } from '../../src/model/settings.ts';
import type { ClusterNode } from '../../src/ports/cluster.ts';
import { KubeError, type KubeWire } from '../../src/ports/kube.ts';
import { WireError } from '../../src/ports/vault.ts';
import { waitForPods } from '../../src/steps/wait-for-pods.ts';
import { VaultError } from '../../src/vault/answers.ts';
import { SimClock, SimTime } from '../sim/clock.ts';
import { SimOperator } from '../sim/operator.ts';

const kubernetes: KubernetesSettings = {
  reach: 'port-forward', release: 'vault', namespace: 'vault', podSelector: 'app=vault', kubeconfig: undefined, context: undefined,
  port: 8200, scheme: undefined, caSecret: undefined, allowHttp: false,
};

/** Path (a pattern) → what the API server says; a later answer replaces an earlier one, and what nobody names is 404. */
type Answers = Record<string, unknown>;
const running = (name: string) => ({ metadata: { name, uid: name }, spec: { containers: [{ name: 'vault' }] }, status: { containerStatuses: [{ name: 'vault', restartCount: 0, state: { running: {} } }] } });
const waiting = (name: string, reason: string, message?: string, more: object = {}) => ({ metadata: { name, uid: name }, spec: { containers: [{ name: 'vault' }] }, status: { containerStatuses: [{ name: 'vault', restartCount: 3, state: { waiting: { reason, message } }, ...more }] } });
const set = (replicas: number) => ({ items: [{ metadata: { name: 'vault', uid: 's' }, spec: { replicas, template: { metadata: { labels: { app: 'vault' } }, spec: { containers: [] } } } }] });

function kubeOf(answers: () => Answers): KubeWire & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked, server: 'https://test', close: () => undefined,
    request: async ({ path }) => {
      asked.push(path);
      const [, body] = Object.entries(answers()).find(([part]) => path.includes(part)) ?? [];
      if (body instanceof Error) throw body;
      return body === undefined ? { status: 404, body: { message: 'not found' } } : { status: 200, body };
    },
  };
}

interface Scene { readonly answers: (nowMs: number) => Answers; readonly nodes: (nowMs: number) => readonly string[]; readonly answering: (name: string, nowMs: number) => boolean; readonly initialized?: boolean; readonly allowMissingNodes?: readonly string[]; readonly says?: WireError['reached'] }

/** A Kubernetes and its pods as functions of the seconds since the start. */
function sceneOf({ answers, nodes: named, answering, initialized = false, allowMissingNodes = [], says = 'before' }: Scene) {
  const time = new SimTime();
  const start = time.nowMs;
  const now = () => (time.nowMs - start) / 1000;
  const operator = new SimOperator();
  const kube = kubeOf(() => answers(now()));
  const nodes: ClusterNode[] = [];
  const find = async () => { nodes.splice(0, nodes.length, ...named(now()).map((name) => ({ name, address: `http://${name}` }))); return nodes; };
  const sealStatus = async (address: string) => {
    const name = address.slice('http://'.length);
    if (!answering(name, now())) throw new WireError(address, says, `${name}: connection refused`);
    return { initialized, sealed: true, type: 'shamir' };
  };
  const hands = {
    settings: { kubernetes, timeoutMs: 60_000, inventory: 'hosts.yaml', allowMissingNodes }, nodes, findNodes: find, kube: async () => kube, clock: new SimClock(time, 1),
    vault: { sealStatus }, operator, tell: (event: Parameters<SimOperator['tell']>[0]) => operator.tell(event), lock: { lost: () => undefined },
  } as unknown as Hands & Prover;
  return { hands, operator, find, now, kube };
}

const halted = async (work: Promise<unknown>): Promise<Halt> => {
  try { await work; } catch (error) { if (error instanceof Halt) return error; throw error; }
  throw new Error('it went on');
};

describe('waiting for the pods of Vault', () => {
  it('is over at once where each answers, with one request to each and none to Kubernetes', async () => {
    const { hands, find, kube } = sceneOf({ answers: () => ({}), nodes: () => ['vault-0', 'vault-1'], answering: () => true });
    await find();
    assert.deepEqual(await waitForPods.look(hands, undefined), { is: 'done', out: undefined });
    assert.deepEqual(kube.asked, []);
  });

  it('is over where a Vault answers that it died in its init: no waiting mends that, and the next look says what does', async () => {
    const { hands, find } = sceneOf({ answers: () => ({}), nodes: () => ['vault-0'], answering: () => true });
    await find();
    const died = { ...hands, vault: { sealStatus: () => Promise.reject(new VaultError('http://vault-0', 'seal status', 500, ['core: barrier reports initialized but no seal configuration found'])) } } as unknown as typeof hands;
    assert.deepEqual(await waitForPods.look(died, undefined), { is: 'done', out: undefined });
    const ill = { ...hands, vault: { sealStatus: () => Promise.reject(new VaultError('http://vault-0', 'seal status', 500, ['internal error'])) } } as unknown as typeof hands;
    assert.equal((await waitForPods.look(ill, undefined)).is, 'pending');
  });

  it('is no matter of an inventory with addresses', async () => {
    const { hands } = sceneOf({ answers: () => ({}), nodes: () => [], answering: () => false });
    assert.deepEqual(await waitForPods.look({ ...hands, findNodes: undefined } as never, undefined), { is: 'done', out: undefined, skipped: true });
  });

  it('sees a StatefulSet that comes later, and its pods by the names they then have', async () => {
    const { hands, operator, find, now } = sceneOf({
      answers: (s) => ({ statefulsets: s < 4 ? { items: [] } : set(2), '/pods?': { items: s < 8 ? [] : [running('vault-0'), running('vault-1')] } }),
      nodes: (s) => (s < 4 ? [] : ['vault-0', 'vault-1']), answering: (_name, s) => s >= 12,
    });
    await find();
    assert.equal((await waitForPods.look(hands, undefined)).is, 'pending');
    await waitForPods.act(hands, undefined);
    assert.deepEqual(hands.nodes.map(({ name }) => name), ['vault-0', 'vault-1']);
    assert.equal(Math.floor(now()), 12);
    assert.deepEqual(operator.said(), [
      'waiting: vault: no StatefulSet in namespace vault has pods with app=vault',
      'waiting: vault-0: the pod is not there yet; vault-1: the pod is not there yet',
      'waiting: vault-0: vault-0: connection refused; vault-1: vault-1: connection refused',
    ]);
  });

  it('gives up after the time that was given, with exit 8 and the reason of each pod', async () => {
    const { hands, now } = sceneOf({
      answers: () => ({ statefulsets: set(2), '/pods?': { items: [running('vault-0'), waiting('vault-1', 'ImagePullBackOff', 'Back-off pulling image "vault:9"')] } }),
      nodes: () => ['vault-0', 'vault-1'], answering: (name) => name === 'vault-0',
    });
    const halt = await halted(waitForPods.act(hands, undefined));
    assert.equal(halt.exitCode, 8);
    assert.equal(now(), 60);
    assert.match(haltPage(halt.text), /vault-1: container vault: ImagePullBackOff: Back-off pulling image "vault:9"/);
    assert.doesNotMatch(haltPage(halt.text), /vault-0:/);
    assert.equal(halt.text.next?.[0], 'kubectl -n vault describe pod vault-1');
  });

  it('names the log of a Vault that runs and says nothing, and what brings back a set that is scaled to 0', async () => {
    const silent = sceneOf({ answers: () => ({ statefulsets: set(1), '/pods?': { items: [running('vault-0')] } }), nodes: () => ['vault-0'], answering: () => false });
    assert.equal((await halted(waitForPods.act(silent.hands, undefined))).text.next?.[0], 'kubectl -n vault logs vault-0 --tail=20');
    const none = sceneOf({ answers: () => ({ statefulsets: set(0), '/pods?': { items: [] } }), nodes: () => [], answering: () => false });
    assert.match((await halted(waitForPods.act(none.hands, undefined))).text.next?.[0] ?? '', /^kubectl -n vault scale statefulset vault --replicas=1 {3}\(/);
  });

  it('gives up early where each pod answers and a setting keeps us from asking: no waiting mends a wrong CA', async () => {
    const { hands, now } = sceneOf({ answers: () => ({ statefulsets: set(1), '/pods?': { items: [running('vault-0')] } }), nodes: () => ['vault-0'], answering: () => false, says: 'config' });
    const halt = await halted(waitForPods.act(hands, undefined));
    assert.match(haltPage(halt.text), /Not every Vault pod answers within 15 s\n {2}vault-0: vault-0: connection refused/);
    assert.equal(halt.text.next?.[0], 'mend what stands above');
    assert.equal(now(), 15);
  });

  it('lets keys have their second copy where one pod is initialised already: it warns and goes on', async () => {
    const { hands, operator } = sceneOf({
      answers: () => ({ statefulsets: set(2), '/pods?': { items: [running('vault-0')] } }), nodes: () => ['vault-0', 'vault-1'], answering: (name) => name === 'vault-0', initialized: true,
    });
    await waitForPods.act(hands, undefined);
    assert.match(operator.said().at(-1) ?? '', /^going on without: vault-1: the pod is not there yet/);
  });

  it('waits for no pod that the operator allowed to be missing', async () => {
    const { hands, find } = sceneOf({ answers: () => ({}), nodes: () => ['vault-0', 'vault-1'], answering: (name) => name === 'vault-0', allowMissingNodes: ['vault-1'] });
    await find();
    assert.equal((await waitForPods.look(hands, undefined)).is, 'done');
  });

  it('waits out an API server that is away for a moment, and stops at a right that is missing', async () => {
    const away = sceneOf({ answers: (s) => ({ statefulsets: s < 5 ? new KubeError('before', 'ECONNREFUSED') : set(1), '/pods?': { items: [running('vault-0')] } }), nodes: () => ['vault-0'], answering: (_name, s) => s >= 8 });
    await waitForPods.act(away.hands, undefined);
    assert.match(away.operator.said()[0] ?? '', /waiting: Kubernetes: ECONNREFUSED/);
    const forbidden = sceneOf({ answers: () => ({ statefulsets: new KubeError('config', 'forbidden') }), nodes: () => ['vault-0'], answering: () => false });
    await assert.rejects(Promise.resolve(waitForPods.act(forbidden.hands, undefined)), /forbidden/);
  });

  it('stops between two looks where a signal came', async () => {
    const { hands, operator } = sceneOf({ answers: () => ({ statefulsets: { items: [] }, '/pods?': { items: [] } }), nodes: () => [], answering: () => false });
    operator.signalled('SIGTERM');
    assert.equal((await halted(waitForPods.act(hands, undefined))).exitCode, 143);
  });

  it('says a reason once, and one that changes all the time every few seconds at most', async () => {
    const { hands, operator } = sceneOf({
      answers: (s) => ({ statefulsets: set(1), '/pods?': { items: [waiting('vault-0', 'ContainerCreating', `second ${s}`)] } }), nodes: () => ['vault-0'], answering: (_name, s) => s >= 30,
    });
    await waitForPods.act(hands, undefined);
    assert.ok(operator.said().length <= 11, `${operator.said().length} lines in 30 s`);
    assert.ok(operator.said().length >= 8);
  });
});

describe('why a pod is not there', () => {
  it('is a set that makes its pods one after the other, where a sealed one is never Ready', async () => {
    const ordered = { items: [{ ...set(2).items[0], spec: { ...set(2).items[0]!.spec, podManagementPolicy: 'OrderedReady' } }] };
    const why = (pod: object) => podReasons(kubeOf(() => ({ statefulsets: ordered, '/pods?': { items: [pod] } })), kubernetes);
    assert.match((await why(running('vault-0'))).get('vault-1') ?? '', /^the pod is not there yet; StatefulSet vault makes its pods one after the other .* vault-0 is not Ready while it is sealed: .*Parallel.*--allow-missing-node vault-1$/);
    const ready = { ...running('vault-0'), status: { ...running('vault-0').status, conditions: [{ type: 'Ready', status: 'True' }] } };
    assert.equal((await why(ready)).get('vault-1'), 'the pod is not there yet');
  });

  const reason = async (pod: object, answers: Answers = {}) => (await podReasons(kubeOf(() => ({ ...answers, statefulsets: set(1), '/pods?': { items: [pod] } })), kubernetes)).get('vault-0');
  const pending = { metadata: { name: 'vault-0', uid: 'p' }, spec: { containers: [], volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-vault-0' } }] }, status: { conditions: [{ type: 'PodScheduled', status: 'False', message: '0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.' }] } };

  it('is a claim that waits, its storage class, and what the provisioner says', async () => {
    assert.equal(await reason(pending, {
      'persistentvolumeclaims/data-vault-0': { spec: { storageClassName: 'fast' }, status: { phase: 'Pending' } },
      'events?fieldSelector=involvedObject.kind%3DPersistentVolumeClaim': { items: [{ message: 'older', lastTimestamp: '2026-01-01T00:00:00Z' }, { message: 'storageclass.storage.k8s.io "fast" not found', lastTimestamp: '2026-01-02T00:00:00Z' }] },
    }), 'unschedulable: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.; PVC data-vault-0 is Pending (storage class fast): storageclass.storage.k8s.io "fast" not found');
  });

  it('is a crash loop with the last line of the container that died, without what it may have printed of keys', async () => {
    const dead = { lastState: { terminated: { reason: 'Error', exitCode: 1 } } };
    const crashing = waiting('vault-0', 'CrashLoopBackOff', 'back-off 10s', dead);
    assert.match(await reason(crashing, { 'log?container=vault&tailLines=20&previous=true': 'first\nerror loading configuration: token = "hvs.CAESIJlU2XyZabcdefghijklmnop"\n\n' }) ?? '',
      /CrashLoopBackOff.*exit code 1.*3 restarts; its last words: error loading configuration: token = \[redacted\]$/);
    assert.match(await reason(crashing) ?? '', /3 restarts$/);
  });

  it('is what the StatefulSet says where its pod cannot even be made', async () => {
    const kube = kubeOf(() => ({ statefulsets: set(1), '/pods?': { items: [] }, 'kind%3DStatefulSet': { items: [{ message: 'create Pod vault-0 failed: exceeded quota' }] } }));
    assert.equal((await podReasons(kube, kubernetes)).get('vault-0'), 'the pod is not there yet; create Pod vault-0 failed: exceeded quota');
  });

  it('is what an event says where a volume cannot be mounted', async () => {
    assert.match(await reason(waiting('vault-0', 'ContainerCreating'), { 'kind%3DPod': { items: [{ reason: 'FailedScheduling', message: 'unbound', lastTimestamp: '2026-01-09' }, { message: 'MountVolume.SetUp failed for volume "tls" : secret "vault-tls" not found' }] } }) ?? '', /ContainerCreating; MountVolume.SetUp failed for volume "tls" : secret "vault-tls" not found/);
  });

  it('never shows what looks like a key, a token or a password', () => {
    assert.equal(withoutSecrets('Unseal Key: 5Zb1x0OQ1rT7v6QJYdPQ8yq7nQvL9uKcWZ3tq2y3bXo='), 'Unseal Key: [redacted]');
    assert.equal(withoutSecrets('root hvs.CAESIJlU2XyZabcdefghijklmnop used'), 'root [redacted] used');
    assert.equal(withoutSecrets('dial postgres://vault:hunter2@db:5432'), 'dial postgres://[redacted]@db:5432');
    assert.equal(withoutSecrets('got 5Zb1x0OQ1rT7v6QJYdPQ8yq7nQvL9uKcWZ3tq2y3bXo= twice'), 'got [redacted] twice');
    assert.equal(withoutSecrets('open /vault/config/extraconfig-from-values.hcl: permission denied'), 'open /vault/config/extraconfig-from-values.hcl: permission denied');
  });
});
