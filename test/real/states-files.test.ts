import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatKeyFile } from '../../src/credentials/key-file.ts';
import { type KeySet, sameSet, sameShares } from '../../src/model/keys.ts';
import { notRun } from '../not-run.ts';
import { opened, rekeyToVerify, untilActive } from './opened-vault.ts';
import { done, halted, type Role, World } from './world.ts';

let world: World;
/** Real keys of another cluster. */
let foreign: KeySet;
before(async () => {
  world = await World.start();
  await world.fresh();
  foreign = await opened(world.vault, world.address, 3, 2);
});
after(() => world.close());

type Damage = readonly [what: string, make: (path: string) => void, why: RegExp];
const overwrite = (content: string) => (path: string) => { writeFileSync(path, content); };
const json = (change: (keys: Record<string, unknown>) => void) => (path: string) => {
  const keys = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  change(keys);
  writeFileSync(path, JSON.stringify(keys));
};
const damages: readonly Damage[] = [
  ['empty', overwrite(''), /empty/],
  ['only zero bytes', (path) => { writeFileSync(path, new Uint8Array(300)); }, /empty/],
  ['truncated', (path) => { truncateSync(path, 70); }, /not JSON/],
  ['not JSON', overwrite('root_token: hvs.abc'), /not JSON/],
  ['not an object', overwrite('[1, 2]'), /not a JSON object/],
  ['not text', (path) => { writeFileSync(path, new Uint8Array([0xff, 0xfe, 1, 2, 3])); }, /not text/],
  ['without its threshold', json((keys) => { delete keys['key_threshold']; }), /key_threshold is missing/],
  ['of wrong types', json((keys) => { keys['unseal_keys'] = 'one'; }), /unseal_keys is not a list/],
  ['with a share that is none', json((keys) => { keys['unseal_keys'] = ['short']; }), /not a share/],
  ['with fewer shares than its threshold', json((keys) => { keys['key_threshold'] = 7; }), /only 3 shares/],
  ['a folder', (path) => { rmSync(path); mkdirSync(path); }, /a folder/],
  ['a link to nowhere', (path) => { rmSync(path); symlinkSync('/nowhere/at/all', path); }, /leads nowhere/],
  ['100 MB long', (path) => { truncateSync(path, 100 << 20); }, /too large/],
];

for (const [what, make, why] of damages) {
  test(`a main file that is ${what} on every manager is unreadable (7), never absent, and left as it is`, async () => {
    await world.installed();
    for (const name of world.managers) make(world.at(name, 'main'));
    const before_ = world.tree();
    for (const command of ['install', 'distribute', 'rotate']) {
      const halt = halted(await world.run(command), 7, 'unreadable');
      assert.match(halt.details!.join('\n'), why, command);
    }
    assert.equal(world.tree(), before_);
    const status = await world.run('status');
    assert.equal(status.code, 7, status.out);
    assert.match(status.out, why);
    assert.equal((await world.run('verify')).code, 4);
  });
}

for (const [what, make] of damages.filter(([name]) => name !== 'a folder')) {
  test(`a main file that is ${what} on one manager is replaced from a proven copy, and kept under another name`, async () => {
    const set = await world.installed();
    make(world.at('m2', 'main'));
    const status = await world.run('status');
    assert.equal(status.code, 4, status.out);
    assert.equal((await world.run('verify')).code, 4);
    done(await world.run('distribute'));
    assert.ok(sameSet(await settledBeside(), set));
  });
}

/** Settled, but for the damaged file that was set aside. */
async function settledBeside(): Promise<KeySet> {
  assert.equal(world.archived(), 1);
  const aside = world.names('m2').find((file) => file.includes('.archived-'))!;
  const stat = lstatSync(join(world.home('m2'), aside));
  if (stat.isFile()) assert.equal(stat.mode & 0o777, 0o600);
  rmSync(join(world.home('m2'), aside), { recursive: true });
  return world.settled();
}

test('a folder where a main file should be is never removed: it is renamed, and the keys take its place', async () => {
  const set = await world.installed();
  rmSync(world.at('m2', 'main'));
  mkdirSync(join(world.at('m2', 'main'), 'something'), { recursive: true });
  done(await world.run('install'));
  assert.ok(sameSet(await settledBeside(), set));
});

