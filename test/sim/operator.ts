import type { Secret } from '../../src/model/secret.ts';
import type { Event, Operator } from '../../src/ports/operator.ts';

/** A script at the other end: it remembers what it is told and has no terminal. */
export class SimOperator implements Operator {
  readonly events: Event[] = [];
  signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | undefined;
  readonly #confirms: boolean;

  constructor({ confirms = false }: { confirms?: boolean } = {}) { this.#confirms = confirms; }

  tell(event: Event): void { this.events.push(event); }
  confirm(): Promise<boolean> { return Promise.resolve(this.#confirms); }
  askSecret(): Promise<Secret | undefined> { return Promise.resolve(undefined); }
  stopRequested(): 'SIGINT' | 'SIGTERM' | 'SIGHUP' | undefined { return this.signal; }
  showKeys(): Promise<boolean> { return Promise.resolve(false); }

  /** What was said, a line each: for the message of a failing schedule. */
  said(): string[] {
    return this.events.map((event) => {
      if (event.is === 'step') return `${event.mark} ${event.step}${event.note === undefined ? '' : `: ${event.note}`}`;
      return event.is === 'flow' ? `flow ${event.flow}` : event.text;
    });
  }
}
