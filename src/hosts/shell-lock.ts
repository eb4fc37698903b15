import { type HeldLock, HostError, type LockAnswer, type LockWords } from '../ports/hosts.ts';
import type { Shell, ShellChannel } from '../ports/shell.ts';
import { ChannelReader } from './channel-reader.ts';
import { formatWords, parseWords } from './lock-words.ts';
import { errorOf } from './remote-answer.ts';
import { asLine, lockScript } from './remote-script.ts';

const BANNER_LINES = 200;

export interface HoldTimes { readonly mark: string; readonly library: string; readonly silenceS: number; readonly beatMs: number; readonly applyMs: number }

/** Opens the channel whose life is the lock's life. */
export async function holdLock(host: string, shell: Shell, path: string, words: LockWords, times: HoldTimes): Promise<LockAnswer> {
  const channel = await shell.open(times.library + lockScript(path, words, times));
  const reader = new ChannelReader(channel.stdout);
  const timer = setTimeout(() => channel.kill(), times.applyMs);
  try {
    const verdict = await verdictFrom(reader);
    if (verdict !== 'held' && verdict !== 'taken') throw errorOf(host, await channel.exit);
    const found = await reader.until(`\n${times.mark}\n`);
    const there = found === undefined ? undefined : parseWords(found);
    if (verdict === 'taken') { channel.end(); return { is: 'taken', by: there }; }
    if (await reader.line() !== 'ok') throw errorOf(host, await channel.exit);
    return { is: 'held', lock: new ChannelLock(host, channel, reader, times), before: there };
  } catch (error) {
    channel.kill();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** A login shell's own words (a banner in ~/.bashrc) may come first. */
async function verdictFrom(reader: ChannelReader): Promise<string | undefined> {
  for (let passed = 0; passed < BANNER_LINES; passed += 1) {
    const line = await reader.line();
    if (line === undefined || line === 'held' || line === 'taken') return line;
  }
  return undefined;
}

/** A lock that lives as long as its channel: heartbeats go out, every line sent is answered with one line. */
class ChannelLock implements HeldLock {
  readonly lost: Promise<string>;
  readonly #host: string;
  readonly #channel: ShellChannel;
  readonly #waiting: ((answer: string | undefined) => void)[] = [];
  readonly #silenceMs: number;
  #lose: (why: string) => void = () => undefined;
  #beat: NodeJS.Timeout | undefined;
  #over = false;

  constructor(host: string, channel: ShellChannel, reader: ChannelReader, { silenceS, beatMs }: HoldTimes) {
    this.#host = host;
    this.#channel = channel;
    // We must know before the host lets go.
    this.#silenceMs = Math.max(silenceS * 1000 - beatMs, beatMs);
    this.lost = new Promise((resolve) => { this.#lose = resolve; });
    void this.#listen(reader);
    this.#scheduleBeat(beatMs);
  }

  async #listen(reader: ChannelReader): Promise<void> {
    for (let line = await reader.line(); line !== undefined; line = await reader.line()) this.#waiting.shift()?.(line);
    const { code } = await this.#channel.exit;
    this.#end(code === 74 ? 'the host heard nothing from us for too long and freed the lock' : 'the connection that held the lock ended');
  }

  #end(why: string): void {
    clearTimeout(this.#beat);
    if (!this.#over) this.#lose(why);
    this.#over = true;
    for (const answer of this.#waiting.splice(0)) answer(undefined);
  }

  #scheduleBeat(beatMs: number): void {
    this.#beat = setTimeout(() => {
      void this.#say('.').then(() => { if (!this.#over) this.#scheduleBeat(beatMs); });
    }, beatMs);
    this.#beat.unref();
  }

  /** The answer, or undefined where there is none: the lock is then lost. */
  async #say(line: string): Promise<string | undefined> {
    if (this.#over) return undefined;
    const answer = new Promise<string | undefined>((resolve) => { this.#waiting.push(resolve); });
    const timer = setTimeout(() => {
      this.#end('the host does not answer on the connection that holds the lock');
      this.#channel.kill();
    }, this.#silenceMs);
    timer.unref();
    try {
      await this.#channel.write(new TextEncoder().encode(`${line}\n`));
      return await answer;
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  async rewrite(words: LockWords): Promise<void> {
    const answer = await this.#say(`w ${asLine(new TextEncoder().encode(formatWords(words)))}`);
    if (answer === 'ok') return;
    if (answer === 'fenced') throw new HostError(this.#host, 'fenced', 'the lock file no longer names this operation', 'vaultctl status');
    throw new HostError(this.#host, 'unreachable', 'the connection that holds the lock ended');
  }

  async release(options?: { readonly keepWords: boolean }): Promise<void> {
    // Without `q` the script ends by the end of its input, and leaves the words as they are.
    const said = options?.keepWords === true ? undefined : this.#say('q');
    clearTimeout(this.#beat);
    await said;
    this.#over = true;
    this.#channel.end();
    const timer = setTimeout(() => this.#channel.kill(), 5000);
    await this.#channel.exit;
    clearTimeout(timer);
  }
}
