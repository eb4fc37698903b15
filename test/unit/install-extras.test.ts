import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { programsHere } from '../../src/adapters/programs.ts';
import type { Hands, Prover } from '../../src/engine/world.ts';
import type { Extra, Manifest } from '../../src/model/deployment.ts';
import { Halt, haltPage } from '../../src/model/halt.ts';
import { KubeError, type KubeRequest, type KubeWire } from '../../src/ports/kube.ts';
import { installExtras } from '../../src/steps/install-extras.ts';
import { SimOperator } from '../sim/operator.ts';

const kinds: Record<string, readonly object[]> = {
  '/api/v1': [{ name: 'namespaces', kind: 'Namespace', namespaced: false }, { name: 'namespaces/status', kind: 'Namespace', namespaced: false }, { name: 'secrets', kind: 'Secret', namespaced: true }],
};

/** An API server with server-side apply and dry run, for whole objects; the other owner's fields conflict. */
function server() {
  const objects = new Map<string, Record<string, unknown>>();
  const requests: KubeRequest[] = [];
  const kube: KubeWire = {
    server: 'https://test', close: () => undefined,
    request: async (request) => {
      requests.push(request);
      const [path = '', query = ''] = request.path.split('?');
      const resources = kinds[path];
      if (resources !== undefined) return { status: 200, body: { resources } };
      const found = objects.get(path);
      if (request.method === 'GET') return found === undefined ? { status: 404, body: { message: `${path} not found` } } : { status: 200, body: found };
      if (found?.['owner'] === 'another') return { status: 409, body: { message: 'Apply failed with 1 conflict: conflict with "helm": .data.a' } };
      const { metadata, ...rest } = request.body as Manifest & Record<string, unknown>;
      const next = { ...found, ...rest, metadata: { ...metadata, uid: 'u', resourceVersion: `${requests.length}`, managedFields: [requests.length] } };
      if (!query.includes('dryRun=All')) objects.set(path, next);
      return { status: 200, body: next };
    },
  };
  return { kube, objects, requests };
}

function handsOf(kube: KubeWire, items: readonly Extra[]) {
  const operator = new SimOperator();
  const programs = programsHere(10_000);
  const hands = {
    settings: { kubernetes: { namespace: 'vault' }, deployment: { helm: undefined, pre: items, post: [] }, inventory: 'hosts.yaml' },
    kube: async () => kube, programs, programHands: programs, operator, tell: (event: Parameters<SimOperator['tell']>[0]) => operator.tell(event), lock: { lost: () => undefined },
  } as unknown as Hands & Prover;
  return { hands, operator };
}

const manifest = (object: object): Extra => ({ is: 'manifest', from: 'x', object: object as Manifest });
const namespace = manifest({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'vault' } });
const secret = (value: string) => manifest({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'tls' }, stringData: { key: value } });
const pre = installExtras<undefined>('pre');

