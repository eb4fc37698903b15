import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorOf, lookAnswer } from '../../src/hosts/remote-answer.ts';
import { Secret } from '../../src/model/secret.ts';
import { HostError, type HostSight } from '../../src/ports/hosts.ts';

const FILE = '/k/main.json';
const question = { files: [FILE], folders: ['/k'], limitBytes: 100 };
const FOLDER = ['M s 41ed 4096 0 0 1 /k', 'M d 0 1 0 755 /k', 'Filesystem 1024-blocks Used Available Capacity Mounted on', '/dev/sda1 100 1 99 1% /'];
const there = ['M s 8180 3 0 0 1 /k/main.json', 'M f', 'M c /k/main.json', 'abc', 'M e 0'];

/** What a look printed, and how it ended. */
const heard = (lines: readonly string[], { whole = true, code = 0 } = {}): HostSight =>
  lookAnswer('m1', question, 'M', { code, stderr: '', stdout: new TextEncoder().encode(`${['M u 0 1700000000 m1', 'M f', ...lines, ...(whole ? ['M z'] : [])].join('\n')}\n`) });
const refused = (kind: string) => (error: unknown) => error instanceof HostError && error.kind === kind;

describe('the answer of a manager', () => {
  it('shows a file that was read', () => {
    const found = heard([...FOLDER, ...there]).files.get(FILE);
    assert.ok(found?.is === 'file');
    assert.deepEqual([Buffer.from(found.bytes).toString(), found.mode, found.uid], ['abc', 0o600, 0]);
  });

  it('shows a file as absent only where the system itself says that there is no such file', () => {
    assert.equal(heard([...FOLDER, "stat: cannot statx '/k/main.json': No such file or directory"]).files.get(FILE)?.is, 'absent');
    for (const why of ['Permission denied', 'Input/output error', 'Stale file handle', 'Too many levels of symbolic links']) {
      const found = heard([...FOLDER, `stat: cannot statx '/k/main.json': ${why}`]).files.get(FILE);
      assert.ok(found?.is === 'unreadable' && found.why.includes(why), JSON.stringify(found));
    }
    assert.equal(heard(FOLDER).files.get(FILE)?.is, 'unreadable', 'nothing was said of it');
  });

  it('shows a file whose content could not be read as unreadable', () => {
    assert.equal(heard([...FOLDER, ...there.slice(0, -2), 'head: error reading: Input/output error', 'M e 1']).files.get(FILE)?.is, 'unreadable');
    assert.equal(heard([...FOLDER, there[0]!]).files.get(FILE)?.is, 'unreadable', 'no content came');
  });

  it('is no answer where it is not whole, or its command failed', () => {
    const missing = "stat: cannot statx '/k/main.json': No such file or directory";
    assert.throws(() => heard([...FOLDER, missing], { whole: false }), (error) => error instanceof HostError);
    assert.throws(() => heard([...FOLDER, missing], { code: 1 }), (error) => error instanceof HostError);
    assert.throws(() => heard([...FOLDER, missing], { code: -1 }), refused('unreachable'));
  });

  it('keeps a name that could not be looked at: behind it may be a sibling with keys', () => {
    const sibling = '/k/.main.json.0123456789abcdef.keys';
    for (const said of [`stat: cannot statx '${sibling}': Input/output error`, `stat: can't stat '${sibling}': I/O error`]) {
      const { siblings, folders } = heard([...FOLDER, ...there, said]);
      assert.equal(siblings.get(sibling)?.is, 'unreadable');
      assert.deepEqual(folders.get('/k')?.names, [{ name: '.main.json.0123456789abcdef.keys', size: undefined, modifiedMs: 0 }]);
    }
    assert.deepEqual(heard([...FOLDER, ...there, `stat: cannot statx '${sibling}': No such file or directory`]).siblings.size, 0, 'gone since it was listed');
  });

  it('is an error where a folder could not be listed: it may hide a sibling with keys', () => {
    assert.throws(() => heard([...FOLDER, 'M x /k', ...there]), refused('denied'));
    assert.throws(() => heard(["stat: cannot statx '/k': Permission denied"]), refused('denied'));
  });
});

describe('what a failed tool said', () => {
  it('is told without the secrets that it repeats, in its own words and in ours', () => {
    const secret = new Secret('hvs.a-token-that-a-tool-repeats');
    for (const stderr of [`dd: cannot take "${secret.reveal()}"`, `VAULTCTL io the content ${secret.reveal()} is odd`]) {
      const { message } = errorOf('m1', { code: 70, stderr });
      assert.ok(message.includes('[redacted]') && !message.includes(secret.reveal()), message);
    }
  });
});
