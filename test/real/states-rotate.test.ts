import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { existsSync, readdirSync } from 'node:fs';
import { formatKeyFile } from '../../src/credentials/key-file.ts';
import { type KeySet, sameSet, sameShares } from '../../src/model/keys.ts';
import { diesAt, diskCall, vaultCall } from './mortal.ts';
import { rekeyToVerify, untilActive } from './opened-vault.ts';
import { done, halted, World } from './world.ts';

let world: World;
before(async () => { world = await World.start(); });
after(() => world.close());

const rekeys = (events: readonly { is: string }[]) => events.filter((event) => 'step' in event && event.step === 'start-rekey' && 'mark' in event && event.mark === 'done').length;

test('a rotation replaces the keys everywhere, keeps the old ones as previous, and takes a snapshot on two managers', async () => {
  const old = await world.installed();
  done(await world.run('rotate'));
  const fresh = await world.settled();
  assert.ok(!sameShares(fresh, old));
  for (const name of world.managers) assert.ok(sameSet(world.set(name, 'previous'), old), `${name} keeps the old set`);
  const snapshots = world.managers.map((name) => { try { return readdirSync(world.snapshots(name)).length; } catch { return 0; } });
  assert.deepEqual(snapshots, [1, 1, 0]);
  done(await world.run('verify'));
});

test('the share count changes with a rotation that says so, and stays with the next one that does not', async () => {
  await world.installed();
  done(await world.run('rotate', '--shares', '5', '--threshold', '3'));
  let set = await world.settled();
  assert.deepEqual([set.shares.length, set.threshold], [5, 3]);
  done(await world.run('rotate'));
  set = await world.settled();
  assert.deepEqual([set.shares.length, set.threshold], [5, 3]);
});

test('a share count cannot be changed while the node is sealed (2)', async () => {
  await world.installed();
  await world.restart();
  const before_ = world.tree();
  halted(await world.run('rotate', '--shares', '5', '--threshold', '3'), 2, 'shares-while-sealed');
  assert.equal(world.tree(), before_);
});

test('a rotation of a sealed Vault opens it first', async () => {
  await world.installed();
  await world.restart();
  done(await world.run('rotate'));
  await world.settled();
});

/*
 * Every state in which a rotation can be cut off. `resumes`: what the next run does while the server still has the
 * rekey in its memory, and when it was restarted in between: `same` finishes this rekey, `afresh` begins another.
 */
