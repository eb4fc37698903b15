import type { Pulse } from '../../src/ports/clock.ts';
import type { SimTime } from './clock.ts';

const beating: { stop: boolean }[] = [];

/** Time as one host counts it, from a beginning of its own. Its beats go on until they are stopped, or all of them are. */
export function simPulse(time: SimTime, offsetMs = 0): Pulse {
  return {
    monotonicMs: () => time.nowMs + offsetMs, sleep: (ms) => time.sleep(ms),
    every: (ms, beat) => {
      const one = { stop: false };
      beating.push(one);
      const go = async () => { for (;;) { await time.sleep(ms); if (one.stop) return; beat(); } };
      void go();
      return () => { one.stop = true; };
    },
  };
}

/** Everything that was begun has died: nobody beats any more. */
export function stopBeating(): void { for (const one of beating) one.stop = true; }
