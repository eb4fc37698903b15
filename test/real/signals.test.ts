import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { KilledWorld } from './killed-world.ts';

const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** A signal is a wish: the step in hand is finished, and the page says where it stands and how to go on. */
describe('signals stop the real program at a safe point', { timeout: 300_000 }, () => {
  let world: KilledWorld;
  let initAt: number;
  before(async () => {
    world = await KilledWorld.start();
    assert.equal((await world.run('install')).code, 0);
    initAt = world.requests().indexOf('PUT sys/init') + 1;
  });
  after(async () => { await world.end(); });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`${signal} while init is under way: the keys are on disk before it stops, and the next run finishes`, async () => {
      await world.empty();
      const stopped = await world.run('install', { at: initAt, when: 'before', signals: [signal] });
      assert.equal(stopped.code, codes[signal], stopped.text);
      assert.match(stopped.text, /Stopped by SIG\w+, at a safe point/);
      assert.match(stopped.text, /vaultctl install/);
      assert.deepEqual(world.leftovers().filter((name) => name.endsWith('.tmp')), ['m1/vault-creds-init.json.tmp']);
      const resumed = await world.run('install');
      assert.equal(resumed.code, 0, resumed.text);
      assert.deepEqual(world.leftovers(), []);
    });
  }

  it('a second and a third SIGINT while init is under way make nothing unsafe', async () => {
    await world.empty();
    const stopped = await world.run('install', { at: initAt, when: 'before', signals: ['SIGINT', 'SIGINT', 'SIGINT'] });
    assert.equal(stopped.code, 130, stopped.text);
    assert.equal((await world.run('install')).code, 0);
  });

  it('SIGTERM at the last verify share of a rotation: the new keys are live and the next run delivers them', async () => {
    const before = world.files()[0];
    assert.equal((await world.run('rotate')).code, 0);
    const requests = world.requests();
    const at = requests.findLastIndex((what) => /^PUT .*\/verify$/.test(what)) + 1;
    const middle = world.files()[0];
    assert.notEqual(middle, before);
    const stopped = await world.run('rotate', { at, when: 'before', signals: ['SIGTERM'] });
    assert.equal(stopped.code, 143, stopped.text);
    assert.equal(world.files()[0], middle, 'the main files are not changed before the next run');
    const resumed = await world.run('rotate');
    assert.equal(resumed.code, 0, resumed.text);
    assert.notEqual(world.files()[0], middle);
    assert.deepEqual(world.leftovers(), []);
  });
});
