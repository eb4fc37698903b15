import type { Step } from '../engine/flow.ts';
import { reached, type ReachedManager, survey } from '../engine/survey.ts';
import type { Hands } from '../engine/world.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { setsIn } from '../engine/candidates.ts';
import type { FileOperation } from '../ports/hosts.ts';
import { applyOnAll, missingOf, setAside } from './places.ts';
import type { Scene } from './records.ts';

/** The rotation never committed: its checkpoint and staged copies are set aside by name, and a fresh one may begin. */
export const callOff: Step<Scene, Scene> = {
  name: 'call-off', title: 'set the checkpoint of the rotation that never committed aside', kind: 'repeat',
  look: async () => ({ is: 'pending' }),
  act: async (hands, { survey: seen }) => {
    const missing = missingOf(hands, seen);
    if (missing.length > 0) throw new Halt(haltTexts.managersUnreachable(missing, 'rotate', hands.settings.inventory));
    const { failed } = await applyOnAll(hands, reached(seen).map((sight) => ({ sight, operations: setRotationAside(hands, sight) })));
    if (failed.length > 0) throw new Halt(haltTexts.notSetAside(failed, 'rotate', hands.settings.inventory));
    hands.tell({ is: 'note', text: 'the interrupted rotation never took effect: the old keys are live, its checkpoint was set aside; starting afresh' });
    return { survey: await survey(hands) };
  },
};

export function setRotationAside(hands: Hands, sight: ReachedManager): FileOperation[] {
  return sight.papers.filter(({ role }) => role === 'rotate').flatMap((paper): FileOperation[] => (
    paper.is === 'checkpoint' && setsIn(paper).every(({ part }) => part === 'old')
      // Only an intent, whose one set still stands as main.
      ? [{ do: 'remove', path: paper.path }]
      : setAside(paper, hands.clock)));
}
