import type { Clock } from '../ports/clock.ts';
import { type ApplyAnswer, type Fence, type FileOperation, HostError, type HostHands, type HostSight, type LockAnswer, type LockWords, type LookQuestion, type PreparedWrite } from '../ports/hosts.ts';
import { wipe } from '../model/secret.ts';
import type { Shell, ShellChannel } from '../ports/shell.ts';
import { afterMark, ChannelReader } from './channel-reader.ts';
import { same } from './durable-write.ts';
import { errorOf, lookAnswer, readBackParts } from './remote-answer.ts';
import { applyScript, breakLockScript, commitScript, dropScript, fetchScript, library, lookScript, noteScript, prepareScript, type RemoteScript, storePlaceScript, storeScript } from './remote-script.ts';
import { holdLock } from './shell-lock.ts';

export interface ShellTimes {
  readonly lookMs: number;
  readonly applyMs: number;
  readonly guardWaitS: number;
  /** A lock whose client says nothing for this long is free. */
  readonly silenceS: number;
  readonly beatMs: number;
}

const LAST_WORDS_MS = 300;

export const shellTimes: ShellTimes = { lookMs: 30_000, applyMs: 60_000, guardWaitS: 20, silenceS: 30, beatMs: 8000 };

export interface ShellHostParts {
  readonly name: string;
  readonly shell: Shell;
  readonly clock: Clock;
  readonly local: boolean;
  readonly times?: Partial<ShellTimes>;
}

/** A manager behind a POSIX shell: everything that DiskHost does, one script each. */
export class ShellHost implements HostHands {
  readonly name: string;
  readonly local: boolean;
  readonly #shell: Shell;
  readonly #clock: Clock;
  readonly #times: ShellTimes;
  readonly #library: string;

  constructor({ name, shell, clock, local, times }: ShellHostParts) {
    this.name = name;
    this.local = local;
    this.#shell = shell;
    this.#clock = clock;
    this.#times = { ...shellTimes, ...times };
    this.#library = library(this.#times.guardWaitS);
  }

  warm(): void { this.#shell.warm?.(); }

  #ids() { return { mark: this.#clock.random(16), hex: this.#clock.random(8) }; }

  async look(question: LookQuestion): Promise<HostSight> {
    const { mark } = this.#ids();
    const { text, stdin } = lookScript(question, mark);
    const result = await this.#shell.exec(text, stdin, { timeoutMs: this.#times.lookMs, library: this.#library });
    try {
      return lookAnswer(this.name, question, mark, result);
    } finally {
      wipe(result.stdout);
    }
  }

  async apply(operations: readonly FileOperation[], fence: Fence): Promise<ApplyAnswer> {
    const { mark } = this.#ids();
    const parts = await this.#readBack(applyScript(operations, fence, { mark, hex: () => this.#clock.random(8) }), mark);
    const writes = operations.filter((operation) => operation.do === 'write');
    const readBack = new Map<string, Uint8Array>();
    writes.forEach(({ path, bytes }, index) => {
      const part = parts[index];
      if (part === undefined || !same(part, bytes)) throw differs(this.name, path);
      readBack.set(path, part);
    });
    return { readBack };
  }

  async #run(script: RemoteScript): Promise<Uint8Array> {
    const result = await this.#shell.exec(script.text, script.stdin, { timeoutMs: this.#times.applyMs, library: this.#library }).finally(() => wipe(script.stdin));
    if (result.code !== 0) throw errorOf(this.name, result);
    return result.stdout;
  }

  async #readBack(script: RemoteScript, mark: string): Promise<Uint8Array[]> {
    const stdout = await this.#run(script);
    const parts = readBackParts(stdout, mark);
    wipe(stdout);
    return parts;
  }

  async prepare(path: string, size: number, fence: Fence): Promise<PreparedWrite> {
    const ids = this.#ids();
    await this.#run(prepareScript(path, size, fence, ids));
    return {
      path,
      commit: async (bytes) => {
        const [found] = await this.#readBack(commitScript(path, bytes, fence, ids), ids.mark);
        if (found === undefined || !same(found, bytes)) throw differs(this.name, path);
        return found;
      },
      abandon: async () => { await this.#run(dropScript(path, ids.hex, 'keys')); },
    };
  }

  /** A host that hangs is cut off: what it did is then unknown. */
  #within<T>(channel: ShellChannel, work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        channel.kill();
        reject(new HostError(this.name, 'unreachable', `no answer within ${this.#times.applyMs / 1000} s`));
      }, this.#times.applyMs);
      work.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  async store(path: string, chunks: AsyncIterable<Uint8Array>, fence: Fence): Promise<{ bytes: number }> {
    const ids = this.#ids();
    const channel = await this.#shell.open(this.#library + storeScript(path, fence, ids));
    let bytes = 0;
    try {
      for await (const chunk of chunks) {
        await this.#within(channel, channel.write(chunk));
        bytes += chunk.length;
      }
    } catch (error) {
      // A channel that closed under our hands says best itself why.
      const ended = await Promise.race([channel.exit, new Promise<undefined>((resolve) => { setTimeout(() => resolve(undefined), LAST_WORDS_MS); })]);
      channel.kill();
      await this.#run(dropScript(path, ids.hex, 'plain')).catch(() => undefined);
      throw ended !== undefined && ended.code > 0 ? errorOf(this.name, ended) : error;
    }
    channel.end();
    const reader = new ChannelReader(channel.stdout);
    const size = await this.#within(channel, reader.until(`\n${ids.mark}\n`)) === undefined ? undefined : await this.#within(channel, reader.line());
    // To the end of the output: a channel closes only when everything was read.
    if (size !== undefined) await this.#within(channel, reader.line());
    const { code, stderr } = await channel.exit;
    if (code !== 0) throw errorOf(this.name, { code, stderr });
    if (Number(size) !== bytes) {
      await this.#run(dropScript(path, ids.hex, 'plain')).catch(() => undefined);
      throw new HostError(this.name, 'io', `${path}: ${size ?? 'nothing'} of ${bytes} bytes arrived`);
    }
    await this.#run(storePlaceScript(path, bytes, fence, ids));
    return { bytes };
  }

  async *fetch(path: string): AsyncIterable<Uint8Array> {
    const { mark } = this.#ids();
    const channel = await this.#shell.open(this.#library + fetchScript(path, mark));
    channel.end();
    let whole = false;
    try {
      yield* afterMark(channel.stdout, mark);
      whole = true;
    } catch (error) {
      const { code, stderr } = await this.#within(channel, channel.exit);
      throw code === 0 ? new HostError(this.name, 'io', `${path}: ${(error as Error).message}`, undefined, { cause: error }) : errorOf(this.name, { code, stderr });
    } finally {
      if (!whole) channel.kill();
    }
    const { code, stderr } = await channel.exit;
    if (code !== 0) throw errorOf(this.name, { code, stderr });
  }

  lock(path: string, words: LockWords): Promise<LockAnswer> {
    return holdLock(this.name, this.#shell, path, words, { mark: this.#clock.random(16), library: this.#library, ...this.#times });
  }

  async breakLock(path: string): Promise<void> { await this.#run(breakLockScript(path, this.#ids())); }

  /** Appends to the journal there. @throws HostError, which stops nothing: the journal helps and is never needed */
  async note(path: string, lines: Uint8Array): Promise<void> { await this.#run(noteScript(path, lines)); }

  close(): Promise<void> { return this.#shell.close(); }
}

function differs(host: string, path: string): HostError {
  return new HostError(host, 'io', `${path} reads back different from what was written`, 'look for disk errors: dmesg');
}
