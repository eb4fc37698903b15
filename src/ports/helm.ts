import type { PlainTable } from '../model/deployment.ts';

/** A release as helm knows it. */
export interface Release {
  /** `deployed`, `failed`, `pending-install`, `pending-upgrade`, `pending-rollback`, `uninstalling`, `uninstalled`, `superseded`. */
  readonly status: string;
  readonly revision: number;
  /** The chart's own name, without its repository. */
  readonly chart: string;
  readonly version: string;
  /** What the user gave, without the chart's defaults. */
  readonly values: PlainTable;
}

/** What helm says; nothing is changed. @throws HelmError */
export interface HelmEyes {
  /** Undefined: there is none of that name. */
  release(): Promise<Release | undefined>;
  /** Name and version of a chart that lies on this machine; undefined where it would have to be fetched. */
  chartHere(): Promise<{ readonly name: string; readonly version: string } | undefined>;
}

export interface HelmHands extends HelmEyes {
  /** `helm upgrade --install`, without waiting for pods. @param kept the version that shall stay, where the inventory names none. @throws HelmError */
  install(kept?: string): Promise<void>;
}

/** `missing`: there is no such program. `failed`: it ended with an error, and its last lines say which. */
export class HelmError extends Error {
  readonly kind: 'missing' | 'failed';
  readonly lines: readonly string[];
  constructor(kind: 'missing' | 'failed', message: string, lines: readonly string[], options?: ErrorOptions) {
    super(message, options);
    this.name = 'HelmError';
    this.kind = kind;
    this.lines = lines;
  }
}
