/**
 * One run of vaultctl as a process that may die. Fault model:
 *
 * - Every call of every port is counted, in the order in which the process makes them: requests to Vault, calls to a
 *   manager, and each system call that a manager makes for it. The same world gives the same calls.
 * - A process has faults, each at one call: it `fails` (nothing happened), its `reply` is lost (it happened), the
 *   process dies before or after it, the connection to the manager is cut in the middle of a call (what runs there dies
 *   and its locks are freed; the process goes on), the manager reboots or comes back with
 *   the disk that it had when this run began, a Vault node restarts (sealed), is sealed by
 *   somebody, its leader steps down (and the rekey in its memory is gone), the
 *   whole of Vault is restored from what it was when this run began, a signal comes.
 * - Three faults last: a manager or a node that is `gone` or a disk that is `full` from that call on stays so for the rest of
 *   the run, or until somebody mends it some hundred calls later: vaultctl may wait for that with keys in its hands.
 * - It may stand still before a call (`Pause`): then none of its calls begins or returns until it wakes up.
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
  /** The step of the flow that made it; empty before the first and after the last: the lock. */
  readonly step: string;
}
export type FaultKind = 'fails' | 'reply-lost' | 'cut' | 'host-reboots' | 'host-older' | 'node-restarts-before' | 'node-restarts-after' | 'node-sealed' | 'vault-restored' | 'steps-down' | 'signal' | LastingKind;
export type LastingKind = 'host-gone' | 'node-gone' | 'disk-full';
const LASTING: ReadonlySet<string> = new Set<LastingKind>(['host-gone', 'node-gone', 'disk-full']);
/** Calls after which a lasting fault is mended. */
const MENDED_AFTER = 400;
export interface Fault { readonly at: number; readonly kind: FaultKind }

/** What others do while this process stands still before that call: stopped, swapped out, or on a network that stalls. */
export interface Pause {
  readonly at: number;
  readonly meanwhile: () => Promise<void>;
  /** Stands still before the first call from `at` on for which this is so; without it before `at` and nowhere else. */
  readonly where?: () => boolean;
}
export type Boundary = (call: PortCall, when: 'before' | 'after') => void;

/** No run needs as many calls: one that makes more is going round in circles. */
const MOST_CALLS = 20_000;

export class SimProcess {
  readonly calls: PortCall[] = [];
  readonly faults: readonly Fault[];
  step = '';
  readonly #boundary: Boundary;
  #dead = false;
  /** The manager or node that each fault hit. */
  readonly #struck = new Map<Fault, string>();
  /** Rejects when the process goes wrong in a way that no flow may hide: our own assertion. */
  readonly broken: Promise<never>;
  #break!: (error: Error) => void;

  #pause: Pause | undefined;
  #asleep: Promise<void> | undefined;
  /** Calls for a guard that have not returned: whoever falls asleep among them may wake up with it, or hold it in its sleep. */
  #asking = 0;

  constructor(faults: readonly Fault[] = [], boundary: Boundary = () => undefined, pause?: Pause) {
    this.faults = faults;
    this.#pause = pause;
    this.#boundary = boundary;
    this.broken = new Promise((_resolve, reject) => { this.#break = reject; });
    this.broken.catch(() => undefined);
  }

  die(): void { this.#dead = true; }
  get dead(): boolean { return this.#dead; }

  /** Opens a call; the answer says what is to go wrong in it. */
  async enter(port: Port, where: string, what: string, changes: boolean): Promise<{ call: PortCall; fault: FaultKind | undefined }> {
    if (this.#asleep !== undefined) await this.#asleep;
    if (this.#dead) await this.#never();
    const call: PortCall = { index: this.calls.length, port, where, what, changes, step: this.step };
    this.calls.push(call);
    if (call.index > MOST_CALLS) this.#fail(new Error(`more than ${MOST_CALLS} calls: it never ends`));
    this.#bound(call, 'before');
    if (this.#pause !== undefined && (this.#pause.where === undefined ? this.#pause.at === call.index : this.#pause.at <= call.index && this.#asking === 0 && this.#pause.where())) await this.#sleep(this.#pause);
    if (this.#dead) await this.#never();
    if (what.startsWith('guard ')) this.#asking += 1;
    return { call, fault: this.#faultAt(call) };
  }

  /** Of two faults at one call the one that is named first strikes. */
  #faultAt({ index, where }: PortCall): FaultKind | undefined {
    let found: FaultKind | undefined;
    for (const fault of this.faults) {
      if (index === fault.at) { this.#struck.set(fault, where); found ??= fault.kind; }
      else if (LASTING.has(fault.kind) && this.#struck.get(fault) === where && index < fault.at + MENDED_AFTER) found ??= fault.kind;
    }
    return found;
  }

  async #sleep({ meanwhile }: Pause): Promise<void> {
    this.#pause = undefined;
    this.#asleep = meanwhile();
    await this.#asleep;
    this.#asleep = undefined;
  }

  async leave(call: PortCall): Promise<void> {
    if (this.#asleep !== undefined) await this.#asleep;
    if (this.#dead) await this.#never();
    if (call.what.startsWith('guard ')) this.#asking -= 1;
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
