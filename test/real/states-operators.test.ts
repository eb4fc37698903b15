import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatKeyFile } from '../../src/credentials/key-file.ts';
import { type KeySet, sameSet, sameShares } from '../../src/model/keys.ts';
import { type Call, diesAt, diskCall, type Hook, vaultCall } from './mortal.ts';
import { opened } from './opened-vault.ts';
import { clusterName, done, halted, World } from './world.ts';

let world: World;
/** Real keys of another cluster. */
let foreign: KeySet;
before(async () => {
  world = await World.start();
  await world.fresh();
  foreign = await opened(world.vault, world.address, 3, 2);
});
after(() => world.close());

/** Holds the first call that matches until `go`; `there` resolves when it is reached. */
function pausesAt(match: (call: Call) => boolean): { hook: Hook; there: Promise<void>; go: () => void } {
  let arrive: () => void = () => undefined;
  let go: () => void = () => undefined;
  const there = new Promise<void>((resolve) => { arrive = resolve; });
  const gone = new Promise<void>((resolve) => { go = resolve; });
  let reached = false;
  const hook: Hook = (call, when) => {
    if (reached || when !== 'before' || !match(call)) return undefined;
    reached = true;
    arrive();
    return gone;
  };
  return { hook, there, go };
}

test('two flows at once: the second stops (6) naming holder, host, operation and age, whatever it wanted and wherever it began', async () => {
  await world.installed();
  const pause = pausesAt(vaultCall('PUT', 'sys/rekey/verify'));
  const first = world.runWith({ hook: pause.hook, holder: 'alice' }, 'rotate');
  await pause.there;
  for (const argv of [['rotate'], ['install', '--limit', 'm3'], ['distribute'], ['verify']]) {
    const halt = halted(await world.runWith({ holder: 'bob' }, ...argv), 6, 'locked');
    const details = halt.details!.join('\n');
    assert.match(details, /alice on desk/);
    assert.match(details, /rotate [0-9a-f]{12}/);
    assert.match(details, /\d+ s ago/);
  }
  assert.equal((await world.run('status')).code, 4, 'looking needs no lock');
  pause.go();
  done(await first);
  await world.settled();
});

test('two installs of a virgin Vault at the same instant: one initialises, the other stops or finds it done, and the keys are one set', async () => {
  await world.fresh();
  const [a, b] = await Promise.all([world.runWith({ holder: 'alice' }, 'install'), world.runWith({ holder: 'bob' }, 'install', '--limit', 'm2')]);
  const codes = [a.code, b.code].toSorted((x, y) => x - y);
  assert.deepEqual(codes, [0, 6], `${a.page}\n${b.page}`);
  await world.settled();
});

test('recover --unlock shows the holder, wants the name typed, and then the old holder writes nothing more', async () => {
  const old = await world.installed();
  const pause = pausesAt(vaultCall('PUT', 'sys/rekey/init'));
  const hanging = world.runWith({ hook: pause.hook, holder: 'alice' }, 'rotate');
  await pause.there;
  const asked = await world.run('recover', '--unlock');
  halted(asked, 7, 'not-confirmed');
  assert.match(asked.said, /alice on desk/);
  halted(await world.run('rotate'), 6, 'locked');
  done(await world.run('recover', '--unlock', '--confirm', clusterName));
  pause.go();
  const fenced = await hanging;
  assert.notEqual(fenced.code, 0);
  assert.ok(sameSet(world.set(), old));
  done(await world.run('rotate'));
  await world.settled({ archived: world.archived() });
  assert.match(done(await world.run('recover', '--unlock')).said, /nobody holds the lock/);
});

async function beginForeign(old: KeySet, shares = 7, threshold = 4): Promise<string> {
  const { nonce } = await world.vault.rekeyStart(world.address, shares, threshold, undefined);
  await world.vault.rekeyUpdate(world.address, old.shares[0]!, nonce, undefined);
  return nonce;
}

test('a foreign rekey stops a rotation (6) with nonce, t/n and progress, before anything is touched, and is not cancelled', async () => {
  const old = await world.installed();
  const nonce = await beginForeign(old);
  const before_ = world.tree();
  for (const argv of [['rotate'], ['verify']]) {
    const halt = halted(await world.run(...argv), 6, 'foreign-rekey');
    assert.match(halt.details!.join(), new RegExp(nonce));
    assert.match(halt.details!.join(), /4 of 7 shares wanted, 1 of 2/);
  }
  assert.equal(world.tree(), before_);
  assert.equal((await world.vault.rekeyStatus(world.address, undefined)).nonce, nonce);
  halted(await world.run('recover', '--cancel-rekey', 'another-nonce', '--confirm', clusterName), 6, 'foreign-rekey');
  halted(await world.run('recover', '--cancel-rekey', nonce), 7, 'not-confirmed');
  assert.equal((await world.vault.rekeyStatus(world.address, undefined)).nonce, nonce);
  done(await world.run('recover', '--cancel-rekey', nonce, '--confirm', clusterName));
  assert.equal((await world.vault.rekeyStatus(world.address, undefined)).started, false);
  assert.match(done(await world.run('recover', '--cancel-rekey', nonce)).said, /no rekey is in progress/);
  done(await world.run('rotate'));
  await world.settled();
});

