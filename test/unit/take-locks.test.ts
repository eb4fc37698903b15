import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { takeLocks } from '../../src/engine/take-locks.ts';
import { leaseHolder, type LeasePlace } from '../../src/kubernetes/lease.ts';
import { Halt } from '../../src/model/halt.ts';
import type { HostHands } from '../../src/ports/hosts.ts';
import { SimKube } from '../sim/kube.ts';
import { SimOperator } from '../sim/operator.ts';
import { simPulse, stopBeating } from '../sim/pulse.ts';
import { World } from '../sim/world.ts';

afterEach(stopBeating);

/** Three managers and an API server; `take` is one operator's run, whose hosts die when it is told so. */
function bench(reach: 'port-forward' | 'address' = 'port-forward') {
  const world = new World({ managers: 3, nodes: 1 });
  const kube = new SimKube({ now: () => world.time.nowMs });
  const place = (): LeasePlace => ({ kube: kube.wire(), namespace: 'vault', release: 'vault', pulse: simPulse(world.time), now: () => world.time.nowMs });
  const settings = { ...world.settings, kubernetes: { reach, namespace: 'vault', release: 'vault', podSelector: '', kubeconfig: undefined, context: undefined, port: 8200, scheme: undefined, caSecret: undefined, allowHttp: false } };
  const take = (operation: string, withLease = true) => {
    const operator = new SimOperator();
    const hosts = world.eyes().hosts as readonly HostHands[];
    const lock = takeLocks({
      settings, hosts, words: { operation, flow: 'rotate', holder: operation, host: 'desk', pid: 1, sinceMs: world.time.nowMs }, nowMs: world.time.nowMs,
      lease: withLease ? async () => place() : undefined, tell: (event) => operator.tell(event),
    });
    return { lock, operator, die: () => { stopBeating(); for (const host of hosts) (host as unknown as { end(): void }).end(); } };
  };
  return { world, kube, take, holder: () => leaseHolder(place()) };
}

const halted = (code: string, exit: number, says: RegExp) => (error: unknown) => error instanceof Halt && error.text.code === code && error.exitCode === exit && says.test((error.text.details ?? []).join('\n'));

describe('the lock of a cluster in Kubernetes', () => {
  it('is the lock on the managers and the Lease, taken and released together', async () => {
    const { take, holder } = bench();
    const first = await take('op1').lock;
    assert.equal((await holder())?.operation, 'op1');
    await assert.rejects(take('op2').lock, halted('locked', 6, /op1 on desk/));
    assert.equal(first.lost(), undefined);
    await first.release();
    assert.equal(await holder(), undefined);
    await (await take('op2').lock).release();
  });

  it('that another operator holds in Kubernetes alone is refused with its name, and the managers are left free', async () => {
    const { take, kube, world } = bench();
    const other = bench();
    const theirs = await other.take('theirs').lock;
    // The other operator's inventory names other managers, and the same Vault.
    for (const [key, object] of other.kube.objects) kube.objects.set(key, object);
    const renewing = setInterval(() => { for (const object of kube.objects.values()) kube.touch(object); }, 0);
    await assert.rejects(take('mine').lock, halted('locked', 6, /holder: +theirs on desk[\s\S]*the Lease vault\/vaultctl-vault/));
    clearInterval(renewing);
    await theirs.release();
    kube.objects.clear();
    await (await take('mine').lock).release();
    assert.ok(world.time.nowMs > 0);
  });

  it('is lost when the Lease is, though the managers still hold it', async () => {
    const { take, kube, world } = bench();
    const lock = await take('op1').lock;
    kube.objects.clear();
    await world.time.sleep(6000);
    assert.match(lock.lost() ?? '', /Lease vault\/vaultctl-vault: somebody deleted it/);
    await lock.release();
  });

  it('of a run that died is taken without waiting: the managers say that it is dead', async () => {
    const { take, world, holder } = bench();
    const first = take('op1');
    await first.lock;
    first.die();
    const from = world.time.nowMs;
    const second = take('op2');
    const lock = await second.lock;
    assert.equal(world.time.nowMs, from);
    assert.equal((await holder())?.operation, 'op2');
    await lock.release();
  });

  it('is that on the managers alone, with a warning, where we have no right to Leases', async () => {
    const { take, kube } = bench();
    kube.forbid.push({ method: 'GET', path: /leases/ });
    const { lock, operator } = take('op1');
    assert.equal((await lock).lost(), undefined);
    assert.deepEqual(operator.said(), ['no Lease beside the lock on the managers: no right to Leases in namespace vault']);
    await assert.rejects(take('op2').lock, halted('locked', 6, /op1/));
    await (await lock).release();
  });

  it('needs no API server where Vault is reached by its address, and is exit 8 where it is not', async () => {
    const direct = bench('address');
    direct.kube.down = true;
    const { lock, operator } = direct.take('op1');
    await (await lock).release();
    assert.match(operator.said().join('\n'), /no Lease beside the lock on the managers: .*ECONNREFUSED/);
    const through = bench();
    through.kube.down = true;
    await assert.rejects(through.take('op1').lock, halted('kubernetes-unreachable', 8, /ECONNREFUSED/));
    through.kube.down = false;
    await (await through.take('op2').lock).release();
  });
});
