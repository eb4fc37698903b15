import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LocalShell } from '../../src/adapters/local-shell.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { ShellHost } from '../../src/hosts/shell-host.ts';
import { journalTo, RemoteJournal } from '../../src/adapters/journal.ts';
import { Secret } from '../../src/model/secret.ts';

describe('the journal', () => {
  it('is 0600, a line an event, and holds no secret that an event quotes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vaultctl-journal-'));
    try {
      const secret = new Secret('hvs.a-token-that-an-error-quotes');
      const path = join(folder, 'lib', 'journal.ndjson');
      const tell = journalTo(path, { host: 'm1' });
      tell({ is: 'flow', flow: 'install', operation: 'op1', cluster: 'test' });
      tell({ is: 'warning', text: `a server said: ${secret.reveal()}` });
      tell({ is: 'step', step: 'deliver-keys', title: 'deliver', mark: 'failed', note: `"${secret.reveal()}" was refused` });
      const text = readFileSync(path, 'utf8');
      assert.ok(!text.includes(secret.reveal()), text);
      const lines = text.trim().split('\n').map((line) => JSON.parse(line) as { operation: string; host: string; text?: string });
      assert.deepEqual(lines.map(({ operation, host }) => [operation, host]), Array<string[]>(3).fill(['op1', 'm1']));
      assert.equal(lines[1]!.text, 'a server said: [redacted]');
      assert.equal(statSync(path).mode & 0o777, 0o600);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('of a master that is another host goes there at the end, a line an event, 0600, behind what is there', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vaultctl-journal-'));
    const host = new ShellHost({ name: 'm1', shell: new LocalShell({ name: 'm1' }), clock: systemClock, local: false });
    try {
      const path = join(folder, 'lib', "its journal's.ndjson");
      for (const operation of ['op1', 'op2']) {
        const journal = new RemoteJournal({ host: 'laptop' }, (lines) => host.note(path, lines));
        journal.hear({ is: 'flow', flow: 'install', operation, cluster: 'test' });
        journal.hear({ is: 'step', step: 'unseal', title: 'unseal: 100 %s \\ done', mark: 'done' });
        await journal.end();
      }
      const lines = readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { operation: string; host: string; title?: string });
      assert.deepEqual(lines.map(({ operation, host: at }) => [operation, at]), [['op1', 'laptop'], ['op1', 'laptop'], ['op2', 'laptop'], ['op2', 'laptop']]);
      assert.equal(lines[1]!.title, 'unseal: 100 %s \\ done');
      assert.equal(statSync(path).mode & 0o777, 0o600);
      const query = new RemoteJournal({ host: 'laptop' }, () => { throw new Error('a query leaves no line'); });
      query.hear({ is: 'note', text: 'x' });
      await query.end();
      await new RemoteJournal({ host: 'laptop' }, () => Promise.reject(new Error('full'))).end();
    } finally {
      await host.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('that cannot be written stops nothing', () => {
    assert.doesNotThrow(() => journalTo('/proc/none/journal.ndjson', { host: 'm1' })({ is: 'note', text: 'x' }));
  });
});
