import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { each, FAN_OUT } from '../../src/engine/each-host.ts';

const turn = () => new Promise<void>((resolve) => { setImmediate(resolve); });

describe('work on every host', () => {
  it('is done on at most so many at once, and on all in the end', async () => {
    let [now, most, done] = [0, 0, 0];
    const outcomes = await each(Array.from({ length: 100 }, (_, index) => index), async () => {
      now += 1;
      most = Math.max(most, now);
      await turn();
      now -= 1;
      done += 1;
    });
    assert.deepEqual([most, done, outcomes.length], [FAN_OUT, 100, 100]);
  });

  it('collects what happened on each, in order: a failing host hides none of the others', async () => {
    const outcomes = await each(['a', 'b', 'c', 'd'], async (host, index) => {
      await turn();
      if (index % 2 === 1) throw new Error(`${host} is down`);
      return host.toUpperCase();
    }, 2);
    assert.deepEqual(outcomes.map((outcome) => (outcome.is === 'ok' ? outcome.value : (outcome.error as Error).message)), ['A', 'b is down', 'C', 'd is down']);
  });

  it('that throws before its first wait is a failure of that host too', async () => {
    const outcomes = await each([1, 2], (item) => { if (item === 1) throw new Error('at once'); return Promise.resolve(item); });
    assert.deepEqual(outcomes.map(({ is }) => is), ['failed', 'ok']);
  });

  it('on no hosts is done at once', async () => { assert.deepEqual(await each([], async () => 1), []); });

  it('keeps order and bound for every number of hosts and lanes', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 20 }), fc.integer({ min: 1, max: 8 }), async (fails, limit) => {
      let [now, most] = [0, 0];
      const outcomes = await each(fails, async (fail, index) => {
        now += 1;
        most = Math.max(most, now);
        await turn();
        now -= 1;
        if (fail) throw new Error('down');
        return index;
      }, limit);
      assert.ok(most <= limit);
      assert.deepEqual(outcomes.map((outcome) => outcome.is === 'failed'), fails);
      for (const [index, outcome] of outcomes.entries()) if (outcome.is === 'ok') assert.equal(outcome.value, index);
    }), { numRuns: 50 });
  });
});
