import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { KilledWorld } from './killed-world.ts';

/** Servers differ in where their rekey is and who may use it: found by asking, never from a version. */
for (const [mode, like, verify] of [['token', 'demands a token for sys/rekey, like Vault 2', 'PUT sys/rekey/verify'], ['rotate', 'has sys/rotate/root instead, like OpenBao 2.5 and newer', 'PUT sys/rotate/root/verify']] as const) {
  describe(`a server that ${like}`, { timeout: 300_000 }, () => {
    let world: KilledWorld;
    before(async () => { world = await KilledWorld.start(mode); });
    after(async () => { await world.end(); });

    it('is installed, verified and rotated like any other', async () => {
      for (const verb of ['install', 'verify', 'rotate', 'verify']) {
        const ended = await world.run(verb);
        assert.equal(ended.code, 0, `${verb}: ${ended.text}`);
      }
      assert.ok(!world.front.requests.some(({ method, path }) => method !== 'GET' && path === 'sys/rotate/root'), 'the bare endpoint that replaces the unseal key was never touched');
    });

    it('kill -9 around its commit is resumed', async () => {
      assert.equal((await world.run('rotate')).code, 0);
      const requests = world.requests();
      for (const at of requests.flatMap((what, index) => (what === verify ? [index + 1] : []))) {
        for (const when of ['before', 'after'] as const) {
          const struck = await world.run('rotate', { at, when, signals: ['SIGKILL'] });
          assert.equal(struck.signal, 'SIGKILL', struck.text);
          const resumed = await world.run('rotate');
          assert.equal(resumed.code, 0, `killed ${when} request ${at} (${requests[at - 1]}): ${resumed.text}`);
          assert.deepEqual(world.leftovers(), []);
        }
      }
    });
  });
}
