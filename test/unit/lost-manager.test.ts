import assert from 'node:assert/strict';
import { test } from 'node:test';
import { install } from '../../src/flows/install.ts';
import { rotate } from '../../src/flows/rotate.ts';
import { HostError, type HostHands } from '../../src/ports/hosts.ts';
import { PATHS, World } from '../sim/world.ts';
import { endOf, handsIn } from './hands-in.ts';

/** From its n-th write of the rotate checkpoint on the manager is gone. */
function goneAt(host: HostHands, nth: number): HostHands {
  let seen = 0;
  return new Proxy(host, { get: (target, name) => {
    if (name !== 'apply') { const found: unknown = Reflect.get(target, name, target); return typeof found === 'function' ? found.bind(target) as unknown : found; }
    return (...[operations, fence]: Parameters<HostHands['apply']>) => {
      if (operations.some(({ path }) => path === PATHS.rotateCheckpoint) && (seen += 1) >= nth) throw new HostError(host.name, 'unreachable', 'the connection was lost in the middle of a command');
      return target.apply(operations, fence);
    };
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
