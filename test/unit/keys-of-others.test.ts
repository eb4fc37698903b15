import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatCheckpoint } from '../../src/credentials/checkpoint.ts';
import { parseKeyFile } from '../../src/credentials/key-file.ts';
import type { Flow } from '../../src/engine/flow.ts';
import { distribute } from '../../src/flows/distribute.ts';
import { install } from '../../src/flows/install.ts';
import { recoverImport, recoverSnapshot } from '../../src/flows/recover.ts';
import { rotate } from '../../src/flows/rotate.ts';
import { verify } from '../../src/flows/verify.ts';
import { haltPage } from '../../src/model/halt.ts';
import type { KeySet } from '../../src/model/keys.ts';
import { Secret } from '../../src/model/secret.ts';
import { SimVault } from '../sim/vault.ts';
import { PATHS, type RunOptions, World } from '../sim/world.ts';

/*
 * What stands on the managers beside the keys that are live here: another cluster's, this cluster's own of an earlier time,
 * and what only says something about them.
 */

/** `done`, `died`, or the code of its page. */
type Ended = string;

async function run<S>(world: World, flow: Flow<S>, options: RunOptions = {}): Promise<Ended> {
  const { ending } = await world.run(flow, options);
  return ending.is === 'halt' ? ending.halt.text.code : ending.is === 'error' ? `error: ${(ending.error as Error).message}` : ending.is;
}

/** Dies right after the last such call that a whole run makes. */
async function dies<S>(world: World, flow: Flow<S>, call: RegExp, { when = 'after', ...options }: { when?: 'before' | 'after' } & Pick<RunOptions, 'from' | 'flags'> = {}): Promise<void> {
  const { calls } = await world.clone().run(flow, options);
  const last = calls.findLastIndex(({ port, where, what }) => call.test(`${port} ${where} ${what}`));
  assert.ok(last >= 0, String(call));
  let die = () => undefined as void;
  assert.equal(await run(world, flow, { ...options, started: (kill) => { die = kill; }, boundary: ({ index }, at) => { if (index === last && at === when) die(); } }), 'died');
}

const bytesAt = (world: World, host: string, path: string): Uint8Array => {
  const found = world.machines.get(host)?.find(path);
  assert.ok(found?.kind === 'file', `${host}:${path}`);
  return found.content;
};
function setAt(world: World, host: string, path: string = PATHS.main): KeySet {
  const parsed = parseKeyFile(bytesAt(world, host, path));
  assert.ok(parsed.is === 'set', `${host}:${path}`);
  return parsed.set;
}
/** Every file in which each of its shares stands. */
const placesOf = (world: World, { shares }: KeySet): string[] => [...world.machines].flatMap(([host, machine]) => (
  [...machine.files()].filter(([, bytes]) => shares.every((share) => Buffer.from(bytes).toString('utf8').includes(share.reveal()))).map(([path]) => `${host}:${path}`)));
const snapshotsOn = (world: World, host: string): string[] => [...world.machines.get(host)!.files().keys()].filter((path) => path.endsWith('.snap')).toSorted();
const wipe = (world: World) => { for (const { name } of world.vault.nodes) world.vault.wipeNode(name); };

/** Another cluster on the same managers, whose inventory says where its main file is and leaves the other paths as they are. */
function neighbourOf(world: World): World {
  const vault = new SimVault({ clock: { now: () => world.time.nowMs }, seed: 77 });
  const neighbour = new World(world.shape, { time: world.time, machines: world.machines, vault, runs: 40 });
  const paths = { ...PATHS, main: '/etc/kubernetes/other.json', previous: '/etc/kubernetes/other.previous.json', about: '/etc/kubernetes/other.about.json' };
  const managers = neighbour.settings.managers.map((manager) => ({ ...manager, paths }));
  return Object.defineProperty(neighbour, 'settings', { value: { ...neighbour.settings, clusterName: 'other', managers } });
}

