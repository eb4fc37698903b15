import { joined } from './durable-write.ts';

const LIMIT_BYTES = 4 << 20;

/** Reads lines and marked parts from a script that stays. */
export class ChannelReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) { this.#source = source[Symbol.asyncIterator](); }

  /** Undefined at the end. */
  async line(): Promise<string | undefined> {
    const bytes = await this.until('\n');
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  }

  /** What stands before `mark`, which is consumed; undefined when the end comes first. */
  async until(mark: string): Promise<Uint8Array | undefined> {
    for (;;) {
      const at = Buffer.from(this.#rest.buffer, this.#rest.byteOffset, this.#rest.length).indexOf(mark);
      if (at >= 0) {
        const found = this.#rest.slice(0, at);
        this.#rest = this.#rest.subarray(at + mark.length);
        return found;
      }
      if (this.#rest.length > LIMIT_BYTES) return undefined;
      const next = await this.#source.next();
      if (next.done === true) return undefined;
      this.#rest = joined([this.#rest, next.value]);
    }
  }

  async *all(): AsyncIterable<Uint8Array> {
    if (this.#rest.length > 0) yield this.#rest;
    for (;;) {
      const next = await this.#source.next();
      if (next.done === true) return;
      yield next.value;
    }
  }
}
