import type { KilledWorld } from '../test/real/killed-world.ts';
import type { Scope, Trial } from './experiment.ts';

/** A world of its own, and what is done to it, one after the other. */
export interface Lane<T, World extends { end(): Promise<void> } = KilledWorld> {
  readonly start: () => Promise<World>;
  /** Counted once, in the lane's first world. */
  readonly items: (world: World) => Promise<readonly T[]>;
  readonly strike: (world: World, item: T) => Promise<Trial>;
}

/**
 * All lanes at once, for most of a trial is waiting: an election takes a second of nobody's time. After a trial that did
 * not go well the next one begins in a world of its own, so that one bug is counted once.
 */
export async function* inLanes<T, World extends { end(): Promise<void> }>(lanes: readonly Lane<T, World>[]): AsyncIterable<Trial> {
  const ready: Trial[] = [];
  let wake: () => void = () => undefined;
  let stopped = false;
  const tell = (trial: Trial) => { ready.push(trial); wake(); };
  const work = Promise.all(lanes.map((lane) => oneLane(lane, tell, () => stopped)));
  let over = false;
  work.then(() => { over = true; wake(); }, () => { over = true; wake(); });
  try {
    while (!over || ready.length > 0) {
      const trial = ready.shift();
      if (trial === undefined) await new Promise<void>((resolve) => { wake = resolve; });
      else yield trial;
    }
  } finally {
    stopped = true;
    await work;
  }
}

async function oneLane<T, World extends { end(): Promise<void> }>({ start, items, strike }: Lane<T, World>, tell: (trial: Trial) => void, stopped: () => boolean): Promise<void> {
  let world: World | undefined = await start();
  try {
    for (const item of await items(world)) {
      if (stopped()) return;
      world ??= await start();
      const trial = await strike(world, item);
      tell(trial);
      if (trial.outcome !== 'lost' && trial.outcome !== 'wrong') continue;
      await world.end();
      world = undefined;
    }
  } finally {
    await world?.end();
  }
}

/** A sample is too small to be worth a second world. */
export function lanesFor(scope: Scope, lanes: number): readonly number[] { return Array.from({ length: scope.all || scope.short > 40 ? lanes : 1 }, (_, index) => index); }

/** Every second item. */
export function dealt<T>(items: readonly T[], lane: number, lanes: number): T[] { return items.filter((_, index) => index % lanes === lane); }
