import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Experiment, Outcome } from '../../prove/experiment.ts';
import { chosen } from '../../prove/experiment.ts';
import { recorded, renewed, row, table } from '../../prove/record.ts';
import { hits, type Tally, tally } from '../../prove/tally.ts';

const told = (title: string, counts: Partial<Record<Outcome, number>>): Tally => ({
  experiment: { name: title, title, missing: () => undefined, trials: () => { throw new Error('not run'); } } satisfies Experiment,
  counts: { 'kept': 0, 'by-snapshot': 0, 'never-saved': 0, 'missed': 0, 'lost': 0, 'wrong': 0, ...counts }, failures: [], seconds: 7, stopped: false,
});

describe('the record of npm run prove', () => {
  const first = table([row(told('a', { kept: 3, missed: 9 }), 'Monday'), row(told('b', { 'kept': 1, 'by-snapshot': 2, 'never-saved': 1, 'lost': 1 }), 'Monday')]);

  it('counts what hit, and sums every column', () => {
    assert.match(first, /^\| a \| 3 \| 0 \| 0 \| 0 \| 0 \| 7 s \| Monday \|$/m);
    assert.match(first, /^\| b \| 5 \| 1 \| 2 \| 1 \| 0 \| 7 s \| Monday \|$/m);
    assert.match(first, /^\| \*\*all\*\* \| \*\*8\*\* \| \*\*1\*\* \| \*\*2\*\* \| \*\*1\*\* \| \*\*0\*\* \| 14 s \| \|$/m);
  });

  it('keeps the rows of what was not run again, in the order of the experiments, and drops what is none any more', () => {
    const record = recorded('# Record\n\nwords\n', `machine\n\n${first}`);
    assert.match(record, /^# Record\n\nwords\n/);
    const fresh = row(told('b', { kept: 4 }), 'Tuesday');
    assert.deepEqual(renewed(record, new Map([['b', fresh]]), ['c', 'b', 'a']), [fresh, '| a | 3 | 0 | 0 | 0 | 0 | 7 s | Monday |']);
    assert.deepEqual(renewed(record, new Map(), ['b']), ['| b | 5 | 1 | 2 | 1 | 0 | 7 s | Monday |']);
    const again = recorded(record, 'new');
    assert.equal(again.match(/prove: end/g)?.length, 1);
    assert.ok(!again.includes('Monday') && again.includes('words'));
  });

  it('of a sample takes strikes from all over, other ones for another seed', () => {
    const all = Array.from({ length: 100 }, (_, index) => index);
    assert.deepEqual(chosen(all, { all: true, seed: 1 }), all);
    const some = chosen(all, { all: false, short: 10, seed: 1 });
    assert.equal(new Set(some).size, 10);
    assert.ok(some[0]! < 10 && some[9]! >= 90);
    assert.notDeepEqual(chosen(all, { all: false, short: 10, seed: 500 }), some);
  });

  it('counts what was struck until it was told to stop, says so, and has its worlds put away', async () => {
    const stop = new AbortController();
    let away = false;
    const experiment: Experiment = { name: 'a', title: 'a', missing: () => undefined, trials: async function* () {
      try {
        for (let at = 1; at <= 9; at += 1) yield await Promise.resolve({ what: `strike ${at}`, outcome: 'kept' } as const);
      } finally {
        away = true;
      }
    } };
    const done = await tally(experiment, { all: true, seed: 1 }, ({ what }) => { if (what === 'strike 3') stop.abort(); }, stop.signal);
    assert.deepEqual({ struck: hits(done), stopped: done.stopped, away }, { struck: 3, stopped: true, away: true });
    const whole = await tally(experiment, { all: true, seed: 1 }, () => undefined);
    assert.deepEqual({ struck: hits(whole), stopped: whole.stopped }, { struck: 9, stopped: false });
  });
});
