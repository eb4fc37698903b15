import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CommonFlags, Machine } from '../../src/commands/context.ts';
import { status } from '../../src/commands/status.ts';
import { plan } from '../../src/engine/plan.ts';
import { install } from '../../src/flows/install.ts';
import { rotate } from '../../src/flows/rotate.ts';
import type { HostEyes, LookQuestion } from '../../src/ports/hosts.ts';
import { SimOperator } from '../sim/operator.ts';
import { PATHS, World } from '../sim/world.ts';
import { filesOf, three } from './inventory-world.ts';

/** `vaultctl status` on a simulated world: what it prints, and its exit code. */
async function looked(world: World, json = false, flags: CommonFlags = {}): Promise<{ code: number; out: string }> {
  let out = '';
  const machine: Machine = {
    files: filesOf({ '/w/hosts.yaml': three(), "/w/the ops' hosts.yaml": three() }), cwd: '/w', clock: { now: () => world.time.nowMs, sleep: async () => undefined, random: () => 'ab' },
    env: () => undefined, localNames: () => [], readInput: async () => new Uint8Array(), holder: () => ({ holder: 'ada', host: 'desk', pid: 1 }),
    out: (text) => { out += text; }, err: (text) => { out += text; },
    operator: () => Object.assign(new SimOperator(), { end: () => undefined }),
    open: async () => ({ eyes: world.eyes(), lockable: [], hands: () => { throw new Error('status has no hands'); }, close: async () => undefined }),
  };
  const code = await status(machine, { inventory: ['hosts.yaml'], json, ...flags });
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

/** Every manager's files come back once all of them were looked at: another operator's run was at it. */
async function movedMeanwhile(): Promise<World> {
  const world = await installed();
  const kept = [...world.machines.values()].map((machine) => machine.find('/etc/kubernetes')!).map((folder) => ({ folder, names: new Map(folder.names) }));
  for (const name of world.machines.keys()) remove(world, name);
  const eyes = world.eyes();
  let looks = 0;
  const lookAndMove = async (host: HostEyes, question: LookQuestion) => {
    const seen = await host.look(question);
    looks += 1;
    if (looks === eyes.hosts.length) for (const { folder, names } of kept) folder.names = new Map(names);
    return seen;
  };
  world.eyes = () => ({ ...eyes, hosts: eyes.hosts.map((host) => Object.assign(Object.create(host) as HostEyes, { look: (question: LookQuestion) => lookAndMove(host, question) })) });
  return world;
}

describe('keys that another operator moves between two looks', () => {
  it('are not lost to status: it looks once more', async () => {
    assert.equal((await looked(await movedMeanwhile())).code, 0);
  });

  it('nor to a plan', async () => {
    const lines = await plan(rotate, (await movedMeanwhile()).eyes());
    assert.ok(lines.length > 5);
  });
});

describe('the next command', () => {
  it('can be copied into a shell, with the flags that belong to it and without what may be a secret', async () => {
    const world = await installed();
    remove(world, 'm2');
    const { out } = await looked(world, false, {
      inventory: ["the ops' hosts.yaml"], limit: 'm1', extraVars: ['vault_timeout=60', 'ansible_password=hunter2'], kubeconfig: '/home/ada/kube config',
    });
    assert.ok(out.includes("-i '/w/the ops'\\'' hosts.yaml' --limit m1 -e vault_timeout=60 -e … --kubeconfig '/home/ada/kube config'"), out);
    assert.ok(!out.includes('hunter2'));
  });
});
