import { type Job, work } from './jobs.ts';
import type { Tally } from './tally.ts';

/** One process of `npm run simulate`: takes one job, tells how far it is, and hands back what it found. */
const TELL_EVERY_MS = 5000;

// Whoever asked is gone, and nobody would read the answer.
process.once('disconnect', () => process.exit());

process.once('message', (job: Job) => {
  let toldAt = Date.now();
  const tell = ({ schedules, states, failures }: Tally) => {
    if (Date.now() < toldAt + TELL_EVERY_MS) return;
    toldAt = Date.now();
    process.send?.({ is: 'progress', schedules, states: states.size, failures: failures.length });
  };
  work(job, tell).then(
    (report) => process.send?.({ is: 'report', report }, () => process.exit()),
    (error: unknown) => process.send?.({ is: 'broken', why: error instanceof Error ? error.stack : String(error) }, () => process.exit()),
  );
});
