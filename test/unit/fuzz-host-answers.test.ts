import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { RawChannel } from '../../src/adapters/script-channel.ts';
import { ScriptWorker } from '../../src/adapters/script-worker.ts';
import { formatWords } from '../../src/hosts/lock-words.ts';
import { errorOf, lookAnswer, readBackParts } from '../../src/hosts/remote-answer.ts';
import { ShellHost } from '../../src/hosts/shell-host.ts';
import { type FileSight, HostError, type HostSight, type LookQuestion } from '../../src/ports/hosts.ts';
import type { Shell, ShellChannel, ShellResult } from '../../src/ports/shell.ts';
import { simClock } from '../contract/vault-subjects.ts';
import { damage, shows } from './fuzz-damage.ts';

const MARK = 'f00dfeed12345678f00dfeed12345678';
const HERE = '/etc/kubernetes';
const CANARY = 'hvs.HostAnswerCanary-zyxwvutsrqponmlk';
const KEYS = JSON.stringify({ root_token: CANARY, unseal_keys: [Buffer.alloc(33, 77).toString('base64')], key_threshold: 1 });
const question: LookQuestion = { files: [`${HERE}/main.json`, `${HERE}/gone.json`, `${HERE}/torn.tmp`], folders: [HERE, '/var/lib/none'], limitBytes: 4096 };
const there = [`${HERE}/main.json`, `${HERE}/torn.tmp`];

/** What the look script prints for one folder with two of the three files, a sibling with keys and one that cannot be read. */
const lines: readonly (string | Buffer)[] = [
  `${MARK} u 0 1790000000 node1`, `${MARK} f`, `${MARK} s 41ed 4096 0 0 1790000000 ${HERE}`, `${MARK} s 8180 ${KEYS.length} 0 0 1790000000 ${HERE}/main.json`, `stat: cannot statx '${HERE}/gone.json': No such file or directory`,
  `${MARK} s 8180 3 0 0 1790000000 ${HERE}/torn.tmp`, `stat: cannot statx '/var/lib/none': No such file or directory`, `${MARK} d 0 1 0 755 ${HERE}`, 'Filesystem 1024-blocks Used Available Capacity Mounted on', '/dev/sda1 1000 500 500 50% /',
  `${MARK} n ${KEYS.length} 1790000000 ${HERE}/main.json`, `${MARK} n 3 1790000000 ${HERE}/torn.tmp`, `${MARK} n 9 1790000000 ${HERE}/.main.json.0123456789abcdef.keys`, `${MARK} r`, '/dev/sdb /mnt ext4 ro,relatime 0 0', `${MARK} f`,
  `${MARK} c ${HERE}/main.json`, Buffer.from(KEYS), `${MARK} e 0`, `${MARK} c ${HERE}/torn.tmp`, Buffer.from([0, 0, 0]), `${MARK} e 0`, `${MARK} s 8180 9 0 0 1790000000 ${HERE}/.main.json.0123456789abcdef.keys`, `${MARK} c ${HERE}/.main.json.0123456789abcdef.keys`,
  `{"root_tohead: error reading '${HERE}/.main.json.0123456789abcdef.keys': Input/output error`, `${MARK} e 1`, `${MARK} z`,
];
const printed = (parts: readonly (string | Buffer)[]) => Buffer.concat(parts.flatMap((part) => [Buffer.from(part), Buffer.from('\n')]));
const whole = printed(lines);
const noise = fc.oneof(fc.constantFrom('*** Welcome to node1, authorised use only ***', 'Last login: Mon Nov 23', 'mesg: ttyname failed: Inappropriate ioctl for device', 'No such file or directory', `rm: '${HERE}': Permission denied`, '', '\r', 'ok', 'held', 'taken', 'VAULTCTL-READY', '0'), fc.string({ maxLength: 60 }).map((text) => text.replaceAll('\n', ' ')));

/** A sight, or the one error that callers expect. */
function seen(result: ShellResult): HostSight | HostError {
  try {
    return lookAnswer('m1', question, MARK, result);
  } catch (error) {
    assert.ok(error instanceof HostError, String((error as Error).stack));
    assert.equal(shows(error.message, [CANARY], 9), undefined, error.message);
    return error;
  }
}
const ofFiles = (sight: HostSight) => [...sight.files, ...sight.siblings] as [string, FileSight][];

