import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Experiment } from '../../prove/experiment.ts';
import { hits, tally } from '../../prove/tally.ts';
import { notRun } from '../not-run.ts';

/** The short cut of `npm run prove`: a few strikes of each kind, the same ones every time. */
export function samples(shortCuts: readonly (readonly [Experiment, number])[], seed = 1): void {
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
}
