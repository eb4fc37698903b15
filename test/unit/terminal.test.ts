import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const source = (path: string) => JSON.stringify(fileURLToPath(new URL(`../../src/${path}`, import.meta.url)));
const scratch = mkdtempSync(join(tmpdir(), 'vaultctl-terminal-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Each in its own process: a terminal is its process's own streams and signals. `script` has `terminal` and `Secret`. */
const program = (options: object, script: string) => `
  const { Terminal } = await import(${source('adapters/terminal.ts')});
  const { Secret } = await import(${source('model/secret.ts')});
  const { journalTo } = await import(${source('adapters/journal.ts')});
  const options = ${JSON.stringify({ json: false, color: true, quiet: false, ...options })};
  const terminal = new Terminal(options.journalPath === undefined ? options : { ...options, journal: journalTo(options.journalPath, { host: 'node1' }) });
  ${script}
  terminal.end();`;
const say = (options: object, script: string, env: Record<string, string> = {}) => spawnSync(process.execPath, ['--input-type=module', '--eval', program(options, script)], {
  encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '', ...env }, timeout: 20_000,
});
/** On a pseudo-terminal, through script(1) of util-linux. */
const onTerminal = (options: object, script: string, env: Record<string, string> = {}) => spawnSync('script', ['-qec', `'${process.execPath}' --input-type=module --eval "$PROGRAM"`, '/dev/null'], {
  encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', PROGRAM: program(options, script), ...env }, timeout: 20_000,
});

const story = `
  terminal.tell({ is: 'flow', flow: 'install', operation: 'op1', cluster: 'test' });
  terminal.tell({ is: 'step', step: 'a', title: 'do a', mark: 'start' });
  terminal.tell({ is: 'step', step: 'a', title: 'do a', mark: 'done' });
  terminal.tell({ is: 'step', step: 'b', title: 'do b', mark: 'start' });
  terminal.tell({ is: 'step', step: 'b', title: 'do b', mark: 'already' });
  terminal.tell({ is: 'step', step: 'c', title: 'do c', mark: 'skipped' });
  terminal.tell({ is: 'step', step: 'd', title: 'do d', mark: 'failed', note: 'no space' });
  terminal.tell({ is: 'warning', text: 'mind the gap' });
  terminal.tell({ is: 'note', text: 'by the way' });
  terminal.tell({ is: 'end', flow: 'install', text: 'install: done' });`;

describe('a pipe', () => {
  it('gets plain lines, one a step, without colours; warnings go to stderr', () => {
    const { stdout, stderr } = say({}, story);
    assert.equal(stdout, 'install on test (operation op1)\n✓ do a\n· do b (already)\n- do c (skipped)\n✗ do d: no space\n  by the way\ninstall: done\n');
    assert.equal(stderr, '! mind the gap\n');
  });

  it('with --json gets one event a line, each a JSON document, and nothing else', () => {
    const { stdout, stderr } = say({ json: true }, story);
    const events = stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as { is: string; mark?: string });
    assert.deepEqual(events.map(({ is }) => is), ['flow', 'step', 'step', 'step', 'step', 'step', 'step', 'warning', 'note', 'end']);
    assert.deepEqual([events[2]?.mark, stderr], ['done', '']);
  });

  it('of a query has the query\'s one document to itself: warnings go to stderr, notes nowhere', () => {
    const { stdout, stderr } = say({ json: true, quiet: true }, `${story} process.stdout.write('{"the": "document"}\\n');`);
    assert.deepEqual([JSON.parse(stdout), stderr], [{ the: 'document' }, '! mind the gap\n']);
  });

  it('is asked nothing: no confirmation without --confirm, no password, no keys on show', () => {
    const { stdout } = say({}, `console.log(await terminal.confirm('Sure?', 'test'), await terminal.askSecret('Password: '), await terminal.showKeys('show', () => 'THE KEYS'));`);
    assert.equal(stdout, 'false undefined false\n');
  });

  it('confirms by --confirm with the very name of the cluster only', () => {
    const confirm = (given: string) => say({ confirm: given }, `console.log(await terminal.confirm('Sure?', 'test'));`).stdout;
    assert.deepEqual([confirm('test'), confirm('Test'), confirm('')], ['true\n', 'false\n', 'false\n']);
  });

  it('never shows a secret, however it came into a message', () => {
    for (const json of [false, true]) {
      const { stdout, stderr } = say({ json, journalPath: join(scratch, `redacted-${json}.ndjson`) }, `
        const secret = new Secret('hvs.never-to-"be"-seen');
        terminal.tell({ is: 'note', text: 'sudo said: ' + secret.reveal() });
        terminal.tell({ is: 'warning', text: secret.reveal() });
        terminal.tell({ is: 'step', step: 'a', title: 'a', mark: 'failed', note: 'x' + secret.reveal() });`);
      assert.doesNotMatch(stdout + stderr + readFileSync(join(scratch, `redacted-${json}.ndjson`), 'utf8'), /never-to/);
      assert.match(stdout, /\[redacted\]/);
    }
  });
});