describe('what a manager prints when it is looked at', () => {
  it('is read as it stands', () => {
    const sight = seen({ code: 0, stdout: whole, stderr: '' });
    assert.ok(!(sight instanceof HostError));
    assert.deepEqual(ofFiles(sight).map(([path, found]) => `${path.slice(HERE.length)} ${found.is}`), ['/main.json file', '/gone.json absent', '/torn.tmp file', '/.main.json.0123456789abcdef.keys unreadable']);
  });

  it('cut anywhere is no answer at all', () => {
    for (let length = 0; length < whole.length - 1; length += 1) assert.ok(seen({ code: 0, stdout: whole.subarray(0, length), stderr: '' }) instanceof HostError, `${length} bytes`);
  });

  it('damaged in any way never makes absent what is there, nor shows what is in it', () => {
    fc.assert(fc.property(damage, fc.constantFrom(0, 0, 0, 0, 1, 70, 127, 255, -1, Number.NaN), fc.string({ maxLength: 80 }), (damaged, code, stderr) => {
      const sight = seen({ code, stdout: damaged(whole), stderr });
      if (sight instanceof HostError) return;
      assert.equal(code, 0);
      for (const path of there) assert.notEqual(sight.files.get(path)?.is, 'absent', path);
      for (const [path, found] of ofFiles(sight)) {
        if (found.is === 'file') assert.ok(found.bytes.length <= question.limitBytes);
        if (found.is === 'unreadable') assert.equal(shows(found.why, [CANARY], 9), undefined, path);
      }
      assert.notEqual(sight.folders.get(HERE)?.is, 'absent');
    }), { numRuns: 6000 });
  });

  it('between the words of a login banner or of tools is read the same', () => {
    // Not inside a file: there nobody could tell it from the file.
    const inside = new Set([17, 18, 20, 21, 24, 25]);
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: lines.length - 1 }), noise), { maxLength: 6 }), (noises) => {
      const parts = lines.flatMap((line, at) => [...noises.filter(([where]) => where === at && !inside.has(at) && at !== 9).map(([, text]) => text), line]);
      const sight = seen({ code: 0, stdout: printed(parts), stderr: '' });
      assert.ok(!(sight instanceof HostError));
      for (const path of there) assert.equal(sight.files.get(path)?.is, 'file');
      assert.equal(Buffer.compare((sight.files.get(there[0]!) as { bytes: Uint8Array }).bytes, Buffer.from(KEYS)), 0);
    }), { numRuns: 2000 });
  });

  it('of arbitrary bytes is never a crash', () => {
    const marked = fc.array(fc.tuple(fc.constantFrom(...'ustncdexzfr?'), fc.oneof(fc.string({ maxLength: 40 }), fc.constantFrom(`${HERE}/main.json`, '0', '41ed 1 2 3 4 /', '9'.repeat(400)))), { maxLength: 30 }).map((rows) => Buffer.from(rows.map(([kind, rest]) => `${MARK} ${kind} ${rest}`).join('\n')));
    fc.assert(fc.property(fc.oneof(marked, fc.uint8Array({ maxLength: 500 })), (stdout) => { seen({ code: 0, stdout, stderr: '' }); }), { numRuns: 4000 });
  });

  it('by the ten megabytes is judged within seconds', () => {
    const many = (line: (at: number) => string, count: number) => Buffer.from(Array.from({ length: count }, (_, at) => line(at)).join('\n'));
    for (const stdout of [many((at) => `${MARK} n 1 1 ${HERE}/f${at}`, 150_000), many(() => `${MARK} c x`, 200_000), many((at) => `said ${at}`, 500_000), Buffer.alloc(10 << 20, 'x'), many((at) => `${MARK} c ${HERE}/.main.json.${at.toString(16).padStart(8, '0')}.keys\n\n${MARK} e 0`, 40_000)]) {
      const begun = performance.now();
      seen({ code: 0, stdout: Buffer.concat([whole.subarray(0, -1 - `${MARK} z`.length), stdout, Buffer.from(`\n${MARK} z\n`)]), stderr: '' });
      assert.ok(performance.now() - begun < 8000);
    }
  });
});

