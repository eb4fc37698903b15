import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callsOf, endsWell } from './history.ts';
import { play } from './play.ts';
import { prepare } from './prepare.ts';
import { describe, nextAfter, resume } from './resume.ts';
import { settingNamed } from './settings.ts';
import { struck } from './strike.ts';

/*
 * The same of worlds in which others did harm, too: Vault was restored, a disk came back older, a person edited a file.
 */

test('a living root token beside keys that a restored Vault rejects takes the place of a dead one beside those that it accepts', async () => {
  const setting = settingNamed('rotate-2x1-local-roottoken-twice');
  const calls = await callsOf(await prepare(setting), 'rotate');
  const first = calls.indexOf('vault v1 PUT sys/rekey/verify');
  const stories = new Set<string>();
  for (const at of calls.keys()) {
    if (at <= first || !calls[at]!.startsWith('vault')) continue;
    const { wrong, story } = await play(await prepare(setting), 'rotate', [[{ kind: 'vault-restored', at, when: '', detail: [] }]]);
    assert.equal(wrong, undefined, `restored at call ${at}: ${story.join(' > ')}`);
    stories.add(story.join(' > '));
  }
  assert.ok(stories.has('rotate: done > rotate: halt restored > install: done'), [...stories].join('\n'));
});

test('an about that could not be read this once is told all the same that Vault rejects the keys that it names', async () => {
  const { story } = await endsWell('rotate-1x3-local-twice', ['rollback:0', { kind: 'die', on: /^disk m1 create .*\.vault-creds-rotate\.json\.tmp/, when: 'before' }, { kind: 'fails', on: /^disk m1 read .*about\.json$/ }, 'forgets']);
  assert.deepEqual(story.slice(2), ['rotate: halt restored', 'install: halt restored', 'install: done']);
});

test('a root token that somebody damaged in main is taken from what a dead run left beside it', async () => {
  const { story } = await endsWell('rotate-1x1-remote-twice', [{ kind: 'die', on: /^disk m1 file\.sync .*\.vault-creds-rotate\.json\.tmp/ }, 'token:m1:main']);
  assert.deepEqual(story, ['rotate: died', 'token:m1:main', 'rotate: done']);
});

test('live keys in what is left of a main that was never renamed are not called the previous ones of a restored Vault', async () => {
  const { story } = await endsWell('rotate-1x1-local', [{ kind: 'die', on: /^disk m1 rename .*\/vault-unseal\.json$/, when: 'before' }, 'delete:m1:rotate']);
  assert.deepEqual(story, ['rotate: died', 'delete:m1:rotate', 'rotate: halt keys-elsewhere', 'install: done']);
});

test('whoever gives --accept-restored has it proven, though no about could be told that Vault rejects the keys that it names', async () => {
  const { story } = await endsWell('rotate-1x1-local-twice', ['rollback:0', { kind: 'fails', on: /^disk m1 rename .*about\.json$/ }]);
  assert.deepEqual(story, ['rollback:0', 'rotate: halt restored', 'install: done']);
});

test('a root token that somebody damaged in the checkpoint is not the one to finish a verification with', async () => {
  const { story } = await endsWell('rotate-1x3-local-token', [{ kind: 'die', on: /^vault v1 PUT sys\/rekey\/verify$/, when: 'before' }, 'token:m1:rotate']);
  assert.deepEqual(story, ['rotate: died', 'token:m1:rotate', 'rotate: done']);
});

test('a rotation that cannot be staged writes main anew, where it is empty or older, before it sets the checkpoint beside it aside', async () => {
  for (const harm of ['empty:m1:main', 'delete:m2:main', 'older:m1:0']) {
    const staging = { kind: 'fails', on: /^disk m2 file\.sync .*\.vault-creds-rotate\.json\.tmp/ } as const;
    const { story } = await endsWell('rotate-2x1-local-twice', [harm, staging]);
    assert.deepEqual(story, [harm, 'rotate: halt stage-failed', 'rotate: done']);
  }
});

