import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { install } from '../../src/flows/install.ts';
import { recoverSnapshot } from '../../src/flows/recover.ts';
import { rotate } from '../../src/flows/rotate.ts';
import { verify } from '../../src/flows/verify.ts';
import { World } from '../sim/world.ts';

async function installed(): Promise<World> {
  const world = new World({ managers: 2, nodes: 1 });
  assert.equal((await world.run(install)).ending.is, 'done');
  return world;
}

describe('what a run did besides, it says', () => {
  it('verify: a sealed node is open now, for opening it is the proof', async () => {
    const world = await installed();
    assert.doesNotMatch((await world.run(verify)).said.join('\n'), /sealed before/);
    world.vault.restartNode('v1');
    const { ending, said } = await world.run(verify);
    assert.equal(ending.is, 'done');
    assert.match(said.join('\n'), /sealed before, and given these shares to prove them: http:\/\/v1:8200; seal again what is to stay sealed/);
  });

  it('recover --restore-snapshot: no snapshot was restored where the keys open Vault as it is', async () => {
    const world = await installed();
    assert.equal((await world.run(rotate)).ending.is, 'done');
    const { ending, said } = await world.run(recoverSnapshot);
    assert.equal(ending.is, 'done');
    assert.match(said.join('\n'), /this run restores NO snapshot/);
  });
});
