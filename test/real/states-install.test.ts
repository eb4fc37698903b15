import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { formatCheckpoint, parseCheckpoint } from '../../src/credentials/checkpoint.ts';
import { formatKeyFile, keysOf } from '../../src/credentials/key-file.ts';
import { sameSet } from '../../src/model/keys.ts';
import { diesAt, diskCall, vaultCall } from './mortal.ts';
import { opened } from './opened-vault.ts';
import { done, halted, World } from './world.ts';

let world: World;
before(async () => { world = await World.start(); });
after(() => world.close());

const intent = formatCheckpoint({ meta: { format: 1, operation: 'abc', flow: 'install', phase: 'intent', nodes: [], startedAt: '2026-01-01T00:00:00Z', updatedAt: '2026-01-01T00:00:00Z', generation: 1 } });
/** Keys that no Vault knows. */
const foreign = JSON.stringify({ root_token: 'hvs.foreign-token', unseal_keys: ['q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCr', 'ze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8SNFZ4kKvN', 'EjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8S'], key_threshold: 2 });

test('a fresh install gives every manager the same three keys, opens Vault and leaves nothing over', async () => {
  await world.fresh();
  const ran = done(await world.run('install'));
  assert.equal((await world.vault.sealStatus(world.address)).sealed, false);
  const set = await world.settled();
  assert.deepEqual([set.shares.length, set.threshold], [3, 2]);
  for (const share of set.shares) assert.ok(!ran.out.includes(share.reveal()) && !ran.said.includes(share.reveal()), 'no share is printed');
});

test('an install that is run again changes nothing', async () => {
  await world.installed();
  const before_ = world.tree();
  done(await world.run('install'));
  assert.equal(world.tree(), before_);
});

test('an install of a sealed Vault opens it and changes no file', async () => {
  await world.installed();
  const before_ = world.tree();
  await world.restart();
  done(await world.run('install'));
  assert.equal(world.tree(), before_);
  assert.equal(await world.vault.health(world.address), 'active');
});

test('threshold 1 of 1 installs and rotates', async () => {
  await world.installed(1, 1);
  const old = world.set();
  done(await world.run('rotate'));
  const set = await world.settled();
  assert.deepEqual([set.shares.length, set.threshold, sameSet(old, set)], [1, 1, false]);
  done(await world.run('verify'));
});

test('shares 5 of 9 install and rotate', async () => {
  await world.installed(9, 5);
  done(await world.run('rotate'));
  done(await world.run('verify'));
  const set = await world.settled();
  assert.deepEqual([set.shares.length, set.threshold], [9, 5]);
});

for (const role of ['main', 'install', 'rotate', 'previous'] as const) {
  test(`keys in a ${role} file while Vault is uninitialised stop an install (7), and stay as they are`, async () => {
    await world.fresh();
    world.put('m2', role, foreign);
    const before_ = world.tree();
    const halt = halted(await world.run('install'), 7, 'other-cluster');
    assert.match(halt.details!.join(), /m2:/);
    assert.equal(world.tree(), before_);
    assert.equal((await world.vault.sealStatus(world.address)).initialized, false);
  });
}

test('keys in a temporary sibling of a crash while Vault is uninitialised stop an install (7)', async () => {
  await world.fresh();
  world.putAt('m3', '.vault-creds-init.json.tmp.0123456789abcdef.keys', foreign);
  const before_ = world.tree();
  halted(await world.run('install'), 7, 'other-cluster');
  assert.equal(world.tree(), before_);
});

test('a damaged file while Vault is uninitialised stops an install (7): unreadable is never absent', async () => {
  for (const content of ['', '{', 'not json', '{"root_token": "x"}']) {
    await world.fresh();
    world.put('m1', 'main', content);
    const before_ = world.tree();
    halted(await world.run('install'), 7, 'other-cluster');
    assert.equal(world.tree(), before_);
    assert.equal((await world.vault.sealStatus(world.address)).initialized, false);
  }
});

test('a rotation that only was intended stops an install of an uninitialised Vault too: its old keys are somebody\'s', async () => {
  await world.fresh();
  const set = { rootToken: JSON.parse(foreign).root_token, ...JSON.parse(foreign) };
  world.put('m1', 'rotate', JSON.stringify({ vaultctl: { ...JSON.parse(new TextDecoder().decode(intent)).vaultctl, flow: 'rotate', old: set } }));
  const before_ = world.tree();
  halted(await world.run('install'), 7, 'other-cluster');
  assert.equal(world.tree(), before_);
});

