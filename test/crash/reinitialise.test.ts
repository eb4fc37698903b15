import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { candidatesOf } from '../../src/engine/candidates.ts';
import { survey } from '../../src/engine/survey.ts';
import { recoverSnapshot } from '../../src/flows/recover.ts';
import { reinitialise } from '../../src/flows/reinitialise.ts';
import { rotate } from '../../src/flows/rotate.ts';
import { EmptyingWorld, type Ran, type Strike } from './emptying-world.ts';

const KINDS: readonly Strike['kind'][] = ['fails', 'reply-lost', 'dies-before', 'dies-after', 'signal'];
/** More runs than that, and the operator loses patience. */
const MOST_RUNS = 5;
const said = ({ ending, said: lines }: Ran) => `${ending.is === 'halt' ? `${ending.halt.text.code}: ${ending.halt.text.details?.join('; ') ?? ''}` : ending.is === 'error' ? String(ending.error) : ending.is}\n  ${lines.join('\n  ')}`;
const code = ({ ending }: Ran) => (ending.is === 'halt' ? ending.halt.text.code : ending.is === 'error' ? String(ending.error) : ending.is);

/** Watches every deletion: nobody holds a key that this Vault has not rejected, nothing is unsealed, the note is there. */
function guard(lost: EmptyingWorld, label: string): void {
  lost.onDelete = (claim) => {
    assert.deepEqual(lost.copies(), [], `${label}: ${claim} is deleted while keys are on a manager`);
    assert.ok(lost.note !== undefined, `${label}: ${claim} is deleted without a note`);
    for (const { name, open } of lost.world.vault.nodes) assert.ok(!open, `${label}: ${claim} is deleted while ${name} is unsealed`);
  };
}

/** The same command again and again until it says that it is done. */
async function untilDone(lost: EmptyingWorld, label: string): Promise<void> {
  let last: Ran | undefined;
  for (let count = 0; count < MOST_RUNS; count += 1) {
    last = await lost.run(reinitialise);
    if (last.ending.is === 'done') return;
    // An install that got its keys and was interrupted: nothing is lost any more, and the page says what to run.
    if (code(last) === 'keys-are-live') { const { install } = await import('../../src/flows/install.ts'); last = await lost.run(install); if (last.ending.is === 'done') return; }
    lost.world.time.nowMs += 20_000;
  }
  assert.fail(`${label}: still not done: ${last === undefined ? '' : said(last)}`);
}

async function isNew(lost: EmptyingWorld, label: string): Promise<void> {
  assert.equal(lost.note, undefined, `${label}: the note is left`);
  assert.equal((lost.set.spec as { replicas: number }).replicas, lost.world.vault.nodes.length, label);
  const { claims } = lost;
  assert.equal(claims.length, lost.world.vault.nodes.length * 2, label);
  for (const uid of claims) assert.ok(!lost.first.has(uid), `${label}: an old claim is left`);
  const [set, ...others] = candidatesOf(await survey(lost.world.eyes()));
  assert.ok(set !== undefined && others.length === 0 && lost.world.vault.opens(set.set), `${label}: the managers do not hold the new keys`);
}

/** Calls up to the one that scales the StatefulSet back: what follows is an install, explored for itself. */
function lastOfEmptying({ calls }: Ran): number { return calls.findLastIndex(({ what }) => what.startsWith('PATCH')); }

