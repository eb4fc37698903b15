/** Chance from a seed: the same seed, the same keys, nonces and tokens. */
export class Dice {
  #state: number;
  constructor(seed: number) { this.#state = seed >>> 0; }

  /** Goes on as this one would, apart from it. */
  copy(): Dice { return new Dice(this.#state); }

  /** mulberry32: small, and good enough to make keys that nobody guards. */
  byte(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 11) & 0xff;
  }

  bytes(count: number): Uint8Array { return Uint8Array.from({ length: count }, () => this.byte()); }
  hex(count: number): string { return Buffer.from(this.bytes(count)).toString('hex'); }

  uuid(): string {
    const hex = this.hex(16);
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }
}
