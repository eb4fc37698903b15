import { World, type WorldShape } from '../sim/world.ts';
import { nothingSeen, type Seen } from './invariant.ts';
import { describe, type Verb, watched } from './resume.ts';

/** What is explored: a command on a world of a certain shape, after the commands that came before it. */
export interface Setting extends WorldShape {
  readonly name: string;
  readonly before: readonly Verb[];
  readonly verb: Verb;
}

export interface Start { readonly world: World; readonly seen: Seen }

export const copyOf = ({ world, seen }: Start): Start => ({ world: world.clone(), seen: { ...seen } });

/** The world as the command finds it. */
export async function prepare(setting: Setting): Promise<Start> {
  const world = new World(setting);
  const seen = nothingSeen();
  for (const verb of setting.before) {
    const { ending, wrong } = await watched(world, verb, seen);
    if (ending.is !== 'done' || wrong !== undefined) throw new Error(`${setting.name}: ${verb} without any fault ended in ${describe(ending)} ${wrong ?? ''}`);
  }
  return { world, seen };
}