/** Keys of a Vault that none of the worlds here has. */
async function strangersCheckpoint(): Promise<{ keys: KeySet; bytes: Uint8Array }> {
  const clock = new World({ managers: 1, nodes: 1 });
  const other = new World({ managers: 1, nodes: 1 }, { time: clock.time, machines: clock.machines, vault: new SimVault({ clock: { now: () => clock.time.nowMs }, seed: 99 }), runs: 70 });
  assert.equal(await run(other, install), 'done');
  const keys = setAt(other, 'm1');
  return { keys, bytes: formatCheckpoint({ top: keys, meta: { format: 1, operation: 'other', flow: 'install', phase: 'held', nodes: ['http://other:8200'], startedAt: '', updatedAt: '', generation: 1 } }) };
}

describe('the checkpoint of another cluster', () => {
  it('of an install is not written over by the copy of imported keys: it is set aside whole', async () => {
    const world = new World({ managers: 2, nodes: 1 });
    assert.equal(await run(world, install), 'done');
    const { keys, bytes } = await strangersCheckpoint();
    world.machines.get('m1')!.file(PATHS.installCheckpoint, bytes);
    assert.equal(await run(world, recoverImport([setAt(world, 'm1')])), 'done');
    assert.match(placesOf(world, keys).join(' '), /^m1:\/etc\/kubernetes\/vault-creds-init\.json\.tmp\.archived-\S+$/);
  });

  it('nor by the second copy of a checkpoint whose keys are live', async () => {
    const world = new World({ managers: 2, nodes: 1 });
    // The install began on m2, while m1 was away.
    await dies(world, install, /^disk m2 rename .*vault-creds-init\.json\.tmp$/, { from: 'm2' });
    const { keys, bytes } = await strangersCheckpoint();
    world.machines.get('m1')!.file(PATHS.installCheckpoint, bytes);
    assert.equal(await run(world, install), 'done');
    assert.match(placesOf(world, keys).join(' '), /^m1:\S+\.archived-\S+$/);
  });

  it('of a rotation is not called off by one that it does not belong to: it may hold all that opens the other', async () => {
    const world = new World({ managers: 2, nodes: 1 });
    const neighbour = neighbourOf(world);
    for (const each of [world, neighbour]) assert.equal(await run(each, install), 'done');
    await dies(world, rotate, /^vault v1 PUT sys\/rekey\/verify/);
    assert.equal(await run(neighbour, rotate), 'conflicting-main');
    assert.equal(await run(world, rotate), 'done');
    assert.ok(world.vault.opens(setAt(world, 'm1')));
    assert.equal(await run(neighbour, rotate), 'done');
  });

  it('and one of our own that later rotations left behind is known as ours', async () => {
    const world = new World({ managers: 2, nodes: 1 });
    assert.equal(await run(world, install), 'done');
    await dies(world, rotate, /^vault v1 PUT sys\/rekey\/verify/);
    const [main, checkpoint, about] = [PATHS.main, PATHS.rotateCheckpoint, PATHS.about].map((path) => bytesAt(world, 'm2', path));
    for (let count = 0; count < 3; count += 1) assert.equal(await run(world, rotate), 'done');
    // m2 comes back as it was in the middle of the first of them.
    for (const [path, bytes] of [[PATHS.main, main], [PATHS.rotateCheckpoint, checkpoint], [PATHS.about, about]] as const) world.machines.get('m2')!.file(path, bytes!);
    assert.equal(await run(world, rotate), 'done');
    assert.ok(world.vault.opens(setAt(world, 'm2')));
  });
});