describe('manifests before and after the chart', () => {
  it('are applied in their order, once; then nothing is left to do', async () => {
    const { kube, requests } = server();
    const { hands, operator } = handsOf(kube, [namespace, secret('hunter2hunter2')]);
    assert.equal((await pre.look(hands, undefined)).is, 'pending');
    assert.deepEqual(operator.said(), ['+ Namespace vault', '+ Secret tls']);
    await pre.act(hands, undefined);
    const writes = () => requests.filter(({ method, path }) => method === 'PATCH' && !path.includes('dryRun'));
    assert.deepEqual(writes().map(({ path, contentType }) => [path, contentType]), [
      ['/api/v1/namespaces/vault?fieldManager=vaultctl', 'application/apply-patch+yaml'], ['/api/v1/namespaces/vault/secrets/tls?fieldManager=vaultctl', 'application/apply-patch+yaml'],
    ]);
    assert.equal((await pre.look(hands, undefined)).is, 'done');
    await pre.act(hands, undefined);
    assert.equal(writes().length, 2);
  });

  it('that differ are named with the fields, never with what is in them', async () => {
    const { kube } = server();
    await pre.act(handsOf(kube, [secret('hunter2hunter2')]).hands, undefined);
    const { hands, operator } = handsOf(kube, [secret('another-hunter')]);
    assert.equal((await pre.look(hands, undefined)).is, 'pending');
    assert.deepEqual(operator.said(), ['~ Secret tls: stringData.key']);
  });

  it('of a kind that comes with an earlier one are no error of a plan, and one of a run', async () => {
    const { kube } = server();
    const { hands, operator } = handsOf(kube, [manifest({ apiVersion: 'cert-manager.io/v1', kind: 'Certificate', metadata: { name: 'a' } })]);
    assert.equal((await pre.look(hands, undefined)).is, 'pending');
    assert.match(operator.said()[0] ?? '', /the API server knows no such kind yet/);
    await assert.rejects(Promise.resolve(pre.act(hands, undefined)), /knows no Certificate in cert-manager\.io\/v1/);
  });

  it('that another tool owns are not taken from it', async () => {
    const { kube, objects } = server();
    objects.set('/api/v1/namespaces/vault/secrets/tls', { owner: 'another' });
    await assert.rejects(Promise.resolve(pre.look(handsOf(kube, [secret('x')]).hands, undefined)), (error) => error instanceof KubeError && /conflict with "helm"/.test(error.message) && /--force-conflicts/.test(error.mend ?? ''));
  });
});

describe('commands before and after the chart', () => {
  let folder: string;
  before(() => { folder = mkdtempSync(join(tmpdir(), 'vaultctl-extras-')); });
  after(() => { rmSync(folder, { recursive: true, force: true }); });
  const { kube } = server();
  const command = (argv: string[], check: { creates?: string; unless?: string[] }): Extra => ({ is: 'command', name: 'the work', argv, creates: check.creates, unless: check.unless });
  const page = async (work: Promise<unknown>) => { try { await work; } catch (error) { if (error instanceof Halt) return haltPage(error.text); throw error; } throw new Error('it went on'); };

  it('run where their own check says that they were not, and not again', async () => {
    const made = join(folder, 'made');
    const { hands, operator } = handsOf(kube, [command(['sh', '-c', `echo x >> '${made}'`], { unless: ['test', '-s', made] })]);
    assert.equal((await pre.look(hands, undefined)).is, 'pending');
    assert.deepEqual(operator.said(), ['+ run: the work']);
    assert.ok(!existsSync(made));
    await pre.act(hands, undefined);
    assert.equal((await pre.look(hands, undefined)).is, 'done');
  });

  it('go by the file that they create', async () => {
    const made = join(folder, 'created');
    const { hands } = handsOf(kube, [command(['touch', made], { creates: made })]);
    await pre.act(hands, undefined);
    assert.ok(existsSync(made));
    assert.equal((await pre.look(hands, undefined)).is, 'done');
  });

  it('that fail, or that did nothing, or that are not there, stop the install with exit 4 and their last words', async () => {
    const unless = ['false'];
    assert.match(await page(pre.act(handsOf(kube, [command(['sh', '-c', 'echo password=hunter2; exit 7'], { unless })]).hands, undefined)), /ended with 7\n {2}password=\[redacted\]/);
    assert.match(await page(pre.act(handsOf(kube, [command(['true'], { unless })]).hands, undefined)), /its own check still says that it was not done/);
    assert.match(await page(pre.act(handsOf(kube, [command(['/nowhere/at-all'], { unless })]).hands, undefined)), /ENOENT/);
  });

  it('get no words of a shell to read unless the inventory wrote them for one', async () => {
    const { hands } = handsOf(kube, [command(['touch', join(folder, 'a; touch b')], { creates: join(folder, 'a; touch b') })]);
    await pre.act(hands, undefined);
    assert.ok(existsSync(join(folder, 'a; touch b')));
  });
});
