import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Secret } from '../../src/model/secret.ts';
import { sameShares } from '../../src/model/keys.ts';
import { type Call, diesAt, type Hook, vaultCall } from './mortal.ts';
import { plainWire, unseal, until } from './opened-vault.ts';
import type { RealNode } from './vault.ts';
import { done, halted, World } from './world.ts';

let world: World;
before(async () => { world = await World.start({ nodes: 3 }); });
after(() => world.close());

const followers = async (): Promise<RealNode[]> => { const leader = await world.leader(); return world.servers.nodes.filter((node) => node !== leader); };

/** Makes another node the leader. */
async function stepDown(): Promise<void> {
  const before_ = await world.leader();
  const wire = plainWire();
  await wire.request(before_.address, { method: 'PUT', path: 'sys/step-down', token: new Secret(world.set().rootToken.reveal()) });
  wire.close();
  await until('another node leads', async () => { await world.untilLed(); return (await world.leader()) !== before_; });
}

test('an install of three nodes initialises exactly one, joins and opens the others, and they have one leader', async () => {
  await world.fresh();
  const inits: (string | undefined)[] = [];
  const hook: Hook = (call, when) => { if (when === 'before' && call.path === 'sys/init') inits.push(call.address); return undefined; };
  done(await world.runWith({ hook }, 'install'));
  assert.deepEqual(inits, [world.servers.nodes[0]!.address]);
  await world.untilLed();
  const statuses = await Promise.all(world.addresses.map((address) => world.vault.sealStatus(address)));
  assert.equal(new Set(statuses.map(({ clusterId }) => clusterId)).size, 1, 'one cluster');
  done(await world.run('status'));
  done(await world.run('verify'));
  await world.settled();
});

test('all three restarted: unseal opens every one, and a second unseal has nothing to do', async () => {
  await world.installed();
  await world.restart();
  assert.equal((await world.run('status')).code, 4);
  done(await world.run('unseal'));
  await world.untilLed();
  done(await world.run('unseal'));
  done(await world.run('verify'));
});

test('a rotation is pinned to the leader, whichever node that is', async () => {
  await world.installed();
  await stepDown();
  const leader = await world.leader();
  const asked = new Set<string | undefined>();
  const hook: Hook = (call: Call) => { if (call.path.startsWith('sys/rekey/')) asked.add(call.address); return undefined; };
  done(await world.runWith({ hook }, 'rotate'));
  assert.deepEqual([...asked], [leader.address]);
  await world.settled();
});

test('a follower that is down stops a rotation (8) before anything is touched', async () => {
  await world.installed();
  const [away] = await followers();
  await away!.kill();
  const before_ = world.tree();
  halted(await world.run('rotate'), 8, 'vault-unreachable');
  assert.equal(world.tree(), before_);
  await away!.start();
});

test('a follower that is sealed is opened before a rotation begins', async () => {
  await world.installed();
  const [away] = await followers();
  await away!.kill();
  await away!.start();
  done(await world.run('rotate'));
  await world.settled();
});

test('a follower away during a rotation opens with the old keys when it comes back, catches up, and then with the new ones', async () => {
  const old = await world.installed();
  const [away] = await followers();
  await away!.kill();
  done(await world.run('rotate', '--allow-missing-node', away!.address));
  await away!.start();
  await assert.rejects(async () => { await unseal(world.vault, away!.address, world.set()); assert.equal((await world.vault.sealStatus(away!.address)).sealed, false); }, 'it rejects the live keys');
  done(await world.run('unseal'));
  await world.untilLed();
  await until('it has caught up', async () => (await world.run('status')).code === 0);
  done(await world.run('verify'));
  const fresh = await world.settled();
  assert.ok(!sameShares(fresh, old));
  done(await world.run('status'));
});

test('a follower killed between staging and commit: the rotation commits, and says which node is still closed (8); the next run ends it', async () => {
  await world.installed();
  const [away] = await followers();
  let killed = false;
  const hook: Hook = (call, when) => {
    if (killed || when !== 'before' || call.path !== 'sys/rekey/verify' || call.do !== 'PUT') return undefined;
    killed = true;
    return away!.kill();
  };
  halted(await world.runWith({ hook }, 'rotate'), 8, 'nodes-closed');
  for (const name of world.managers) assert.ok(world.has(name, 'rotate'), 'the checkpoint stays until every node is open');
  await away!.start();
  done(await world.run('rotate'));
  await world.untilLed();
  await world.settled();
});

test('the leader killed before the commit: the rekey is gone with its memory, the old keys are live, and a new rotation succeeds', async () => {
  const old = await world.installed();
  const leader = await world.leader();
  let killed = false;
  const hook: Hook = (call, when) => {
    if (killed || when !== 'before' || call.path !== 'sys/rekey/verify' || call.do !== 'PUT') return undefined;
    killed = true;
    return leader.kill();
  };
  const ran = await world.runWith({ hook, speed: 5 }, 'rotate');
  assert.equal(ran.code, 4, ran.page);
  await until('another node leads', async () => { try { return (await world.leader()) !== leader; } catch { return false; } });
  done(await world.run('rotate', '--allow-missing-node', leader.address));
  await leader.start();
  done(await world.run('unseal'));
  await world.untilLed();
  await until('it has caught up', async () => (await world.run('status')).code === 0);
  assert.ok(!sameShares(await world.settled({ archived: world.archived() }), old));
});

test('the leader killed after the commit and before the promotion: the new keys are found live on the others', async () => {
  await world.installed();
  const leader = await world.leader();
  assert.ok((await world.runWith({ hook: diesAt('after', vaultCall('PUT', 'sys/rekey/verify'), 2) }, 'rotate')).died);
  await leader.kill();
  await until('another node leads', async () => { try { return (await world.leader()) !== leader; } catch { return false; } });
  const ran = done(await world.run('rotate', '--allow-missing-node', leader.address));
  assert.ok(!ran.events.some((event) => event.is === 'step' && event.step === 'start-rekey'), 'no second rekey');
  await leader.start();
  done(await world.run('unseal'));
  await world.untilLed();
  await world.settled();
});

test('no quorum: which keys are live cannot be told (8), and nothing is archived', async () => {
  await world.installed();
  assert.ok((await world.runWith({ hook: diesAt('after', vaultCall('PUT', 'sys/rekey/verify'), 2) }, 'rotate')).died);
  const [one, two] = world.servers.nodes;
  await Promise.all(world.servers.nodes.map((node) => node.kill()));
  await one!.start();
  const before_ = world.tree();
  const away = world.servers.nodes.slice(1).flatMap((node) => ['--allow-missing-node', node.address]);
  halted(await world.runWith({ speed: 10 }, 'rotate', ...away), 8, 'no-leader');
  assert.equal(world.tree(), before_);
  await two!.start();
  await world.servers.nodes[2]!.start();
  done(await world.run('rotate'));
  await world.untilLed();
  await world.settled();
});

test('a node whose disk was replaced is joined again by install', async () => {
  await world.installed();
  const [away] = await followers();
  await away!.kill();
  away!.wipe();
  await away!.start();
  assert.equal((await world.run('status')).code, 4);
  done(await world.run('install'));
  await world.untilLed();
  done(await world.run('status'));
});
