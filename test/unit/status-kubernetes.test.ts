import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Machine } from '../../src/commands/context.ts';
import { recover } from '../../src/commands/recover.ts';
import { status } from '../../src/commands/status.ts';
import { lookAtCluster } from '../../src/engine/look-cluster.ts';
import { EMPTYING } from '../../src/kubernetes/emptying-note.ts';
import { EmptyingWorld } from '../crash/emptying-world.ts';
import { SimOperator } from '../sim/operator.ts';
import { filesOf, three } from './inventory-world.ts';

/** `vaultctl status` (or `recover` without a verb) on a simulated cluster; `asked` is what it asked of Kubernetes. */
async function looked(well: EmptyingWorld, json = false, verb: typeof status = status) {
  let out = '';
  const asked: string[] = [];
  const kube = well.kube.wire(({ when, method, path }) => { if (when === 'before') asked.push(`${method} ${path}`); });
  const machine: Machine = {
    files: filesOf({ '/w/hosts.yaml': three() }), cwd: '/w', clock: { now: () => well.world.time.nowMs, sleep: async () => undefined, random: () => 'ab' },
    env: () => undefined, localNames: () => [], readInput: async () => new Uint8Array(), holder: () => ({ holder: 'ada', host: 'desk', pid: 1 }),
    out: (text) => { out += text; }, err: (text) => { out += text; }, operator: () => Object.assign(new SimOperator(), { end: () => undefined }),
    open: async () => ({
      eyes: { ...well.world.eyes(), settings: well.settings, kube: async () => kube, nodes: well.settings.vault.addresses.map((address, index) => ({ name: `vault-${index}`, address })) },
      lockable: [], hands: () => { throw new Error('status has no hands'); }, close: async () => undefined,
    }),
  };
  const code = await verb(machine, { inventory: ['hosts.yaml'], json, extraVars: ['vault_namespace=vault', 'vault_reach=address'] });
  return { code, out, asked };
}

interface Told { readonly exit: number; readonly verdict: string; readonly problems: string[]; readonly next: string[]; readonly kubernetes: { reached: boolean; replicas: number; stateful_set: string; release: string; pods: { name: string; why: string | null; vault: string | null; node: string }[]; claims: { name: string; phase: string }[] } }
const told = async (well: EmptyingWorld) => JSON.parse((await looked(well, true)).out) as Told;

/** Every pod is unsealed, as after an install. */
async function healthy(): Promise<EmptyingWorld> {
  const well = await EmptyingWorld.healthy();
  const { install } = await import('../../src/flows/install.ts');
  assert.equal((await well.run(install)).ending.is, 'done');
  Object.assign(well.set.metadata, { labels: { 'app.kubernetes.io/instance': 'vault', 'helm.sh/chart': 'vault-0.31.0' } });
  return well;
}

const podNamed = (well: EmptyingWorld, name: string) => well.kube.objects.get(`/api/v1/namespaces/vault/pods/${name}`)!;