describe('recover --reinitialise, whatever goes wrong', () => {
  for (const keysOf of ['nobody', 'another cluster'] as const) {
    it(`with every single fault or kill, run again, empties this Vault and nothing else (keys of ${keysOf} on the managers)`, async () => {
      const shape = { managers: 1, nodes: 1 };
      const clean = await EmptyingWorld.lost(keysOf, shape);
      guard(clean, 'clean');
      const whole = await clean.run(reinitialise);
      assert.equal(whole.ending.is, 'done', said(whole));
      await isNew(clean, 'clean');
      const last = lastOfEmptying(whole);
      assert.ok(last > 50, `only ${last} calls`);
      for (let at = 0; at <= last; at += 1) {
        for (const kind of KINDS) {
          // What a manager's disk does to a run is explored with the install; here it is one more place to die at.
          if (whole.calls[at]?.port === 'disk' && kind !== 'dies-before') continue;
          const label = `${kind} at call ${at} (${whole.calls[at]?.what})`;
          const lost = await EmptyingWorld.lost(keysOf, shape);
          guard(lost, label);
          const struck = await lost.run(reinitialise, { strike: { at, kind } });
          if (struck.ending.is !== 'done') await untilDone(lost, label);
          await isNew(lost, label);
        }
      }
    });
  }

  it('killed anywhere: keys that somebody brings meanwhile stop it, whatever was deleted until then', async () => {
    const shape = { managers: 1, nodes: 2 };
    const whole = await (await EmptyingWorld.lost('nobody', shape)).run(reinitialise);
    let stopped = 0;
    for (let at = 0; at <= lastOfEmptying(whole); at += 1) {
      if (whole.calls[at]?.where !== 'kubernetes') continue;
      const lost = await EmptyingWorld.lost('nobody', shape);
      await lost.run(reinitialise, { strike: { at, kind: 'dies-before' } });
      if (lost.note === undefined) continue;
      lost.world.time.nowMs += 20_000;
      const before = lost.claims;
      lost.writeKeys('m1', 5);
      guard(lost, `call ${at}`);
      const standing = (lost.set.spec as { replicas: number }).replicas > 0;
      const again = await lost.run(reinitialise);
      // Not taken down yet: Vault itself could still reject them.
      if (standing) { assert.equal(again.ending.is, 'done', `call ${at}: ${said(again)}`); continue; }
      stopped += 1;
      assert.equal(code(again), 'keys-unrejected', `call ${at}: ${said(again)}`);
      assert.deepEqual(lost.claims, before);
    }
    assert.ok(stopped > 5, `${stopped} schedules`);
  });

  it('keys that come while it is scaled down stop the same run before its first deletion', async () => {
    const lost = await EmptyingWorld.lost('nobody');
    guard(lost, 'meanwhile');
    const ran = await lost.run(reinitialise, { onCall: ({ what }) => { if (what.startsWith('PATCH') && lost.note !== undefined && lost.copies().length === 0) lost.writeKeys('m2', 5); } });
    assert.equal(code(ran), 'keys-unrejected', said(ran));
    assert.deepEqual(new Set(lost.claims), lost.first);
    assert.ok(lost.note !== undefined);
  });

  it('deletes nothing more once another has the Lease', async () => {
    const lost = await EmptyingWorld.lost('nobody');
    const deleted: string[] = [];
    lost.onDelete = (claim) => {
      deleted.push(claim);
      for (const [key, lease] of lost.kube.objects) {
        if (!key.includes('/leases/')) continue;
        (lease.spec as Record<string, unknown>)['holderIdentity'] = 'bob@laptop:9/theirs';
        lost.kube.touch(lease);
      }
      lost.world.time.nowMs += 26_000;
    };
    const { ending } = await lost.run(reinitialise);
    assert.equal(ending.is === 'halt' ? ending.halt.text.code : ending.is, 'lock-lost');
    assert.deepEqual(deleted, ['data-vault-0']);
  });
});