test('a foreign rekey stops the proof of a resumed install (6); once it is cancelled the install goes on', async () => {
  const old = await world.installed();
  for (const name of world.managers) world.remove(name, 'main', 'about');
  world.put('m1', 'install', formatKeyFile(old));
  const nonce = await beginForeign(old);
  const before_ = world.tree();
  halted(await world.run('install'), 6, 'foreign-rekey');
  halted(await world.run('recover', '--archive', '--confirm', clusterName), 6, 'foreign-rekey');
  assert.equal(world.tree(), before_);
  done(await world.run('recover', '--cancel-rekey', nonce, '--confirm', clusterName));
  done(await world.run('install'));
  await world.settled();
});

test('a foreign rekey while a rotation of ours stands interrupted: neither is mistaken for the other', async () => {
  const old = await world.installed();
  assert.ok((await world.runWith({ hook: diesAt('before', vaultCall('PUT', 'sys/rekey/update')) }, 'rotate')).died);
  await world.restart();
  await world.unsealAll(old);
  const nonce = await beginForeign(old);
  halted(await world.run('rotate'), 6, 'foreign-rekey');
  assert.equal((await world.vault.rekeyStatus(world.address, undefined)).nonce, nonce);
  await world.vault.rekeyCancel(world.address, nonce, undefined);
  done(await world.run('rotate'));
  await world.settled();
});

test('the rekey of our own interrupted rotation is not cancelled by hand: the rotation is to be finished (4)', async () => {
  await world.installed();
  assert.ok((await world.runWith({ hook: diesAt('before', vaultCall('PUT', 'sys/rekey/verify')) }, 'rotate')).died);
  const { nonce } = await world.vault.rekeyStatus(world.address, undefined);
  halted(await world.run('recover', '--cancel-rekey', nonce, '--confirm', clusterName), 4, 'finish-rotate');
  done(await world.run('rotate'));
});

test('the orphan of a proof that was killed is ours by our own record, and is cancelled by the next run', async () => {
  await world.installed();
  for (const [when, path, nth] of [['after', 'sys/rekey/init', 1], ['before', 'sys/rekey/update', 1], ['after', 'sys/rekey/update', 1], ['after', 'sys/rekey/update', 2]] as const) {
    for (const next of ['verify', 'rotate']) {
      assert.ok((await world.runWith({ hook: diesAt(when, vaultCall('PUT', path), nth) }, 'verify')).died);
      assert.equal((await world.vault.rekeyStatus(world.address, undefined)).started, true);
      done(await world.run(next));
      assert.equal((await world.vault.rekeyStatus(world.address, undefined)).started, false);
    }
  }
  await world.settled();
});

test('recover --import proves keys from a file or standard input and delivers them; rejected ones change nothing (7)', async () => {
  const set = await world.installed();
  const file = join(world.folder, 'paper.json');
  for (const sealed of [false, true]) {
    for (const name of world.managers) world.remove(name, 'main', 'about');
    if (sealed) await world.restart();
    const before_ = world.tree();
    writeFileSync(file, formatKeyFile(foreign));
    halted(await world.run('recover', '--import', file), 7, 'import-rejected');
    assert.equal(world.tree(), before_);
    writeFileSync(file, formatKeyFile(set));
    done(sealed ? await world.runWith({ input: new TextDecoder().decode(formatKeyFile(set)) }, 'recover', '--import', '-') : await world.run('recover', '--import', file));
    assert.ok(sameSet(await world.settled(), set));
  }
  writeFileSync(file, '{"root_token": 1}');
  halted(await world.run('recover', '--import', file), 2, 'usage');
});

test('recover --import of live keys over a main that nobody knows does not overwrite it (7)', async () => {
  const set = await world.installed();
  world.put('m3', 'main', formatKeyFile(foreign));
  const before_ = world.tree();
  const file = join(world.folder, 'paper.json');
  writeFileSync(file, formatKeyFile(set));
  assert.equal((await world.run('recover', '--import', file)).code, 7);
  const keys = (tree: string) => tree.split('\n').filter((line) => line.includes('vault-unseal.json'));
  assert.deepEqual(keys(world.tree()), keys(before_));
});

