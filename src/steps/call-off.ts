import { formatKeyFile } from '../credentials/key-file.ts';
import type { Step } from '../engine/flow.ts';
import { paperOf, papersOf, reached, type ReachedManager, type Survey, survey } from '../engine/survey.ts';
import type { Hands } from '../engine/world.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { type KeySet, sameShares } from '../model/keys.ts';
import { setsIn } from '../engine/candidates.ts';
import type { FileOperation } from '../ports/hosts.ts';
import { refuseConflicts } from './deliver-keys.ts';
import { applyOnAll, missingOf, setAside } from './places.ts';
import type { CalledOff, Scene } from './records.ts';

/** The rotation never committed: its checkpoint and staged copies are set aside by name, and a fresh one may begin. */
export const callOff: Step<CalledOff, Scene> = {
  name: 'call-off', title: 'set the checkpoint of the rotation that never committed aside', kind: 'repeat',
  look: async () => ({ is: 'pending' }),
  act: async (hands, { survey: seen, live }) => {
    const missing = missingOf(hands, seen);
    if (missing.length > 0) throw new Halt(haltTexts.managersUnreachable(missing, 'rotate', hands.settings.inventory));
    // The next step would refuse them too, and then this manager's checkpoint, its only living copy, would be set aside for nothing.
    if (live !== undefined) await refuseConflicts(hands, seen, live);
    const { failed } = await applyOnAll(hands, reached(seen).map((sight) => ({ sight, operations: [...(live === undefined ? [] : mainAgain(hands, seen, sight, live)), ...setRotationAside(hands, sight)] })));
    if (failed.length > 0) throw new Halt(haltTexts.notSetAside(failed, 'rotate', hands.settings.inventory));
    hands.tell({ is: 'note', text: 'the interrupted rotation never took effect: the old keys are live, its checkpoint was set aside; starting afresh' });
    return { survey: await survey(hands) };
  },
};

/**
 * Main is made durable before the checkpoint beside it is moved: that may be this manager's only copy of the live set, where
 * main is gone, damaged or older, and what was read of main may be in a cache only. What cannot be read there is kept beside it,
 * and so is an older set; any other has been refused.
 */
export function mainAgain(hands: Hands, seen: Survey, sight: ReachedManager, live: KeySet): FileOperation[] {
  const main = paperOf(sight, 'main');
  const write = { do: 'write', path: sight.manager.paths.main, bytes: formatKeyFile(live), purpose: 'keys' } as const;
  if (main?.is !== 'set') return [write];
  if (!sameShares(main.set, live)) return [...setAside(main, hands.clock), write];
  return papersOf(seen, 'rotate').some(({ is }) => is === 'unreadable') ? [{ ...write, bytes: main.bytes }] : [];
}

export function setRotationAside(hands: Hands, sight: ReachedManager): FileOperation[] {
  const main = paperOf(sight, 'main');
  const isMain = (set: KeySet) => main?.is === 'set' && sameShares(main.set, set);
  return sight.papers.filter(({ role }) => role === 'rotate').flatMap((paper): FileOperation[] => (
    // Only an intent, whose one set still stands as main, unless somebody has edited that.
    paper.is === 'checkpoint' && setsIn(paper).every(({ set, part }) => part === 'old' && isMain(set))
      ? [{ do: 'remove', path: paper.path }]
      : setAside(paper, hands.clock)));
}