describe('snapshots', () => {
  it('of another cluster in the same folder are not deleted, and not restored', async () => {
    const world = new World({ managers: 2, nodes: 1 });
    const neighbour = neighbourOf(world);
    for (const each of [world, neighbour]) assert.equal(await run(each, install), 'done');
    assert.equal(await run(world, rotate), 'done');
    const ours = snapshotsOn(world, 'm1');
    assert.equal(await run(neighbour, rotate), 'done');
    assert.deepEqual(snapshotsOn(world, 'm1').filter((path) => ours.includes(path)), ours);
    // The newest in the folder is the neighbour's; with ours the previous keys are live again.
    wipe(world);
    assert.equal(await run(world, recoverSnapshot), 'done');
    assert.ok(world.vault.opens(setAt(world, 'm1')));
    assert.equal(await run(world, rotate), 'done');
    assert.equal(snapshotsOn(world, 'm1').length, 2, 'one of each cluster');
  });

  it('that a person put there are not deleted', async () => {
    const world = new World({ managers: 1, nodes: 1 });
    assert.equal(await run(world, install), 'done');
    world.machines.get('m1')!.file('/var/lib/vaultctl/vault-2020-01-01.snap', 'a backup');
    for (let count = 0; count < 2; count += 1) assert.equal(await run(world, rotate), 'done');
    assert.deepEqual(snapshotsOn(world, 'm1').map((path) => path.includes('2020')), [true, false]);
  });

  it('the one that the rotation in flight took is restored, whatever its clock said', async () => {
    const world = new World({ managers: 2, nodes: 1 });
    world.time.nowMs += 7_200_000;
    assert.equal(await run(world, install), 'done');
    assert.equal(await run(world, rotate), 'done');
    const current = setAt(world, 'm1');
    world.time.nowMs -= 3_600_000;
    assert.equal(await run(world, rotate, { commitDiesAt: 1 }), 'commit-unknown');
    assert.ok(!world.vault.opens(current));
    wipe(world);
    assert.equal(await run(world, recoverSnapshot), 'done');
    assert.ok(world.vault.opens(current), 'an older snapshot was restored: what was written since is gone');
  });
});

describe('our own keys of an earlier time', () => {
  it('in every main are not called live because an about names them among the ancestors', async () => {
    const world = new World({ managers: 2, nodes: 1 });
    for (const flow of [install, rotate] as Flow<unknown>[]) assert.equal(await run(world, flow), 'done');
    for (const machine of world.machines.values()) machine.file(PATHS.main, bytesAt(world, 'm1', PATHS.previous));
    assert.equal(await run(world, install), 'keys-rejected');
    assert.equal(await run(world, distribute), 'keys-rejected');
  });

  it('that are live again get an about that says so: verify does not send the operator round in circles', async () => {
    const world = new World({ managers: 1, nodes: 1 });
    assert.equal(await run(world, install), 'done');
    const main = bytesAt(world, 'm1', PATHS.main);
    assert.equal(await run(world, rotate), 'done');
    assert.ok(world.vault.rollBack(0));
    world.machines.get('m1')!.file(PATHS.main, main);
    assert.equal(await run(world, install), 'done');
    assert.equal(await run(world, verify), 'done');
  });

  it('stay as the previous ones where main was damaged before the new ones were promoted: they open the snapshot', async () => {
    const world = new World({ managers: 1, nodes: 1 });
    assert.equal(await run(world, install), 'done');
    const old = setAt(world, 'm1');
    await dies(world, rotate, /^vault v1 PUT sys\/rekey\/verify/);
    world.machines.get('m1')!.file(PATHS.main, bytesAt(world, 'm1', PATHS.main).slice(0, 40));
    assert.equal(await run(world, rotate), 'done');
    assert.deepEqual(placesOf(world, old), [`m1:${PATHS.previous}`]);
  });
});

it('a rotation that died while it revoked the root token is finished with the one that another file still has, or asks for one', async () => {
  const world = new World({ managers: 2, nodes: 1, tokenForRekey: true });
  assert.equal(await run(world, install), 'done');
  const [before, after] = [world, world.clone()];
  const flags = { rootToken: 'revoke' } as const;
  await dies(before, rotate, /^disk m1 rename .*vault-unseal\.json$/, { flags });
  assert.equal(await run(before, rotate), 'done');
  for (const host of ['m1', 'm2']) assert.ok(setAt(before, host).rootToken.empty);
  await dies(after, rotate, /^vault v1 POST auth\/token\/revoke-self$/, { flags });
  assert.equal(await run(after, rotate), 'unproven');
});

