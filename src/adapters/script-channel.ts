import type { Readable, Writable } from 'node:stream';
import { redact } from '../model/secret.ts';
import { HostError } from '../ports/hosts.ts';
import type { ShellChannel, ShellResult } from '../ports/shell.ts';
import { asOneLine, type Become, becomeError, PROMPT, READY } from './become.ts';

const STDERR_LIMIT = 64 << 10;
const STDOUT_LIMIT_BYTES = 64 << 20;
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
    this.exit = raw.exit.then((code) => ({ code, stderr: this.#stderr.replace(READY, '').replaceAll(PROMPT, '') }));
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

  /** Waits for sudo to let us in, giving the password when asked for it and never twice. */
  async becomeReady(become: Become): Promise<void> {
    let answered = 0;
    await new Promise<void>((resolve, reject) => {
      const refuse = (error: HostError) => { this.kill(); reject(error); };
      const timer = setTimeout(() => refuse(new HostError(this.#host, 'denied', `sudo did not answer within ${HANDSHAKE_MS / 1000} s`)), HANDSHAKE_MS);
      this.#hear = () => {
        if (this.#stderr.includes(READY)) { clearTimeout(timer); resolve(); return; }
        const prompts = this.#stderr.split(PROMPT).length - 1;
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

  get entered(): boolean { return this.#stderr.includes(READY); }
  get said(): string { return this.#stderr; }
}

/**
 * Starts a script with its input. Without sudo the script is the command; with it, a fixed starter is, and the script
 * its first line of input. `pipelined`: whoever needs no password sends everything at once, one round trip.
 */
export async function startScript(host: string, raw: RawChannel, script: string, become: Become | undefined, pipelined: boolean): Promise<ScriptChannel> {
  const channel = new ScriptChannel(host, raw);
  if (become === undefined) return channel;
  if (!pipelined || become.password !== undefined) await channel.becomeReady(become);
  void channel.write(new TextEncoder().encode(asOneLine(script))).catch(() => undefined);
  return channel;
}

/** Sends all input, and waits for the end and all output. */
export async function collect(host: string, channel: ScriptChannel, stdin: Uint8Array, become: Become | undefined, timeoutMs: number): Promise<ShellResult> {
  let late = false;
  const timer = setTimeout(() => { late = true; channel.kill(); }, timeoutMs);
  try {
    if (stdin.length > 0) void channel.write(stdin).catch(() => undefined);
    channel.end();
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of channel.stdout) {
      size += chunk.length;
      if (size > STDOUT_LIMIT_BYTES) { channel.kill(); throw new HostError(host, 'io', `the answer is over ${STDOUT_LIMIT_BYTES >> 20} MiB`); }
      chunks.push(chunk);
    }
    const { code, stderr } = await channel.exit;
    if (late) throw new HostError(host, 'unreachable', `no answer within ${timeoutMs / 1000} s`);
    if (become !== undefined && !channel.entered && code !== 0) throw code < 0 ? new HostError(host, 'unreachable', 'the connection was lost') : becomeError(host, become, channel.said, 0);
    return { code, stdout: Buffer.concat(chunks), stderr };
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new HostError(host, 'unreachable', late ? `no answer within ${timeoutMs / 1000} s` : `the connection was lost: ${redact(String((error as Error).message))}`, undefined, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
