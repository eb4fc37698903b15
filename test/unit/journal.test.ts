import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { journalTo } from '../../src/adapters/journal.ts';
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

  it('that cannot be written stops nothing', () => {
    assert.doesNotThrow(() => journalTo('/proc/none/journal.ndjson', { host: 'm1' })({ is: 'note', text: 'x' }));
  });
});
