import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diagnose } from '../../src/engine/diagnose.ts';
import { survey } from '../../src/engine/survey.ts';
import { install } from '../../src/flows/install.ts';
import { rotate } from '../../src/flows/rotate.ts';
import { World } from '../sim/world.ts';
import { callsOf, endsWell, history, place } from './history.ts';
import { play } from './play.ts';
import { prepare } from './prepare.ts';
import { resume } from './resume.ts';
import { breakLocks } from './second.ts';
import { settingNamed } from './settings.ts';
import { struck } from './strike.ts';

/*
 * Bugs that the exploration found, each kept shut by the schedule that showed it (docs/crash-record.md). A fault is placed
 * by what the call does and not by its number, for numbers change with every call that is added.
 */

const writesMain = /^disk m1 rename \/etc\/kubernetes\/vault-unseal\.json$/;

test('a node that is open and still in its election is waited for: the next run does not say that there is no leader', async () => {
  const { story } = await endsWell('install-1x1', [{ kind: 'die', on: /^vault v1 PUT sys\/unseal/, nth: 1 }]);
  assert.deepEqual(story, ['install: died', 'install: done']);
});

test('a torn first save and an emptied Vault: the page of the lost init reply names the command that sets the rest aside', async () => {
  const { story } = await endsWell('install-1x1', [{ kind: 'reboot', on: /^disk m1 file\.write .*vault-creds-init\.json\.tmp.*\.keys$/, nth: 1, detail: ['m1', 'kt'] }]);
  assert.deepEqual(story, ['install: died', 'install: halt init-reply-lost', 'install: done']);
});

test('a server that died in its init between barrier and seal gives no look an answer: the page says what it is, and leads to the end', async () => {
  const { story } = await endsWell('install-1x1', [{ kind: 'commit', on: /./, nth: 2 }]);
  assert.ok(story.includes('install: halt init-cut-off'), story.join('\n'));
});

test('a half commit is called one where a node is open still: most refuse every set, and it finds nobody to elect it', async () => {
  const setting = settingNamed('rotate-1x3-remote');
  const first = (await callsOf(await prepare(setting), 'rotate')).findLastIndex((call) => call === 'vault v1 PUT sys/rekey/verify');
  const stories = new Set<string>();
  // While it asks the dead leader what became of it, another node is sealed.
  for (let at = first; at < first + 20; at += 1) {
    const { wrong, story } = await play(await prepare(setting), 'rotate', [[{ kind: 'node-sealed', at, when: '', detail: [] }, { kind: 'commit', at: 1, when: '', detail: [] }]]);
    assert.equal(wrong, undefined, `sealed at call ${at}: ${story.join(' > ')}`);
    stories.add(story.join(' > '));
  }
  assert.ok(stories.has('rotate: halt commit-unknown > rotate: halt half-commit > recover --restore-snapshot: done'), [...stories].join('\n'));
});

test('a server that takes NEW and seals itself every time is half-committed: the snapshot is named, and brings it back', async () => {
  const { story } = await endsWell('rotate-1x1', [{ kind: 'commit', on: /./, nth: 2 }]);
  assert.ok(story.some((line) => line === 'rotate: halt half-commit'), story.join('\n'));
  assert.equal(story.at(-1), 'recover --restore-snapshot: done');
});

test('a rotate checkpoint that cannot be read this once is not called off while it may hold the only durable copy of NEW', async () => {
  const { story, said } = await endsWell('rotate-1x1', [
    { kind: 'die', on: /^disk m1 file\.sync .*\.vault-unseal\.json\..*\.keys$/, when: 'before' },
    { kind: 'fails', on: /^disk m1 (stat|read) .*vault-creds-rotate\.json\.tmp$/ },
  ]);
  // The run that could not read it ends this very rotation; the last one is a rotation of its own.
  assert.deepEqual(story, ['rotate: died', 'rotate: done', 'rotate: done']);
  assert.equal(said.filter((line) => line.trim() === 'done verify-rekey').length, 2);
});

test('a proof of ours that died before its nonce was written is known again in an interrupted rotation', async () => {
  await endsWell('rotate-1x1', [
    { kind: 'die', on: /^disk m1 rename .*vault-unseal\.previous\.json$/ },
    { kind: 'die', on: /^vault v1 PUT sys\/rekey\/init$/ },
  ]);
});

test('an open proof is in the lock file at every instant, whoever dies while writing there', async () => {
  const start = await prepare(settingNamed('install-1x1'));
  await struck(start, 'install', [await place(start, 'install', { kind: 'die', on: writesMain })]);
  const touches = (await callsOf(start, 'install')).filter((call) => /^disk m1 .*\.vaultctl\.lock$/.test(call)).length;
  assert.ok(touches > 10);
  for (let nth = 0; nth < touches; nth += 1) {
    await endsWell('install-1x1', [
      { kind: 'die', on: writesMain },
      { kind: 'die', on: /^vault v1 PUT sys\/rekey\/update$/ },
      { kind: 'die', on: /^disk m1 .*\.vaultctl\.lock$/, nth },
    ]);
  }
});

