import { setsIn } from '../engine/candidates.ts';
import { each } from '../engine/each-host.ts';
import type { Step } from '../engine/flow.ts';
import { type Paper, reached, type ReachedManager, snapshotMark, snapshotsAndRemainsOn } from '../engine/survey.ts';
import type { Hands } from '../engine/world.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts, type Place } from '../model/halts.ts';
import { type KeySet, sameShares } from '../model/keys.ts';
import type { FileOperation } from '../ports/hosts.ts';
import { applyOnAll, setAside, wasCopied } from './places.ts';
import type { Held } from './records.ts';

/**
 * Only now: every manager has read its main back. A checkpoint is deleted where all it holds is in main (or kept as
 * previous); whatever else is there is renamed, never deleted.
 */
export function clearCheckpoints<R extends Held>(flow: string): Step<R, R> {
  return {
    name: 'clear-checkpoints', title: 'delete the checkpoints', kind: 'repeat',
    look: async (_eyes, held) => (held.fromCheckpoint ? { is: 'pending' } : { is: 'done', out: held }),
    act: async (hands, held) => {
      const old = await olderSnapshots(held);
      const work = reached(held.survey).map((sight) => {
        const snapshots = old.filter(({ host }) => host === sight.manager.name).map(({ path }): FileOperation => ({ do: 'remove', path }));
        return { sight, operations: [...clearing(hands, held, sight), ...snapshots] };
      });
      const { failed } = await applyOnAll(hands, work);
      if (failed.length > 0) throw new Halt(haltTexts.undelivered(failed, held.keptAt, flow, hands.settings.inventory));
      return held;
    },
  };
}

function clearing(hands: Hands, held: Held, sight: ReachedManager): FileOperation[] {
  const { paths } = sight.manager;
  // This run may have written checkpoints where its first look saw none.
  const written: FileOperation[] = [paths.installCheckpoint, paths.rotateCheckpoint]
    .filter((path) => !sight.papers.some((paper) => paper.path === path)).map((path) => ({ do: 'remove', path }));
  const found = sight.papers.filter(({ role }) => role === 'install' || role === 'rotate' || role === 'sibling').flatMap((paper): FileOperation[] => (
    isHeldElsewhere(paper, held) ? [{ do: 'remove', path: paper.path }] : setAside(paper, hands.clock)));
  return [...written, ...found];
}

/**
 * Kept until the next rotation has a snapshot of its own, on two managers, and has ended well. Another cluster's in the
 * same folder, and what a person put there, are not ours to delete: they may be all that brings that cluster back.
 */
async function olderSnapshots({ snapshots, survey }: Held): Promise<Place[]> {
  if (snapshots === undefined || snapshots.length === 0) return [];
  const found = await each(reached(survey), snapshotsAndRemainsOn);
  const marks = snapshots.map(({ path }) => snapshotMark(path)).filter((mark) => mark !== undefined);
  const ours = found.flatMap((outcome) => (outcome.is === 'ok' ? outcome.value : [])).filter(({ path }) => marks.includes(snapshotMark(path) ?? ''));
  return ours.filter((old) => !snapshots.some(({ host, path }) => host === old.host && path === old.path));
}

function isHeldElsewhere(paper: Paper, held: Held): boolean {
  if (paper.is === 'blank' || wasCopied(paper)) return true;
  const live: KeySet[] = [held.set, ...(held.replaces === undefined ? [] : [held.replaces])];
  return paper.is === 'checkpoint' && setsIn(paper).every(({ set }) => live.some((known) => sameShares(known, set)));
}
