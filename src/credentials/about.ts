import * as v from 'valibot';
import type { KeySet } from '../model/keys.ts';
import { fingerprintOf } from './fingerprint.ts';
import { parseJson } from './key-file.ts';

export interface Described { readonly fingerprint: string; readonly salt: string }

/** Beside main, no secrets: which cluster the keys belong to and which sets came before. Nothing needs it; it speeds and explains. */
export interface About extends Described {
  readonly format: 1;
  readonly clusterId: string;
  readonly generation: number;
  readonly operation: string;
  /** ISO 8601. */
  readonly at: string;
  /** Vault rejected this very set then (ISO 8601): nothing here is believed until a proof says otherwise. */
  readonly rejectedAt?: string;
  /** Managers that are still owed a copy. */
  readonly owed: readonly string[];
  readonly ancestors: readonly (Described & { readonly generation: number })[];
}

const text = v.pipe(v.string(), v.maxLength(4096));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const schema = v.object({
  format: v.literal(1), clusterId: text, generation: count, fingerprint: text, salt: text, operation: text, at: text, owed: v.array(text), rejectedAt: v.optional(text),
  ancestors: v.pipe(v.array(v.object({ fingerprint: text, salt: text, generation: count })), v.maxLength(64)),
});

export function formatAbout(about: About): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(about, undefined, 2)}\n`);
}

/** Undefined for anything but a well-formed one: an about that is gone or stale costs a proof, nothing more. */
export function parseAbout(bytes: Uint8Array): About | undefined {
  const json = parseJson(bytes);
  if (json.is !== 'json') return undefined;
  const parsed = v.safeParse(schema, json.value);
  return parsed.success ? parsed.output as About : undefined;
}

export async function describeSet(set: KeySet, salt: string): Promise<Described> {
  return { salt, fingerprint: await fingerprintOf(set, salt) };
}

/** Does this about name the set, as the current one or as an ancestor? */
export async function aboutNames(about: About, set: KeySet, which: 'current' | 'any' = 'any'): Promise<boolean> {
  for (const known of which === 'current' ? [about] : [about, ...about.ancestors]) {
    if (await fingerprintOf(set, known.salt) === known.fingerprint) return true;
  }
  return false;
}