test('a mode that is too open is reported and repaired', async () => {
  await world.installed();
  chmodSync(world.at('m2', 'main'), 0o644);
  const status = await world.run('status');
  assert.equal(status.code, 4);
  assert.match(status.out, /can be read by others/);
  assert.equal((await world.run('verify')).code, 4);
  done(await world.run('distribute'));
  await world.settled();
});

test('a file of another owner is reported and repaired', async () => {
  if (process.getuid?.() !== 0) { notRun('a credentials file of another owner', 'needs root'); return; }
  await world.installed();
  chownSync(world.at('m2', 'main'), 12345, 12345);
  assert.equal((await world.run('status')).code, 4);
  done(await world.run('install'));
  await world.settled();
  assert.equal(lstatSync(world.at('m2', 'main')).uid, 0);
});

test('a folder of another owner, or one that others may write into, takes no keys (5), and what is there is still read', async () => {
  const set = await world.installed();
  if (process.getuid?.() !== 0) notRun('a folder of another owner', 'needs root');
  const spoil = process.getuid?.() === 0 ? [() => chownSync(world.home('m2'), 12345, 12345), () => chmodSync(world.home('m2'), 0o777)] : [() => chmodSync(world.home('m2'), 0o777)];
  for (const make of spoil) {
    await world.installed();
    make();
    const before_ = world.tree();
    assert.equal((await world.run('rotate')).code, 5);
    assert.equal(world.tree(), before_);
    assert.ok(sameSet(world.set('m2'), set));
    await world.restart();
    for (const name of ['m1', 'm3']) world.remove(name, 'main', 'previous');
    done(await world.run('unseal'));
  }
});

test('keys behind a symbolic link are read, and never written through it', async () => {
  await world.installed();
  const real = join(world.home('m2'), 'elsewhere.json');
  renameSync(world.at('m2', 'main'), real);
  symlinkSync(real, world.at('m2', 'main'));
  for (const name of ['m1', 'm3']) world.remove(name, 'main', 'about');
  await world.restart();
  done(await world.run('unseal'));
  const halt = halted(await world.run('rotate'), 5, 'preflight');
  assert.match(halt.details!.join(), /m2: .*symbolic link/);
  const content = readFileSync(real, 'utf8');
  done(await world.run('install', '--limit', 'm1'));
  assert.equal(readFileSync(real, 'utf8'), content);
});

test('main files that differ: what proof names goes everywhere, a known ancestor becomes previous', async () => {
  const old = await world.installed();
  done(await world.run('rotate'));
  const fresh = world.set();
  world.put('m3', 'main', formatKeyFile(old));
  assert.equal((await world.run('status')).code, 4);
  assert.equal((await world.run('verify')).code, 4);
  done(await world.run('distribute'));
  assert.ok(sameSet(await world.settled(), fresh));
  assert.ok(sameShares(world.set('m3', 'previous'), old));
});

test('a differing main of an unknown cluster stops everything (7), is named, and is not touched', async () => {
  await world.installed();
  const live = world.set();
  world.put('m2', 'main', formatKeyFile(foreign));
  const before_ = world.tree();
  for (const command of ['install', 'distribute', 'rotate']) {
    const halt = halted(await world.run(command), 7, 'conflicting-main');
    assert.match(halt.details!.join(), /m2:/);
    assert.match(halt.next!.join(), /vault_creds_host_path/);
  }
  assert.equal(world.tree(), before_);
  assert.ok(sameSet(world.set(), live));
});

test('only keys of another cluster: Vault rejects them (7), and nothing is distributed or archived', async () => {
  await world.installed();
  for (const name of world.managers) { world.put(name, 'main', formatKeyFile(foreign)); world.remove(name, 'about'); }
  const before_ = world.tree();
  for (const sealed of [false, true]) {
    if (sealed) await world.restart();
    for (const command of ['install', 'distribute']) halted(await world.run(command), 7, 'keys-rejected');
    halted(await world.run('rotate', '--no-snapshot'), 7, 'keys-rejected');
    assert.equal(world.tree(), before_);
  }
});

test('a checkpoint that Vault rejects beside a main that it accepts is set aside', async () => {
  const set = await world.installed();
  for (const role of ['install', 'rotate'] as const satisfies readonly Role[]) {
    world.put('m1', role, formatKeyFile(foreign));
    done(await world.run(role));
    const now = await world.settled({ archived: role === 'install' ? 1 : 2 });
    assert.equal(sameSet(now, set), role === 'install');
  }
});