test('an intent alone, and Vault not initialised: its init never happened, and is taken over', async () => {
  await world.fresh();
  const ran = await world.runWith({ hook: diesAt('before', vaultCall('PUT', 'sys/init')) }, 'install');
  assert.ok(ran.died);
  assert.ok(world.has('m1', 'install'), 'the intent is durable before init is sent');
  const again = done(await world.run('install'));
  assert.match(again.said, /taking its intent over/);
  await world.settled();
});

test('an intent on a manager other than the master is taken over and leaves nothing', async () => {
  await world.fresh();
  world.put('m3', 'install', intent);
  done(await world.run('install'));
  await world.settled();
});

test('an intent alone, and Vault initialised: the reply of init was lost (3), nobody holds keys, nothing is touched', async () => {
  await world.fresh();
  const ran = await world.runWith({ hook: diesAt('after', vaultCall('PUT', 'sys/init')) }, 'install');
  assert.ok(ran.died);
  const before_ = world.tree();
  const halt = halted(await world.run('install'), 3, 'init-reply-lost');
  assert.match(halt.what, /^Credentials LOST/);
  assert.equal(world.tree(), before_);
  assert.equal((await world.run('status')).code, 3);
});

test('nothing anywhere on an initialised Vault: the page begins "Credentials LOST" (3) and names every path', async () => {
  await world.installed();
  for (const name of world.managers) world.remove(name, 'main', 'about', 'previous');
  const before_ = world.tree();
  const ran = await world.run('install');
  halted(ran, 3, 'credentials-lost');
  assert.match(ran.page, /^Credentials LOST/);
  for (const name of world.managers) for (const role of ['main', 'install', 'rotate', 'previous'] as const) assert.ok(ran.page.includes(`${name}:${world.at(name, role)}`), `${name} ${role} is named`);
  assert.equal(world.tree(), before_);
  assert.equal((await world.run('rotate')).code, 3);
  assert.equal((await world.run('status')).code, 3);
});

test('nothing found, and a manager unreachable: that cannot be told from a loss (5)', async () => {
  await world.installed();
  for (const name of ['m1', 'm2']) world.remove(name, 'main', 'about');
  world.away.add('m3');
  halted(await world.run('install'), 5, 'cannot-tell');
  assert.equal((await world.run('status')).code, 5);
  world.away.clear();
  done(await world.run('install'));
  await world.settled();
});

test('an uninitialised Vault and a manager unreachable: nothing is initialised (5)', async () => {
  await world.fresh();
  world.away.add('m2');
  halted(await world.run('install'), 5, 'managers-unreachable');
  assert.equal((await world.vault.sealStatus(world.address)).initialized, false);
});

test('an install on without a manager that was allowed to be missing; the next one heals it', async () => {
  await world.fresh();
  world.away.add('m2');
  done(await world.run('install', '--allow-missing', 'm2'));
  world.away.clear();
  assert.ok(!world.has('m2', 'main'));
  done(await world.run('install'));
  await world.settled();
});

// Killed at each point of an install from the moment Vault has answered init; `durable`: the keys are on a disk.
const cuts: readonly (readonly [string, ReturnType<typeof vaultCall>, 'before' | 'after', number, ReturnType<typeof vaultCall>?])[] = [
  ['after the checkpoint was renamed into place', diskCall('m1', 'rename', 'init.json.tmp'), 'after', 2],
  ['after its copy reached a second manager', diskCall('m2', 'rename', 'init.json.tmp'), 'after', 1],
  ['before the first share of the unseal', vaultCall('PUT', 'sys/unseal'), 'before', 1],
  ['between two shares of the unseal', vaultCall('PUT', 'sys/unseal'), 'after', 1],
  ['after the master has its main file', diskCall('m1', 'rename', 'vault-unseal.json'), 'after', 1],
  ['after another manager has its main file', diskCall('m3', 'rename', 'vault-unseal.json'), 'after', 1],
  ['before the first checkpoint is deleted', diskCall('m1', 'remove', 'init.json.tmp'), 'before', 1],
  ['after one checkpoint was deleted', diskCall('m1', 'remove', 'init.json.tmp'), 'after', 1, diskCall('m2', 'remove', 'init.json.tmp')],
];
for (const [index, [name, match, when, nth, held]] of cuts.entries()) {
  const limit = index % 2 === 0 ? [] : ['--limit', 'm3'];
  test(`an install killed ${name} is resumed${limit.length > 0 ? ' on another manager' : ''}`, async () => {
    await world.fresh();
    assert.ok((await world.runWith({ hook: diesAt(when, match, nth, held) }, 'install')).died);
    await world.someSetOpens();
    assert.equal((await world.run('status')).code, 4);
    done(await world.run('install', ...limit));
    await world.settled();
  });
}

