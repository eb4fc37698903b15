import type { Clock } from '../../src/ports/clock.ts';

/** Time passes when somebody sleeps, and a little with every look at the clock. */
export function simClock(): Clock {
  let nowMs = 0;
  return { now: () => { nowMs += 1; return nowMs; }, sleep: (ms) => { nowMs += ms; return Promise.resolve(); }, random: (bytes) => '00'.repeat(bytes) };
}
