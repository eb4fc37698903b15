import type { Step } from '../engine/flow.ts';
import { reached } from '../engine/survey.ts';
import type { Place } from '../model/halts.ts';
import { applyOnAll, masterOf } from './places.ts';
import type { Held } from './records.ts';

/**
 * From here on no single disk holds the only copy. A checkpoint that an earlier run left is written again first:
 * after a failed fsync what is read may live in a cache only.
 */
export const copyCheckpoint: Step<Held, Held> = {
  name: 'copy-checkpoint', title: 'copy the checkpoint to a second manager', kind: 'repeat',
  look: async (_eyes, held) => (held.checkpoint === undefined ? { is: 'done', out: held } : { is: 'pending' }),
  act: async (hands, held) => {
    const bytes = held.checkpoint!;
    const master = masterOf(hands, held.survey);
    const order = [master, ...reached(held.survey).filter((sight) => sight !== master)];
    const kept: Place[] = [...held.keptAt];
    for (const sight of order) {
      if (kept.length >= 2) break;
      const { manager } = sight;
      const path = manager.paths.installCheckpoint;
      if (kept.some(({ host }) => host === manager.name)) continue;
      const { failed: [failure] } = await applyOnAll(hands, [{ sight, operations: [{ do: 'write', path, bytes, purpose: 'keys' }] }]);
      if (failure === undefined) kept.push({ host: manager.name, path });
      else hands.tell({ is: 'warning', text: `no copy on ${manager.name}: ${failure.why}` });
    }
    if (kept.length < 2 && order.length > 1) hands.tell({ is: 'warning', text: 'only one manager has the checkpoint so far' });
    return { ...held, keptAt: kept };
  },
};