describe('recover --reinitialise refuses', () => {
  const untouched = (lost: EmptyingWorld) => { assert.deepEqual(new Set(lost.claims), lost.first); assert.equal(lost.note, undefined); assert.equal((lost.set.spec as { replicas: number }).replicas, lost.world.vault.nodes.length); };

  it('where nobody typed the name of the cluster', async () => {
    const lost = await EmptyingWorld.lost('nobody');
    assert.equal(code(await lost.run(reinitialise, { confirms: false })), 'not-confirmed');
    untouched(lost);
  });

  it('where a manager holds live keys, and says which command is better', async () => {
    const well = await EmptyingWorld.healthy();
    const ran = await well.run(reinitialise);
    assert.equal(code(ran), 'keys-are-live', said(ran));
    untouched(well);
  });

  it('while a node is unsealed, though nobody holds its keys', async () => {
    const lost = await EmptyingWorld.lost('nobody', { managers: 1, nodes: 1 });
    const well = await EmptyingWorld.healthy({ managers: 1, nodes: 1 });
    const [candidate] = candidatesOf(await survey(well.world.eyes()));
    const wire = lost.world.vault.wire();
    for (const share of candidate!.set.shares) await wire.request('http://v1:8200', { method: 'PUT', path: 'sys/unseal', body: { key: share.reveal() } } as Parameters<typeof wire.request>[1]);
    assert.ok(lost.world.vault.nodes[0]!.open);
    const ran = await lost.run(reinitialise);
    assert.equal(code(ran), 'still-unsealed', said(ran));
    untouched(lost);
  });

  it('while a manager does not answer', async () => {
    const lost = await EmptyingWorld.lost('nobody', { managers: 3, nodes: 1 });
    const clean = await (await EmptyingWorld.lost('nobody', { managers: 3, nodes: 1 })).run(reinitialise);
    const at = clean.calls.findIndex(({ where }) => where === 'm3');
    const ran = await lost.run(reinitialise, { strike: { at, kind: 'host-gone' } });
    assert.equal(code(ran), 'every-manager-first', said(ran));
    untouched(lost);
  });

  it('where the StatefulSet was scaled to 0 by hand: nobody noted how many pods it had', async () => {
    const lost = await EmptyingWorld.lost('nobody');
    (lost.set.spec as { replicas: number }).replicas = 0;
    lost.kube.controllers.tick();
    lost.world.time.nowMs += 10_000;
    const ran = await lost.run(reinitialise);
    assert.equal(code(ran), 'vault-unreachable', said(ran));
    assert.deepEqual(new Set(lost.claims), lost.first);
  });
});

describe('recover --reinitialise waits', () => {
  it('for a pod that its node does not let go, says so, gives up, and goes on from there', async () => {
    const lost = await EmptyingWorld.lost('nobody');
    lost.kube.controllers.stuck.add('vault-1');
    const ran = await lost.run(reinitialise);
    assert.equal(code(ran), 'not-gone', said(ran));
    assert.match(ran.said.join('\n'), /waiting: pod vault-1 is being deleted on node1/);
    assert.deepEqual(new Set(lost.claims), lost.first);
    lost.kube.controllers.stuck.clear();
    await untilDone(lost, 'stuck pod');
    await isNew(lost, 'stuck pod');
  });

  it('for a claim that somebody else holds, and names who', async () => {
    const lost = await EmptyingWorld.lost('nobody');
    const claim = lost.kube.list('/api/v1/namespaces/vault/persistentvolumeclaims').find(({ metadata }) => metadata.name === 'audit-vault-0')!;
    claim.metadata.finalizers!.push('snapshot.storage.kubernetes.io/as-source');
    const ran = await lost.run(reinitialise);
    assert.equal(code(ran), 'not-gone', said(ran));
    assert.ok(ran.ending.is === 'halt' && /PVC audit-vault-0: waits for its finalizer .*as-source/.test(ran.ending.halt.text.details?.join() ?? ''));
    claim.metadata.finalizers!.pop();
    await untilDone(lost, 'finalizer');
  });

  it('not for a StatefulSet that takes sealed pods down one by one and never ends: it deletes the pods', async () => {
    const lost = await EmptyingWorld.lost('nobody', { managers: 1, nodes: 3 }, { ordered: true });
    const ran = await lost.run(reinitialise);
    assert.equal(ran.ending.is, 'done', said(ran));
    await isNew(lost, 'ordered');
  });

  it('and names a volume that is retained with the old data in it, and what to do with it', async () => {
    const lost = await EmptyingWorld.lost('nobody', { managers: 1, nodes: 1 }, { retains: true });
    const ran = await lost.run(reinitialise);
    assert.equal(ran.ending.is, 'done', said(ran));
    assert.match(ran.said.join('\n'), /volume pv-uid-\d+ \(of PVC data-vault-0\) is retained and still holds the OLD data: kubectl delete pv/);
  });

  it('for no replica that never joined: it has nothing that the keys on the managers could open', async () => {
    const lost = await EmptyingWorld.lost('another cluster');
    lost.world.vault.wipeNode('v2');
    guard(lost, 'not joined');
    const ran = await lost.run(reinitialise);
    assert.equal(ran.ending.is, 'done', said(ran));
    await isNew(lost, 'not joined');
  });

  it('for nothing where the Vault is empty already: then it is an install', async () => {
    const lost = await EmptyingWorld.lost('nobody');
    for (const { name } of lost.world.vault.nodes) lost.world.vault.wipeNode(name);
    const ran = await lost.run(reinitialise);
    assert.equal(ran.ending.is, 'done', said(ran));
    assert.deepEqual(new Set(lost.claims), lost.first);
  });
});

