import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Candidate } from '../../src/engine/candidates.ts';
import { install } from '../../src/flows/install.ts';
import { Halt } from '../../src/model/halt.ts';
import { proveLive } from '../../src/steps/prove-live.ts';
import { PATHS, World } from '../sim/world.ts';
import { handsIn } from './hands-in.ts';
import { keys } from './survey-world.ts';

const strangers: readonly Candidate[] = [{ set: keys(7), sources: [{ host: 'm1', path: PATHS.main, role: 'main', part: 'whole' }] }];

/** Two nodes, installed, sealed, and sets of another cluster are tried on them. */
async function verdict(change: (world: World) => void): Promise<string> {
  const world = new World({ managers: 1, nodes: 2 });
  assert.equal((await world.run(install)).ending.is, 'done');
  for (const { name } of world.vault.nodes) world.vault.restartNode(name);
  change(world);
  const { hands } = await handsIn(world);
  try {
    return (await proveLive(hands, strangers)).is;
  } catch (error) {
    if (error instanceof Halt) return error.text.code;
    throw error;
  } finally {
    await hands.lock.release();
  }
}

describe('a set that no node opens with is rejected by Vault', () => {
  it('where every node has refused it', async () => { assert.equal(await verdict(() => undefined), 'none'); });

  it('where the others have never joined: they hold nothing that it could open', async () => { assert.equal(await verdict(({ vault }) => vault.wipeNode('v2')), 'none'); });

  it('but not where another does not answer: it may open with it', async () => { assert.equal(await verdict(({ vault }) => vault.crashNode('v2')), 'no-leader'); });

  it('and not by nodes of which none was ever initialised', async () => { assert.equal(await verdict(({ vault }) => { vault.wipeNode('v1'); vault.wipeNode('v2'); }), 'no-leader'); });
});
