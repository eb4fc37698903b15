import { dies } from './strike.ts';
import { deathsAt, livingFaults, trace } from './explore.ts';
import { digest } from './invariant.ts';
import { play, toTheEnd } from './play.ts';
import { copyOf, prepare, type Setting, type Start } from './prepare.ts';
import type { Outcome, Verb } from './resume.ts';

/*
 * Was everything struck everywhere? A cell is a step of the flow × a fault that struck while it ran × where the run that
 * mended it had to begin (`went on`: the struck run ended well by itself). A cell that no schedule fills is a hole; it is
 * either explained in `holes.ts` or a place that nobody looks at.
 */

export interface Cell { readonly step: string; readonly fault: string; readonly resumed: string }
export const keyOf = ({ step, fault, resumed }: Cell): string => `${step} × ${fault} × ${resumed}`;

export interface Coverage {
  readonly seen: ReadonlyMap<string, number>;
  readonly holes: readonly Cell[];
  /** The faults that can strike a call of each step. */
  readonly strikes: ReadonlyMap<string, ReadonlySet<string>>;
}

const DEATHS = ['die', 'reboot', 'power'];
export const WENT_ON = 'went on';

/** Every single fault of one world, sorted into cells. */
export async function coverageOf(setting: Setting): Promise<Coverage> {
  const { verb } = setting;
  const start = await prepare(setting);
  const { calls, instants } = await trace(verb, start);
  const seen = new Map<string, number>();
  const cells: Cell[] = [];
  const strikes = new Map<string, Set<string>>();
  const stepAt = (at: number) => calls[at]!.step || 'lock';
  const afterwards = once();
  const add = (step: string, fault: string, { resumedAt }: Outcome) => {
    const cell = { step, fault, resumed: resumedAt ?? WENT_ON };
    cells.push(cell);
    seen.set(keyOf(cell), (seen.get(keyOf(cell)) ?? 0) + 1);
  };
  const may = (step: string, fault: string) => { strikes.set(step, (strikes.get(step) ?? new Set()).add(fault)); };
  for (const { index } of calls) for (const death of DEATHS) may(stepAt(index), death);
  for (const instant of instants) {
    for (const death of deathsAt(instant, { truncated: 0 })) {
      const from = copyOf(instant);
      dies(from, death);
      add(stepAt(instant.at), death.kind, await afterwards(from, verb));
    }
  }
  for (const fault of livingFaults(calls, verb, setting)) {
    const step = fault.kind === 'commit' ? (verb === 'rotate' ? 'verify-rekey' : 'init-vault') : stepAt(fault.at);
    may(step, fault.kind);
    add(step, fault.kind, await play(copyOf(start), verb, [[fault]], afterwards));
  }
  const every = (part: keyof Cell) => [...new Set(cells.map((cell) => cell[part]))];
  const holes = every('step').flatMap((step) => every('fault').flatMap((fault) => every('resumed').map((resumed): Cell => ({ step, fault, resumed })))).filter((cell) => !seen.has(keyOf(cell)));
  return { seen, holes, strikes };
}

/** Equal worlds have equal futures: each is resumed once. */
function once(): (start: Start, verb: Verb) => Promise<Outcome> {
  const known = new Map<string, Outcome>();
  return async (start, verb) => {
    const key = `${verb} ${digest(start.world, start.seen)}`;
    const outcome = known.get(key) ?? await toTheEnd(start, verb);
    known.set(key, outcome);
    return outcome;
  };
}
