import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatCheckpoint } from '../../src/credentials/checkpoint.ts';
import { run } from '../../src/engine/run.ts';
import { install } from '../../src/flows/install.ts';
import { unseal } from '../../src/flows/unseal.ts';
import { Halt } from '../../src/model/halt.ts';
import { PATHS, World } from '../sim/world.ts';
import { handsIn } from './hands-in.ts';

test('where only the intent of an install is found, the page of unseal does not say that keys are in it', async () => {
  const world = new World({ managers: 1, nodes: 1 });
  assert.equal((await world.run(install)).ending.is, 'done');
  const machine = world.machines.get('m1')!;
  const { names } = machine.find('/etc/kubernetes')!;
  for (const name of names.keys()) names.delete(name);
  machine.file(PATHS.installCheckpoint, formatCheckpoint({ meta: { format: 1, operation: '0123456789ab', flow: 'install', phase: 'intent', nodes: [], startedAt: '', updatedAt: '', generation: 1 } }), { mode: 0o600 });
  world.vault.restartNode('v1');
  const { hands } = await handsIn(world);
  await assert.rejects(run(unseal, hands), (error) => error instanceof Halt && error.text.code === 'nodes-closed' && !JSON.stringify(error.text.safe ?? []).includes(PATHS.installCheckpoint));
  await hands.lock.release();
});
