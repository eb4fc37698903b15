import type { KilledWorld } from '../test/real/killed-world.ts';

/** What begins with nothing, or with keys. */
export type Ready = Pick<KilledWorld, 'empty' | 'hasKeys' | 'run'>;
export type Flow = 'install' | 'rotate';
export const flows: readonly Flow[] = ['install', 'rotate'];

/** Install begins with nothing anywhere, rotate with keys on both managers. */
export async function makeReady(world: Ready, flow: Flow): Promise<void> {
  if (flow === 'install') await world.empty();
  else if (!world.hasKeys()) await leftAlone(world, 'install');
}

/** What is struck is counted in a run that is not. @returns its length in ms. @throws Error where even that does not end well */
export async function leftAlone(world: Ready, flow: Flow): Promise<number> {
  await makeReady(world, flow);
  const begun = performance.now();
  const { code, text } = await world.run(flow);
  if (code !== 0) throw new Error(`${flow}, left alone, ended with ${code}:\n${text}`);
  return performance.now() - begun;
}
