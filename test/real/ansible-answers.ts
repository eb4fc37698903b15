import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Answer { readonly code: number; readonly out: string; readonly err: string }
export interface Question {
  readonly cwd: string;
  readonly args: readonly string[];
  /** Also lets Ansible read its settings anew, as seen from `cwd`; without it there are none. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: ansible-inventory. */
  readonly program?: 'config' | 'ansible';
}

/** The interpreter that Debian's ansible-inventory itself runs under. */
function ansiblePython(): string {
  const found = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'ansible-inventory'))
    .flatMap((path) => { try { return [readFileSync(path, 'utf8').split('\n', 1)[0] ?? '']; } catch { return []; } })[0];
  assert.ok(found !== undefined && found.startsWith('#!'), 'ansible-inventory is not installed, and parity cannot be proved without it: apt-get install -y ansible');
  return found.slice(2).trim();
}

/** What Debian's ansible-inventory answers, in order. `home` is a scratch folder of the caller. */
export function askAnsible(home: string, questions: readonly Question[]): Answer[] {
  const run = spawnSync(ansiblePython(), [join(import.meta.dirname, 'ansible_inventory.py')], {
    input: JSON.stringify(questions), maxBuffer: 256 * 1024 * 1024, encoding: 'utf8', timeout: 300_000,
    env: { PATH: process.env['PATH'], HOME: home, LC_ALL: 'C.UTF-8', ANSIBLE_NOCOLOR: '1', ANSIBLE_LOCAL_TEMP: join(home, 'tmp'), ANSIBLE_HOME: join(home, 'ansible') },
  });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout) as Answer[];
}

export interface Reading { readonly as: 'value' | 'words' | 'config'; readonly text: string }

/** What Ansible's own readers make of single texts: JSON, or the name of the exception. */
export function readAsAnsible(home: string, readings: readonly Reading[]): readonly { readonly json?: string; readonly error?: string }[] {
  const run = spawnSync(ansiblePython(), [join(import.meta.dirname, 'python_readers.py')], {
    input: JSON.stringify(readings), maxBuffer: 256 * 1024 * 1024, encoding: 'utf8', timeout: 300_000, env: { PATH: process.env['PATH'], HOME: home, LC_ALL: 'C.UTF-8' },
  });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout) as { json?: string; error?: string }[];
}

/** The document of `--list` without what newer versions add for themselves. */
export function listed(answer: Answer): unknown {
  assert.equal(answer.code, 0, `ansible-inventory itself fails on this case: ${answer.err}`);
  const document = JSON.parse(answer.out) as { _meta: { profile?: unknown } };
  delete document._meta.profile;
  return document;
}

/** What Ansible's own templating makes of texts, for one host of an inventory. */
export function templatedByAnsible(home: string, question: { readonly source: string; readonly host: string; readonly texts: readonly string[] }): readonly ({ readonly value: unknown } | { readonly error: string })[] {
  const run = spawnSync(ansiblePython(), [join(import.meta.dirname, 'ansible_templates.py')], {
    input: JSON.stringify(question), cwd: home, maxBuffer: 256 * 1024 * 1024, encoding: 'utf8', timeout: 300_000,
    env: { PATH: process.env['PATH'], HOME: home, LC_ALL: 'C.UTF-8', ANSIBLE_NOCOLOR: '1', ANSIBLE_LOCAL_TEMP: join(home, 'tmp'), ANSIBLE_HOME: join(home, 'ansible') },
  });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout) as ({ value: unknown } | { error: string })[];
}
