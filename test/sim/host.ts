import { DiskHost } from '../../src/hosts/disk-host.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { type ApplyAnswer, type Fence, type FileOperation, type HeldLock, HostError, type HostHands, type HostSight, type LockAnswer, type LockWords, type LookQuestion, type PreparedWrite } from '../../src/ports/hosts.ts';
import { type Choose, type DiskCall, SimDisk, type SimMachine } from './disk.ts';
import type { FaultKind, PortCall, SimProcess } from './process.ts';

const READS = new Set<DiskCall['op']>(['open', 'stat', 'target', 'read', 'list', 'space', 'writable', 'file.read', 'file.stat', 'file.close']);
/** What a local file system may report as failed although it took place. */
const MAY_DENY = new Set<DiskCall['op']>(['file.sync', 'syncFolder', 'rename', 'link', 'file.close']);
export const mayDeny = (what: string): boolean => MAY_DENY.has(what.split(' ')[0] as DiskCall['op']);
const ERRNO: Partial<Record<DiskCall['op'], string>> = { create: 'ENOSPC', 'file.write': 'ENOSPC', makeFolder: 'ENOSPC', rename: 'EROFS', link: 'EROFS', remove: 'EROFS' };
const LOSES: Choose = (options) => options.at(options.includes('lost' as never) ? options.indexOf('lost' as never) : 0)!;

interface Line { readonly inner: DiskHost; readonly disk: SimDisk; readonly cut: Promise<never>; readonly sever: (error: Error) => void; alive: boolean; readonly gone: ((why: string) => void)[] }

/**
 * A manager at the end of a network, or this very machine: the production host over a simulated disk. Fault model:
 *
 * - A call to a manager finds no route (nothing happened), or loses its answer (it happened); a lock whose answer is lost is
 *   freed with the connection that nobody knows of.
 * - A connection is cut in the middle of a call, between any two system calls there: what runs there dies, its locks are
 *   freed and their holder hears of it; the next call opens a new one. What was begun before the cut does not go on later.
 * - The machine goes down in the middle: the same, and its disk comes back as machine.ts says (here: unsynced changes lost).
 * - A system call there fails (EIO, ENOSPC, EROFS), or is done and reports an error, where a real file system does that.
 * - On this very machine there is no network to lose, and a process that dies takes its locks with it.
 * - Not modelled: what ssh itself does (logins, host keys, the shell scripts of a remote host): `hostsContract` holds the
 *   production adapters to the same claims on a real sshd; answers that are garbled: test/unit/fuzz-host-answers.test.ts.
 */
export class SimHost implements HostHands {
  readonly name: string;
  readonly local: boolean;
  readonly #machine: SimMachine;
  readonly #process: SimProcess;
  readonly #clock: Clock;
  readonly #killed: () => void;
  #line: Line;

  /** @param killed ends vaultctl where it runs on this very machine and the machine goes down */
  constructor({ name, local, machine, process, clock, killed = () => undefined }: { name: string; local: boolean; machine: SimMachine; process: SimProcess; clock: Clock; killed?: () => void }) {
    this.name = name;
    this.local = local;
    this.#machine = machine;
    this.#process = process;
    this.#clock = clock;
    this.#killed = killed;
    this.#line = this.#open();
  }

