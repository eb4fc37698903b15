import type { Candidate } from '../engine/candidates.ts';
import type { Hands, Prover } from '../engine/world.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts, type Place } from '../model/halts.ts';
import { proveLive } from './prove-live.ts';
import type { Held } from './records.ts';

/**
 * Vault takes no more what stood as current: where another of our sets is live it was restored to what it was before.
 * Whatever became of the shares, the token beside the current ones may be the one that this server knows.
 * @param current with where it stands @throws Halt where nothing can be proven
 */
export async function restoredSince(hands: Hands & Prover, { set, others, keptAt }: Pick<Held, 'set' | 'others' | 'keptAt'>, cause: unknown): Promise<Halt | undefined> {
  if (others.length === 0) return undefined;
  const verdict = await proveLive(hands, others.map((other) => ({ ...other, tokens: [...other.tokens ?? [], set.rootToken] })));
  return verdict.is === 'live' ? livesElsewhere(hands, keptAt, verdict.candidate, cause) : undefined;
}

/** Only what is kept as previous says that Vault is older; what a rotation was cut off in, somebody may have deleted. */
export function livesElsewhere({ settings }: Pick<Hands, 'settings'>, current: readonly Place[], { sources }: Candidate, cause?: unknown): Halt {
  const text = sources.some(({ role }) => role === 'previous') ? haltTexts.restored([...current, ...sources], settings.inventory) : haltTexts.keysElsewhere(current, sources, settings.inventory);
  return new Halt(text, { cause });
}
