import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { breakLease, leaseHolder, type LeasePlace, takeLease } from '../../src/kubernetes/lease.ts';
import type { LockWords } from '../../src/ports/hosts.ts';
import { KubeError, type KubeRequest } from '../../src/ports/kube.ts';
import { SimTime } from '../sim/clock.ts';
import { type KubeHook, SimKube } from '../sim/kube.ts';
import { simPulse, stopBeating } from '../sim/pulse.ts';

const KEY = '/apis/coordination.k8s.io/v1/namespaces/vault/leases/vaultctl-vault';
const words = (operation: string, holder = operation): LockWords => ({ operation, flow: 'rotate', holder, host: 'bastion', pid: 7, sinceMs: 1000 });

afterEach(stopBeating);

/** Hosts whose clocks agree about nothing but how fast time passes. */
function cluster() {
  const time = new SimTime(0);
  const kube = new SimKube({ now: () => time.nowMs });
  const place = (offsetMs = 0, hook?: KubeHook): LeasePlace => ({ kube: kube.wire(hook), namespace: 'vault', release: 'vault', pulse: simPulse(time, offsetMs), now: () => time.nowMs + offsetMs * 7 });
  const take = (operation: string, at = place(), heirOf: string[] = []) => {
    const watched: string[] = [];
    return takeLease(at, { words: words(operation), heirOf, watching: (by, seconds) => watched.push(`${by.holder} ${seconds}`) }).then((answer) => ({ answer, watched }));
  };
  const held = async (...args: Parameters<typeof take>) => {
    const { answer } = await take(...args);
    assert.equal(answer.is, 'held');
    return (answer as Extract<typeof answer, { is: 'held' }>).lease;
  };
  const identity = () => (kube.objects.get(KEY)?.spec as { holderIdentity?: string | null } | undefined)?.holderIdentity ?? undefined;
  return { time, kube, place, take, held, identity };
}