describe('the cluster part of status', () => {
  it('names release, StatefulSet, pods with what their Vault says, and claims', async () => {
    const well = await healthy();
    const { code, out } = await looked(well);
    assert.equal(code, 0, out);
    for (const line of [/Kubernetes\n {2}StatefulSet vault\/vault, 2 replicas, release vault, chart vault-0\.31\.0/, /vault-0 {2}Running, (active|standby), on node1/, /vault-1 {2}Running, (active|standby), on node1/, /PVC data-vault-0 {2}Bound, pv-/, /PVC audit-vault-1 {2}Bound/]) assert.match(out, line);
    const { kubernetes, exit } = await told(well);
    assert.equal(exit, 0);
    assert.deepEqual([kubernetes.stateful_set, kubernetes.release, kubernetes.replicas], ['vault', 'vault', 2]);
    assert.deepEqual(kubernetes.pods.map(({ name, why }) => [name, why]), [['vault-0', null], ['vault-1', null]]);
    assert.deepEqual(kubernetes.pods.map(({ vault }) => String(vault)).toSorted((a, b) => (a < b ? -1 : 1)), ['active', 'standby']);
    assert.equal(kubernetes.claims.length, 4);
  });

  it('only looks', async () => {
    const { asked } = await looked(await healthy());
    assert.ok(asked.length > 0);
    assert.deepEqual(asked.filter((call) => !call.startsWith('GET ')), []);
  });

  it('does not fail where the API server is down and Vault answers', async () => {
    const well = await healthy();
    well.kube.down = true;
    const { code, out } = await looked(well);
    assert.equal(code, 0, out);
    assert.match(out, /Kubernetes\n {2}not reached: .*ECONNREFUSED/);
    assert.equal((await told(well)).kubernetes.reached, false);
  });

  it('knows charts that label the pods and not the set, and the labels that OpenBao puts on its pods', async () => {
    const well = await healthy();
    well.set.metadata.labels = { 'app.kubernetes.io/instance': 'vault' };
    (well.set.spec as { template: { metadata: { labels: Record<string, string> } } }).template.metadata.labels['helm.sh/chart'] = 'openbao-0.29.2';
    podNamed(well, 'vault-0').metadata.labels!['openbao-active'] = 'false';
    podNamed(well, 'vault-1').metadata.labels!['openbao-sealed'] = 'true';
    const cluster = await lookAtCluster({ ...well.world.eyes(), settings: well.settings, kube: async () => well.kube.wire() });
    assert.deepEqual(cluster?.reached === true ? [cluster.chart, ...cluster.pods.map(({ labelled }) => labelled)] : cluster, ['openbao-0.29.2', 'standby', 'sealed']);
  });

  it('leaves out what we have no right to', async () => {
    const well = await healthy();
    well.kube.forbid.push({ method: 'GET', path: /persistentvolumeclaims/ });
    const { code, out } = await looked(well);
    assert.equal(code, 0, out);
    assert.doesNotMatch(out, /PVC/);
  });

  it('makes the verdict of a pod that crashes again and again, or is not there, and says why', async () => {
    const well = await healthy();
    podNamed(well, 'vault-1').status = { phase: 'Running', containerStatuses: [{ name: 'vault', restartCount: 7, state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { reason: 'Error', exitCode: 1 } } }] };
    const crashing = await told(well);
    assert.deepEqual([crashing.exit, crashing.verdict], [8, 'a Vault pod is not running']);
    assert.match(crashing.problems.join(), /pod vault-1: container vault: CrashLoopBackOff; it last ended with Error \(exit code 1\), 7 restarts/);
    const gone = await healthy();
    (gone.set.spec as { replicas: number }).replicas = 3;
    const missing = await told(gone);
    assert.deepEqual([missing.exit, missing.problems], [8, ['pod vault-2: phase Pending']]);
  });

  it('says of a Vault that is half emptied how to go on', async () => {
    const well = await healthy();
    well.set.metadata.annotations = { [EMPTYING]: JSON.stringify({ format: 1, operation: 'op', purpose: 'reinitialise', startedAt: '2026-11-22T00:00:00.000Z', replicas: 2, claims: [] }) };
    (well.set.spec as { replicas: number }).replicas = 0;
    well.kube.controllers.tick();
    well.world.time.nowMs += 10_000;
    well.kube.controllers.tick();
    const found = await told(well);
    assert.deepEqual([found.exit, found.verdict, found.next], [4, 'emptying this Vault was interrupted', ['vaultctl recover --reinitialise -i /w/hosts.yaml -e vault_namespace=vault -e vault_reach=address']]);
    assert.deepEqual(found.kubernetes.pods.map(({ why }) => why), ['the pod is not there yet', 'the pod is not there yet']);
    const { out } = await looked(well, false, recover);
    assert.match(out, /Verdict: emptying this Vault was interrupted/);
  });

  it('offers to start over only where Vault is initialised and Kubernetes is known', async () => {
    const { out } = await looked(await healthy(), false, recover);
    assert.match(out, /recover --reinitialise -i \/w\/hosts\.yaml -e vault_namespace=vault -e vault_reach=address\n {2}ALL SECRETS WILL BE LOST/);
  });
});
