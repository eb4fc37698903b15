import * as v from 'valibot';

/** On the StatefulSet: why it is scaled to 0, and what a run that goes on from there must know. No secrets. */
export const EMPTYING = 'vaultctl.io/emptying';

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(253));
const schema = v.object({
  format: v.literal(1), operation: name, purpose: v.picklist(['reinitialise', 'restore-snapshot']), startedAt: name,
  /** How many pods there were, and shall be again. */
  replicas: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)),
  /** What is to be deleted: these very claims, not what bears their names later. */
  claims: v.pipe(v.array(v.object({ name, uid: name, volume: v.optional(name) })), v.maxLength(4000)),
});

export type Emptying = v.InferOutput<typeof schema>;
export type Claim = Emptying['claims'][number];

/** The note of an emptying that began and has not ended. One that cannot be understood says nothing. */
export function emptyingOf({ metadata }: { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } }): Emptying | undefined {
  const text = metadata.annotations?.[EMPTYING];
  if (text === undefined) return undefined;
  try {
    const parsed = v.safeParse(schema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