describe('the Lease of a Vault in Kubernetes', () => {
  it('names its holder, and nobody once it is released', async () => {
    const { held, identity, kube } = cluster();
    const lease = await held('op1');
    assert.equal(identity(), 'op1@bastion:7/op1');
    assert.equal(kube.objects.get(KEY)?.metadata.annotations?.['vaultctl.io/flow'], 'rotate');
    assert.equal(lease.lost(), undefined);
    await lease.release();
    assert.equal(identity(), undefined);
    await (await held('op2')).release();
  });

  it('goes to one of two who try at once', async () => {
    const { take } = cluster();
    const both = await Promise.all([take('op1'), take('op2')]);
    assert.deepEqual(both.map(({ answer }) => answer.is).toSorted(), ['held', 'taken']);
    const [loser] = both.flatMap(({ answer }) => (answer.is === 'taken' ? [answer.by] : []));
    assert.deepEqual([loser?.flow, loser?.host, loser?.pid], ['rotate', 'bastion', 7]);
  });

  it('stays with a holder that renews it, however long and whatever the clocks say', async () => {
    const { held, take, place, time } = cluster();
    const lease = await held('op1', place(86_400_000));
    await time.sleep(600_000);
    assert.equal(lease.lost(), undefined);
    const late = await take('op2', place(-86_400_000));
    assert.deepEqual([late.answer.is, late.watched], ['taken', ['op1 30']]);
  });

  it('is taken over from a dead holder when it was watched for its whole duration, not sooner', async () => {
    const { held, place, time, identity } = cluster();
    await held('op1');
    stopBeating();
    await time.sleep(3_600_000);
    const from = time.nowMs;
    await (await held('op2', place(-5))).release();
    assert.ok(time.nowMs - from >= 30_000, `${time.nowMs - from} ms`);
    assert.equal(identity(), undefined);
  });

  it('is taken over at once from an operation whose lock on the managers died with it', async () => {
    const { held, place, time, identity } = cluster();
    await held('op1');
    stopBeating();
    const from = time.nowMs;
    const lease = await held('op2', place(), ['op1']);
    assert.equal(time.nowMs, from);
    assert.equal(identity(), 'op2@bastion:7/op2');
    await lease.release();
  });

  it('is lost by who could not renew it, before anybody else can have taken it', async () => {
    const { held, take, place, time, identity } = cluster();
    let cut = false;
    const lease = await held('op1', place(0, () => (cut ? 'refuse' : undefined)));
    await time.sleep(7000);
    cut = true;
    const other = take('op2');
    let lostMs = 0;
    for (let tried = 0; tried < 60 && lostMs === 0; tried += 1) { await time.sleep(1000); if (lease.lost() !== undefined) lostMs = time.nowMs; }
    assert.match(lease.lost() ?? '', /vault\/vaultctl-vault: it could not be renewed for 2\d s \(.*ECONNREFUSED/);
    assert.equal((await other).answer.is, 'held');
    assert.ok(lostMs < time.nowMs, `lost at ${lostMs}, taken at ${time.nowMs}`);
    await lease.release();
    assert.match(identity() ?? '', /op2$/, 'who lost it does not take it from the new holder');
  });

  it('survives a short restart of the API server, and answers that were lost on their way', async () => {
    const { held, place, time, kube } = cluster();
    let lose = 0;
    const lease = await held('op1', place(0, ({ when, method }) => (method === 'PUT' && when === 'after' && (lose += 1) % 3 === 0 ? 'lose' : undefined)));
    for (let round = 0; round < 20; round += 1) {
      await time.sleep(9000);
      kube.down = round % 3 === 0;
      await time.sleep(3000);
      kube.down = false;
      assert.equal(lease.lost(), undefined, `round ${round}`);
    }
  });

  it('whose creation was not answered is known as our own', async () => {
    const { held, place, identity } = cluster();
    let lost = false;
    const lease = await held('op1', place(0, ({ when, method }) => { if (method !== 'POST' || when !== 'after' || lost) return undefined; lost = true; return 'lose'; }));
    assert.equal(identity(), 'op1@bastion:7/op1');
    await lease.release();
    assert.equal(identity(), undefined);
  });

  it('that somebody broke, deleted or took is lost at the next renewal', async () => {
    for (const [how, said] of [['break', /somebody broke it/], ['delete', /somebody deleted it/], ['take', /bob on laptop has it \(install\)/]] as const) {
      const { held, place, time, kube } = cluster();
      const lease = await held('op1');
      const shown = await leaseHolder(place());
      assert.equal(shown?.operation, 'op1');
      if (how === 'break') await breakLease(place(), shown);
      if (how === 'delete') kube.objects.delete(KEY);
      if (how === 'take') {
        const found = kube.objects.get(KEY)!;
        (found.spec as Record<string, unknown>)['holderIdentity'] = 'bob@laptop:9/theirs';
        found.metadata.annotations = { 'vaultctl.io/flow': 'install' };
        kube.touch(found);
      }
      await time.sleep(6000);
      assert.match(lease.lost() ?? '', said);
      stopBeating();
    }
  });

  it('that somebody took is lost at once for who looks, and who cannot look goes on as before', async () => {
    const { held, place, kube } = cluster();
    let looks = 0;
    const lease = await held('op1', place(0, ({ method, when }) => { if (method === 'GET' && when === 'before') looks += 1; }));
    await lease.confirm();
    assert.equal(lease.lost(), undefined);
    kube.down = true;
    looks = 0;
    for (let step = 0; step < 5; step += 1) await lease.confirm();
    assert.deepEqual([lease.lost(), looks], [undefined, 1], 'an API server that is away is asked once, and then by the renewals');
    kube.down = false;
    await lease.release();
    const other = await held('op2');
    (kube.objects.get(KEY)!.spec as Record<string, unknown>)['holderIdentity'] = 'bob@laptop:9/theirs';
    await other.confirm();
    assert.match(other.lost() ?? '', /bob on laptop has it/);
  });

  it('is not broken where another than the one that was shown has it by now', async () => {
    const { held, place, identity } = cluster();
    await held('op1');
    await breakLease(place(), words('somebody-else'));
    assert.equal(identity(), 'op1@bastion:7/op1');
  });

  it('has no place before the first install makes its namespace: the managers\' lock is all there is then', async () => {
    const { take, place } = cluster();
    const nowhere = place(0, ({ when, method }) => (when === 'before' && method === 'POST' ? { status: 404 } : undefined));
    assert.deepEqual((await take('op1', nowhere)).answer, { is: 'forbidden', why: 'there is no namespace vault yet' });
  });

  it('that nobody gave us a right to is said to be so, and a server that says no is an error', async () => {
    const { take, kube, place } = cluster();
    kube.forbid.push({ method: 'POST', path: /leases/ });
    assert.deepEqual((await take('op1')).answer, { is: 'forbidden', why: 'no right to write Leases in namespace vault' });
    kube.forbid.push({ method: 'GET', path: /leases/ });
    assert.deepEqual((await take('op1')).answer, { is: 'forbidden', why: 'no right to Leases in namespace vault' });
    const tried: KubeRequest['method'][] = [];
    await assert.rejects(take('op1', place(0, ({ when, method }) => { if (when === 'before') tried.push(method as KubeRequest['method']); return { status: 422 }; })), (error) => error instanceof KubeError && error.reached === 'config');
    assert.deepEqual(tried, ['GET']);
    kube.down = true;
    await assert.rejects(take('op1'), KubeError);
  });
});
