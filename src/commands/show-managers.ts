import { fingerprintOf } from '../credentials/fingerprint.ts';
import { isIntent } from '../engine/candidates.ts';
import { paperOf, type Paper, reached, type Survey, unreachable } from '../engine/survey.ts';
import { age } from '../model/halts.ts';

export type Marks = ReadonlyMap<Paper, string>;

/** Equal files show equal marks, and a mark opens nothing: slow hashes under a salt of this cluster. */
export async function fingerprints(seen: Survey): Promise<Marks> {
  const salt = reached(seen).flatMap(({ about }) => (about === undefined ? [] : [about.clusterId]))[0] ?? 'vaultctl';
  const marks = new Map<Paper, string>();
  const known = new Map<string, string>();
  for (const { papers } of reached(seen)) {
    for (const paper of papers) {
      if (paper.is !== 'set') continue;
      const same = Buffer.from(paper.bytes).toString('latin1');
      const mark = known.get(same) ?? (await fingerprintOf(paper.set, salt)).slice(0, 8);
      known.set(same, mark);
      marks.set(paper, mark);
    }
  }
  return marks;
}

function describe(paper: Paper, marks: Marks, now: number): string {
  const open = paper.tooOpen ? ', TOO OPEN' : '';
  const old = `${age(now - paper.modifiedMs)} old`;
  if (paper.is === 'set') return `${marks.get(paper) ?? ''}  ${paper.set.threshold} of ${paper.set.shares.length}, ${old}${open}`;
  if (paper.is === 'checkpoint') return isIntent(paper) ? `intent (no keys of its own), ${old}` : `${paper.checkpoint.meta?.phase ?? 'written by an old playbook'}, ${old}${open}`;
  return paper.is === 'unreadable' ? `UNREADABLE: ${paper.why}` : 'empty leftover';
}

/** A line for each manager, and one below it for whatever lies there beside main. No secrets. */
export function managerLines(seen: Survey, marks: Marks, now: number): string[] {
  const titles = { install: 'install checkpoint', rotate: 'rotate checkpoint', sibling: 'left by a crash', previous: 'previous', main: 'main' };
  return [
    ...reached(seen).flatMap((sight) => {
      const main = paperOf(sight, 'main');
      return [
        `${sight.manager.name}  ${main === undefined ? 'no keys' : describe(main, marks, now)}`,
        ...sight.papers.flatMap((paper) => (paper === main ? [] : [`  ${titles[paper.role]}: ${describe(paper, marks, now)}  ${paper.path}`])),
      ];
    }),
    ...unreachable(seen).flatMap(({ manager, error }) => [`${manager.name}  not reached: ${error.message}`, ...(error.mend === undefined ? [] : [`  mend: ${error.mend}`])]),
  ];
}