test('an install whose keys stand only in a temporary sibling (killed between write and rename) is healed from it', async () => {
  await world.fresh();
  assert.ok((await world.runWith({ hook: diesAt('before', diskCall('m1', 'rename', 'init.json.tmp'), 2) }, 'install')).died);
  assert.match(world.names('m1').join(), /\.vault-creds-init\.json\.tmp\.[0-9a-f]+\.keys/);
  assert.equal(parseCheckpoint(new TextEncoder().encode(world.read('m1', 'install'))).is, 'checkpoint');
  await world.someSetOpens();
  done(await world.run('install'));
  await world.settled();
});

test('blank and torn siblings of a crash beside good keys are cleared or set aside', async () => {
  await world.installed();
  world.putAt('m1', '.vault-creds-init.json.tmp.0123456789abcdef.keys', '');
  world.putAt('m2', '.vault-unseal.json.0123456789abcdef.keys', new Uint8Array(4096));
  world.putAt('m3', '.vault-unseal.json.fedcba9876543210.keys', world.read('m1', 'main').slice(0, 80));
  done(await world.run('install'));
  await world.settled({ archived: 1 });
});

test('blank siblings alone and Vault not initialised: they never held a key, and an install goes ahead', async () => {
  await world.fresh();
  world.putAt('m1', '.vault-creds-init.json.tmp.0123456789abcdef.keys', new Uint8Array(64));
  world.putAt('m2', '.vault-creds-init.json.tmp.0123456789abcdef.intent', '{"vaultctl": {"for');
  done(await world.run('install'));
  await world.settled();
});

test('an install of an old playbook that stopped at its checkpoint (three keys, no metadata) is resumed', async () => {
  for (const sealed of [true, false]) {
    await world.fresh();
    const set = sealed ? await world.vault.init(world.address, 3, 2) : await opened(world.vault, world.address, 3, 2);
    world.put('m2', 'install', JSON.stringify(keysOf(set)), 0o644);
    done(await world.run('install'));
    assert.ok(sameSet(await world.settled(), set));
  }
});

test('an install while a rotation stands unfinished says to finish the rotation first (4), and touches nothing', async () => {
  await world.installed();
  assert.ok((await world.runWith({ hook: diesAt('before', vaultCall('PUT', 'sys/rekey/verify')) }, 'rotate')).died);
  const before_ = world.tree();
  halted(await world.run('install'), 4, 'finish-rotate');
  halted(await world.run('distribute'), 4, 'finish-rotate');
  assert.equal(world.tree(), before_);
  assert.equal((await world.run('status')).code, 4);
});

test('a rotation while an install stands unfinished says to finish the install first (4), and touches nothing', async () => {
  await world.fresh();
  assert.ok((await world.runWith({ hook: diesAt('after', diskCall('m1', 'rename', 'vault-unseal.json')) }, 'install')).died);
  const before_ = world.tree();
  halted(await world.run('rotate'), 4, 'finish-install');
  assert.equal(world.tree(), before_);
  done(await world.run('install'));
  done(await world.run('rotate'));
  await world.settled();
});

test('both checkpoints: the rotation is finished first, and the install\'s is set aside with its dead keys', async () => {
  const old = await world.installed();
  assert.ok((await world.runWith({ hook: diesAt('after', vaultCall('PUT', 'sys/rekey/verify'), 2) }, 'rotate')).died);
  world.put('m2', 'install', formatKeyFile(old));
  halted(await world.run('install'), 4, 'finish-rotate');
  done(await world.run('rotate'));
  assert.ok(!sameSet(old, await world.settled()));
});

test('an old install checkpoint that comes back with a manager after a rotation is set aside, not promoted', async () => {
  const old = await world.installed();
  done(await world.run('rotate'));
  const fresh = world.set();
  world.remove('m3', 'main', 'about', 'previous');
  world.put('m3', 'install', formatKeyFile(old));
  halted(await world.run('rotate'), 4, 'finish-install');
  done(await world.run('install'));
  assert.ok(sameSet(await world.settled({ archived: 1 }), fresh));
});
