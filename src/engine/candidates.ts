import { type KeySet, sameShares } from '../model/keys.ts';
import type { Secret } from '../model/secret.ts';
import type { Paper, Survey } from './survey.ts';
import { papersOf } from './survey.ts';

/** Which part of a file a set was read from. */
export type Part = 'whole' | 'new' | 'old';

export interface Source { readonly host: string; readonly path: string; readonly role: Paper['role']; readonly part: Part }

/** One distinct set of shares and everywhere it stands. */
export interface Candidate {
  readonly set: KeySet;
  readonly sources: readonly Source[];
  /** Every root token that stands beside these shares; some of them may be revoked. */
  readonly tokens?: readonly Secret[];
}

const rank: Record<Paper['role'], number> = { main: 0, rotate: 1, install: 1, sibling: 2, previous: 4 };
const rankOf = ({ role, part }: Source) => rank[role] + (part === 'old' ? 2 : 0);

/** Every distinct set on every manager: mains first, then checkpoints and siblings, old halves, previous sets. */
export function candidatesOf(survey: Survey): Candidate[] {
  const all: { set: KeySet; source: Source }[] = [];
  for (const paper of papersOf(survey, 'main', 'install', 'rotate', 'sibling', 'previous')) {
    for (const { set, part } of setsIn(paper)) all.push({ set, source: { host: paper.host, path: paper.path, role: paper.role, part } });
  }
  all.sort((a, b) => rankOf(a.source) - rankOf(b.source));
  const distinct: { set: KeySet; sources: Source[]; tokens: Secret[] }[] = [];
  for (const { set, source } of all) {
    const known = distinct.find((candidate) => sameShares(candidate.set, set));
    if (known === undefined) { distinct.push({ set, sources: [source], tokens: [set.rootToken] }); continue; }
    known.sources.push(source);
    known.tokens.push(set.rootToken);
  }
  return distinct;
}

export function setsIn(paper: Paper): { set: KeySet; part: Part }[] {
  if (paper.is === 'set') return [{ set: paper.set, part: 'whole' }];
  if (paper.is !== 'checkpoint') return [];
  const { top, new: fresh, old } = paper.checkpoint;
  const sets: { set: KeySet; part: Part }[] = [];
  if (top !== undefined) sets.push({ set: top, part: 'whole' });
  if (fresh !== undefined && (top === undefined || !sameShares(top, fresh))) sets.push({ set: fresh, part: 'new' });
  if (old !== undefined) sets.push({ set: old, part: 'old' });
  return sets;
}

/** A checkpoint that holds no keys yet: init or the rekey was only intended. */
export function isIntent(paper: Paper): boolean {
  return paper.is === 'checkpoint' && paper.checkpoint.top === undefined && paper.checkpoint.new === undefined;
}

/** The sets in `first` tried first, the rest in their own order. */
export function preferring(candidates: readonly Candidate[], isFirst: (candidate: Candidate) => boolean): Candidate[] {
  return [...candidates.filter(isFirst), ...candidates.filter((candidate) => !isFirst(candidate))];
}

export function cameFrom(candidate: Candidate, ...roles: Paper['role'][]): boolean {
  return candidate.sources.some(({ role }) => roles.includes(role));
}