test('a proof whose start or cancel got no answer is cancelled in the same run, not taken for somebody else\'s', async () => {
  for (const kind of ['reply-lost', 'fails'] as const) {
    for (const on of [/^vault v1 PUT sys\/rekey\/init$/, /^vault v1 DELETE sys\/rekey\/init$/]) {
      const { story } = await endsWell('install-1x1', [{ kind: 'die', on: writesMain }, { kind, on }]);
      assert.ok(!story.some((line) => line.includes('foreign-rekey')), story.join('\n'));
    }
  }
});

test('a main that cannot be read this once is set aside only while another live copy stands on that manager', async () => {
  await endsWell('install-2x1', [
    { kind: 'die', on: /^disk m2 remove .*vault-creds-init\.json\.tmp$/ },
    { kind: 'fails', on: /^disk m2 (stat|read) \/etc\/kubernetes\/vault-unseal\.json$/ },
  ]);
});

test('what a rotation that died while it wrote its snapshot left of it goes with the next one that ends well', async () => {
  const { story } = await endsWell('rotate-1x1', [{ kind: 'die', on: /^disk m1 file\.sync .*\.snap\..*\.plain$/ }]);
  assert.deepEqual(story, ['rotate: died', 'rotate: done']);
});

test('Vault restored to what a manager holds as its previous set, in the middle of a rotation: nothing takes the place of it before main has it', async () => {
  for (const name of ['rotate-1x1-remote-twice', 'rotate-2x1-local-twice']) {
    await endsWell(name, [{ kind: 'die', on: /^disk m1 file\.sync .*\.vault-unseal\.previous\.json/, when: 'before' }, 'rollback:1']);
    await endsWell(name, [{ kind: 'die', on: writesMain }, 'rollback:1']);
  }
});

test('Vault restored from before the last rotation: rotate says so and names the way, not that every set is rejected', async () => {
  const { story } = await endsWell('rotate-1x1-remote-twice', ['rollback:0']);
  assert.deepEqual(story, ['rollback:0', 'rotate: halt restored', 'install: done']);
});

test('Vault restored from before its root token was replaced: rotate says that it was restored, not that its keys are live and no snapshot could be taken', async () => {
  const { wrong, story } = await history('rotate-1x3-local-roottoken', ['well', 'restore:0']);
  assert.equal(wrong, undefined, story.join('\n'));
  assert.deepEqual(story.slice(-2), ['rotate: halt restored', 'install: done']);
});

test('a search for forgotten root tokens to which Vault gives no answer is made again, not left', async () => {
  const { story } = await endsWell('rotate-roottoken', [{ kind: 'die', on: /^vault v1 POST auth\/token\/create/ }, { kind: 'fails', on: /^vault v1 LIST auth\/token\/accessors$/ }]);
  assert.deepEqual(story, ['rotate: died', 'rotate: halt vault-cut-off', 'rotate: done']);
});

test('whoever lost his lock revokes no root token that the one who broke it has just delivered', async () => {
  const setting = settingNamed('rotate-2x1-local-roottoken');
  const at = (await callsOf(await prepare(setting), 'rotate')).indexOf('vault v1 LIST auth/token/accessors');
  const stories = new Set<string>();
  // He wakes while the other stands, his own token delivered and the old one not yet revoked.
  for (let stands = 180; stands < 340; stands += 8) {
    const { wrong, story } = await play(await prepare(setting), 'rotate', [[{ kind: 'second', at, when: '', detail: ['rotate', 'm2', String(stands), 'unlock'] }]]);
    assert.equal(wrong, undefined, `the other stands before his call ${stands}: ${story.join(' > ')}`);
    stories.add(story.join(' > '));
  }
  assert.ok(stories.has('rotate: halt lock-lost > rotate: done'), [...stories].join('\n'));
});

test('a root token that stands alone in a file that cannot be read this once is not given up for a dead one', async () => {
  const { story } = await endsWell('rotate-roottoken', [{ kind: 'die', on: /^vault v1 POST auth\/token\/revoke-self$/ }, { kind: 'fails', on: /^disk m1 (stat|read|open) .*\/vault-unseal\.json$/ }]);
  assert.deepEqual(story, ['rotate: died', 'rotate: done', 'rotate: done']);
});

