import fc from 'fast-check';

/** What happens to a file between the one who wrote it and the one who reads it: each step takes the bytes and gives others. */
export type Damage = (bytes: Buffer) => Buffer;

/** Where in a file, as a share of its length, so that one arbitrary fits files of every length. */
const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const index = (share: number, length: number) => Math.floor(share * length);
const spliced = (bytes: Buffer, at: number, remove: number, insert: Buffer) => Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);

const bitFlipped = fc.tuple(place, fc.nat(7)).map(([share, bit]): Damage => (bytes) => {
  const copy = Buffer.from(bytes);
  if (copy.length > 0) copy[index(share, copy.length)]! ^= 1 << bit;
  return copy;
});
const cut = place.map((share): Damage => (bytes) => bytes.subarray(0, index(share, bytes.length)));
const cutInFront = place.map((share): Damage => (bytes) => bytes.subarray(index(share, bytes.length)));
const hole = fc.tuple(place, fc.integer({ min: 1, max: 40 })).map(([share, size]): Damage => (bytes) => spliced(bytes, index(share, bytes.length), size, Buffer.alloc(0)));
const zeroed = fc.tuple(place, fc.integer({ min: 1, max: 64 })).map(([share, size]): Damage => (bytes) => Buffer.from(bytes).fill(0, index(share, bytes.length), Math.min(bytes.length, index(share, bytes.length) + size)));
const repeated = fc.tuple(place, fc.integer({ min: 1, max: 80 })).map(([share, size]): Damage => (bytes) => {
  const at = index(share, bytes.length);
  return spliced(bytes, at, 0, bytes.subarray(at, at + size));
});
const inserted = fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 12 })).map(([share, noise]): Damage => (bytes) => spliced(bytes, index(share, bytes.length), 0, Buffer.from(noise)));
const written = fc.tuple(place, fc.constantFrom('\0', '\ufeff', '\r', '\n', '"', '{', '}', '[', ']', ',', ':', '\\', '\u2028', '-', '#', '&', '*', '!', '|', '%', '@', '`', '\t', "'")).map(([share, sign]): Damage => (bytes) => spliced(bytes, index(share, bytes.length), 0, Buffer.from(sign)));
const reframed = fc.constantFrom<Damage>(
  (bytes) => Buffer.concat([Buffer.from('\ufeff'), bytes]),
  (bytes) => Buffer.from(bytes.toString('utf8').replaceAll('\n', '\r\n')),
  (bytes) => Buffer.from(bytes.toString('utf8'), 'utf16le'),
  (bytes) => Buffer.concat([bytes, Buffer.alloc(64)]),
  (bytes) => Buffer.concat([bytes, bytes]),
  (bytes) => Buffer.concat([Buffer.alloc(4), bytes]),
  (bytes) => Buffer.from(bytes.toString('base64')),
);

/** One to three kinds of damage, one after the other. */
export const damage: fc.Arbitrary<Damage> = fc.array(fc.oneof(
  { arbitrary: bitFlipped, weight: 4 }, { arbitrary: cut, weight: 3 }, cutInFront, hole, zeroed, repeated, inserted, { arbitrary: written, weight: 2 }, reframed,
), { minLength: 1, maxLength: 3 }).map((steps): Damage => (bytes) => steps.reduce((now, step) => step(now), bytes));

/** Values that stand where another should: of every type, huge, tiny, inherited, and nested. */
const strange: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, '', 'x', 0, -1, 1.5, 1e308, 2 ** 53, -0, [], {}, [[]], [null], { length: 3 }, '2', 'A'.repeat(5000), Array.from({ length: 300 }, (_, at) => at), { __proto__: null, toString: 1 }),
  fc.jsonValue({ maxDepth: 3 }),
);

/** JSON text of `value` with a few of its parts replaced, dropped, doubled (before the good one or after it) or joined by others. */
export function misspelt(value: unknown): fc.Arbitrary<string> {
  const paths = pathsOf(value, []);
  const step = fc.record({ path: fc.constantFrom(...paths), how: fc.constantFrom('replace', 'drop', 'before', 'after', 'beside'), by: strange, name: fc.constantFrom('__proto__', 'constructor', 'vaultctl', 'root_token', 'unseal_keys', 'key_threshold', 'old', 'new', 'toString', '') });
  return fc.array(step, { minLength: 1, maxLength: 3 }).map((steps) => textOf(value, [], steps));
}

interface Misspelling { readonly path: readonly string[]; readonly how: string; readonly by: unknown; readonly name: string }

function pathsOf(value: unknown, path: readonly string[]): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, part]) => pathsOf(part, [...path, key]))];
}

/** By hand, because no object has the same key twice, and none that is written with `JSON.stringify` has `__proto__`. */
function textOf(value: unknown, path: readonly string[], steps: readonly Misspelling[]): string {
  const mine = steps.filter((step) => step.path.length === path.length && step.path.every((key, at) => key === path[at]));
  const replaced = mine.find(({ how }) => how === 'replace');
  if (replaced !== undefined) return JSON.stringify(replaced.by);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const beside = mine.filter(({ how }) => how === 'beside').map(({ name, by }) => [name, JSON.stringify(by)] as const);
  const parts = Object.entries(value).flatMap(([key, part]) => {
    const there = steps.filter((step) => step.path.length === path.length + 1 && step.path.at(-1) === key && path.every((above, at) => above === step.path[at]));
    if (there.some(({ how }) => how === 'drop')) return [];
    const own = [key, textOf(part, [...path, key], steps)] as const;
    const doubles = (how: string) => there.filter((step) => step.how === how).map(({ by }) => [key, JSON.stringify(by)] as const);
    return [...doubles('before'), own, ...doubles('after')];
  });
  const all = [...parts, ...beside];
  return Array.isArray(value) ? `[${all.map(([, text]) => text).join(',')}]` : `{${all.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`;
}

/** Does `text` show any `window` signs in a row of one of the secrets? */
export function shows(text: string, secrets: readonly string[], window = 8): string | undefined {
  for (const secret of secrets) {
    for (let at = 0; at + window <= secret.length; at += 1) {
      const part = secret.slice(at, at + window);
      if (text.includes(part)) return part;
    }
  }
  return undefined;
}