/** Rotated, so that a snapshot and its keys are on the managers; then its storage became one that they do not open. */
async function spoilt(nodes = 1): Promise<EmptyingWorld> {
  const world = await EmptyingWorld.healthy({ managers: 2, nodes });
  const rotated = await world.run(rotate);
  assert.equal(rotated.ending.is, 'done', said(rotated));
  const wire = world.world.vault.wire();
  for (const { name } of world.world.vault.nodes) world.world.vault.wipeNode(name);
  await wire.request('http://v1:8200', { method: 'PUT', path: 'sys/init', body: { secret_shares: 1, secret_threshold: 1 } } as Parameters<typeof wire.request>[1]);
  world.world.vault.restartNode('v1');
  return world;
}

describe('recover --restore-snapshot in Kubernetes', () => {
  it('empties a Vault that none of our keys opens, after the typed word, and brings the snapshot back', async () => {
    const world = await spoilt();
    assert.equal(code(await world.run(recoverSnapshot, { confirms: false })), 'not-confirmed');
    assert.deepEqual(new Set(world.claims), world.first);
    const ran = await world.run(recoverSnapshot);
    assert.equal(ran.ending.is, 'done', said(ran));
    assert.equal(world.note, undefined);
    const sets = candidatesOf(await survey(world.world.eyes()));
    assert.ok(sets.some(({ set }) => world.world.vault.opens(set)));
    for (const uid of world.claims) assert.ok(!world.first.has(uid));
  });

  it('also where its other replicas never joined: they hold nothing that a set of ours could open', async () => {
    const world = await spoilt(2);
    const ran = await world.run(recoverSnapshot);
    assert.equal(ran.ending.is, 'done', said(ran));
    assert.ok(candidatesOf(await survey(world.world.eyes())).some(({ set }) => world.world.vault.opens(set)));
    for (const uid of world.claims) assert.ok(!world.first.has(uid));
  });

  it('killed at any call to Kubernetes, run again, ends with the data back', async () => {
    const whole = await (await spoilt()).run(recoverSnapshot);
    for (let at = 0; at <= lastOfEmptying(whole); at += 1) {
      if (whole.calls[at]?.where !== 'kubernetes') continue;
      if (whole.calls[at]?.changes === false && at % 3 > 0) continue;
      for (const kind of ['dies-before', 'dies-after', 'reply-lost'] as const) {
        const world = await spoilt();
        let last = await world.run(recoverSnapshot, { strike: { at, kind } });
        for (let count = 0; count < MOST_RUNS && last.ending.is !== 'done'; count += 1) { world.world.time.nowMs += 20_000; last = await world.run(recoverSnapshot); }
        assert.equal(last.ending.is, 'done', `${kind} at ${at} (${whole.calls[at]?.what}): ${said(last)}`);
        assert.ok(candidatesOf(await survey(world.world.eyes())).some(({ set }) => world.world.vault.opens(set)));
      }
    }
  });

  it('deletes nothing where the snapshot is gone', async () => {
    const world = await spoilt();
    for (const machine of world.world.machines.values()) machine.find('/var/lib/vaultctl')?.names.clear();
    assert.equal(code(await world.run(recoverSnapshot)), 'no-snapshot');
    assert.deepEqual(new Set(world.claims), world.first);
  });
});
