import assert from 'node:assert/strict';
import { test } from 'node:test';
import { install } from '../../src/flows/install.ts';
import type { FaultKind } from './process.ts';
import { PATHS, World } from './world.ts';

async function strike(kind: FaultKind, on: RegExp, nth = 0) {
  const world = new World({ managers: 2, nodes: 1 });
  const { calls } = await world.clone().run(install);
  const at = calls.filter(({ port, where, what }) => on.test(`${port} ${where} ${what}`))[nth]!.index;
  return { world, at, finished: await world.run(install, { fault: { at, kind } }) };
}

test('the same world makes the same calls', async () => {
  const world = new World({ managers: 2, nodes: 1 });
  const [one, other] = [await world.clone().run(install), await world.clone().run(install)];
  assert.deepEqual(one.calls, other.calls);
  assert.deepEqual(one.ending, { is: 'done' });
});

test('what happens in a copy of a world does not happen in the world', async () => {
  const world = new World({ managers: 1, nodes: 1 });
  await world.clone().run(install);
  assert.equal(world.vault.initialised, false);
  assert.deepEqual([...world.machines.get('m1')!.files().keys()], []);
});

test('a process that dies makes no further call, and its lock is free', async () => {
  const world = new World({ managers: 1, nodes: 1 });
  let kill: () => void = () => undefined;
  const dead = await world.run(install, { started: (die) => { kill = die; }, boundary: (call, when) => { if (call.index === 60 && when === 'before') kill(); } });
  assert.deepEqual(dead.ending, { is: 'died' });
  assert.equal(dead.calls.length, 61);
  const files = world.machines.get('m1')!.files();
  await new Promise((resolve) => { setTimeout(resolve, 20); });
  assert.deepEqual(world.machines.get('m1')!.files(), files);
  assert.deepEqual((await world.run(install)).ending, { is: 'done' });
});

test('a call that fails has done nothing; one whose reply is lost has', async () => {
  const failed = await strike('fails', /^vault v1 PUT sys\/init$/);
  assert.equal(failed.world.vault.initialised, false);
  const lost = await strike('reply-lost', /^vault v1 PUT sys\/init$/);
  assert.equal(lost.world.vault.initialised, true);
  assert.equal(lost.finished.ending.is === 'halt' && lost.finished.ending.halt.text.code, 'init-reply-lost');
});

test('a cut connection ends what runs on the manager and frees its lock, and the process lives on', async () => {
  const { finished, at } = await strike('cut', /^disk m2 rename .*vault-unseal\.json$/);
  assert.ok(finished.calls.length > at + 1, 'the process went on');
  assert.notEqual(finished.ending.is, 'died');
});

test('a manager that is gone stays away for the run', async () => {
  const { finished, world } = await strike('host-gone', /^host m2 apply/);
  assert.ok(finished.ending.is === 'halt');
  assert.equal(world.machines.get('m2')!.files().has(PATHS.main), false);
  assert.deepEqual((await world.run(install)).ending, { is: 'done' });
});

test('time passes only while somebody sleeps', async () => {
  const world = new World({ managers: 1, nodes: 1 });
  const before = world.time.nowMs;
  const waits = [world.time.sleep(3000), world.time.sleep(1000), world.time.sleep(2000)];
  const order: number[] = [];
  await Promise.all(waits.map(async (wait) => { await wait; order.push(world.time.nowMs - before); }));
  assert.deepEqual(order, [1000, 2000, 3000]);
});