const cuts = [
  { at: 'an intent without a nonce, no rekey begun', when: 'before', match: vaultCall('PUT', 'sys/rekey/init'), nth: 1, alive: 'afresh', restarted: 'afresh', archived: 0 },
  { at: 'an intent without a nonce, and the rekey begun', when: 'after', match: vaultCall('PUT', 'sys/rekey/init'), nth: 1, alive: 'afresh', restarted: 'afresh', archived: 0 },
  { at: 'an intent with its nonce, no share given', when: 'before', match: vaultCall('PUT', 'sys/rekey/update'), nth: 1, alive: 'afresh', restarted: 'afresh', archived: 0 },
  { at: 'an intent with its nonce, one share given', when: 'after', match: vaultCall('PUT', 'sys/rekey/update'), nth: 1, alive: 'afresh', restarted: 'afresh', archived: 0 },
  { at: 'the reply with the new shares lost', when: 'after', match: vaultCall('PUT', 'sys/rekey/update'), nth: 2, alive: 'afresh', restarted: 'afresh', archived: 0 },
  { at: 'the new shares only in a temporary sibling', when: 'before', match: diskCall('m1', 'rename', 'rotate.json.tmp'), nth: 3, alive: 'afresh', restarted: 'afresh', archived: 1 },
  { at: 'the new shares held by the master alone', when: 'before', match: diskCall('m2', 'create', '.keys'), nth: 1, alive: 'same', restarted: 'afresh' },
  { at: 'the new shares staged on two of three', when: 'after', match: diskCall('m2', 'rename', 'rotate.json.tmp'), nth: 1, alive: 'same', restarted: 'afresh' },
  { at: 'staged everywhere, no share verified', when: 'before', match: vaultCall('PUT', 'sys/rekey/verify'), nth: 1, alive: 'same', restarted: 'afresh', archived: 3 },
  { at: 'staged everywhere, one share verified', when: 'after', match: vaultCall('PUT', 'sys/rekey/verify'), nth: 1, alive: 'same', restarted: 'afresh', archived: 3 },
  { at: 'committed, and the reply lost', when: 'after', match: vaultCall('PUT', 'sys/rekey/verify'), nth: 2, alive: 'same', restarted: 'same', archived: 0 },
  { at: 'the master promoted', when: 'after', match: diskCall('m1', 'rename', 'vault-unseal.json'), nth: 1, alive: 'same', restarted: 'same', archived: 0 },
  { at: 'another manager promoted', when: 'after', match: diskCall('m3', 'rename', 'vault-unseal.json'), nth: 1, alive: 'same', restarted: 'same', archived: 0 },
  { at: 'every main written, one checkpoint deleted', when: 'after', match: diskCall('m2', 'remove', 'rotate.json.tmp'), nth: 1, held: diskCall('m1', 'remove', 'rotate.json.tmp'), alive: 'same', restarted: 'same', archived: 0 },
] as const;
for (const cut of cuts) {
  for (const restarted of [false, true]) {
    const then = restarted ? cut.restarted : cut.alive;
    test(`cut off at ${cut.at}${restarted ? ', then the server restarted' : ''}: ${then === 'same' ? 'this very rotation goes on' : 'the old keys are live, a new rotation begins'}`, async () => {
      const old = await world.installed();
      assert.ok((await world.runWith({ hook: diesAt(cut.when, cut.match, cut.nth, 'held' in cut ? cut.held : undefined) }, 'rotate')).died);
      if (restarted) await world.someSetOpens();
      assert.equal((await world.run('status')).code, 4);
      const planned = done(await world.run('plan', 'rotate'));
      assert.match(planned.out, /rotate: what a run would do/);
      const again = done(await world.run('rotate'));
      assert.equal(rekeys(again.events), then === 'same' ? 0 : 1, 'a second rekey only where the first is dead');
      const fresh = await world.settled('archived' in cut && !(then === 'same' && cut.restarted === 'afresh') ? { archived: cut.archived } : { archived: world.archived() });
      assert.ok(!sameShares(fresh, old));
      for (const name of world.managers) assert.ok(sameSet(world.set(name, 'previous'), old), `${name} keeps the old set`);
      done(await world.run('verify'));
    });
  }
}

test('a rotation cut off after its commit, with the server sealed since: the new keys open it', async () => {
  await world.installed();
  assert.ok((await world.runWith({ hook: diesAt('after', vaultCall('PUT', 'sys/rekey/verify'), 2) }, 'rotate')).died);
  await world.restart();
  assert.equal((await world.run('unseal')).code, 4, 'open, and a checkpoint remains');
  await untilActive(world.vault, world.address);
  const again = done(await world.run('rotate'));
  assert.equal(rekeys(again.events), 0);
  await world.settled();
});

test('a share count changed by a rotation that was cut off: the resumed one finishes it, before and after the commit', async () => {
  for (const nth of [1, 3]) {
    await world.installed();
    assert.ok((await world.runWith({ hook: diesAt('after', vaultCall('PUT', 'sys/rekey/verify'), nth) }, 'rotate', '--shares', '5', '--threshold', '3')).died);
    done(await world.run('rotate'));
    const set = await world.settled();
    assert.deepEqual([set.shares.length, set.threshold], [5, 3]);
  }
});

test('the master manager is lost in mid-rotation: another finishes it from the copy it holds', async () => {
  for (const [nth, when] of [[1, 'before'], [2, 'after']] as const) {
    await world.installed();
    assert.ok((await world.runWith({ hook: diesAt(when, vaultCall('PUT', 'sys/rekey/verify'), nth) }, 'rotate')).died);
    world.away.add('m1');
    const before_ = world.tree();
    halted(await world.run('rotate', '--limit', 'm2'), 5, nth === 1 ? 'managers-unreachable' : 'undelivered');
    if (nth === 1) assert.equal(world.tree(), before_);
    done(await world.run('rotate', '--limit', 'm2', '--allow-missing', 'm1'));
    const fresh = await world.settled({ managers: ['m2', 'm3'] });
    world.away.clear();
    // It comes back with the checkpoint of a rotation that was finished without it.
    done(await world.run('rotate'));
    const healed = await world.settled();
    assert.ok(sameShares(healed, fresh), 'what came back is healed, not rotated again');
  }
});

