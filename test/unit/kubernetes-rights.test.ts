import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import type { KubeHttp } from '../../src/adapters/kube-http.ts';
import { openTunnel } from '../../src/adapters/pod-tunnel.ts';
import { plan } from '../../src/engine/plan.ts';
import { recoverSnapshot } from '../../src/flows/recover.ts';
import { reinitialise } from '../../src/flows/reinitialise.ts';
import { lackedOf, refusalIn, refuseForbidden } from '../../src/kubernetes/rights.ts';
import { findVaultPods } from '../../src/kubernetes/vault-pods.ts';
import { canI, inWords, ruleOf, shippedIn } from '../../src/model/kube-right.ts';
import { Halt } from '../../src/model/halt.ts';
import { KubeError, type KubeWire } from '../../src/ports/kube.ts';
import { WireError } from '../../src/ports/vault.ts';
import { EmptyingWorld } from '../crash/emptying-world.ts';
import { grantedBy, manifestOf } from '../real/rights.ts';
import { SimKube } from '../sim/kube.ts';

const USER = 'system:serviceaccount:vault:vaultctl';

describe('what RBAC refuses', () => {
  it('is read from its own words: who, which verb, of what, where', () => {
    assert.deepEqual(refusalIn(`pods is forbidden: User "${USER}" cannot list resource "pods" in API group "" in the namespace "vault"`),
      { user: USER, rights: [{ verb: 'list', group: '', resource: 'pods', namespace: 'vault' }] });
    assert.deepEqual(refusalIn(`pods "vault-0" is forbidden: User "${USER}" cannot get resource "pods/portforward" in API group "" in the namespace "vault"`),
      { user: USER, rights: [{ verb: 'get', group: '', resource: 'pods/portforward', namespace: 'vault', name: 'vault-0' }] });
    assert.deepEqual(refusalIn('statefulsets.apps "vault" is forbidden: User "bob" cannot patch resource "statefulsets" in API group "apps" in the namespace "vault": RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found'),
      { user: 'bob', rights: [{ verb: 'patch', group: 'apps', resource: 'statefulsets', namespace: 'vault', name: 'vault' }] });
    assert.deepEqual(refusalIn('persistentvolumes "pvc-1" is forbidden: User "bob" cannot get resource "persistentvolumes" in API group "" at the cluster scope'),
      { user: 'bob', rights: [{ verb: 'get', group: '', resource: 'persistentvolumes', name: 'pvc-1' }] });
  });

  it('is no right where another than RBAC says no', () => {
    for (const other of ['pods "vault-0" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1', 'pods "x" is forbidden: violates PodSecurity "restricted:latest"', 'forbidden']) assert.equal(refusalIn(other), undefined, other);
  });

  it('is told as a rule that can be pasted, and as a question to Kubernetes', () => {
    const forward = { verb: 'get', group: '', resource: 'pods/portforward', namespace: 'vault', name: 'vault-0' };
    assert.equal(ruleOf(forward), '- {apiGroups: [""], resources: [pods/portforward], verbs: [get, create]}');
    assert.equal(canI(forward, USER), `kubectl auth can-i get pods/vault-0 --subresource=portforward --namespace vault --as ${USER}`);
    assert.equal(inWords(forward), 'get pods/portforward vault-0 in namespace vault');
    assert.equal(ruleOf({ verb: 'create', group: 'coordination.k8s.io', resource: 'leases', namespace: 'vault', name: 'vaultctl-vault' }), '- {apiGroups: ["coordination.k8s.io"], resources: [leases], verbs: [create]}');
    assert.equal(shippedIn({ verb: 'patch', group: '', resource: 'configmaps', namespace: 'vault', name: 'mine' }), undefined);
  });

  it('is found in the manifest that the page names, and each right of a manifest is named with it', () => {
    for (const file of ['rbac.yaml', 'rbac-install.yaml', 'rbac-verify.yaml', 'rbac-recover.yaml']) {
      const granted = grantedBy(manifestOf(file));
      assert.ok(granted.length > 0, file);
      for (const right of granted) {
        const [, verb = '', group = '', resource = ''] = /^\S+: (\S+) (?:([^/]+\.k8s\.io|apps)\/)?(\S+)$/.exec(right) ?? [];
        assert.equal(shippedIn({ verb, group, resource }), file, right);
      }
    }
  });

  it('ends with exit 8 and names the rule, also where it stands behind a silent node', async () => {
    const kube = new SimKube({ now: () => 0 });
    kube.forbid.push({ method: 'GET', path: /statefulsets/ });
    const error: unknown = await findVaultPods(kube.wire(), { namespace: 'vault', podSelector: 'a=b', release: 'vault' } as never).catch((cause: unknown) => cause);
    assert.ok(error instanceof KubeError);
    assert.equal(error.mend, `add - {apiGroups: ["apps"], resources: [statefulsets], verbs: [list]} to a Role that is bound to ${USER}   (deploy/kubernetes/rbac.yaml)`);
    assert.throws(() => refuseForbidden([undefined, new WireError('vault-0', 'before', 'no way', { cause: error })], 'hosts.yaml'), (halt: unknown) => {
      assert.ok(halt instanceof Halt);
      assert.deepEqual([halt.text.code, halt.exitCode], ['kubernetes-forbidden', 8]);
      assert.match(halt.text.details!.join('\n'), /refused to system:serviceaccount:vault:vaultctl:\n  list statefulsets\.apps in namespace vault\nmissing in a Role of namespace vault[\s\S]*apiGroups: \["apps"\], resources: \[statefulsets\], verbs: \[list\]/);
      return true;
    });
    refuseForbidden([undefined, new WireError('vault-0', 'before', 'ECONNREFUSED')], 'hosts.yaml');
  });

  it('is carried out of a port-forward that is refused', async () => {
    const message = `pods \\"vault-0\\" is forbidden: User \\"${USER}\\" cannot get resource \\"pods/portforward\\" in API group \\"\\" in the namespace \\"vault\\"`;
    const server = createServer();
    server.on('upgrade', (_request, socket) => { const body = `{"kind":"Status","message":"${message}","code":403}`; socket.end(`HTTP/1.1 403 Forbidden\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`); });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    try {
      const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const kube = { server: base, login: async () => ({ headers: {} }), url: (path: string) => new URL(path, base) } as unknown as KubeHttp;
      await assert.rejects(openTunnel(kube, { namespace: 'vault', pod: 'vault-0', port: 8200, address: 'http://vault-0.vault.pod:8200' }), (error: unknown) => {
        assert.ok(error instanceof WireError && error.cause instanceof KubeError);
        assert.equal(error.reached, 'before');
        assert.match(error.message, /missing in its Role: - \{apiGroups: \[""\], resources: \[pods\/portforward\], verbs: \[get, create\]\}/);
        assert.equal(error.cause.refusal?.user, USER);
        return true;
      });
    } finally {
      server.close();
    }
  });
});

