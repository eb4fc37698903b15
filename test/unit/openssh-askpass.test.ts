import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { Askpass, type Question } from '../../src/adapters/openssh-askpass.ts';
import { Secret } from '../../src/model/secret.ts';

let folder = '';
let open: Askpass | undefined;
afterEach(() => {
  open?.close();
  open = undefined;
  rmSync(folder, { recursive: true });
});

async function serve(answer: (question: Question) => Promise<Secret | undefined>): Promise<Askpass> {
  folder = mkdtempSync(join(tmpdir(), 'vaultctl-askpass-'));
  return open = await Askpass.in(folder, answer);
}

/** Asks as ssh does. */
function ask(askpass: Askpass, text: string, kind?: string) {
  const child = spawn(askpass.environment['SSH_ASKPASS']!, [text], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...askpass.environment, ...(kind === undefined ? {} : { SSH_ASKPASS_PROMPT: kind }) } });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => { out += chunk; });
  return { child, done: new Promise<{ out: string; code: number | null }>((resolve) => { child.once('close', (code) => resolve({ out, code })); }) };
}

describe('the askpass of the system\'s ssh', () => {
  it('gives the answer exactly, whatever is in it, and lies in no file', async () => {
    const secret = " a'b\"c\\n$(id) %s `x` ü ";
    const askpass = await serve(async ({ text }) => new Secret(text === 'q?' ? secret : 'other-answer'));
    assert.deepEqual(await ask(askpass, 'q?').done, { out: `${secret}\n`, code: 0 });
    for (const name of readdirSync(folder)) if (statSync(join(folder, name)).isFile()) assert.ok(!readFileSync(join(folder, name), 'utf8').includes('answer'));
    assert.deepEqual(['ask', 'tell'].map((name) => [statSync(join(folder, name)).isFIFO(), statSync(join(folder, name)).mode & 0o777]), [[true, 0o600], [true, 0o600]]);
  });

  it('fails where there is no answer, or one that is no line', async () => {
    const askpass = await serve(async ({ text }) => { if (text === 'throw') throw new Error('no terminal'); return text === 'two' ? new Secret('one\ntwo') : undefined; });
    for (const text of ['none', 'two', 'throw']) assert.deepEqual(await ask(askpass, text).done, { out: '', code: 1 }, text);
  });

  it('what one who asked left unread is never another\'s answer', async () => {
    let give: (secret: Secret) => void = () => undefined;
    const asked: string[] = [];
    const askpass = await serve(({ text }) => { asked.push(text); return text === 'first' ? new Promise((resolve) => { give = resolve; }) : Promise.resolve(new Secret('for-the-second')); });
    const first = ask(askpass, 'first');
    while (asked.length === 0) await new Promise((resolve) => { setTimeout(resolve, 10); });
    first.child.kill('SIGKILL');
    await first.done;
    give(new Secret('for-the-first'));
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    assert.deepEqual(await ask(askpass, 'second').done, { out: 'for-the-second\n', code: 0 });
  });

  it('a notice is passed on and waits for nothing', async () => {
    const heard: Question[] = [];
    const askpass = await serve(async (question) => { heard.push(question); return new Secret('never-given'); });
    assert.deepEqual(await ask(askpass, 'Confirm user presence for key X', 'none').done, { out: '', code: 0 });
    for (let round = 0; round < 100 && heard.length === 0; round += 1) await new Promise((resolve) => { setTimeout(resolve, 10); });
    assert.deepEqual(heard, [{ kind: 'none', text: 'Confirm user presence for key X' }]);
    assert.deepEqual(await ask(askpass, 'Allow?', 'confirm').done, { out: 'never-given\n', code: 0 }, 'who answers decides what a confirmation gets');
    assert.equal(heard[1]?.kind, 'confirm');
  });
});
