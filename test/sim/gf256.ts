import type { Dice } from './dice.ts';

/*
 * Shamir's scheme over GF(2^8) as Vault has it (x^8+x^4+x^3+x+1; 32 bytes of y, then x; one share is the raw key),
 * written apart from the library that vaultctl uses, so that each is checked by the other.
 */

const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);
for (let power = 0, value = 1; power < 255; power += 1) {
  EXP[power] = value;
  EXP[power + 255] = value;
  LOG[value] = power;
  // Times 3, a generator.
  const doubled = (value << 1) ^ (value & 0x80 ? 0x11b : 0);
  value ^= doubled;
}
const times = (a: number, b: number) => (a === 0 || b === 0 ? 0 : EXP[LOG[a]! + LOG[b]!]!);
const over = (a: number, b: number) => (a === 0 ? 0 : EXP[LOG[a]! + 255 - LOG[b]!]!);

/** @returns `count` shares of which `threshold` give the key back */
export function splitKey(key: Uint8Array, count: number, threshold: number, dice: Dice): Uint8Array[] {
  if (count === 1) return [key.slice()];
  const coordinates = new Set<number>();
  while (coordinates.size < count) coordinates.add((dice.byte() % 255) + 1);
  const polynomials = Array.from(key, (byte) => [byte, ...dice.bytes(threshold - 1)]);
  return Array.from(coordinates, (x) => Uint8Array.from([...polynomials.map((coefficients) => coefficients.reduceRight((sum, coefficient) => times(sum, x) ^ coefficient, 0)), x]));
}

/** What the shares combine to, right or wrong; undefined where they cannot be parts of one secret. */
export function combineShares(shares: readonly Uint8Array[]): Uint8Array | undefined {
  const first = shares[0];
  if (first === undefined) return undefined;
  if (shares.length === 1) return first;
  const xs = shares.map((share) => share.at(-1)!);
  if (new Set(xs).size !== xs.length || shares.some((share) => share.length !== first.length)) return undefined;
  const weights = xs.map((x, at) => xs.reduce((weight, other, index) => (index === at ? weight : times(weight, over(other, other ^ x))), 1));
  return Uint8Array.from({ length: first.length - 1 }, (_, index) => shares.reduce((sum, share, at) => sum ^ times(share[index]!, weights[at]!), 0));
}
