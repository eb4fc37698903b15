import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Experiment } from '../../prove/experiment.ts';
import { whatIsWrong } from '../../prove/judge.ts';
import { randomInstants } from '../../prove/random-instants.ts';
import { requestBoundaries } from '../../prove/request-boundaries.ts';
import { syscallsLocal } from '../../prove/syscalls-local.ts';
import { syscallsManager } from '../../prove/syscalls-manager.ts';
import { hits, tally } from '../../prove/tally.ts';
import { notRun } from '../not-run.ts';
import { KilledWorld } from './killed-world.ts';

/** The short cut of `npm run prove`: a few strikes of each kind, the same ones every time. */
const seed = 1;
const shortCuts: readonly (readonly [Experiment, number])[] = [[requestBoundaries, 8], [randomInstants, 8], [syscallsLocal, 12], [syscallsManager, 8]];

describe('the real program, struck where it hurts', { timeout: 300_000 }, () => {
  for (const [experiment, short] of shortCuts) {
    it(`${experiment.title}: a sample, nothing is lost and no claim is broken`, async (t) => {
      const missing = experiment.missing();
      if (missing !== undefined) { notRun(experiment.title, missing); return; }
      const done = await tally(experiment, { all: false, short, seed }, () => undefined);
      t.diagnostic(`${hits(done)} strikes in ${done.seconds} s, ${JSON.stringify(done.counts)}`);
      assert.deepEqual(done.failures, []);
      assert.ok(hits(done) > done.counts.missed, `${done.counts.missed} strikes missed, ${hits(done)} hit`);
    });
  }

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