describe('what a failing script said', () => {
  it('is an error of a known kind and of a length that can be read, whatever it is', () => {
    const stderr = fc.oneof(fc.string({ maxLength: 200 }), fc.tuple(fc.constantFrom('fenced', 'full', 'io', 'tool', 'nonsense', ''), fc.string({ maxLength: 3000 })).map(([kind, text]) => `noise\nVAULTCTL ${kind} ${text}`), fc.constant('x'.repeat(60_000)), fc.constant(`VAULTCTL io ${'y'.repeat(60_000)}`));
    fc.assert(fc.property(stderr, fc.integer({ min: -2, max: 300 }), (said, code) => {
      const error = errorOf('m1', { code, stderr: said });
      assert.ok(['unreachable', 'denied', 'hostkey', 'fenced', 'full', 'readonly', 'io', 'refused', 'tool'].includes(error.kind));
      assert.ok(error.message.length < 1000, `${error.message.length} signs`);
    }), { numRuns: 2000 });
  });
});

/** A shell that gives this result to every script, and this output to one that stays; copies, for who reads them wipes them. */
function shellOf(result: ShellResult, output: Uint8Array, ends: boolean): Shell {
  const channel = (): ShellChannel => {
    const stdout = new PassThrough();
    let exited: (exit: { code: number; stderr: string }) => void = () => undefined;
    const exit = new Promise<{ code: number; stderr: string }>((resolve) => { exited = resolve; });
    stdout.write(Buffer.from(output));
    if (ends) { stdout.end(); exited({ code: 70, stderr: 'VAULTCTL io it ended' }); }
    const over = () => { stdout.end(); exited({ code: -1, stderr: '' }); };
    return { stdout, exit, write: () => { if (!stdout.writableEnded) stdout.write('ok\n'); return Promise.resolve(); }, end: over, kill: over };
  };
  return { exec: () => Promise.resolve({ ...result, stdout: Buffer.from(result.stdout) }), open: () => Promise.resolve(channel()), close: () => Promise.resolve() };
}
const hostOn = (shell: Shell) => new ShellHost({ name: 'm1', shell, clock: { ...simClock(), random: (bytes) => MARK.slice(0, bytes * 2) }, local: false, times: { applyMs: 100, beatMs: 5000, silenceS: 6 } });
const fence = { lockPath: `${HERE}/.lock`, operation: 'op' };
const hostError = (error: unknown) => { assert.ok(error instanceof HostError, String((error as Error).stack)); return error; };

describe('what is read back after a write', () => {
  const content = Buffer.from(KEYS);
  const good = Buffer.concat([Buffer.from(`\n${MARK}\n`), content, Buffer.from(`\n${MARK}\n`)]);

  it('is a success only where the very bytes came back, between marks, from a script that ended well', async () => {
    await fc.assert(fc.asyncProperty(fc.option(damage), fc.constantFrom(0, 0, 1, 70, -1, Number.NaN), async (damaged, code) => {
      const stdout = damaged === null ? good : damaged(good);
      const host = hostOn(shellOf({ code, stdout, stderr: '' }, Buffer.alloc(0), true));
      const there = readBackParts(stdout, MARK)[0];
      const may = code === 0 && there !== undefined && Buffer.compare(there, content) === 0;
      const apply = await host.apply([{ do: 'write', path: `${HERE}/main.json`, bytes: Buffer.from(content), purpose: 'keys' }], fence).then(() => true, (error: unknown) => { assert.equal(shows(hostError(error).message, [CANARY], 9), undefined); return false; });
      assert.equal(apply, may);
      const committed = await host.prepare(`${HERE}/main.json`, 100, fence).then((prepared) => prepared.commit(Buffer.from(content))).then(() => true, (error: unknown) => { hostError(error); return false; });
      assert.equal(committed, may);
    }), { numRuns: 1000 });
  });
});

