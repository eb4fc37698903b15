import type { Readable, Writable } from 'node:stream';
import { redact } from '../model/secret.ts';
import { HostError } from '../ports/hosts.ts';
import type { ShellChannel } from '../ports/shell.ts';
import { asOneLine, type Become, becomeError, promptsIn, READY, withoutPrompts } from './become.ts';

const STDERR_LIMIT = 64 << 10;
const HANDSHAKE_MS = 30_000;

/** A running command as its transport gives it. `exit` never rejects: below 0 where the connection went first. */
export interface RawChannel {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exit: Promise<number>;
  kill(): void;
}

/** A shell channel over a transport's channel: bounded stderr, writes that end when the command does. */
export class ScriptChannel implements ShellChannel {
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly exit: Promise<{ code: number; stderr: string }>;
  readonly #host: string;
  readonly #raw: RawChannel;
  #stderr = '';
  #entered = false;
  #hear: () => void = () => undefined;

  constructor(host: string, raw: RawChannel) {
    this.#host = host;
    this.#raw = raw;
    this.stdout = raw.stdout;
    raw.stdin.on('error', () => undefined);
    raw.stdout.on('error', () => undefined);
    raw.stderr.on('error', () => undefined);
    raw.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-STDERR_LIMIT);
      this.#hear();
    });
    this.exit = raw.exit.then((code) => ({ code, stderr: withoutPrompts(this.#stderr.replace(READY, '')) }));
  }

  async write(bytes: Uint8Array): Promise<void> {
    const ended = this.exit.then(() => { throw new HostError(this.#host, 'unreachable', 'the command ended before it had taken everything'); });
    const written = new Promise<void>((resolve, reject) => {
      this.#raw.stdin.write(bytes, (error) => {
        if (error === undefined || error === null) resolve();
        else reject(new HostError(this.#host, 'unreachable', `the command took no more input: ${redact(error.message)}`, undefined, { cause: error }));
      });
    });
    await Promise.race([written, ended]);
  }

  end(): void { this.#raw.stdin.end(); }
  kill(): void { this.#raw.kill(); }

  /** Waits to be let in, giving the password when asked for it and never twice. */
  async becomeReady(become: Become): Promise<void> {
    let answered = 0;
    await new Promise<void>((resolve, reject) => {
      const refuse = (error: HostError) => { this.kill(); reject(error); };
      const timer = setTimeout(() => refuse(new HostError(this.#host, 'denied', `${become.method} did not answer within ${HANDSHAKE_MS / 1000} s`)), HANDSHAKE_MS);
      this.#hear = () => {
        if (this.#stderr.includes(READY)) {
          clearTimeout(timer);
          // What was asked for on the way in is no word of a script of ours.
          this.#entered = true;
          this.#stderr = this.#stderr.slice(this.#stderr.indexOf(READY) + READY.length);
          resolve();
          return;
        }
        const prompts = promptsIn(this.#stderr, become);
        if (prompts <= answered) return;
        answered = prompts;
        if (prompts === 1 && become.password !== undefined) this.#raw.stdin.write(`${become.password.reveal()}\n`);
        else { clearTimeout(timer); refuse(becomeError(this.#host, become, this.#stderr, prompts)); }
      };
      void this.exit.then(() => { clearTimeout(timer); reject(becomeError(this.#host, become, this.#stderr, answered)); });
      this.#hear();
    });
    this.#hear = () => undefined;
  }

  get entered(): boolean { return this.#entered || this.#stderr.includes(READY); }

  /** Takes what stands on stderr before `mark`, once it is there; undefined when the script ended first. */
  async stderrUntil(mark: string): Promise<string | undefined> {
    const over = this.exit.then(() => true);
    for (;;) {
      const at = this.#stderr.indexOf(mark);
      if (at >= 0) {
        const found = withoutPrompts(this.#stderr.slice(0, at).replace(READY, ''));
        this.#stderr = this.#stderr.slice(at + mark.length);
        return found;
      }
      const heard = new Promise<false>((resolve) => { this.#hear = () => resolve(false); });
      if (await Promise.race([heard, over]) && !this.#stderr.includes(mark)) return undefined;
    }
  }
}

/** Starts one script that has a channel to itself and stays open. */
export async function startScript(host: string, raw: RawChannel, script: string, become: Become | undefined): Promise<ScriptChannel> {
  const channel = new ScriptChannel(host, raw);
  if (become === undefined) return channel;
  await channel.becomeReady(become);
  await channel.write(new TextEncoder().encode(asOneLine(script)));
  return channel;
}
