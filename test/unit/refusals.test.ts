import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatKeyFile, parseKeyFile } from '../../src/credentials/key-file.ts';
import { distribute } from '../../src/flows/distribute.ts';
import { install } from '../../src/flows/install.ts';
import { rotate } from '../../src/flows/rotate.ts';
import type { Flow } from '../../src/engine/flow.ts';
import type { KeySet } from '../../src/model/keys.ts';
import { VaultHands } from '../../src/vault/hands.ts';
import type { SimMachine } from '../sim/disk.ts';
import { type Ending, PATHS, type RunOptions, World } from '../sim/world.ts';
import { keys } from './survey-world.ts';

/*
 * What a command must not do in a world that something is wrong with: each test changes one thing in a world of three managers.
 */

type AnyFlow = Flow<Record<string, unknown>>;
const flow = (one: unknown) => one as AnyFlow;
const wordOf = (ending: Ending) => (ending.is === 'halt' ? ending.halt.text.code : ending.is === 'error' ? String(ending.error) : ending.is);
const run = async (world: World, one: unknown, options: RunOptions = {}) => wordOf((await world.run(flow(one), options)).ending);

async function installed(shape: { managers: number; nodes: number } = { managers: 3, nodes: 1 }): Promise<World> {
  const world = new World(shape);
  assert.equal(await run(world, install), 'done');
  return world;
}

const on = (world: World, name: string): SimMachine => world.machines.get(name)!;
const names = (world: World, name: string) => [...on(world, name).find('/etc/kubernetes')!.names.keys()];

function setIn(world: World, name: string, path: string): KeySet {
  const parsed = parseKeyFile(on(world, name).files().get(path)!);
  return parsed.is === 'set' ? parsed.set : assert.fail(parsed.why);
}

/** A fault that takes a manager or a node away from its first call on. */
async function away(world: World, one: unknown, port: 'host' | 'vault', where: string): Promise<RunOptions> {
  const { calls } = await world.clone().run(flow(one));
  const at = calls.findIndex((call) => call.port === port && call.where === where && (port === 'vault' || call.what.startsWith('look')));
  assert.ok(at >= 0, `no call on ${where}`);
  return { fault: { at, kind: port === 'host' ? 'host-gone' : 'node-gone' } };
}

describe('install does not initialise', () => {
  const spoilt: Record<string, (machine: SimMachine) => void> = {
    'has hardly any space left': (machine) => { machine.spaceBytes = 100_000; },
    'has a folder in which others may write': (machine) => { machine.find('/etc/kubernetes')!.mode = 0o1777; },
    'has a file of ours that is a link': (machine) => { machine.file('/elsewhere', ''); machine.link(PATHS.about, '/elsewhere'); },
  };
  for (const [what, spoil] of Object.entries(spoilt)) {
    it(`where a manager ${what}`, async () => {
      const world = new World({ managers: 3, nodes: 1 });
      spoil(on(world, 'm3'));
      assert.equal(await run(world, install), 'preflight');
      assert.equal(world.vault.initialised, false);
    });
  }

  for (const path of [PATHS.main, PATHS.installCheckpoint, PATHS.previous]) {
    it(`where a manager has keys in ${path.slice(path.lastIndexOf('/') + 1)}, though Vault is empty`, async () => {
      const world = new World({ managers: 3, nodes: 1 });
      on(world, 'm3').file(path, formatKeyFile(keys(7)), { mode: 0o600 });
      assert.equal(await run(world, install), 'other-cluster');
      assert.equal(world.vault.initialised, false);
      assert.deepEqual(setIn(world, 'm3', path), keys(7));
    });
  }

  it('where a manager does not answer: it may hold keys', async () => {
    const world = new World({ managers: 3, nodes: 1 });
    assert.equal(await run(world, install, await away(world, install, 'host', 'm3')), 'managers-unreachable');
    assert.equal(world.vault.initialised, false);
  });

  it('where a node does not answer: it may be initialised', async () => {
    const world = new World({ managers: 1, nodes: 3 });
    assert.equal(await run(world, install, await away(world, install, 'vault', 'v3')), 'vault-unreachable');
    assert.equal(world.vault.initialised, false);
  });
});