describe('the channel that holds a lock', () => {
  const words = { operation: 'op', flow: 'install', holder: 'me', host: 'here', pid: 1, sinceMs: 2 };
  const answer = (verdict: string, rest = 'ok\n') => `${verdict}\n${formatWords(words)}\n\n${MARK}\n${rest}`;

  it('holds it only where the script said so from beginning to end, and nobody waits for ever', async () => {
    await fc.assert(fc.asyncProperty(fc.constantFrom(answer('held'), answer('taken', '')), fc.option(damage), fc.boolean(), async (text, damaged, ends) => {
      const output = damaged === null ? Buffer.from(text) : damaged(Buffer.from(text));
      const taken = await hostOn(shellOf({ code: 0, stdout: Buffer.alloc(0), stderr: '' }, output, ends)).lock(`${HERE}/.lock`, words).catch(hostError);
      if (taken instanceof HostError) return;
      // Whose it is may be cut off; that somebody has it is said before.
      assert.ok(taken.is === 'held' ? output.includes('held\n') && output.includes(`\n${MARK}\n`) && output.includes('ok') : output.includes('taken\n'));
      if (taken.is === 'held') await taken.lock.release();
    }), { numRuns: 120 });
  });

  it('is understood after a login banner, as long as somebody would read one', async () => {
    await fc.assert(fc.asyncProperty(fc.array(noise.filter((text) => text !== 'held' && text !== 'taken'), { maxLength: 30 }), fc.constantFrom('held', 'taken'), async (banner, verdict) => {
      const output = Buffer.from(banner.map((line) => `${line}\n`).join('') + answer(verdict, verdict === 'held' ? 'ok\n' : ''));
      const found = await hostOn(shellOf({ code: 0, stdout: Buffer.alloc(0), stderr: '' }, output, verdict === 'taken')).lock(`${HERE}/.lock`, words);
      assert.equal(found.is, verdict);
      assert.deepEqual(found.is === 'held' ? found.before : found.by, words);
      if (found.is === 'held') await found.lock.release();
    }), { numRuns: 60 });
  });
});

describe('the shell that stays', () => {
  /** Answers each script with these bytes, in which MARK stands for the mark that the script came with. */
  const worker = (stdoutOf: string, stderrOf: string, thenGone: boolean) => new ScriptWorker('m1', undefined, () => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    let gone: (code: number) => void = () => undefined;
    const exit = new Promise<number>((resolve) => { gone = resolve; });
    const leave = () => { stdout.end(); stderr.end(); gone(-1); };
    let asked = '';
    const stdin = new Writable({ write: (chunk: Buffer, _encoding, done) => {
      asked += chunk.toString('latin1');
      const mark = /(?:^|\n)S ([0-9a-f]{32}) /.exec(asked)?.[1];
      if (mark !== undefined) { asked = ''; stdout.write(stdoutOf.replaceAll('MARK', mark)); stderr.write(stderrOf.replaceAll('MARK', mark)); if (thenGone) leave(); }
      done();
    } });
    return Promise.resolve({ stdin, stdout, stderr, exit, kill: leave } satisfies RawChannel);
  });
  const run = (stdout: string, stderr: string, gone: boolean) => worker(stdout, stderr, gone).run('true', new Uint8Array(), { timeoutMs: 80, library: '' }).catch(hostError);

  it('gives an exit code only where one stands behind the mark: no word, no blank and no other number is a success', async () => {
    for (const [said, code] of [['0', 0], ['70', 70], ['127', 127]] as const) assert.equal((await run(`out\nMARK ${said}\n`, '\nMARK\n', false) as ShellResult).code, code);
    for (const said of ['', ' ', '0x0', '-0', '0.0', '1e0', 'zero', '٠', 'null', '0 0', '00000000000000000000000', '\t']) {
      const result = await run(`out\nMARK ${said}\n`, '\nMARK\n', false);
      assert.ok(result instanceof HostError || result.code !== 0, `"${said}" was a success`);
    }
  });

  it('that says anything else, breaks off or falls silent is an error in time, never a success', async () => {
    await fc.assert(fc.asyncProperty(noise, damage, fc.boolean(), async (banner, damaged, gone) => {
      const output = damaged(Buffer.from(`${banner}\nMARK 0\n`)).toString('latin1');
      const begun = performance.now();
      const result = await run(output, '\nMARK\n', gone);
      assert.ok(performance.now() - begun < 8000);
      if (!(result instanceof HostError) && result.code === 0) assert.match(output, /\nMARK 0+\n/);
    }), { numRuns: 100 });
  });
});
