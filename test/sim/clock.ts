import type { Clock } from '../../src/ports/clock.ts';
import { Dice } from './dice.ts';

interface Alarm { readonly atMs: number; readonly ring: () => void }

/**
 * Virtual time. A sleep costs none: once everything that can run has run, the clock jumps to the next sleeper's hour.
 * Time never passes otherwise, so the same calls happen at the same instants.
 */
export class SimTime {
  nowMs: number;
  #alarms: Alarm[] = [];
  #pumping = false;

  constructor(nowMs = Date.UTC(2026, 10, 22)) { this.nowMs = nowMs; }

  sleep(ms: number): Promise<void> {
    return new Promise((ring) => {
      this.#alarms.push({ atMs: this.nowMs + Math.max(0, ms), ring });
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    // An immediate comes after every promise that is ready: nobody's time is taken away by the jump.
    setImmediate(() => {
      this.#pumping = false;
      let next: Alarm | undefined;
      for (const alarm of this.#alarms) if (next === undefined || alarm.atMs < next.atMs) next = alarm;
      if (next === undefined) return;
      this.#alarms = this.#alarms.filter((alarm) => alarm !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.ring();
      if (this.#alarms.length > 0) this.#pump();
    });
  }
}

/** One process's clock: the world's time, and chance of its own. */
export class SimClock implements Clock {
  readonly #time: SimTime;
  readonly #dice: Dice;

  constructor(time: SimTime, seed: number) {
    this.#time = time;
    this.#dice = new Dice(seed);
  }

  now(): number { return this.#time.nowMs; }
  sleep(ms: number): Promise<void> { return this.#time.sleep(ms); }
  random(bytes: number): string { return this.#dice.hex(bytes); }
}
