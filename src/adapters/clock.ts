import { randomBytes } from 'node:crypto';
import type { Clock } from '../ports/clock.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => { setTimeout(resolve, ms); }),
  random: (bytes) => randomBytes(bytes).toString('hex'),
};
