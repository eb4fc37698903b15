import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Machine } from '../../src/commands/context.ts';
import { status } from '../../src/commands/status.ts';
import { install } from '../../src/flows/install.ts';
import { SimOperator } from '../sim/operator.ts';
import { PATHS, World } from '../sim/world.ts';
import { filesOf, three } from './inventory-world.ts';

/** `vaultctl status` on a simulated world: what it prints, and its exit code. */
async function looked(world: World, json = false): Promise<{ code: number; out: string }> {
  let out = '';
  const machine: Machine = {
    files: filesOf({ '/w/hosts.yaml': three() }), cwd: '/w', clock: { now: () => world.time.nowMs, sleep: async () => undefined, random: () => 'ab' },
    env: () => undefined, localNames: () => [], readInput: async () => new Uint8Array(), holder: () => ({ holder: 'ada', host: 'desk', pid: 1 }),
    out: (text) => { out += text; }, err: (text) => { out += text; },
    operator: () => Object.assign(new SimOperator(), { end: () => undefined }),
    open: async () => ({ eyes: world.eyes(), lockable: [], hands: () => { throw new Error('status has no hands'); }, close: async () => undefined }),
  };
  const code = await status(machine, { inventory: ['hosts.yaml'], json });
  return { code, out };
}

async function installed(): Promise<World> {
  const world = new World({ managers: 3, nodes: 1 });
  assert.equal((await world.run(install)).ending.is, 'done');
  return world;
}

const remove = (world: World, name: string) => { world.machines.get(name)!.find('/etc/kubernetes')!.names.delete(PATHS.main.slice(PATHS.main.lastIndexOf('/') + 1)); };

describe('the exit code of status', () => {
  const cases: Record<string, readonly [(world: World) => void, number]> = {
    'all is well': [() => undefined, 0],
    'a manager lacks its file': [(world) => remove(world, 'm2'), 4],
    'a node is sealed': [(world) => { world.vault.sealNode('v1'); }, 4],
    'nobody holds keys': [(world) => { for (const name of world.machines.keys()) remove(world, name); }, 3],
    'Vault is down': [(world) => { world.vault.crashNode('v1'); }, 8],
    'Vault is empty and keys are here': [(world) => { world.vault.wipeNode('v1'); }, 7],
  };
  for (const [what, [spoil, expected]] of Object.entries(cases)) {
    it(`is ${expected} where ${what}, on the page and in --json`, async () => {
      const world = await installed();
      spoil(world);
      assert.equal((await looked(world)).code, expected);
      const { code, out } = await looked(world, true);
      assert.deepEqual([code, (JSON.parse(out) as { exit: number }).exit], [expected, expected]);
    });
  }
});
