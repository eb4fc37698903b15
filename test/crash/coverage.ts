import type { PortCall } from '../sim/process.ts';
import { Exploration } from './explore.ts';
import type { Setting } from './prepare.ts';
import type { Outcome } from './resume.ts';
import type { Schedule } from './schedule.ts';
import type { Tally } from './tally.ts';

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
  /** The exploration that filled the cells. */
  readonly tally: Tally;
}

const DEATHS = ['die', 'reboot', 'power'];
export const WENT_ON = 'went on';

/** Every single fault of one world, sorted into cells. */
export async function coverageOf(setting: Setting): Promise<Coverage> {
  const seen = new Map<string, number>();
  const cells: Cell[] = [];
  const strikes = new Map<string, Set<string>>();
  let calls: readonly PortCall[] = [];
  const stepOf = ({ kind, at }: Schedule) => (kind !== 'commit' ? calls[at]!.step || 'lock' : setting.verb === 'rotate' ? 'verify-rekey' : 'init-vault');
  const may = (step: string, fault: string) => { strikes.set(step, (strikes.get(step) ?? new Set()).add(fault)); };
  const tally = await new Exploration(setting, {
    begun: (ofTheRun) => {
      calls = ofTheRun;
      for (const { step } of calls) for (const death of DEATHS) may(step || 'lock', death);
    },
    ended: (fault: Schedule, { resumedAt }: Outcome) => {
      const cell = { step: stepOf(fault), fault: fault.kind, resumed: resumedAt ?? WENT_ON };
      may(cell.step, cell.fault);
      cells.push(cell);
      seen.set(keyOf(cell), (seen.get(keyOf(cell)) ?? 0) + 1);
    },
  }).all();
  const every = (part: keyof Cell) => [...new Set(cells.map((cell) => cell[part]))];
  const holes = every('step').flatMap((step) => every('fault').flatMap((fault) => every('resumed').map((resumed): Cell => ({ step, fault, resumed })))).filter((cell) => !seen.has(keyOf(cell)));
  return { seen, holes, strikes, tally };
}
