import type { Experiment } from './experiment.ts';

/** Every experiment, in the order of the record. */
export const experiments: readonly Experiment[] = [];
