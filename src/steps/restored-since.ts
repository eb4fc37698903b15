import type { Candidate } from '../engine/candidates.ts';
import type { Hands, Prover } from '../engine/world.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts, type Place } from '../model/halts.ts';
import { proveLive } from './prove-live.ts';

/**
 * Vault takes no more what stood as current: where another of our sets is live it was restored to what it was before.
 * @param current where the set stands that it does not take @throws Halt where nothing can be proven
 */
export async function restoredSince(hands: Hands & Prover, others: readonly Candidate[], current: readonly Place[], cause: unknown): Promise<Halt | undefined> {
  if (others.length === 0) return undefined;
  const verdict = await proveLive(hands, others);
  return verdict.is === 'live' ? new Halt(haltTexts.restored([...current, ...verdict.candidate.sources], hands.settings.inventory), { cause }) : undefined;
}