  #open(): Line {
    const disk = new SimDisk({ machine: this.#machine, hook: (call) => this.#hook(call), ended: () => { if (this.local) this.#killed(); else if (this.#line.disk === disk) this.#cut(); } });
    let sever: (error: Error) => void = () => undefined;
    const cut = new Promise<never>((_resolve, reject) => { sever = reject; });
    cut.catch(() => undefined);
    return { inner: new DiskHost({ name: this.name, local: this.local, disk, clock: this.#clock }), disk, cut, sever, alive: true, gone: [] };
  }

  /** The process ends, well or badly: the kernel frees what it held. */
  end(): void { this.#line.disk.die(); }

  #cut(): void {
    const line = this.#line;
    line.alive = false;
    line.disk.die();
    this.#line = this.#open();
    line.sever(this.#unreachable('the connection was cut'));
    for (const tell of line.gone) tell('the connection was cut');
  }

  /** A machine that goes down cuts every connection to it by itself. */
  #strike(fault: FaultKind): void {
    if (fault === 'host-reboots') this.#machine.reboot(LOSES);
    else if (fault !== 'host-older' || !this.#machine.older(0)) this.#cut();
  }

  #unreachable(why: string): HostError { return new HostError(this.name, 'unreachable', why); }

  readonly #pending: { call: PortCall; fault: FaultKind | undefined }[] = [];

  async #hook({ op, path, when }: DiskCall): Promise<void> {
    if (when === 'before') {
      const entered = await this.#process.enter('disk', this.name, `${op} ${path}`, !READS.has(op));
      if (entered.fault === 'cut' || entered.fault === 'host-reboots' || entered.fault === 'host-older' || entered.fault === 'host-gone') {
        this.#strike(entered.fault);
        await new Promise<never>(() => undefined);
      }
      if (entered.fault === 'disk-full' && ERRNO[op] === 'ENOSPC') throw Object.assign(new Error(`ENOSPC: ${op} ${path}`), { code: 'ENOSPC' });
      // Closing the descriptor frees a lock, whatever close(2) says.
      if (entered.fault === 'fails' && op !== 'unlock') throw Object.assign(new Error(`${ERRNO[op] ?? 'EIO'}: ${op} ${path}`), { code: ERRNO[op] ?? 'EIO' });
      this.#pending.push(entered);
      return;
    }
    const at = this.#pending.findLastIndex(({ call }) => call.what === `${op} ${path}`);
    const [entered] = at === -1 ? [] : this.#pending.splice(at, 1);
    if (entered === undefined) return;
    await this.#process.leave(entered.call);
    if (entered.fault === 'reply-lost' && MAY_DENY.has(op)) throw Object.assign(new Error(`EIO: ${op} ${path}`), { code: 'EIO' });
  }

  async #call<T>(what: string, changes: boolean, work: (inner: DiskHost) => Promise<T>, line?: Line): Promise<T> {
    const { call, fault } = await this.#process.enter('host', this.name, what, changes);
    if (fault === 'fails') throw this.#unreachable('no route');
    if (fault === 'host-gone' || fault === 'host-older') { this.#strike(fault); throw this.#unreachable('no route'); }
    const over = line ?? this.#line;
    if (!over.alive) throw this.#unreachable('the connection was cut');
    const result = await Promise.race([work(over.inner), over.cut]);
    await this.#process.leave(call);
    if (fault === 'reply-lost') {
      // What it holds there must not outlive the connection that nobody knows of.
      if (what === 'lock') this.#cut();
      throw this.#unreachable('the answer was lost');
    }
    return result;
  }

  look(question: LookQuestion): Promise<HostSight> { return this.#call('look', false, (inner) => inner.look(question)); }

  async *fetch(path: string): AsyncIterable<Uint8Array> {
    const chunks = await this.#call(`fetch ${path}`, false, async (inner) => {
      const all: Uint8Array[] = [];
      for await (const chunk of inner.fetch(path)) all.push(chunk);
      return all;
    });
    yield* chunks;
  }

  apply(operations: readonly FileOperation[], fence: Fence): Promise<ApplyAnswer> {
    return this.#call(`apply ${operations.map((operation) => `${operation.do} ${operation.path}`).join(', ')}`, true, (inner) => inner.apply(operations, fence));
  }

  async prepare(path: string, size: number, fence: Fence): Promise<PreparedWrite> {
    const line = this.#line;
    const prepared = await this.#call(`prepare ${path}`, true, (inner) => inner.prepare(path, size, fence));
    return {
      path,
      commit: (bytes) => this.#call(`commit ${path}`, true, () => prepared.commit(bytes), line),
      abandon: () => this.#call(`abandon ${path}`, true, () => prepared.abandon(), line),
    };
  }

  store(path: string, chunks: AsyncIterable<Uint8Array>, fence: Fence): Promise<{ bytes: number }> {
    return this.#call(`store ${path}`, true, (inner) => inner.store(path, chunks, fence));
  }

  async lock(path: string, words: LockWords): Promise<LockAnswer> {
    const line = this.#line;
    const answer = await this.#call('lock', true, (inner) => inner.lock(path, words));
    if (answer.is === 'taken') return answer;
    const { lock, before } = answer;
    const lost = new Promise<string>((tell) => { line.gone.push(tell); if (!line.alive) tell('the connection was cut'); });
    const held: HeldLock = {
      lost,
      rewrite: (next) => this.#call('rewrite lock', true, () => lock.rewrite(next), line),
      release: (options) => this.#call('release lock', true, () => lock.release(options), line),
    };
    return { is: 'held', lock: held, before };
  }

  breakLock(path: string): Promise<void> { return this.#call('break lock', true, (inner) => inner.breakLock(path)); }
  close(): Promise<void> { return Promise.resolve(); }
}
