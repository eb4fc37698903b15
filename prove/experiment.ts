/**
 * One way to hurt the real program, its hosts, its disk or its server, many times over.
 * `npm run prove` runs all of every experiment; `npm test` runs the short cut of each (test/real/prove-*.test.ts).
 */
export interface Experiment {
  /** As on the command line: `syscalls-local`. */
  readonly name: string;
  /** The row's first column in docs/crash-record.md: "SIGKILL at every system call of the checkpoint, locally". */
  readonly title: string;
  /** Why it cannot run on this machine ("needs root"), or undefined where it can. */
  readonly missing: () => string | undefined;
  /**
   * Strikes one at a time and judges each. Sets its world up and ends it, whatever happens.
   * A trial whose claims do not hold is yielded as `lost` or `wrong`, with what it takes to see it again; it does not throw.
   */
  readonly trials: (scope: Scope) => AsyncIterable<Trial>;
}

/** `all` strikes, or about `short` of them, spread over the whole, within a few seconds to a minute. */
export type Scope = { readonly all: true; readonly seed: number } | { readonly all: false; readonly short: number; readonly seed: number };

export type Outcome =
  /** The next run ended well (or halted truly, and its own advice ended well), and the files open a freshly restarted server. */
  | 'kept'
  /** Neither set opened the server that was killed in its own commit; the snapshot brought it back with its data. */
  | 'by-snapshot'
  /** The one loss that cannot be prevented: init's reply never reached a disk. The next run said so. */
  | 'never-saved'
  /** The strike missed: the run was over before it came. Not counted. */
  | 'missed'
  /** Keys are gone. */
  | 'lost'
  /** Nothing is lost, but a claim does not hold: a false message, leftovers, wrong modes, unequal files. */
  | 'wrong';

export interface Trial {
  /** What was struck, and when: "EIO at fsync 3 of install (vault-creds-init.json.tmp)". */
  readonly what: string;
  readonly outcome: Outcome;
  /** For `lost` and `wrong`: what was seen, without secrets. */
  readonly seen?: string;
}

/** Evenly spread choices: all of them, or about `short`; the seed moves where they begin. */
export function chosen<T>(from: readonly T[], scope: Scope): T[] {
  if (scope.all || from.length <= scope.short) return [...from];
  const stride = from.length / scope.short;
  const first = (scope.seed % 997) / 997 * stride;
  return Array.from({ length: scope.short }, (_, n) => from[Math.floor(first + n * stride)]!);
}
