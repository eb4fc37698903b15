import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '../../src/ports/clock.ts';

/** Timers may ring a little before their hour by another clock. */
const EARLY_MS = 2;

/** The claims of the clock port. */
export function clockContract(name: string, make: () => Clock): void {
  describe(`a clock: ${name}`, () => {
    it('counts milliseconds since 1970, and does not go back while somebody sleeps', async () => {
      const clock = make();
      const begun = clock.now();
      assert.ok(Number.isFinite(begun) && begun > Date.UTC(2024, 0) && begun < Date.UTC(2200, 0));
      for (const ms of [5, 0, 20, 1]) {
        const before = clock.now();
        await clock.sleep(ms);
        assert.ok(clock.now() - before >= ms - EARLY_MS, `${clock.now() - before} of ${ms} ms`);
      }
    });

    it('wakes sleepers in the order of their hours, and none before it', async () => {
      const clock = make();
      const begun = clock.now();
      const woken: number[] = [];
      await Promise.all([90, 10, 50].map(async (ms) => {
        await clock.sleep(ms);
        assert.ok(clock.now() - begun >= ms - EARLY_MS);
        woken.push(ms);
      }));
      assert.deepEqual(woken, [10, 50, 90]);
    });

    it('lets everything that can run do so before the next sleeper wakes, also one who sleeps for no time', async () => {
      const clock = make();
      let steps = 0;
      const busy = (async () => { for (let step = 0; step < 100; step += 1) { await Promise.resolve(); steps += 1; } })();
      await clock.sleep(1);
      assert.equal(steps, 100);
      await busy;
      await clock.sleep(0);
      await clock.sleep(-5);
    });

    it('gives as many random bytes as it is asked for, in hex, and never the same twice', () => {
      const clock = make();
      const drawn = Array.from({ length: 200 }, () => clock.random(8));
      for (const hex of drawn) assert.match(hex, /^[0-9a-f]{16}$/);
      assert.equal(new Set(drawn).size, drawn.length);
      assert.match(clock.random(1), /^[0-9a-f]{2}$/);
    });
  });
}
