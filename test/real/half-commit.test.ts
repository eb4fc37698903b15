import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/adapters/clock.ts';
import { sameShares } from '../../src/model/keys.ts';
import type { KeySet } from '../../src/model/keys.ts';
import { openNode } from '../../src/vault/unseal.ts';
import { notRun } from '../not-run.ts';
import { canTrace, killAfterWrites } from './half-commit.ts';
import type { Hook } from './mortal.ts';
import { plainWire } from './opened-vault.ts';
import { done, halted, type Ran, World } from './world.ts';

let world: World;
before(async () => { world = await World.start(); });
after(() => world.close());

const wire = plainWire();
after(() => wire.close());
const policy = 'path "secret/data/app" { capabilities = ["read"] }';

async function writeData(set: KeySet): Promise<void> {
  const { rootToken: token } = set;
  for (const [path, body] of [
    ['sys/mounts/secret', { type: 'kv', options: { version: '2' } }], ['secret/data/app', { data: { password: 'the data of this Vault' } }], ['sys/policies/acl/app', { policy }],
  ] as const) {
    for (let attempt = 0; ; attempt += 1) {
      const { status, body: answer } = await wire.request(world.address, { method: 'POST', path, token, body });
      if (status < 300) break;
      // A kv mount upgrades itself for a moment.
      assert.ok(attempt < 20, `${path}: ${status} ${JSON.stringify(answer)}`);
      await systemClock.sleep(100);
    }
  }
}

async function readData(set: KeySet): Promise<unknown> {
  const { rootToken: token } = set;
  const secret = await wire.request(world.address, { method: 'GET', path: 'secret/data/app', token });
  const acl = await wire.request(world.address, { method: 'GET', path: 'sys/policies/acl/app', token });
  return [(secret.body as { data?: { data?: unknown } }).data?.data, (acl.body as { data?: { policy?: string } }).data?.policy];
}

/** A rotation whose server dies in the middle of its own commit, after so many of its writes. */
async function cutShort(writes: number): Promise<{ old: KeySet; ran: Ran }> {
  const old = await world.installed();
  await writeData(old);
  let shares = 0;
  let seen = 0;
  let dead: Promise<void> | undefined;
  const hook: Hook = (call, when) => {
    if (when !== 'before' || call.path !== 'sys/rekey/verify' || call.do !== 'PUT' || (shares += 1) !== old.threshold) return undefined;
    return killAfterWrites(world.node.pid!, writes).then(({ over }) => { dead = over.then((count) => { seen = count; }); });
  };
  const ran = await world.runWith({ hook, speed: 20 }, 'rotate');
  await dead;
  await world.node.ended();
  assert.ok(seen >= writes, `the server died after ${seen} writes`);
  return { old, ran };
}

async function opens(set: KeySet): Promise<boolean> { return (await openNode(world.vault, systemClock, world.address, set)).is === 'open'; }

test('a server killed in the middle of its own commit so that neither set opens it: rotate says so (3), and its snapshot brings everything back', async (t) => {
  const hindered = await canTrace();
  if (hindered !== undefined) { notRun('a server killed in the middle of its own rekey commit', hindered); return; }
  // Between the stored keys and the keyring neither set opens it (facts.md): the middle of it first.
  for (const writes of [5, 6, 4, 7]) {
    const { old, ran } = await cutShort(writes);
    assert.notEqual(ran.code, 0, 'the outcome is open while the server is dead');
    await world.node.start();
    const sets = world.sets();
    const fresh = sets.find((set) => !sameShares(set, old))!;
    if (await opens(old) || await opens(fresh)) { t.diagnostic(`killed after ${writes} writes: one of the sets opens it`); continue; }
    t.diagnostic(`killed after ${writes} writes: neither set opens it`);
    await broughtBack(old);
    return;
  }
  assert.fail('no kill left a server that neither set opens');
});

async function broughtBack(old: KeySet): Promise<void> {
  const before_ = world.tree();
  const ran = await world.run('rotate');
  const halt = halted(ran, 3, 'half-commit');
  const snapshot = /m1:(\S+\.snap)/.exec(halt.safe!.join('\n'))?.[1];
  assert.ok(snapshot !== undefined, ran.page);
  assert.match(halt.next!.join('\n'), /recover --restore-snapshot/);
  assert.equal(world.tree(), before_, 'nothing was archived or deleted');
  assert.equal((await world.run('install')).code, 4);

  // Not yet emptied: it says how.
  assert.equal(halted(await world.run('recover', '--restore-snapshot'), 7, 'empty-first').exit, 'refused');
  assert.equal(world.tree(), before_);
  await world.node.kill();
  world.node.wipe();
  await world.node.start();
  assert.equal((await world.run('install')).code, 7, 'an empty server is not initialised over the keys that open its snapshot');

  done(await world.run('recover', '--restore-snapshot'));
  const back = await world.settled({ archived: world.archived() });
  assert.ok(sameShares(back, old));
  assert.deepEqual(await readData(back), [{ password: 'the data of this Vault' }, policy]);
  done(await world.run('verify'));
  done(await world.run('status'));
  done(await world.run('rotate'));
  assert.deepEqual(await readData(await world.settled({ archived: world.archived() })), [{ password: 'the data of this Vault' }, policy]);
}

test('a server killed at any write of its own commit: one of the sets opens it, or the snapshot of this rotation brings the data back', async (t) => {
  const hindered = await canTrace();
  if (hindered !== undefined) { notRun('a server killed at any write of its own rekey commit', hindered); return; }
  for (const writes of [2, 10]) {
    const { old } = await cutShort(writes);
    await world.node.start();
    const ran = await world.runWith({ speed: 10 }, 'rotate');
    if (ran.halt?.code === 'half-commit') {
      // It may be open still, by what it had applied before it replayed the rest of its log.
      if (!(await world.vault.sealStatus(world.address)).sealed) assert.match(ran.page, /do NOT seal or restart/);
      await world.node.kill();
      world.node.wipe();
      await world.node.start();
      done(await world.run('recover', '--restore-snapshot'));
    } else done(ran);
    t.diagnostic(`killed after ${writes} writes: ${ran.halt?.code ?? 'the next rotate ended it'}`);
    const set = await world.settled({ archived: world.archived() });
    assert.deepEqual(await readData(set), [{ password: 'the data of this Vault' }, policy]);
    assert.ok(old.shares.length === set.shares.length);
  }
});
