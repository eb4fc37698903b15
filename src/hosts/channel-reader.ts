import { wipe } from '../model/secret.ts';

const LIMIT_BYTES = 64 << 20;
/** A banner is shorter. */
const BEFORE_BYTES = 1 << 20;

/** What follows the line `mark`: a login shell's own words (a banner in ~/.bashrc) may come first. @throws Error where the mark does not come */
export async function* afterMark(source: AsyncIterable<Uint8Array>, mark: string): AsyncIterable<Uint8Array> {
  const wanted = Buffer.from(`\n${mark}\n`);
  let before: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of source) {
    if (before === undefined) { yield chunk; continue; }
    before = Buffer.concat([before, chunk]);
    const at = before.indexOf(wanted);
    if (at < 0 && before.length > BEFORE_BYTES) break;
    if (at < 0) continue;
    const first = Uint8Array.from(before.subarray(at + wanted.length));
    before = undefined;
    if (first.length > 0) yield first;
  }
  if (before !== undefined) throw new Error('the host said something else than was asked of it');
}

/** Reads lines and marked parts from a script that stays. */
export class ChannelReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #buffer = Buffer.alloc(4096);
  #start = 0;
  #end = 0;

  constructor(source: AsyncIterable<Uint8Array>) { this.#source = source[Symbol.asyncIterator](); }

  /** Undefined at the end. */
  async line(): Promise<string | undefined> {
    const bytes = await this.until('\n');
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  }

  /** What stands before `mark`, which is consumed; undefined when the end, or the limit, comes first. */
  async until(mark: string): Promise<Uint8Array | undefined> {
    const wanted = Buffer.from(mark);
    let from = this.#start;
    for (;;) {
      const at = this.#buffer.subarray(0, this.#end).indexOf(wanted, from);
      if (at >= 0) {
        const found = Uint8Array.from(this.#buffer.subarray(this.#start, at));
        wipe(this.#buffer.subarray(this.#start, at));
        this.#start = at + wanted.length;
        return found;
      }
      if (this.#end - this.#start > LIMIT_BYTES) return undefined;
      const searched = Math.max(0, this.#end - this.#start - wanted.length + 1);
      const next = await this.#source.next();
      if (next.done === true) return undefined;
      this.#append(next.value);
      from = this.#start + searched;
    }
  }

  /** What was read goes; room is doubled, so that a long answer is not copied once a chunk. */
  #append(chunk: Uint8Array): void {
    const size = this.#end - this.#start;
    if (size + chunk.length > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, size + chunk.length));
      this.#buffer.copy(larger, 0, this.#start, this.#end);
      wipe(this.#buffer);
      this.#buffer = larger;
    } else {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      wipe(this.#buffer.subarray(size, this.#end));
    }
    this.#start = 0;
    this.#end = size;
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
    wipe(chunk);
  }
}