test('a node that is sealed between the two questions of the last look is not called open', async () => {
  const { story } = await endsWell('install-1x1', [{ kind: 'node-sealed', on: /^vault v1 GET sys\/health$/, nth: 99 }]);
  assert.deepEqual(story, ['install: halt nodes-closed', 'install: done']);
});

test('whoever finds Vault initialised by somebody who broke its lock does not call the keys lost, and nothing is to be emptied', async () => {
  const setting = settingNamed('install-2x1');
  const calls = await callsOf(await prepare(setting), 'install');
  const init = calls.indexOf('vault v1 PUT sys/init');
  const lastLook = calls.findLastIndex((call, index) => index < init && call === 'vault v1 GET sys/seal-status');
  for (let at = 0; at <= lastLook; at += 1) {
    if (calls[at]!.startsWith('disk')) continue;
    const { wrong, story } = await play(await prepare(setting), 'install', [[{ kind: 'second', at, when: '', detail: ['install', 'm2', '9999', 'unlock'] }]]);
    assert.equal(wrong, undefined, `asleep before call ${at}: ${story.join(' > ')}`);
    assert.ok(at < lastLook || story[0] === 'install: halt lock-lost', story.join(' > '));
  }
});

test('nor while the manager that holds them does not answer: unreachable is never absent', async () => {
  const setting = settingNamed('install-1x1-remote');
  const calls = await callsOf(await prepare(setting), 'install');
  const init = calls.indexOf('vault v1 PUT sys/init');
  const lastLook = calls.findLastIndex((call, index) => index < init && call === 'vault v1 GET sys/seal-status');
  const first = new Set<string | undefined>();
  for (let at = lastLook; at < lastLook + 30; at += 1) {
    const { wrong, story } = await play(await prepare(setting), 'install', [[{ kind: 'second', at: lastLook, when: '', detail: ['install', 'm1', '9999', 'unlock'] }, { kind: 'host-reboots', at, when: '', detail: [] }]]);
    assert.equal(wrong, undefined, `m1 reboots at call ${at}: ${story.join(' > ')}`);
    first.add(story[0]);
  }
  assert.ok(first.has('install: halt cannot-tell'), [...first].join(', '));
});

test('keys that whoever broke the lock moves between two looks are not called lost, nor their init reply', async () => {
  const setting = settingNamed('install-2x1');
  for (const on of [/^disk m1 rename .*vault-creds-init\.json\.tmp$/, /^disk m1 file\.close .*vault-creds-init\.json\.tmp.*\.keys$/]) {
    const death = await place(await prepare(setting), 'install', { kind: 'die', on });
    const first = new Set<string | undefined>();
    for (let at = 26; at < 54; at += 1) {
      const { wrong, story } = await play(await prepare(setting), 'install', [[death], [{ kind: 'second', at, when: '', detail: ['distribute', 'laptop', '9999', 'unlock'] }]]);
      assert.equal(wrong, undefined, `asleep before call ${at}: ${story.join(' > ')}`);
      first.add(story[1]);
    }
    assert.ok(first.has('install: halt lock-lost'), [...first].join(', '));
  }
});

test('whoever breaks a dead lock leaves in it which proof its holder had open: it is nobody else\'s rekey', async () => {
  const setting = settingNamed('install-2x1-remote');
  const start = await prepare(setting);
  await struck(start, 'install', [await place(start, 'install', { kind: 'die', on: writesMain })]);
  await struck(start, 'install', [await place(start, 'install', { kind: 'die', on: /^vault v1 PUT sys\/rekey\/init$/ })]);
  const { nodes: [node], vault } = start.world.eyes();
  assert.equal((await vault.rekeyStatus(node!.address, undefined)).started, true);
  await breakLocks(start.world);
  const { wrong, story } = await resume(start.world, 'install', start.seen);
  assert.equal(wrong, undefined, story.join(' > '));
  assert.deepEqual(story, ['install: done']);
});

test('one manager that notes that Vault rejects its keys is believed, whatever the about of another still says', async () => {
  const { story } = await endsWell('rotate-2x1-local-twice', ['restore:0', { kind: 'disk-full', on: /^disk m1 create .*vault-unseal\.about\.json/ }, 'forgets']);
  assert.deepEqual(story.slice(-2), ['install: halt restored', 'install: done']);
});

test('keys that are in a sibling which cannot be read this once are not called a lost init reply', async () => {
  const { story } = await endsWell('install-1x1', [{ kind: 'die', on: /^disk m1 file\.write .*vault-creds-init\.json\.tmp.*\.keys$/, nth: 1 }, { kind: 'fails', on: /^disk m1 read .*\.vault-creds-init\.json\.tmp\..*\.keys$/ }]);
  assert.deepEqual(story, ['install: died', 'install: halt unreadable', 'install: done']);
});

