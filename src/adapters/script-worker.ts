import { randomBytes } from 'node:crypto';
import { ChannelReader } from '../hosts/channel-reader.ts';
import { errorOf } from '../hosts/remote-answer.ts';
import { FAILED } from '../hosts/remote-script.ts';
import { wipe } from '../model/secret.ts';
import { HostError } from '../ports/hosts.ts';
import type { ExecOptions, ShellResult } from '../ports/shell.ts';
import { asMessage, type Become, becomeError, mayAsk } from './become.ts';
import { type RawChannel, ScriptChannel } from './script-channel.ts';

const ENDED_AT_MOST_MS = 2000;

interface Seat { readonly channel: ScriptChannel; readonly reader: ChannelReader; knows: string }

/**
 * One shell that stays on a host and runs our scripts one after another, so that a script costs one round trip and no
 * login. It is started at the first script, and again where it was lost.
 */
export class ScriptWorker {
  readonly #host: string;
  readonly #become: Become | undefined;
  readonly #start: () => Promise<RawChannel>;
  #seat: Promise<Seat> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(host: string, become: Become | undefined, start: () => Promise<RawChannel>) {
    this.#host = host;
    this.#become = become;
    this.#start = start;
  }

  warm(): void {
    this.#seat ??= this.#sit();
    this.#seat.catch(() => undefined);
  }

  /** @throws HostError where the shell is not reached, refused, lost, or does not answer in time */
  run(script: string, stdin: Uint8Array, options: ExecOptions): Promise<ShellResult> {
    const mine = this.#turn.then(() => this.#run(script, stdin, options));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #run(script: string, stdin: Uint8Array, { timeoutMs, library }: ExecOptions): Promise<ShellResult> {
    this.#seat ??= this.#sit();
    const sat = this.#seat;
    const leave = () => { if (this.#seat === sat) this.#seat = undefined; };
    const seat = await sat.catch((error: unknown) => { leave(); throw error; });
    const mark = randomBytes(16).toString('hex');
    let late = false;
    const timer = setTimeout(() => { late = true; leave(); seat.channel.kill(); }, timeoutMs);
    try {
      const functions = seat.knows === library ? '' : asMessage('L', library);
      seat.knows = library;
      const text = new TextEncoder().encode(functions + asMessage(`S ${mark}`, script));
      const message = Buffer.concat([text, stdin]);
      // Not before it has left us: the shell would read zeros.
      void seat.channel.write(message).then(() => wipe(message), () => undefined);
      const stdout = await seat.reader.until(`\n${mark} `);
      const code = stdout === undefined ? undefined : await seat.reader.line();
      const stderr = code === undefined ? undefined : await seat.channel.stderrUntil(`\n${mark}\n`);
      if (stdout === undefined || code === undefined || stderr === undefined) throw await this.#lost(seat, late, timeoutMs);
      // Anything but digits is no exit code: an empty text must not be taken for a success.
      return { code: /^\d{1,3}$/.test(code) ? Number(code) : -1, stdout, stderr };
    } catch (error) {
      leave();
      seat.channel.kill();
      throw error instanceof HostError ? error : await this.#lost(seat, late, timeoutMs, error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #sit(): Promise<Seat> {
    const channel = new ScriptChannel(this.#host, await this.#start());
    // Where no password is asked for, the first script follows without waiting: one round trip less.
    if (this.#become !== undefined && mayAsk(this.#become)) await channel.becomeReady(this.#become);
    return { channel, reader: new ChannelReader(channel.stdout), knows: '' };
  }

  async #lost({ channel }: Seat, late: boolean, timeoutMs: number, cause?: unknown): Promise<HostError> {
    if (late) return new HostError(this.#host, 'unreachable', `no answer within ${timeoutMs / 1000} s`);
    const { code, stderr } = await Promise.race([channel.exit, new Promise<{ code: number; stderr: string }>((resolve) => { setTimeout(() => resolve({ code: -1, stderr: '' }), ENDED_AT_MOST_MS).unref(); })]);
    if (code > 0 && this.#become !== undefined && !channel.entered) return becomeError(this.#host, this.#become, stderr, 0);
    if (code === FAILED) return errorOf(this.#host, { code, stderr });
    const kind = code === 126 || code === 127 ? 'tool' : 'unreachable';
    return new HostError(this.#host, kind, code < 0 ? 'the connection was lost in the middle of a command' : `the shell on the host ended with ${code}: ${stderr.trim().slice(-300)}`, undefined, { cause });
  }

  /** Ends the shell that stays; nothing is running in it any more. */
  async close(): Promise<void> {
    await this.#turn;
    const seat = await this.#seat?.catch(() => undefined);
    this.#seat = undefined;
    seat?.channel.end();
  }
}