describe('a terminal', () => {
  const esc = '\u001b';

  it('gets colours and a spinner that leaves the same lines', () => {
    const { stdout } = onTerminal({}, story);
    assert.match(stdout, new RegExp(`${esc}\\[32m✓${esc}\\[0m do a`));
    assert.match(stdout, /install: done/);
  });

  it('gets no colours with NO_COLOR or --no-color', () => {
    for (const { stdout } of [onTerminal({}, story, { NO_COLOR: '1' }), onTerminal({ color: false }, story)]) {
      assert.match(stdout, /✓ do a/);
      assert.ok(!stdout.includes(`${esc}[32m`), JSON.stringify(stdout));
    }
  });
});

describe('signals', () => {
  it('are noted, however many come, and the process goes on to its safe point', async () => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      const child = spawn(process.execPath, ['--input-type=module', '--eval', program({}, `
        console.log('ready');
        while (terminal.stopRequested() === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
        await new Promise((resolve) => setTimeout(resolve, 100));
        console.log('safe after ' + terminal.stopRequested());`)], { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      let sent = false;
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (sent || !text.includes('ready')) return;
        sent = true;
        child.kill(signal);
        setTimeout(() => { child.kill(signal); child.kill('SIGTERM'); }, 30);
      });
      assert.deepEqual(await once(child, 'close'), [0, null], signal);
      assert.equal(text, `ready\n  ${signal}: stopping as soon as the step in hand has reached a safe point\nsafe after ${signal}\n`);
    }
  });
});

describe('the journal', () => {
  it('appends one line an event that ended something, in a file and a folder for its owner alone', () => {
    const path = join(scratch, 'made/journal.ndjson');
    say({ journalPath: path }, story);
    say({ journalPath: path }, story);
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { at: string; host: string; operation: string; is: string; mark?: string });
    assert.equal(lines.length, 16);
    assert.deepEqual([...new Set(lines.map(({ host, operation }) => `${host} ${operation}`))], ['node1 op1']);
    assert.ok(lines.every(({ at, mark }) => mark !== 'start' && !Number.isNaN(Date.parse(at))));
    assert.deepEqual([statSync(path).mode & 0o777, statSync(join(scratch, 'made')).mode & 0o777], [0o600, 0o700]);
  });

  it('that cannot be written stops nothing', () => {
    const { stdout, status } = say({ journalPath: '/proc/no/such/journal.ndjson' }, story);
    assert.deepEqual([status, stdout.endsWith('install: done\n')], [0, true]);
  });
});

describe('a terminal without a size (ssh -tt from CI, expect, a serial line)', () => {
  it('gets lines without a spinner, and its run ends', () => {
    const slow = `
      terminal.tell({ is: 'step', step: 'a', title: 'do a', mark: 'start' });
      await new Promise((resolve) => setTimeout(resolve, 1000));
      terminal.tell({ is: 'step', step: 'a', title: 'do a', mark: 'done' });`;
    const { status, stdout } = onTerminal({ color: false }, `process.stderr.columns = 0; ${slow}`);
    assert.deepEqual([status, stdout.trim()], [0, '✓ do a']);
  });
});
