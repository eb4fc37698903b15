import type { Secret } from '../../src/model/secret.ts';
import type { Event, Operator } from '../../src/ports/operator.ts';

/**
 * A script at the other end. Fault model:
 *
 * - There is no terminal: it has no secret to give, is shown no keys, and agrees to nothing but what `--confirm` named
 *   (`confirms`: it agrees to whatever it is asked, as one who types the right word each time).
 * - Whatever it is told it remembers, and that never fails: a broken pipe at the other end of standard output is not modelled.
 * - A signal comes when the world says so, and is looked at between steps. The first one counts; a process that is killed is
 *   `SimProcess`'s business.
 */
export class SimOperator implements Operator {
  readonly events: Event[] = [];
  signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | undefined;
  readonly #confirm: string | undefined;
  readonly #confirms: boolean;

  constructor({ confirm, confirms = false }: { confirm?: string | undefined; confirms?: boolean } = {}) {
    this.#confirm = confirm;
    this.#confirms = confirms;
  }

  signalled(which: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void { this.signal ??= which; }

  tell(event: Event): void { this.events.push(event); }
  confirm(_question: string, expected: string): Promise<boolean> { return Promise.resolve(this.#confirms || this.#confirm === expected); }
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
