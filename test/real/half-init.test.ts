import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { restart, whatIsWrong } from '../../prove/judge.ts';
import { KilledWorld } from './killed-world.ts';

/** Its init takes more than a second, most of it an election. */
const INTO_ITS_INIT_MS = 400;

test('a server killed in the middle of its own init: the next run says so, and its page leads to the end', { timeout: 60_000 }, async () => {
  const world = await KilledWorld.start();
  try {
    const { child, ended } = world.begin(['install']);
    const asked = new Promise<void>((resolve) => { world.front.onRequest(({ path }) => { if (path === 'sys/init') resolve(); }); });
    await Promise.race([asked, ended]);
    await sleep(INTO_ITS_INIT_MS);
    child.kill('SIGKILL');
    await restart(world);
    assert.equal((await ended).signal, 'SIGKILL');
    for (const run of ['the next run', 'and the one after it']) {
      const next = await world.run('install');
      assert.equal(next.code, 8, `${run}:\n${next.text}`);
      assert.match(next.text, /cut off in the middle of its own init/);
    }
    await world.vault.node(0).kill('SIGKILL');
    world.vault.node(0).wipe();
    await world.vault.node(0).start();
    const last = await world.run('install');
    assert.equal(last.code, 0, last.text);
    assert.equal(await whatIsWrong(world), undefined);
  } finally {
    await world.end();
  }
});
