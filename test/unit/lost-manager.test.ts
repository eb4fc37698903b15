import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../../src/engine/run.ts';
import { install } from '../../src/flows/install.ts';
import { rotate } from '../../src/flows/rotate.ts';
import { Halt } from '../../src/model/halt.ts';
import { HostError, type HostHands } from '../../src/ports/hosts.ts';
import { PATHS, World } from '../sim/world.ts';
import { endOf, handsIn } from './hands-in.ts';

/** A host with one of its hands replaced. */
function withOther(host: HostHands, hand: Partial<HostHands>): HostHands {
  return new Proxy(host, { get: (target, name) => {
    const found: unknown = Reflect.get(name in hand ? hand : target, name);
    return typeof found === 'function' ? found.bind(target) as unknown : found;
  } });
}

const lost = (host: string) => new HostError(host, 'unreachable', 'the connection was lost in the middle of a command');

/** From its n-th write of the rotate checkpoint on the manager is gone. */
function goneAt(host: HostHands, nth: number): HostHands {
  let seen = 0;
  return withOther(host, { apply: (operations, fence) => {
    if (operations.some(({ path }) => path === PATHS.rotateCheckpoint) && (seen += 1) >= nth) throw lost(host.name);
    return host.apply(operations, fence);
  } });
}

test('a master manager that is lost while the rekey is recorded is named, and nothing waits on the server or for the next run', async () => {
  for (const nth of [1, 2]) {
    const world = new World({ managers: 2, nodes: 1 });
    assert.equal((await world.run(install)).ending.is, 'done');
    const { hands } = await handsIn(world);
    const lossy = { ...hands, hosts: hands.hosts.map((host) => (host.name === 'm1' ? goneAt(host, nth) : host)) };
    assert.equal(await endOf(rotate, lossy), 'manager-cut-off');
    assert.equal((await world.run(rotate)).ending.is, 'done');
  }
});

test('a snapshot that cannot be read back from the first manager is its failure, and not that of the second one', async () => {
  const world = new World({ managers: 2, nodes: 1 });
  assert.equal((await world.run(install)).ending.is, 'done');
  const { hands } = await handsIn(world);
  const lossy = { ...hands, hosts: hands.hosts.map((host) => (host.name === 'm1' ? withOther(host, { fetch: async function* fetch() { yield await Promise.reject(lost('m1')); } }) : host)) };
  await assert.rejects(run(rotate, lossy), (error) => error instanceof Halt && error.text.code === 'snapshot-failed' && error.text.details?.[0] === 'm1: the connection was lost in the middle of a command');
  await hands.lock.release();
});
