import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { whatIsWrong } from '../../prove/judge.ts';
import { randomInstants } from '../../prove/random-instants.ts';
import { requestBoundaries } from '../../prove/request-boundaries.ts';
import { syscallsLocal } from '../../prove/syscalls-local.ts';
import { syscallsManager } from '../../prove/syscalls-manager.ts';
import { KilledWorld } from './killed-world.ts';
import { samples } from './short-cut.ts';

describe('the real program, struck where it hurts', { timeout: 300_000 }, () => {
  samples([[requestBoundaries, 2], [randomInstants, 8], [syscallsLocal, 8], [syscallsManager, 8]]);

  it('an intent that the disk spoilt is told from keys of another cluster, and the page leads past it', async () => {
    const world = await KilledWorld.start();
    try {
      writeFileSync(join(world.keysFolder('m1'), 'vault-creds-init.json.tmp'), '\0"vaultctl": {', { mode: 0o600 });
      const stopped = await world.run('install');
      assert.equal(stopped.code, 7, stopped.text);
      assert.match(stopped.text, /vault-creds-init\.json\.tmp \(cannot be read: /);
      assert.match(stopped.text, /vaultctl recover --archive/);
      assert.equal((await world.begin(['recover', '--archive', '--confirm', 'kill']).ended).code, 0);
      const installed = await world.run('install');
      assert.equal(installed.code, 0, installed.text);
      assert.equal(await whatIsWrong(world), undefined);
    } finally {
      await world.end();
    }
  });
});
