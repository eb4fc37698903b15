import type { Break } from '../break.ts';

const SECRET = 'test/unit/secret.test.ts';

/** Nothing that opens Vault is ever printed. */
export const secrets: readonly Break[] = [
  {
    name: 'secret-printed-as-it-is', danger: 'one careless template string and a share is in the log of a pipeline',
    file: 'src/model/secret.ts', from: "toString(): string { return '[redacted]'; }", to: 'toString(): string { return this.#value; }', tests: [SECRET],
  },
  {
    name: 'secret-in-json', danger: 'every event of --json and every line of the journal carries what it was given',
    file: 'src/model/secret.ts', from: "toJSON(): string { return '[redacted]'; }", to: 'toJSON(): string { return this.#value; }', tests: [SECRET],
  },
  {
    name: 'server-quotes-a-share', danger: 'a server that repeats what it was sent puts a share into our error message',
    file: 'src/vault/answers.ts', from: 'redact(text.trim())', to: 'text.trim()', tests: ['test/unit/strange-servers.test.ts'],
  },
  {
    name: 'damaged-file-quoted', danger: 'half a checkpoint, with its keys, in the message that it is not JSON',
    file: 'src/credentials/key-file.ts', from: "'it is not JSON (cut off?)' }", to: '`it is not JSON (cut off?): ${text}` }', tests: ['test/unit/credential-files.test.ts'],
  },
  {
    name: 'remote-error-quotes-keys', danger: 'a tool on a manager that repeats its input puts keys into our error message',
    file: 'src/hosts/remote-answer.ts', from: 'const lines = redact(stderr).split', to: 'const lines = stderr.split', tests: ['test/unit/remote-answer.test.ts'],
  },
  {
    name: 'checkpoint-in-a-warning', danger: 'the keys are on every terminal and in every log while the disk is full',
    file: 'src/steps/init-vault.ts', from: 'could not be written (${messageOf(error)}); the keys exist', to: 'could not be written (${messageOf(error)}); the keys ${Buffer.from(bytes).toString()} exist', tests: ['test/crash/promises.test.ts'],
  },
  {
    name: 'terminal-not-redacted', danger: 'the last net under everything that is printed is gone',
    file: 'src/adapters/terminal.ts', from: 'stream.write(`${redact(text)}\\n`);', to: 'stream.write(`${text}\\n`);', tests: ['test/unit/terminal.test.ts'],
  },
  {
    name: 'journal-not-redacted', danger: 'a file that is kept for years holds what an error message quoted',
    file: 'src/adapters/journal.ts', from: '`${redactedJson({', to: '`${JSON.stringify({', tests: ['test/unit/journal.test.ts'],
  },
];
