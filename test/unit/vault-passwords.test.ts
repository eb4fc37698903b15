import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Vault } from 'ansible-vault';
import { nodeInventoryFiles } from '../../src/adapters/node-inventory-files.ts';
import { passwordFrom } from '../../src/adapters/password-program.ts';
import type { Machine } from '../../src/commands/context.ts';
import { runCommand } from '../../src/commands/program.ts';
import { Halt, haltPage } from '../../src/model/halt.ts';
import { redact, Secret } from '../../src/model/secret.ts';

const words = { default: 'word-of-nobody-1', dev: 'word-for-dev-22', prod: 'word-for-prod-333' };
const folder = mkdtempSync(join(tmpdir(), 'vaultctl-passwords-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, text: string, mode = 0o600): string {
  writeFileSync(join(folder, name), text);
  chmodSync(join(folder, name), mode);
  return join(folder, name);
}
const script = (name: string, body: string) => put(name, `#!/bin/sh\n${body}\n`, 0o700);
const sealed = (password: string, text: string, label = '') => new Vault({ password }).encryptSync(text, label);
for (const [label, password] of Object.entries(words)) put(`${label}.pw`, `  ${password} \r\n\n`);
/** An inventory whose variables are a whole file in Ansible Vault. */
function inventory(name: string, text: string): string {
  put(`${name}.yaml`, 'all: {hosts: {h1: }}\n');
  return put(`${name}-vars.yaml`, text);
}

interface Typed { readonly out: string; readonly page: string; readonly warned: readonly string[]; readonly questions: readonly string[] }

async function list(secretFile: string, argv: readonly string[], { env = {}, answers = [] }: { env?: Record<string, string>; answers?: readonly string[] } = {}): Promise<Typed> {
  let out = '';
  const [warned, questions, left] = [[] as string[], [] as string[], [...answers]];
  const machine: Machine = {
    files: nodeInventoryFiles, cwd: folder, clock: { now: () => 0, sleep: async () => undefined, random: () => 'ab' },
    env: (name) => ({ HOME: folder, ...env })[name], localNames: () => [], passwordFrom,
    readInput: async (path) => { if (path !== '-') throw new Error(`${path} was read as a stream`); return new TextEncoder().encode(`${words.prod}\n`); },
    holder: () => ({ holder: 'test', host: 'here', pid: 1 }), out: (text) => { out += text; }, err: () => undefined,
    operator: () => ({
      tell: (event) => { if (event.is === 'warning') warned.push(event.text); }, confirm: async () => false, stopRequested: () => undefined, showKeys: async () => false, end: () => undefined,
      askSecret: async (question) => { questions.push(question); const answer = left.shift(); return answer === undefined ? undefined : new Secret(answer); },
    }),
    open: async () => { throw new Error('the world was opened'); },
  };
  try {
    await runCommand(machine, ['inventory', '-i', 'h1,', '-e', `@${secretFile}`, '--list', ...argv], '1');
    return { out, page: '', warned, questions };
  } catch (error) {
    if (!(error instanceof Halt)) throw error;
    assert.equal(error.exitCode, 2);
    const page = redact(haltPage(error.text));
    for (const word of Object.values(words)) assert.ok(!page.includes(word), page);
    return { out, page, warned, questions };
  }
}

const prod = inventory('prod', sealed(words.prod, 'opened: yes\n', 'prod'));
const plain = inventory('plain', sealed(words.dev, 'opened: yes\n'));

describe('the password of Ansible Vault', () => {
  const taken: Record<string, [string, string[], { env?: Record<string, string>; answers?: string[] }?]> = {
    'a file, blanks around it are not part of it': [prod, ['--vault-password-file', 'prod.pw']],
    'several files: one of them opens it': [prod, ['--vault-password-file', 'dev.pw', '--vault-password-file', 'prod.pw']],
    'a label and its file': [prod, ['--vault-id', 'prod@prod.pw']],
    'a file with another label, as Ansible allows': [prod, ['--vault-id', 'dev@prod.pw']],
    'a file without a label': [plain, ['--vault-id', 'dev.pw']],
    'several labels, for a text that has none': [plain, ['--vault-id', 'prod@prod.pw', '--vault-id', 'dev@dev.pw']],
    'standard input': [prod, ['--vault-password-file', '-']],
    'a program that prints it': [prod, ['--vault-password-file', script('says.sh', `printf '%s\\n' ${words.prod}`)]],
    'a program with the operator\'s environment': [prod, ['--vault-password-file', script('env.sh', 'printf %s "$D2_TEST_WORD"')]],
    'a program that leaves somebody behind with its output': [prod, ['--vault-password-file', script('agent.sh', `sleep 2 &\necho ${words.prod}`)]],
    'a program that is told the label': [prod, ['--vault-id', `prod@${script('keys-client.sh', `[ "$1 $2" = "--vault-id prod" ] && echo ${words.prod}`)}`]],
    'what $ANSIBLE_VAULT_PASSWORD_FILE names': [prod, [], { env: { ANSIBLE_VAULT_PASSWORD_FILE: '~/prod.pw' } }],
    'what $ANSIBLE_VAULT_IDENTITY_LIST names': [prod, [], { env: { ANSIBLE_VAULT_IDENTITY_LIST: 'dev@dev.pw, prod@prod.pw' } }],
    'a label that must fit, and does': [prod, ['--vault-id', 'dev@dev.pw', '--vault-id', 'prod@prod.pw'], { env: { ANSIBLE_VAULT_ID_MATCH: 'yes' } }],
    'a file that is itself encrypted with the one before': [prod, ['--vault-id', 'dev@dev.pw', '--vault-password-file', put('sealed.pw', sealed(words.dev, `${words.prod}\n`))]],
  };
  process.env['D2_TEST_WORD'] = words.prod;
  after(() => { delete process.env['D2_TEST_WORD']; });
  for (const [name, [file, argv, how]] of Object.entries(taken)) {
    it(`may be ${name}`, async () => {
      const { out, page } = await list(file, argv, how);
      assert.equal(page, '');
      assert.equal(JSON.parse(out)._meta.hostvars.h1.opened, true);
    });
  }

  it('is asked for where a label says prompt, and with --ask-vault-pass; not where nothing is encrypted', async () => {
    const by = async (argv: string[], answers: string[]) => {
      const { out, questions } = await list(prod, argv, { answers });
      assert.equal(JSON.parse(out)._meta.hostvars.h1.opened, true);
      return questions;
    };
    assert.deepEqual(await by(['--vault-id', 'prod@prompt'], [words.prod]), ['Vault password (prod): ']);
    assert.deepEqual(await by(['--ask-vault-pass'], [words.prod]), ['Vault password: ']);
    assert.deepEqual(await by(['-J', '--vault-id', 'dev@prompt'], [words.dev, words.prod]), ['Vault password (dev): ', 'Vault password: ']);
    assert.deepEqual((await list(put('clear.yaml', 'opened: no\n'), ['--ask-vault-pass'])).questions, []);
  });

  it('that ansible.cfg names and nobody can read is warned of where another one is given', async () => {
    const { out, warned } = await list(prod, ['--vault-id', 'prod@prod.pw'], { env: { ANSIBLE_VAULT_PASSWORD_FILE: 'gone.pw' } });
    assert.equal(JSON.parse(out)._meta.hostvars.h1.opened, true);
    assert.match(warned.join('\n'), /gone\.pw does not exist/);
  });

  const refused: Record<string, [string, string[], RegExp, { env?: Record<string, string>; answers?: string[] }?]> = {
    'none at all': [prod, [], /prod-vars\.yaml: this is encrypted with Ansible Vault and no vault password was given[^]*--vault-id LABEL@FILE/],
    'a wrong one': [plain, ['--vault-password-file', 'prod.pw'], /plain-vars\.yaml: the vault password does not open this value/],
    'several wrong ones': [prod, ['--vault-id', 'a@dev.pw', '--vault-id', 'b@default.pw'], /none of the 2 vault passwords \(a, b\) opens[^]*It is labelled prod: --vault-id prod@FILE/],
    'a label that must fit, and does not': [prod, ['--vault-id', 'dev@prod.pw'], /has the label prod, and Ansible's vault_id_match forbids[^]*given: dev/, { env: { ANSIBLE_VAULT_ID_MATCH: 'yes' } }],
    'a text without a label, where labels must fit': [plain, ['--vault-id', 'dev@dev.pw'], /has no label, and Ansible's vault_id_match/, { env: { ANSIBLE_VAULT_ID_MATCH: 'yes' } }],
    'a file that is not there': [prod, ['--vault-password-file', 'gone.pw'], /gone\.pw does not exist/],
    'a setting whose file is not there': [prod, [], /gone\.pw does not exist[^]*ANSIBLE_VAULT_PASSWORD_FILE/, { env: { ANSIBLE_VAULT_PASSWORD_FILE: 'gone.pw' } }],
    'a folder': [prod, ['--vault-id', 'prod@/tmp'], /\/tmp is a folder/],
    'an empty file': [prod, ['--vault-password-file', put('empty.pw', ' \n')], /empty\.pw is empty/],
    'a label without a source': [prod, ['--vault-id', 'prod@'], /names no source/],
    'a file of megabytes': [prod, ['--vault-password-file', put('big.pw', 'x'.repeat(1 << 20))], /is larger than/],
    'a file that is not text': [prod, ['--vault-password-file', (writeFileSync(join(folder, 'bytes.pw'), Buffer.from([0xff, 0xfe, 0x80])), 'bytes.pw')], /not UTF-8/],
    'a program that fails': [prod, ['--vault-password-file', script('fails.sh', `echo ${words.prod}; exit 3`)], /fails\.sh, ended with 3/],
    'a program that prints nothing': [prod, ['--vault-password-file', script('mute.sh', 'true')], /mute\.sh printed no vault password/],
    'a program that prints without end': [prod, ['--vault-password-file', script('yes.sh', 'exec yes')], /printed more than 65536 bytes/],
    'what is executable and no program': [prod, ['--vault-password-file', put('x.pw', `${words.prod}\n`, 0o700)], /x\.pw is executable, and no program[^]*chmod -x/],
    'a question without a terminal': [prod, ['--vault-id', 'prod@prompt'], /no terminal to ask/],
    'an empty answer': [prod, ['-J'], /typed is empty/, { answers: [''] }],
    'a password file that nothing before it opens': [prod, ['--vault-password-file', put('closed.pw', sealed('other', words.prod))], /is itself encrypted/],
  };
  for (const [name, [file, argv, says, how]] of Object.entries(refused)) {
    it(`${name} is refused, and no password is shown`, async () => {
      const { out, page } = await list(file, argv, how);
      assert.equal(out, '');
      assert.match(page, says);
    });
  }
});