describe('the rights to empty a Vault', () => {
  const forbidden = { 'patch statefulsets': { method: 'PATCH', path: /statefulsets\/vault$/ }, 'delete pods': { method: 'DELETE', path: /pods\/vault-1$/ }, 'delete persistentvolumeclaims': { method: 'DELETE', path: /persistentvolumeclaims\/audit-vault-0$/ } };
  for (const [right, rule] of Object.entries(forbidden)) {
    it(`are asked for before anything is touched: without ${right} it ends with exit 8, and all is as it was`, async () => {
      const lost = await EmptyingWorld.lost('nobody');
      lost.kube.forbid.push(rule);
      const before = structuredClone([...lost.kube.objects]);
      let asked = 0;
      const { ending } = await lost.run(reinitialise, { onCall: ({ what }) => { if (/^(?:PATCH|DELETE)/.test(what)) asked += 1; } });
      assert.ok(ending.is === 'halt', ending.is);
      assert.deepEqual([ending.halt.text.code, ending.halt.exitCode, asked], ['kubernetes-forbidden', 8, 0]);
      assert.match(ending.halt.text.details!.join('\n'), new RegExp(`refused to ${USER}:\\n  ${right}`));
      assert.deepEqual(ending.halt.text.notDone, ['Nothing was touched.']);
      assert.ok(ending.halt.text.next!.some((line) => line.includes('rbac-recover.yaml')));
      const lease = ([key]: readonly [string, unknown]) => !key.includes('/leases/');
      assert.deepEqual([...lost.kube.objects].filter(lease), before.filter(lease));
    });
  }

  it('are asked for in a plan too, and for a restore', async () => {
    const lost = await EmptyingWorld.lost('nobody');
    lost.kube.forbid.push(forbidden['delete pods']);
    const eyes = { ...lost.world.eyes(), settings: lost.settings, kube: async () => lost.kube.wire() };
    await assert.rejects(plan(reinitialise, eyes), (error: unknown) => error instanceof Halt && error.text.code === 'kubernetes-forbidden');
    assert.equal(recoverSnapshot.arrows.some((arrow) => arrow.is === 'step' && arrow.step.name === 'confirm-emptying'), true);
  });

  it('are asked for one by one, each with all that a rule can say of it', async () => {
    const asked: unknown[] = [];
    const kube: KubeWire = { server: '', close: () => undefined, request: async ({ body }) => { asked.push((body as { spec: { resourceAttributes: unknown } }).spec.resourceAttributes); return { status: 201, body: { status: { allowed: true } } }; } };
    await lackedOf(kube, [{ verb: 'get', group: '', resource: 'pods/portforward', namespace: 'vault', name: 'vault-0' }, { verb: 'get', group: '', resource: 'persistentvolumes', name: 'pvc-1' }]);
    assert.deepEqual(asked, [
      { verb: 'get', group: '', resource: 'pods', subresource: 'portforward', namespace: 'vault', name: 'vault-0' },
      { verb: 'get', group: '', resource: 'persistentvolumes', subresource: undefined, namespace: undefined, name: 'pvc-1' },
    ]);
  });

  it('are all there where the server says so, and also where it cannot be asked', async () => {
    const rights = [{ verb: 'delete', group: '', resource: 'pods', namespace: 'vault', name: 'vault-0' }];
    const kube = new SimKube({ now: () => 0 });
    assert.equal(await lackedOf(kube.wire(), rights), undefined);
    kube.forbid.push({ method: 'DELETE', path: /pods/ });
    assert.deepEqual(await lackedOf(kube.wire(), rights), { user: USER, rights });
    const mute = kube.wire(({ when, path }) => (when === 'before' && path.includes('authorization') ? { status: 403 } : undefined));
    assert.equal(await lackedOf(mute, rights), undefined);
  });
});
