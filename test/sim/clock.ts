import type { Clock } from '../../src/ports/clock.ts';
import { Dice } from './dice.ts';

interface Alarm { readonly atMs: number; readonly ring: () => void }

/**
 * Virtual time. Fault model:
 *
 * - A sleep costs no real time: once everything that can run has run, the clock jumps to the next sleeper's hour, and wakes
 *   it exactly then. Sleepers of one hour wake in the order in which they lay down.
 * - Time never passes otherwise: no call is slow, no process is late, and the same calls happen at the same instants. What a
 *   process that sleeps through something meets when it wakes is modelled by `Pause` (process.ts), not here.
 * - One time for all: every process, manager and server of a world has the same clock, and it never steps back. Managers
 *   whose clocks differ are not modelled, for no decision rests on a clock (locks are the kernel's, fences are names).
 * - Chance is each process's own and comes from its seed: the same seed, the same names of siblings and operations.
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
