import { Dice } from '../sim/dice.ts';
import { Exploration } from './explore.ts';
import { below } from './draw.ts';
import { Pairs } from './pairs.ts';
import { formatRounds, parseRounds } from './schedule.ts';
import { drawSetting, settingNamed, settings } from './settings.ts';
import { type Shrunk, shrink } from './shrink.ts';
import { addTally, emptyTally, type Failure, type Tally } from './tally.ts';

/** What one worker is asked to do; `part` of `parts` is its share. */
export type Job =
  | { readonly do: 'deeper'; readonly seed: number; readonly untilMs: number; readonly world: string | undefined; readonly part: number; readonly parts: number }
  | { readonly do: 'singles' | 'pairs'; readonly world: string; readonly part: number; readonly parts: number };

export interface Report {
  readonly tally: Tally;
  readonly shrunk: readonly (Shrunk & { readonly from: string })[];
  /** Failures as they were found: what they say was said by one that was made smaller, or those were enough. */
  readonly others: readonly Failure[];
}

/** Schedules on one world before another is drawn. */
const ON_ONE_WORLD = 40;
/** More failures than this are told, and not made smaller. */
const MOST_SHRUNK = 5;

export async function work(job: Job, tell: (tally: Tally) => void): Promise<Report> {
  const tally = job.do === 'deeper' ? await deeper(job, tell) : await whole(job, tell);
  const shrunk: (Shrunk & { from: string })[] = [];
  const others: Failure[] = [];
  const kinds = new Set<string>();
  for (const failure of tally.failures) {
    const kind = failure.wrong.replaceAll(/[0-9a-f]{6,}|\d+/g, '#');
    const { setting, rounds } = parseRounds(failure.schedule);
    const small = kinds.has(kind) || shrunk.length >= MOST_SHRUNK ? undefined : await shrink(setting, rounds);
    kinds.add(kind);
    if (small === undefined) others.push(failure);
    else shrunk.push({ ...small, from: failure.schedule });
  }
  return { tally, shrunk, others };
}

async function deeper({ seed, untilMs, world, part, parts }: Job & { do: 'deeper' }, tell: (tally: Tally) => void): Promise<Tally> {
  const sum = emptyTally(world ?? 'every kind of world');
  for (let round = part; Date.now() < untilMs; round += parts) {
    const dice = new Dice(seed * 1_000_003 + round);
    const setting = world !== undefined ? settingNamed(world) : below(dice, 3) === 0 ? settings[below(dice, settings.length)]! : drawSetting((limit) => below(dice, limit));
    const exploration = new Exploration(setting);
    addTally(sum, await exploration.deeper(ON_ONE_WORLD, dice.byte() * 256 + dice.byte(), untilMs));
    tell(sum);
  }
  return sum;
}

async function whole({ do: what, world, part, parts }: Job & { do: 'singles' | 'pairs' }, tell: (tally: Tally) => void): Promise<Tally> {
  if (what === 'pairs') return new Pairs(settingNamed(world), { part, parts, tell }).all();
  return new Exploration(settingNamed(world)).all({ every: parts, offset: part });
}

export const replayText = ({ setting, rounds }: Shrunk): string => formatRounds(setting, rounds);
