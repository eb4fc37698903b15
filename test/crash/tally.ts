import type { Outcome } from './resume.ts';
import { formatRounds, type Round } from './schedule.ts';

export interface Failure { readonly schedule: string; readonly wrong: string; readonly story: readonly string[]; readonly said: readonly string[] }

/** What was tried, in numbers, and what went wrong. */
export interface Tally {
  readonly setting: string;
  /** Calls of the run in which nothing goes wrong. */
  calls: number;
  schedules: number;
  /** Schedules by the kind of their faults. */
  readonly kinds: Map<string, number>;
  /** Distinct worlds (disks, servers, memories) from which a run was resumed. */
  readonly states: Set<string>;
  /** How often each number of runs was needed until all was quiet. */
  readonly resumes: Map<number, number>;
  readonly failures: Failure[];
  /** Disks with more outcomes of a reboot than were tried. */
  truncated: number;
}

export const emptyTally = (setting: string): Tally => ({ setting, calls: 0, schedules: 0, kinds: new Map(), states: new Set(), resumes: new Map(), failures: [], truncated: 0 });

/** More failures than this are counted and not kept. */
const MOST_KEPT = 200;

export function note(tally: Tally, rounds: readonly Round[], outcome: Outcome): Outcome {
  tally.schedules += 1;
  for (const { kind } of rounds.flat()) tally.kinds.set(kind, (tally.kinds.get(kind) ?? 0) + 1);
  tally.resumes.set(outcome.runs, (tally.resumes.get(outcome.runs) ?? 0) + 1);
  if (outcome.wrong !== undefined && tally.failures.length < MOST_KEPT) tally.failures.push({ schedule: formatRounds(tally.setting, rounds), wrong: outcome.wrong, story: outcome.story, said: outcome.said });
  return outcome;
}

export const longestResume = (tally: Pick<Tally, 'resumes'>): number => Math.max(0, ...tally.resumes.keys());

/** The same numbers of two workers. */
export function addTally(sum: Tally, other: Tally): void {
  sum.calls = Math.max(sum.calls, other.calls);
  sum.schedules += other.schedules;
  sum.truncated += other.truncated;
  for (const [kind, count] of other.kinds) sum.kinds.set(kind, (sum.kinds.get(kind) ?? 0) + count);
  for (const [runs, count] of other.resumes) sum.resumes.set(runs, (sum.resumes.get(runs) ?? 0) + count);
  for (const state of other.states) sum.states.add(state);
  sum.failures.push(...other.failures);
}
