import type { Experiment, Outcome, Scope, Trial } from './experiment.ts';

export interface Tally {
  readonly experiment: Experiment;
  readonly counts: Readonly<Record<Outcome, number>>;
  readonly failures: readonly Trial[];
  readonly seconds: number;
  /** It was told to stop before its last strike. */
  readonly stopped: boolean;
}

/** Runs one experiment to its end, or until `stop`: then the strikes in hand are the last ones, and its worlds are put away. `heard` gets each trial as it comes. */
export async function tally(experiment: Experiment, scope: Scope, heard: (trial: Trial) => void, stop?: AbortSignal): Promise<Tally> {
  const counts: Record<Outcome, number> = { 'kept': 0, 'by-snapshot': 0, 'never-saved': 0, 'missed': 0, 'lost': 0, 'wrong': 0 };
  const failures: Trial[] = [];
  const begun = performance.now();
  for await (const trial of experiment.trials(scope)) {
    counts[trial.outcome] += 1;
    if (trial.outcome === 'lost' || trial.outcome === 'wrong') failures.push(trial);
    heard(trial);
    if (stop?.aborted === true) break;
  }
  return { experiment, counts, failures, seconds: Math.round((performance.now() - begun) / 1000), stopped: stop?.aborted === true };
}

/** How many strikes hit. */
export function hits({ counts }: Tally): number {
  return counts.kept + counts['by-snapshot'] + counts['never-saved'] + counts.lost + counts.wrong;
}