/** The same disks and the same Vault, in the hands of those who reach these managers alone. */
const reaching = (world: World, ...names: string[]): World => new World({ ...world.shape, managers: names.length }, {
  time: world.time, machines: new Map(names.map((name) => [name, world.machines.get(name)!])), vault: world.vault, runs: world.runs + 100,
});

/** m1 does not answer, and is allowed to. */
async function withoutFirst<S>(world: World, flow: Flow<S>): Promise<Ended> {
  Object.defineProperty(world, 'settings', { value: { ...world.settings, master: 'm2', allowMissing: ['m1'] } });
  const { calls } = await world.clone().run(flow);
  return run(world, flow, { fault: { at: calls.findIndex(({ port, where }) => port === 'host' && where === 'm1'), kind: 'host-gone' } });
}

describe('a manager that was not asked, for it is allowed to be missing', () => {
  it('may hold the keys: they are not lost', async () => {
    const world = new World({ managers: 2, nodes: 1 });
    assert.equal(await run(reaching(world, 'm1'), install), 'done');
    for (const flow of [install, distribute, rotate] as Flow<unknown>[]) assert.equal(await withoutFirst(world, flow), 'cannot-tell');
  });

  it('may hold the keys of a Vault of which another one has only an intent', async () => {
    const world = new World({ managers: 2, nodes: 1 });
    await dies(reaching(world, 'm2'), install, /^vault v1 PUT sys\/init/, { when: 'before' });
    assert.equal(await run(reaching(world, 'm1'), install), 'done');
    world.vault.sealNode('v1');
    for (const flow of [install, rotate] as Flow<unknown>[]) assert.equal(await withoutFirst(world, flow), 'cannot-tell');
  });
});

it('a manager that was away while the root token was replaced does not make the others ask with its dead one', async () => {
  const world = new World({ managers: 3, nodes: 1, tokenForRekey: true });
  assert.equal(await run(world, install), 'done');
  assert.equal(await run(reaching(world, 'm2', 'm3'), rotate, { flags: { rootToken: 'replace' } }), 'done');
  await dies(world, rotate, /^vault v1 PUT sys\/rekey\/init/, { from: 'm1' });
  assert.equal(await run(world, rotate), 'done');
});

it('a proof that died is known as ours though a manager that was away then names an older one', async () => {
  const world = new World({ managers: 3, nodes: 1 });
  assert.equal(await run(world, install), 'done');
  // Without it the keys are to be proven.
  for (const machine of world.machines.values()) for (const names of ['names', 'safe'] as const) machine.find('/etc/kubernetes')![names].delete('vault-unseal.about.json');
  await dies(world, install, /^vault v1 PUT sys\/rekey\/update/);
  await dies(reaching(world, 'm2', 'm3'), install, /^vault v1 PUT sys\/rekey\/update/);
  assert.equal(await run(world, install), 'done');
});

it('a Vault that somebody unsealed is not one whose init reply was lost, whatever an intent on a manager says', async () => {
  const world = new World({ managers: 1, nodes: 1 });
  await dies(world, install, /^vault v1 PUT sys\/init/, { when: 'before' });
  const wire = world.vault.wire();
  const ask = async (path: string, body: Record<string, unknown>) => (await wire.request('http://v1:8200', { method: 'PUT', path, body: body as never })).body as { keys_base64: string[] };
  const { keys_base64: shares } = await ask('sys/init', { secret_shares: 3, secret_threshold: 2 });
  for (const share of shares.slice(0, 2)) await ask('sys/unseal', { key: new Secret(share) });
  world.time.nowMs += 60_000;
  for (const flow of [install, rotate] as Flow<unknown>[]) {
    const { ending } = await world.run(flow);
    assert.ok(ending.is === 'halt');
    const page = haltPage(ending.halt.text);
    assert.match(page, /do NOT restart or seal it/);
    assert.doesNotMatch(page, /loses nothing|Nothing is stored|nobody ever held/);
  }
});
