import assert from 'node:assert/strict';
import { once } from 'node:events';
import { ClientRequest, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { describe, it, mock } from 'node:test';
import { combine, split } from 'shamir-secret-sharing';
import { ScriptWorker } from '../../src/adapters/script-worker.ts';
import { HttpWire } from '../../src/adapters/vault-http.ts';
import { proveAllShares, resplit } from '../../src/credentials/shamir.ts';
import { ChannelReader } from '../../src/hosts/channel-reader.ts';
import { ShellHost } from '../../src/hosts/shell-host.ts';
import { Secret, wipe } from '../../src/model/secret.ts';

const isZero = (bytes: Uint8Array) => bytes.length > 0 && bytes.every((byte) => byte === 0);
const share = 'q83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq83';

describe('a buffer that held a share is zero once it is spent', () => {
  it('in a request to Vault and in its answer', async () => {
    const server = createServer((incoming, outgoing) => { incoming.resume().on('end', () => { outgoing.end(JSON.stringify({ keys_base64: [share] })); }); }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const sent = mock.method(ClientRequest.prototype, 'end');
    const joined = mock.method(Buffer, 'concat');
    const wire = new HttpWire();
    try {
      const { body } = await wire.request(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { method: 'PUT', path: 'sys/unseal', body: { key: new Secret(share) } });
      assert.deepEqual(body, { keys_base64: [share] });
      const [request] = sent.mock.calls.map(({ arguments: [first] }) => first as unknown as Uint8Array);
      const [answer] = joined.mock.calls;
      assert.ok(isZero(request!), 'the request');
      assert.ok(isZero(answer!.result!) && answer!.arguments[0].every(isZero), 'the answer');
    } finally {
      mock.restoreAll();
      wire.close();
      server.close();
    }
  });

  it('on its way into a shell and out of it, and not before it has left', async () => {
    const taken: { chunk: Buffer; text: string }[] = [];
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const stdin = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        setTimeout(() => {
          taken.push({ chunk, text: chunk.toString() });
          const mark = /S ([0-9a-f]{32}) /.exec(chunk.toString())![1]!;
          done();
          stdout.write(`${share}\n${mark} 0\n`);
          stderr.write(`\n${mark}\n`);
        }, 20);
      },
    });
    const worker = new ScriptWorker('m1', undefined, async () => ({ stdin, stdout, stderr, exit: new Promise(() => undefined), kill: () => undefined }));
    const result = await worker.run('true', new TextEncoder().encode(`C ${share}\n`), { timeoutMs: 1000, library: '' });
    assert.equal(new TextDecoder().decode(result.stdout), share);
    assert.equal(taken.length, 1);
    assert.ok(taken[0]!.text.endsWith(`C ${share}\n`), 'it arrived whole');
    assert.ok(isZero(taken[0]!.chunk));
  });

  it('in what a channel brought, also where it came in pieces', async () => {
    const pieces = [share.slice(0, 20), `${share.slice(20)}\nnext`, 'x'.repeat(9000), '\n'].map((text) => Buffer.from(text));
    const reader = new ChannelReader((async function* source() { yield* pieces; })());
    assert.equal(await reader.line(), share);
    assert.equal(await reader.line(), `next${'x'.repeat(9000)}`);
    assert.ok(pieces.every(isZero));
  });

  it('in what a manager answered and in what it was sent', async () => {
    const answers: Uint8Array[] = [];
    const inputs: Uint8Array[] = [];
    const bytes = new TextEncoder().encode(share);
    const shell = {
      exec: async (script: string, stdin: Uint8Array) => {
        const mark = /\\n([0-9a-f]+)\\n/.exec(script)![1]!;
        const stdout = new TextEncoder().encode(`\n${mark}\n${share}\n${mark}\n`);
        answers.push(stdout);
        inputs.push(stdin);
        return { code: 0, stdout, stderr: '' };
      },
      open: () => Promise.reject(new Error('nothing is opened')), close: async () => undefined,
    };
    const host = new ShellHost({ name: 'm1', local: false, shell, clock: { now: () => 0, sleep: async () => undefined, random: (count) => 'ab'.repeat(count) } });
    const { readBack } = await host.apply([{ do: 'write', path: '/k/main', bytes, purpose: 'keys' }], { lockPath: '/k/lock', operation: 'op' });
    assert.ok([...answers, ...inputs].every(isZero));
    assert.equal(new TextDecoder().decode(readBack.get('/k/main')), share, 'what the flow still needs stays');
    assert.equal(new TextDecoder().decode(bytes), share);
  });

  it('in the arithmetic of shares, and in the key that they make', async () => {
    const key = Uint8Array.from({ length: 32 }, (_, index) => index + 1);
    const set = { rootToken: new Secret(''), threshold: 2, shares: (await split(key, 3, 2)).map((part) => new Secret(Buffer.from(part).toString('base64'))) };
    const decoded = mock.method(Buffer, 'from');
    try {
      assert.deepEqual(await proveAllShares(set), { is: 'ok' });
      const again = await resplit(set, 3);
      const made = decoded.mock.calls.filter(({ arguments: given }) => (given as unknown[])[1] === 'base64').map(({ result }) => result as Uint8Array);
      assert.ok(made.length >= 6 && made.every(isZero));
      assert.deepEqual(await combine(again.shares.map((part) => Uint8Array.from(Buffer.from(part.reveal(), 'base64')))), key);
    } finally {
      mock.restoreAll();
    }
  });

  it('by one word', () => {
    const [one, two] = [Buffer.from('one'), new TextEncoder().encode('two')];
    wipe(one, two);
    assert.ok(isZero(one) && isZero(two));
  });
});
