import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SshTarget } from '../../src/adapters/ssh-settings.ts';
import { LoginAnswers, Passphrases } from '../../src/adapters/openssh-answers.ts';
import { Secret } from '../../src/model/secret.ts';

const target: SshTarget = {
  name: 'm1', hostname: '10.0.0.1', port: 22, user: 'op', password: new Secret('host-password'), firstKey: undefined, identityFiles: [], identitiesOnly: false, hostKeyAlias: 'alias',
  strict: 'yes', knownHostsFiles: [], proxyJump: undefined, proxyCommand: undefined, connectTimeoutMs: 1, configFile: undefined, config: new Map(),
};

function login(given: readonly (string | undefined)[] = []) {
  const asked: string[] = [];
  const notes: string[] = [];
  const passphrases = new Passphrases((question) => {
    const text = given[asked.length];
    asked.push(question);
    return Promise.resolve(text === undefined ? undefined : new Secret(text));
  });
  const answers = new LoginAnswers(target, 'm1.example', passphrases, (text) => { notes.push(text); });
  return { asked, notes, answers, say: async (text: string, kind: 'secret' | 'confirm' | 'none' = 'secret') => (await answers.answer({ text, kind }))?.reveal() };
}

describe('what the system\'s ssh is told when it asks', () => {
  it('the password of the host, once, whichever of its names the question has', async () => {
    for (const text of ["op@10.0.0.1's password: ", "op@m1.example's password: ", '(op@alias) Password: ']) {
      const { say, answers } = login();
      assert.equal(await say(text), 'host-password');
      assert.equal(await say(text), undefined, 'a wrong password is not tried twice');
      assert.equal(answers.unanswered.length, 1);
    }
  });

  it('never to a hop, another user, or whoever else asks', async () => {
    const { say, asked } = login(['typed']);
    for (const text of ["op@bastion's password: ", "root@10.0.0.1's password: ", '(op@bastion) Password: ', 'Password: ', 'Verification code: ']) assert.equal(await say(text), undefined, text);
    assert.deepEqual(asked, []);
  });

  it('nobody trusts a host key or allows anything because ssh asked', async () => {
    const { say, asked } = login(['yes', 'yes']);
    assert.equal(await say('The authenticity of host … Are you sure you want to continue connecting (yes/no/[fingerprint])? '), undefined);
    assert.equal(await say("Enter passphrase for key '/k': ", 'confirm'), undefined);
    assert.deepEqual(asked, []);
  });

  it('a passphrase is asked for once, and anew where it was wrong; a cursor is never moved', async () => {
    const { say, asked } = login(['wrong', 'right']);
    const text = "Enter passphrase for key '/k\u001b[2J': ";
    assert.deepEqual([await say(text), await say(text)], ['wrong', 'right']);
    assert.deepEqual(asked, ["Enter passphrase for key '/k[2J': ", "Enter passphrase for key '/k[2J': "]);
    const other = login([undefined]);
    assert.equal(await other.say('Enter PIN for ED25519-SK key /k: '), undefined);
    assert.deepEqual(other.answers.unanswered, ['Enter PIN for ED25519-SK key /k']);
  });

  it('a touch that a hardware key waits for is passed on, and answered by nobody', async () => {
    const { say, notes } = login();
    assert.equal(await say('Confirm user presence for key ED25519-SK SHA256:x', 'none'), undefined);
    assert.deepEqual(notes, ['m1: Confirm user presence for key ED25519-SK SHA256:x']);
  });
});
