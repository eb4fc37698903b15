import { candidatesOf, type Candidate } from '../engine/candidates.ts';
import type { Fork } from '../engine/flow.ts';
import { paperOf, papersOf, reached } from '../engine/survey.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { sameSet } from '../model/keys.ts';
import { refuseConflicts } from './deliver-keys.ts';
import { withLivingToken } from './living-token.ts';
import { missingNodesOf, missingOf, unasked } from './places.ts';
import { proveLive } from './prove-live.ts';
import type { Held, Scene } from './records.ts';
import { heldFrom } from './which-keys-live.ts';

/** CURRENT: the equal mains, which the rekey itself will prove; where they differ, or one is missing, proof decides first. */
export const chooseCurrent: Fork<Scene, { current: Held }> = {
  name: 'choose-current', title: 'choose the current keys',
  look: async (eyes, { survey }) => {
    const missing = missingOf(eyes, survey);
    if (missing.length > 0) throw new Halt(haltTexts.managersUnreachable(missing, 'rotate', eyes.settings.inventory));
    const nodes = missingNodesOf(eyes, survey);
    if (nodes.length > 0) throw new Halt(haltTexts.vaultUnreachable(nodes, eyes.settings.inventory));
    const candidates = candidatesOf(survey);
    const mains = reached(survey).map((sight) => paperOf(sight, 'main'));
    const [first] = mains;
    const equal = first?.is === 'set' && mains.every((main) => main?.is === 'set' && sameSet(main.set, first.set));
    const current = equal ? candidates.find(({ sources }) => sources.some(({ role }) => role === 'main')) : undefined;
    if (current !== undefined) return { to: 'current', record: heldFrom(eyes, survey, current, candidates) };
    const [best] = candidates;
    if (best === undefined) throw new Halt(haltTexts.unreadable(papersOf(survey, 'main', 'sibling').flatMap((paper) => (paper.is === 'unreadable' ? [paper] : [])), eyes.settings.inventory));
    return { is: 'unproven', because: 'the managers do not hold equal files', likely: { to: 'current', record: heldFrom(eyes, survey, best, candidates) } };
  },
  prove: async (hands, { survey }) => {
    const candidates: Candidate[] = candidatesOf(survey);
    const verdict = await proveLive(hands, candidates);
    if (verdict.is === 'cannot-prove') throw new Halt(haltTexts.unproven(verdict.why, hands.settings.inventory));
    if (verdict.is === 'none') throw unasked(hands, survey) ?? new Halt(haltTexts.keysRejected(candidates.flatMap(({ sources }) => sources), hands.settings.inventory));
    await refuseConflicts(hands, survey, verdict.candidate.set);
    const held = heldFrom(hands, survey, verdict.candidate, candidates);
    return { to: 'current', record: { ...held, set: await withLivingToken(hands, survey, held.set) } };
  },
};