describe('rotate does not begin', () => {
  for (const spoilt of [['m2', 'm3'], ['m1', 'm2', 'm3']]) {
    it(`where ${spoilt.join(', ')} cannot take the snapshot: on one disk it is none`, async () => {
      const world = await installed();
      const old = setIn(world, 'm1', PATHS.main);
      for (const name of spoilt) on(world, name).file(PATHS.snapshots, 'a file where the folder should be');
      const { ending } = await world.run(flow(rotate));
      assert.equal(wordOf(ending), 'snapshot-failed');
      assert.equal(ending.is === 'halt' && ending.halt.exitCode, 5, 'it is the managers that are to be mended, not Vault');
      assert.ok(world.vault.opens(old));
    });
  }

  it('to be irreversible where a manager cannot take the new keys: the old ones stay, and the next run begins afresh', async () => {
    const world = await installed();
    const old = setIn(world, 'm1', PATHS.main);
    const ending = await run(world, rotate, { boundary: ({ port, where, what }, when) => {
      // The new shares are on the master's disk; an instant later another disk is full.
      if (when === 'after' && port === 'host' && where === 'm1' && what.startsWith('commit ')) on(world, 'm3').spaceBytes = 0;
    } });
    assert.equal(ending, 'stage-failed');
    assert.ok(world.vault.opens(old));
    on(world, 'm3').spaceBytes = 1e9;
    assert.equal(await run(world, rotate), 'done');
  });

  it('without a snapshot on two managers, where there are two', async () => {
    const world = await installed();
    assert.equal(await run(world, rotate), 'done');
    const snapshots = [...world.machines.keys()].map((name) => [...on(world, name).files().keys()].filter((path) => path.endsWith('.snap')).length);
    assert.deepEqual(snapshots.toSorted((a, b) => a - b), [0, 1, 1]);
  });
});

describe('nothing is called lost', () => {
  it('while a manager does not answer', async () => {
    const world = await installed();
    for (const [name, machine] of world.machines) if (name !== 'm3') for (const file of names(world, name)) machine.find('/etc/kubernetes')!.names.delete(file);
    for (const one of [install, rotate]) {
      const options = await away(world, one, 'host', 'm3');
      const word = await run(world.clone(), one, options);
      assert.ok(['cannot-tell', 'managers-unreachable'].includes(word), word);
    }
    assert.equal(await run(world, install), 'done');
  });
});

describe('what belongs to others stays', () => {
  it('a main of another cluster is not replaced, and nothing is written anywhere', async () => {
    const world = await installed();
    on(world, 'm2').find(PATHS.main)!.content = formatKeyFile(keys(7));
    const before = on(world, 'm3').files().get(PATHS.main);
    for (const one of [install, distribute]) assert.equal(await run(world, one), 'conflicting-main');
    assert.deepEqual(setIn(world, 'm2', PATHS.main), keys(7));
    assert.equal(on(world, 'm3').files().get(PATHS.main), before);
  });

  it('a rekey that somebody began is not cancelled', async () => {
    const world = await installed();
    const other = new VaultHands(world.vault.wire(), 1000);
    const [address] = world.vault.addresses as [string];
    const { nonce } = await other.rekeyStart(address, 5, 3, undefined);
    assert.equal(await run(world, rotate), 'foreign-rekey');
    assert.equal((await other.rekeyStatus(address, undefined)).nonce, nonce);
  });
});