test('a damaged checkpoint beside a proven main is set aside, not lost', async () => {
  await world.installed();
  for (const role of ['install', 'rotate'] as const) {
    world.put('m1', role, '{"root_token": "hvs.');
    assert.equal((await world.run('status')).code, 4);
    done(await world.run(role));
  }
  await world.settled({ archived: 2 });
});

test('a file from a newer vaultctl is not understood, and so not touched (7)', async () => {
  await world.installed();
  for (const name of world.managers) world.remove(name, 'main', 'about');
  world.put('m1', 'install', JSON.stringify({ vaultctl: { format: 99 } }));
  const before_ = world.tree();
  assert.match(halted(await world.run('install'), 7, 'unreadable').details!.join(), /newer vaultctl/);
  assert.equal(world.tree(), before_);
});

test('Vault restored from before a rotation: refused (7) until --accept-restored, which makes the previous keys the main ones', async () => {
  const old = await world.installed();
  const kept = join(world.folder, 'kept-3-2');
  done(await world.run('rotate'));
  await world.loadServers(kept);
  const keys = () => world.tree().split('\n').filter((line) => !line.includes('.about.json')).join('\n');
  const before_ = keys();
  // The first proof opens the server: the later runs must not take an open server and equal files for a healthy one.
  for (const command of ['install', 'distribute', 'install']) halted(await world.run(command), 7, 'restored');
  assert.equal((await world.run('status')).code, 7);
  halted(await world.run('verify'), 7, 'keys-rejected');
  halted(await world.run('rotate', '--no-snapshot'), 7, 'restored');
  assert.equal(keys(), before_);
  done(await world.run('install', '--accept-restored'));
  assert.equal((await world.run('status')).code, 0);
  assert.ok(sameSet(await world.settled({ archived: world.archived() }), old));
  assert.ok(world.sets().length > world.managers.length, 'the newer keys were not lost');
});

test('Vault restored from before a rotation and opened by unseal: it says with which keys, and verify says the rest', async () => {
  await world.installed();
  done(await world.run('rotate'));
  await world.loadServers(join(world.folder, 'kept-3-2'));
  assert.match(done(await world.run('unseal')).said, /opened with the previous keys/);
  await untilActive(world.vault, world.address);
  halted(await world.run('verify'), 7, 'keys-rejected');
});

test('a root token that was revoked, with keys that are fine: install, unseal and distribute work; verify and rotate say what is wrong', async () => {
  const set = await world.installed();
  await world.vault.revokeSelf(world.address, set.rootToken);
  done(await world.run('install'));
  const verify = halted(await world.run('verify'), 4, 'verify-failed');
  assert.match(verify.details!.join(), /root token .* not accepted/);
  const before_ = world.tree();
  const rotate = halted(await world.run('rotate'), 7, 'snapshot-failed');
  assert.match(`${rotate.details!.join()}${rotate.next!.join()}`, /--token-file/);
  assert.equal(world.tree().replaceAll(/.*\/snap .*\n/g, ''), before_);
  await world.restart();
  done(await world.run('unseal'));
  world.remove('m2', 'main');
  done(await world.run('distribute'));
  done(await world.run('rotate', '--no-snapshot'));
  await world.settled();
});

test('shares of one manager damaged by hand (a bit of the third): verify names the share', async () => {
  await world.installed();
  for (const name of world.managers) {
    const keys = JSON.parse(world.read(name, 'main')) as { unseal_keys: string[] };
    const bytes = Buffer.from(keys.unseal_keys[2]!, 'base64');
    bytes[4]! ^= 1;
    keys.unseal_keys[2] = bytes.toString('base64');
    world.put(name, 'main', JSON.stringify(keys));
  }
  assert.match(halted(await world.run('verify'), 4, 'verify-failed').details!.join(), /number 3/);
});

test('keys whose rekey was finished by hand on another threshold are still recognised as live', async () => {
  const old = await world.installed();
  const { set, nonce } = await rekeyToVerify(world.vault, world.address, old, 5, 3);
  for (const share of set.shares.slice(0, 3)) await world.vault.verifyUpdate(world.address, share, nonce, undefined);
  world.put('m1', 'rotate', formatKeyFile(set));
  done(await world.run('rotate'));
  assert.ok(sameShares(await world.settled(), set));
});