test('a changed root token is delivered by a new look: the main that was just written is not the one to set aside', async () => {
  for (const name of ['rotate-1x1-local-roottoken-twice', 'rotate-2x1-local-roottoken-twice']) {
    const { story } = await endsWell(name, [{ kind: 'die', on: /^vault v1 PUT sys\/rekey\/update$/ }, 'restore:1']);
    assert.deepEqual(story, ['rotate: died', 'restore:1', 'rotate: done']);
  }
});

test('a main that somebody edited in the middle of a rotation stops the next run before the checkpoint beside it is set aside', async () => {
  for (const on of [/^disk m1 file\.write .*vault-creds-rotate\.json\.tmp/, /^vault v1 PUT sys\/rekey\/update$/]) {
    const { story } = await endsWell('rotate-2x1', [{ kind: 'die', on }, 'edit:m1:main']);
    assert.deepEqual(story, ['rotate: died', 'edit:m1:main', 'rotate: halt conflicting-main', 'rotate: done']);
  }
});

test('Vault put back while its root token is replaced: the new token is known there and the one beside the live previous shares is not, and rotate says that it was restored', async () => {
  const { story } = await endsWell('rotate-2x1-remote-token-roottoken', [{ kind: 'vault-restored', on: /^vault v1 POST auth\/token\/create$/ }]);
  assert.deepEqual(story, ['rotate: done', 'rotate: halt restored', 'install: done']);
});

test('a node that alone has a newer key than the older disk of the only manager is not called closed for ever: the open leader says that the keys are dead, or with which token it would', async () => {
  for (const [name, code] of [['rotate-1x3-remote', 'keys-rejected'], ['rotate-1x3-remote-token-roottoken', 'unproven']] as const) {
    const { story } = await endsWell(name, [{ kind: 'node-restarts-before', on: /^vault v1 GET sys\/seal-status$/, nth: 99 }, 'older:m1:0']);
    assert.deepEqual(story.slice(-2), ['older:m1:0', `rotate: halt ${code}`]);
  }
});

test('the only living root token, beside keys that Vault rejects, is never in the archive alone while the previous keys become main again', async () => {
  const restored = async () => {
    const start = await prepare(settingNamed('rotate-roottoken'));
    const at = (await callsOf(start, 'rotate')).lastIndexOf('vault v1 PUT sys/rekey/verify') + 1;
    await struck(start, 'rotate', [{ kind: 'vault-restored', at, when: '', detail: [] }]);
    const { ending } = await struck(start, 'rotate', []);
    assert.equal(describe(ending), 'halt restored');
    nextAfter(ending, 'rotate', start.world, start.seen, false);
    return start;
  };
  const { calls } = await struck(await restored(), 'install', []);
  const from = calls.findIndex(({ port, what }) => port === 'host' && what.includes('move /etc/kubernetes/vault-unseal.json'));
  assert.ok(from > 0);
  for (const { index } of calls.slice(from)) {
    const start = await restored();
    await struck(start, 'install', [{ kind: 'die', at: index, when: 'a', detail: [] }]);
    const { wrong, story } = await resume(start.world, 'install', start.seen);
    assert.equal(wrong, undefined, `died after call ${index}: ${story.join(' > ')}`);
  }
});

test('a node whose half-done commit nobody else has any more, for Vault was restored, joins afresh: the page says how, and it is not closed for ever', async () => {
  const setting = settingNamed('rotate-1x3-remote');
  const verify = (await callsOf(await prepare(setting), 'rotate')).lastIndexOf('vault v1 PUT sys/rekey/verify');
  const stories = new Set<string>();
  for (let at = verify + 2; at < verify + 14; at += 1) {
    const { wrong, story } = await play(await prepare(setting), 'rotate', [[{ kind: 'commit', at: 1, when: '', detail: [] }, { kind: 'die', at, when: 'b', detail: [] }], [{ kind: 'restore', at: -1, when: '', detail: ['0'] }]]);
    assert.equal(wrong, undefined, `died before call ${at}: ${story.join(' > ')}`);
    stories.add(story.slice(2).join(' > '));
  }
  assert.ok(stories.has('rotate: halt nodes-closed > rotate: done'), [...stories].join('\n'));
});
