import { randomBytes } from 'node:crypto';
import type { Clock, Pulse } from '../ports/clock.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => { setTimeout(resolve, ms); }),
  random: (bytes) => randomBytes(bytes).toString('hex'),
};

export const systemPulse: Pulse = {
  monotonicMs: () => performance.now(),
  sleep: systemClock.sleep,
  every: (ms, beat) => {
    const timer = setInterval(beat, ms).unref();
    return () => { clearInterval(timer); };
  },
};
