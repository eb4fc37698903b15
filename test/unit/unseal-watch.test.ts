import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Machine } from '../../src/commands/context.ts';
import { watchNodes } from '../../src/commands/unseal-watch.ts';
import { install } from '../../src/flows/install.ts';
import { Halt } from '../../src/model/halt.ts';
import { haltTexts } from '../../src/model/halts.ts';
import type { ClusterNode } from '../../src/ports/cluster.ts';
import type { HostHands } from '../../src/ports/hosts.ts';
import { VaultHands } from '../../src/vault/hands.ts';
import { SimOperator } from '../sim/operator.ts';
import { PATHS, World } from '../sim/world.ts';
import { filesOf, three } from './inventory-world.ts';

/** `vaultctl unseal --watch` on a simulated world: `meanwhile` is what happens at which second; then SIGTERM comes. */
async function watched(world: World, lastsS: number, meanwhile: Record<number, () => void> = {}, opens: () => void = () => undefined, nodesNow?: () => readonly ClusterNode[]) {
  const operator = Object.assign(new SimOperator(), { end: () => undefined });
  const start = world.time.nowMs;
  const asked: string[] = [];
  let opened = 0;
  let closed = 0;
  const due = Object.entries(meanwhile).map(([second, go]) => ({ atMs: start + Number(second) * 1000, go }));
  const wire = world.vault.wire(({ when, method, path }) => { if (when === 'before') asked.push(`${method} ${path}`); });
  const machine: Machine = {
    files: filesOf({ '/w/hosts.yaml': three() }), cwd: '/w',
    clock: {
      now: () => world.time.nowMs, random: (bytes) => 'ab'.repeat(bytes),
      sleep: async (ms) => {
        await world.time.sleep(ms);
        for (const one of due.splice(0)) if (one.atMs <= world.time.nowMs) one.go(); else due.push(one);
        if (world.time.nowMs >= start + lastsS * 1000) operator.signal = 'SIGTERM';
      },
    },
    env: () => undefined, localNames: () => [], readInput: async () => new Uint8Array(), holder: () => ({ holder: 'ada', host: 'desk', pid: 1 }),
    out: () => undefined, err: () => undefined, operator: () => operator,
    open: async () => {
      opens();
      opened += 1;
      const nodes = [...world.eyes().nodes];
      const eyes = { ...world.eyes(), nodes, ...(nodesNow === undefined ? {} : { findNodes: async () => { nodes.splice(0, nodes.length, ...nodesNow()); } }) };
      const hosts = eyes.hosts as readonly HostHands[];
      return {
        eyes, lockable: hosts,
        hands: (lock, operation) => ({ ...eyes, hosts, tell: (event) => operator.tell(event), vault: new VaultHands(wire, 1000), operator, operation, lock, isPassing: () => false, mayProve: true }),
        close: async () => { closed += 1; },
      };
    },
  };
  const error = await watchNodes(machine, { inventory: ['hosts.yaml'] }).then(() => undefined, (thrown: unknown) => thrown);
  return { error, said: operator.said(), open: world.vault.nodes.map((node) => node.open), asked, counts: () => ({ opened, closed }) };
}

async function installed(nodes = 3): Promise<World> {
  const world = new World({ managers: 3, nodes });
  assert.equal((await world.run(install)).ending.is, 'done');
  return world;
}

const remove = (world: World, name: string) => { world.machines.get(name)!.find('/etc/kubernetes')!.names.delete(PATHS.main.slice(PATHS.main.lastIndexOf('/') + 1)); };
const ends = (error: unknown) => (error instanceof Halt ? [error.text.code, error.exitCode] : [String(error)]);

describe('unseal --watch', () => {
  it('unseals what is sealed again and again, says each change once, and ends at SIGTERM with 143', async () => {
    const world = await installed();
    const { error, said, open } = await watched(world, 300, { 20: () => world.vault.restartNode('v2'), 100: () => { for (const { name } of world.vault.nodes) world.vault.restartNode(name); } });
    assert.deepEqual(ends(error), ['stopped', 143]);
    assert.deepEqual(open, [true, true, true]);
    const [, , v3] = world.vault.addresses;
    assert.deepEqual(said.filter((line) => line.startsWith(`${v3}:`)), [`${v3}: unsealed`, `${v3}: sealed`, `${v3}: unsealed`]);
    assert.equal(said.filter((line) => line === 'vaultctl: watching').length, 1);
  });

  it('lets go of what it opened after each unsealing, and at its end', async () => {
    const world = await installed();
    const { counts } = await watched(world, 60, { 10: () => world.vault.restartNode('v2') });
    assert.deepEqual(counts(), { opened: 2, closed: 2 });
  });

  it('says once why it cannot, tries with longer and longer pauses, and does it once it can', async () => {
    const world = await installed(1);
    const kept = new Map([...world.machines].map(([name, machine]) => [name, new Map(machine.find('/etc/kubernetes')!.names)] as const));
    for (const name of world.machines.keys()) remove(world, name);
    world.vault.restartNode('v1');
    const first = await watched(world, 600);
    assert.deepEqual(first.open, [false]);
    assert.equal(first.said.filter((line) => line.startsWith('cannot unseal:')).length, 1, first.said.join('\n'));
    assert.match(first.said.join('\n'), /cannot unseal: .*no keys could be read on any manager/);
    // One attempt looks at the node twice more than a round does; 600 s have room for 120 without pauses.
    const second = await watched(world, 200, { 60: () => { for (const [name, names] of kept) { const folder = world.machines.get(name)!.find('/etc/kubernetes')!; folder.names = names; } } });
    assert.deepEqual(second.open, [true]);
  });

  it('never asks for shares of nodes that are open', async () => {
    const world = await installed();
    const { asked } = await watched(world, 120);
    assert.deepEqual([...new Set(asked.filter((call) => !call.startsWith('GET')))], []);
    assert.ok(asked.length < 200, `${asked.length} requests in 120 s`);
  });

  it('outlives an API server that is down, and looks for the nodes anew each time', async () => {
    const world = await installed();
    let down = true;
    let count = 1;
    const nodes = () => world.vault.nodes.slice(0, count).map(({ name, address }) => ({ name, address }));
    world.vault.restartNode('v1');
    world.vault.restartNode('v3');
    const { said, open, error } = await watched(world, 120, { 30: () => { down = false; }, 60: () => { count = 3; } }, () => { if (down) throw new Halt(haltTexts.kubernetesUnreachable('the API server does not answer: ECONNREFUSED', undefined, 'hosts.yaml')); }, nodes);
    assert.deepEqual(ends(error), ['stopped', 143]);
    assert.deepEqual(open, [true, true, true]);
    assert.equal(said.filter((line) => /ECONNREFUSED/.test(line)).length, 1);
  });

  it('has a node that was added or lost its storage join, and unseals it', async () => {
    const world = await installed();
    const { open } = await watched(world, 120, { 10: () => world.vault.wipeNode('v3') });
    assert.deepEqual(open, [true, true, true]);
    assert.equal(world.vault.node('v3').disk?.clusterId, world.vault.node('v1').disk?.clusterId);
  });

  it('initialises nothing where the whole Vault is empty', async () => {
    const world = new World({ managers: 3, nodes: 3 });
    const { asked, said } = await watched(world, 30);
    assert.deepEqual(asked.filter((call) => !call.startsWith('GET')), []);
    assert.match(said.join('\n'), /not initialised/);
  });
});