describe('what is set aside is there under another name', () => {
  it('a main that cannot be read', async () => {
    const world = await installed();
    const torn = new TextEncoder().encode('{ "root_token": "hvs.half-a-key');
    on(world, 'm2').find(PATHS.main)!.content = torn;
    assert.equal(await run(world, install), 'done');
    const [aside] = names(world, 'm2').filter((name) => name.startsWith('vault-unseal.json.archived-'));
    assert.deepEqual(on(world, 'm2').files().get(`/etc/kubernetes/${aside}`), torn);
    assert.deepEqual(setIn(world, 'm2', PATHS.main), setIn(world, 'm1', PATHS.main));
  });

  it('a file of nobody knows what, too long to be read, where the second copy of the checkpoint goes', async () => {
    const world = await installed();
    const set = setIn(world, 'm1', PATHS.main);
    for (const name of world.machines.keys()) on(world, name).find('/etc/kubernetes')!.names.delete('vault-unseal.json');
    on(world, 'm1').file(PATHS.installCheckpoint, formatKeyFile(set), { mode: 0o600 });
    const long = new Uint8Array(2 << 20).fill(0x78);
    on(world, 'm2').file(PATHS.installCheckpoint, long, { mode: 0o600 });
    assert.equal(await run(world, install), 'done');
    const [aside] = names(world, 'm2').filter((name) => name.startsWith('vault-creds-init.json.tmp.archived-'));
    assert.equal(on(world, 'm2').files().get(`/etc/kubernetes/${aside}`)?.length, long.length);
    assert.deepEqual(setIn(world, 'm2', PATHS.main), set);
  });

  it('a checkpoint whose keys are in no main', async () => {
    const world = await installed();
    on(world, 'm2').file(PATHS.installCheckpoint, formatKeyFile(keys(7)), { mode: 0o600 });
    assert.equal(await run(world, install), 'done');
    const [aside] = names(world, 'm2').filter((name) => name.startsWith('vault-creds-init.json.tmp.archived-'));
    assert.ok(aside !== undefined, names(world, 'm2').join(' '));
    assert.deepEqual(setIn(world, 'm2', `/etc/kubernetes/${aside}`), keys(7));
  });

  it('the keys that a rotation replaced', async () => {
    const world = await installed();
    const old = setIn(world, 'm1', PATHS.main);
    assert.equal(await run(world, rotate), 'done');
    for (const name of world.machines.keys()) assert.deepEqual(setIn(world, name, PATHS.previous), old);
  });
});

describe('a file that goes while a command runs', () => {
  it('is missed at the end: done is not said', async () => {
    const world = new World({ managers: 3, nodes: 1 });
    const ending = await run(world, install, { boundary: ({ port, where, what }, when) => {
      if (when === 'after' && port === 'disk' && where === 'm2' && what.startsWith('remove ') && what.endsWith('init.json.tmp')) on(world, 'm2').find('/etc/kubernetes')!.names.delete('vault-unseal.json');
    } });
    assert.equal(ending, 'undelivered');
    assert.equal(await run(world, install), 'done');
  });
});

describe('a follower with the disk of yesterday', () => {
  it('opens with dead keys, and they are not taken for the live ones', async () => {
    const world = await installed({ managers: 1, nodes: 3 });
    const yesterday = structuredClone(world.vault.node('v1').disk);
    assert.equal(await run(world, rotate), 'done');
    const [fresh, old] = [setIn(world, 'm1', PATHS.main), setIn(world, 'm1', PATHS.previous)];
    for (const { name } of world.vault.nodes) world.vault.restartNode(name);
    world.vault.node('v1').disk = yesterday;
    // Somebody copied the old file back over the new one.
    on(world, 'm1').file(PATHS.main, formatKeyFile(old), { mode: 0o600 });
    on(world, 'm1').file(PATHS.previous, formatKeyFile(fresh), { mode: 0o600 });
    assert.equal(await run(world, install), 'restored');
    assert.equal(await run(world, install, { flags: { acceptRestored: true } }), 'done');
    assert.deepEqual(setIn(world, 'm1', PATHS.main), fresh);
    assert.ok(world.vault.opens(fresh));
  });
});

describe('a Vault that was restored from before a rotation', () => {
  it('gets its old keys back as the main ones only where the operator says so', async () => {
    const world = await installed();
    const before = world.vault.snapshotState().map((disk) => structuredClone(disk));
    const old = setIn(world, 'm1', PATHS.main);
    assert.equal(await run(world, rotate), 'done');
    const fresh = setIn(world, 'm1', PATHS.main);
    world.vault.putBack(before);
    assert.equal(await run(world, install), 'restored');
    assert.deepEqual(setIn(world, 'm1', PATHS.main), fresh);
    assert.equal(await run(world, install, { flags: { acceptRestored: true } }), 'done');
    for (const name of world.machines.keys()) assert.deepEqual(setIn(world, name, PATHS.main), old);
  });
});