test('recover --archive renames old files of an uninitialised Vault after the typed name, and an install goes ahead', async () => {
  await world.fresh();
  world.put('m1', 'main', formatKeyFile(foreign));
  world.put('m2', 'install', formatKeyFile(foreign), 0o644);
  world.put('m3', 'previous', formatKeyFile(foreign));
  const before_ = world.tree();
  halted(await world.run('recover', '--archive'), 7, 'not-confirmed');
  halted(await world.run('recover', '--archive', '--confirm', 'another'), 7, 'not-confirmed');
  assert.equal(world.tree(), before_);
  done(await world.run('recover', '--archive', '--confirm', clusterName));
  assert.equal(world.archived(), 3);
  assert.equal(world.sets().filter((set) => sameShares(set, foreign)).length, 3, 'nothing was deleted');
  done(await world.run('install'));
  await world.settled({ archived: 3 });
});

test('recover --archive on an initialised Vault sets aside only what Vault has just rejected', async () => {
  const set = await world.installed();
  world.put('m2', 'main', formatKeyFile(foreign));
  done(await world.run('recover', '--archive', '--confirm', clusterName));
  assert.ok(!world.has('m2', 'main'));
  done(await world.run('distribute'));
  assert.ok(sameSet(await world.settled({ archived: 1 }), set));
  world.away.add('m2');
  halted(await world.run('recover', '--archive', '--confirm', clusterName), 5, 'managers-unreachable');
});

test('recover without a verb looks, says what it sees and which verb helps, and changes nothing', async () => {
  await world.installed();
  const before_ = world.tree({ lock: true });
  const healthy = await world.run('recover');
  assert.equal(healthy.code, 0);
  assert.match(healthy.out, /healthy/);
  for (const name of world.managers) world.remove(name, 'main', 'about');
  const lost = await world.run('recover');
  assert.equal(lost.code, 3);
  assert.match(lost.out, /--import FILE/);
  halted(await world.run('recover', '--unlock', '--archive'), 2, 'usage');
  assert.notEqual(world.tree({ lock: true }), before_, 'only our own removal shows');
});

// What plan, --dry-run, --check and status say before each of these, and that they change nothing at all.
const scenes: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['nothing installed', () => world.fresh()],
  ['a healthy cluster', () => world.installed()],
  ['a sealed Vault', async () => { await world.installed(); await world.restart(); }],
  ['an install cut off', async () => { await world.fresh(); await world.runWith({ hook: diesAt('after', diskCall('m1', 'rename', 'vault-unseal.json')) }, 'install'); }],
  ['a rotation cut off before its commit', async () => { await world.installed(); await world.runWith({ hook: diesAt('before', vaultCall('PUT', 'sys/rekey/verify')) }, 'rotate'); }],
  ['a rotation cut off after its commit', async () => { await world.installed(); await world.runWith({ hook: diesAt('after', vaultCall('PUT', 'sys/rekey/verify'), 2) }, 'rotate'); }],
  ['a manager without its file', async () => { await world.installed(); world.remove('m2', 'main'); }],
  ['keys lost', async () => { await world.installed(); for (const name of world.managers) world.remove(name, 'main', 'about'); }],
];
for (const [name, make] of scenes) {
  test(`with ${name}: plan, --dry-run, --check, status and recover change no byte anywhere and no rekey, and --json parses`, async () => {
    await make();
    const before_ = world.tree({ lock: true });
    const rekey = () => world.vault.rekeyStatus(world.address, undefined).catch((error: unknown) => String(error));
    const seal = async () => { const { sealed, initialized, progress } = await world.vault.sealStatus(world.address); return { sealed, initialized, progress }; };
    const [rekeyBefore, sealBefore] = [await rekey(), await seal()];
    const looks = [['plan'], ['plan', 'rotate'], ['plan', 'unseal'], ['plan', 'verify'], ['plan', 'distribute'], ['install', '--dry-run'], ['rotate', '--check'], ['unseal', '--check'], ['distribute', '--dry-run'], ['verify', '--dry-run'], ['status'], ['recover']];
    for (const argv of looks) {
      const ran = await world.run(...argv);
      assert.equal(ran.error, undefined, `${argv.join(' ')}: ${ran.page}`);
      const asJson = await world.run(...argv, '--json');
      assert.equal(asJson.code, ran.code, argv.join(' '));
      if (asJson.halt === undefined) assert.equal(typeof JSON.parse(asJson.out), 'object', argv.join(' '));
    }
    assert.equal(world.tree({ lock: true }), before_);
    assert.deepEqual([await rekey(), await seal()], [rekeyBefore, sealBefore]);
  });
}

test('a flow with --json gives one event a line, and no secret in any of them', async () => {
  await world.fresh();
  const ran = done(await world.run('install', '--json'));
  const set = world.set();
  for (const line of ran.out.trim().split('\n')) assert.equal(typeof (JSON.parse(line) as { is: string }).is, 'string');
  for (const secret of [set.rootToken, ...set.shares]) assert.ok(!ran.out.includes(secret.reveal()));
});