test('a manager that cannot be staged calls the rotation off (5): nothing has changed', async () => {
  const old = await world.installed();
  const hook = (call: { on: string; do: string; path: string }) => {
    if (call.on === 'm3' && call.do === 'create' && call.path.includes('rotate.json.tmp')) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    return undefined;
  };
  halted(await world.runWith({ hook }, 'rotate'), 5, 'stage-failed');
  for (const name of world.managers) assert.ok(sameSet(world.set(name), old) && !world.has(name, 'rotate'));
  assert.equal((await world.vault.rekeyStatus(world.address, undefined)).started, false);
  done(await world.run('verify'));
  done(await world.run('rotate'));
  await world.settled({ archived: world.archived() });
});

test('a manager that is away stops a rotation before anything is touched (5)', async () => {
  await world.installed();
  world.away.add('m2');
  const before_ = world.tree();
  halted(await world.run('rotate'), 5, 'managers-unreachable');
  assert.equal(world.tree(), before_);
  done(await world.run('rotate', '--allow-missing', 'm2'));
  world.away.clear();
  assert.equal((await world.run('status')).code, 4);
  done(await world.run('distribute'));
  await world.settled();
});

test('a rotate checkpoint of an old playbook (three keys, no metadata), from before the rekey took effect, is archived and never promoted', async () => {
  const old = await world.installed();
  const { set: never } = await rekeyToVerify(world.vault, world.address, old, 3, 2);
  await world.restart();
  world.put('m1', 'rotate', formatKeyFile(never), 0o644);
  halted(await world.run('install'), 4, 'finish-rotate');
  done(await world.run('rotate'));
  const fresh = await world.settled({ archived: 1 });
  assert.ok(!sameShares(fresh, never) && !sameShares(fresh, old));
});

async function rekeyed(old: KeySet, shares = 3, threshold = 2): Promise<KeySet> {
  const { set, nonce } = await rekeyToVerify(world.vault, world.address, old, shares, threshold);
  for (const share of set.shares.slice(0, threshold)) await world.vault.verifyUpdate(world.address, share, nonce, undefined);
  return set;
}

test('a rotate checkpoint of an old playbook, from after the rekey took effect, is promoted without a second rekey', async () => {
  for (const sealed of [false, true]) {
    const old = await world.installed();
    const fresh = await rekeyed(old);
    world.put('m2', 'rotate', formatKeyFile(fresh));
    if (sealed) await world.restart();
    const ran = done(await world.run('rotate'));
    assert.equal(rekeys(ran.events), 0);
    assert.ok(sameShares(await world.settled(), fresh));
    for (const name of world.managers) assert.ok(sameShares(world.set(name, 'previous'), old));
  }
});

test('an install checkpoint of an old playbook at a rotation\'s stage: live keys are promoted, dead ones archived', async () => {
  const old = await world.installed();
  const fresh = await rekeyed(old);
  world.put('m3', 'install', formatKeyFile(fresh));
  done(await world.run('install'));
  assert.ok(sameShares(await world.settled({ archived: world.archived() }), fresh));
  world.put('m2', 'install', formatKeyFile(old));
  done(await world.run('install'));
  assert.ok(sameShares(await world.settled({ archived: world.archived() }), fresh));
});

test('a rotation with --no-snapshot takes none, and says what that costs', async () => {
  await world.installed();
  const ran = done(await world.run('rotate', '--no-snapshot'));
  assert.match(ran.said, /no snapshot is taken/);
  for (const name of world.managers) assert.ok(!existsSync(world.snapshots(name)));
  await world.settled();
});

test('a snapshot that no second manager takes stops the rotation before it begins (5): nothing has changed', async () => {
  await world.installed();
  const hook = (call: { on: string; do: string; path: string }) => {
    if (call.on !== 'm1' && call.do === 'create' && call.path.includes('/snap/')) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    return undefined;
  };
  halted(await world.runWith({ hook }, 'rotate'), 5, 'snapshot-failed');
  assert.equal((await world.vault.rekeyStatus(world.address, undefined)).started, false);
  await world.settled();
});