test('rotate, where an init reply was lost and its save torn, points to install and not to a backup that nobody has', async () => {
  const { story } = await endsWell('install-1x1', [
    { kind: 'reboot', on: /^disk m1 file\.write .*vault-creds-init\.json\.tmp.*\.keys$/, nth: 1, detail: ['m1', 'kt'] }, { kind: 'fails', on: /^disk m1 stat .*vault-creds-rotate\.json\.tmp$/ },
  ]);
  assert.deepEqual(story, ['install: died', 'install: halt finish-rotate', 'rotate: halt finish-install', 'install: halt init-reply-lost', 'install: done']);
});

test('a manager that lost its main has it again before the checkpoint of a rotation that never committed, its only copy, is set aside', async () => {
  const { story } = await endsWell('rotate-2x1', [{ kind: 'power', on: /^vault v1 PUT sys\/rekey\/verify$/, when: 'before', detail: ['kkk'] }, 'delete:m2:main']);
  assert.equal(story.at(-1), 'rotate: done');
});

test('a snapshot that cannot be looked at this once is not called missing', async () => {
  const { wrong, story } = await history('rotate-1x1', [{ kind: 'commit', nth: 1, on: /./ }, 'well', { kind: 'fails', on: /^disk m1 stat .*\.snap$/ }]);
  assert.equal(wrong, undefined, story.join('\n'));
});

test('a restoring that died once its server was initialised goes on, and nobody has to empty the server again', async () => {
  for (const on of [/^vault v1 PUT sys\/unseal/, /^vault v1 .*snapshot-force/]) {
    const { wrong, story } = await history('rotate-1x1', [{ kind: 'commit', nth: 1, on: /./ }, 'well', { kind: 'die', on, when: 'before' }]);
    assert.equal(wrong, undefined, story.join('\n'));
    assert.ok(!story.some((line) => line.includes('empty-first')), story.join('\n'));
  }
});

test('a server that was emptied for a snapshot and died in its own init is emptied once more, as the page says, and then restored', async () => {
  for (const nth of [1, 2]) {
    const { story } = await endsWell('rotate-1x1-remote', [{ kind: 'commit', on: /./, nth: 2 }, 'well', { kind: 'commit', on: /./, nth }]);
    assert.deepEqual(story.slice(-2), ['recover --restore-snapshot: halt restore-cut-off', 'recover --restore-snapshot: done']);
  }
});

test('… and where a rekey demands a token, too: that server knows the token of its own keys alone', async () => {
  const { story } = await endsWell('rotate-token', [{ kind: 'commit', on: /./, nth: 2 }, 'well', { kind: 'die', on: /^vault v1 POST sys\/storage\/raft\/snapshot-force$/, when: 'before' }]);
  assert.deepEqual(story.slice(-2), ['recover --restore-snapshot: died', 'recover --restore-snapshot: done']);
});

test('whatever a person has let others read beside main is closed by the next install, the previous keys too, and status says so until then', async () => {
  const world = new World({ managers: 2, nodes: 1 });
  assert.equal((await world.run(install)).ending.is, 'done');
  assert.equal((await world.run(rotate)).ending.is, 'done');
  const folder = world.machines.get('m2')!.find('/etc/kubernetes')!;
  for (const name of ['vault-unseal.previous.json', 'vault-unseal.about.json']) {
    const keys = folder.names.get(name)!.content;
    folder.names.get(name)!.mode = 0o644;
    const { exit, problems } = diagnose(await survey(world.eyes()), 'hosts.yaml');
    assert.deepEqual([exit, problems], ['resumable', [`m2:/etc/kubernetes/${name}: can be read by others than its owner`]]);
    assert.equal((await world.run(install)).ending.is, 'done');
    assert.equal(folder.names.get(name)!.mode, 0o600);
    if (name.includes('previous')) assert.deepEqual(folder.names.get(name)!.content, keys);
  }
});

test('Vault put back to before its root token was replaced, on a server that demands one: rotate says that it was restored, not that nothing can be proven', async () => {
  const { story } = await endsWell('rotate-1x1-local-openbao-roottoken-twice', ['rollback:0']);
  assert.ok(story.includes('rotate: halt restored'), story.join('\n'));
});

test('a rekey of ours that OpenBao kept through an election is known again by its record, untouched, begun and verifying', async () => {
  for (const on of [/^disk m1 rename .*vault-creds-rotate\.json\.tmp$/, /^vault v1 PUT sys\/rotate\/root\/update$/, /^vault v1 PUT sys\/rotate\/root\/verify$/]) {
    const { story } = await endsWell('rotate-1x1-local-openbao', [{ kind: 'die', on, nth: 1, when: 'before' }, 'new-leader']);
    assert.deepEqual(story, ['rotate: died', 'new-leader', 'rotate: done']);
  }
});

