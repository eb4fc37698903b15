import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DemoWorld } from '../../demo/world.ts';

/** The worst time to break a lock: Vault has made the keys, and they are in one process's memory. Managers behind real sshd. */
describe('a lock that is broken while init is under way', { timeout: 120_000 }, () => {
  let world: DemoWorld;
  before(async () => { world = await DemoWorld.start('lock', 41); });
  after(async () => { await world.end(); });

  it('does not keep the only keys off every disk, and the next run finishes', async () => {
    let unlocked = '';
    let broken = false;
    world.front.onRequest(async ({ method, path }) => {
      if (broken || method !== 'PUT' || path !== 'sys/init') return;
      broken = true;
      unlocked = (await world.run(['recover', '--unlock', '--confirm', 'demo'])).text;
    });
    const first = await world.run(['install']);
    assert.match(unlocked, /the lock is broken/);
    const held = world.sshd.managers.some(({ folder }) => ['vault-creds-init.json.tmp', 'vault-unseal.json'].some((name) => existsSync(join(folder, name))));
    assert.ok(held, `no manager holds the keys:\n${first.text}`);
    const next = await world.run(['install']);
    assert.equal(next.code, 0, `${first.text}\n${next.text}`);
    assert.equal((await world.run(['verify'])).code, 0);
  });
});
