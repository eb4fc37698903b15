/**
 * One run of vaultctl as a process that may die. Fault model:
 *
 * - Every call of every port is counted, in the order in which the process makes them: requests to Vault, calls to a
 *   manager, and each system call that a manager makes for it. The same world gives the same calls.
 * - A process has at most one fault, at one call: it `fails` (nothing happened), its `reply` is lost (it happened), the
 *   process dies before or after it, the connection to the manager is cut in the middle of a call (what runs there dies
 *   and its locks are freed; the process goes on), the manager reboots, a Vault node restarts (sealed), its leader steps
 *   down (and the rekey in its memory is gone), a signal comes.
 * - Three faults last: a manager or a node that is `gone` or a disk that is `full` from that call on stays so for the rest of
 *   the run, or until somebody mends it some hundred calls later: vaultctl may wait for that with keys in its hands.
 * - A dead process's calls never return and change nothing any more.
 */
export type Port = 'vault' | 'host' | 'disk';
export interface PortCall {
  readonly index: number;
  readonly port: Port;
  /** The manager's or the node's name. */
  readonly where: string;
  readonly what: string;
  /** It may change something; false for plain looks. */
  readonly changes: boolean;
}
export type FaultKind = 'fails' | 'reply-lost' | 'cut' | 'host-reboots' | 'node-restarts-before' | 'node-restarts-after' | 'steps-down' | 'signal' | LastingKind;
export type LastingKind = 'host-gone' | 'node-gone' | 'disk-full';
const LASTING: ReadonlySet<string> = new Set<LastingKind>(['host-gone', 'node-gone', 'disk-full']);
/** Calls after which a lasting fault is mended. */
const MENDED_AFTER = 400;
export interface Fault { readonly at: number; readonly kind: FaultKind }

/** What others do while this process stands still before that call: stopped, swapped out, or on a network that stalls. */
export interface Pause { readonly at: number; readonly meanwhile: () => Promise<void> }
export type Boundary = (call: PortCall, when: 'before' | 'after') => void;

/** No run needs as many calls: one that makes more is going round in circles. */
const MOST_CALLS = 20_000;

export class SimProcess {
  readonly calls: PortCall[] = [];
  readonly fault: Fault | undefined;
  readonly #boundary: Boundary;
  #dead = false;
  /** The manager or node that the fault hit. */
  #struck = '';
  /** Rejects when the process goes wrong in a way that no flow may hide: our own assertion. */
  readonly broken: Promise<never>;
  #break!: (error: Error) => void;

  readonly #pause: Pause | undefined;

  constructor(fault: Fault | undefined, boundary: Boundary = () => undefined, pause?: Pause) {
    this.fault = fault;
    this.#pause = pause;
    this.#boundary = boundary;
    this.broken = new Promise((_resolve, reject) => { this.#break = reject; });
    this.broken.catch(() => undefined);
  }

  die(): void { this.#dead = true; }
  get dead(): boolean { return this.#dead; }

  /** Opens a call; the answer says what is to go wrong in it. */
  async enter(port: Port, where: string, what: string, changes: boolean): Promise<{ call: PortCall; fault: FaultKind | undefined }> {
    if (this.#dead) await this.#never();
    const call: PortCall = { index: this.calls.length, port, where, what, changes };
    this.calls.push(call);
    if (call.index > MOST_CALLS) this.#fail(new Error(`more than ${MOST_CALLS} calls: it never ends`));
    this.#bound(call, 'before');
    if (this.#pause?.at === call.index) await this.#pause.meanwhile();
    if (this.#dead) await this.#never();
    return { call, fault: this.#faultAt(call) };
  }

  #faultAt({ index, where }: PortCall): FaultKind | undefined {
    if (this.fault === undefined || index < this.fault.at) return undefined;
    if (index === this.fault.at) { this.#struck = where; return this.fault.kind; }
    return LASTING.has(this.fault.kind) && where === this.#struck && index < this.fault.at + MENDED_AFTER ? this.fault.kind : undefined;
  }

  async leave(call: PortCall): Promise<void> {
    if (this.#dead) await this.#never();
    this.#bound(call, 'after');
  }

  #bound(call: PortCall, when: 'before' | 'after'): void {
    try {
      this.#boundary(call, when);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    this.#dead = true;
    this.#break(error);
  }

  /** Asked only of the dead: an `await` of the living would let another call of theirs slip in behind their death. */
  #never(): Promise<never> { return new Promise<never>(() => undefined); }
}
