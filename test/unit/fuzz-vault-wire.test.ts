import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { HttpWire } from '../../src/adapters/vault-http.ts';
import { WireError } from '../../src/ports/vault.ts';
import { VaultError } from '../../src/vault/answers.ts';
import { VaultHands } from '../../src/vault/hands.ts';
import { damage, shows } from './fuzz-damage.ts';

const PATIENCE_MS = 400;
/** Two cores shared with other tests: a hang is much longer than this. */
const SLACK_MS = 5000;
const SHARES = [0, 1, 2].map((at) => Buffer.from(Array.from({ length: 33 }, (_, byte) => (byte * 29 + at * 67 + 11) & 0xff)).toString('base64'));
const HEX = SHARES.map((share) => Buffer.from(share, 'base64').toString('hex'));
const ROOT = 'hvs.WireFuzzRootToken0123456789';
const INIT = JSON.stringify({ keys: HEX, keys_base64: SHARES, root_token: ROOT });
const SEAL = JSON.stringify({ type: 'shamir', initialized: true, sealed: true, t: 2, n: 3, progress: 0, nonce: '', version: '1.21.0' });
const http = (status: string, body: string, ...headers: string[]) => Buffer.from(`HTTP/1.1 ${status}\r\n${[`content-length: ${Buffer.byteLength(body)}`, 'content-type: application/json', ...headers].join('\r\n')}\r\n\r\n${body}`);
const chunked = (...parts: string[]) => Buffer.from(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${parts.map((part) => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`);

/** What the loopback server sends to whoever asks, and whether it then hangs up. */
type Script = (socket: Socket) => void;
let script: Script;
let server: Server;
let address: string;
const sockets = new Set<Socket>();

before(async () => {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    socket.once('data', () => script(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => { for (const socket of sockets) socket.destroy(); server.close(); });

/** One request, its outcome and how long it took; anything but an answer or one of the two errors fails. */
async function asked<T>(call: (vault: VaultHands, wire: HttpWire) => Promise<T>): Promise<{ value: T } | { error: WireError | VaultError }> {
  const wire = new HttpWire({});
  const begun = performance.now();
  let late: NodeJS.Timeout | undefined;
  try {
    const hangs = new Promise<never>((_resolve, reject) => { late = setTimeout(() => reject(new Error('it hangs')), PATIENCE_MS + SLACK_MS); });
    return { value: await Promise.race([call(new VaultHands(wire, PATIENCE_MS), wire), hangs]) };
  } catch (error) {
    assert.ok(error instanceof WireError || error instanceof VaultError, `${String(error)} after ${performance.now() - begun} ms`);
    assert.equal(shows(`${error.message}${String(error.cause)}`, [...SHARES, ...HEX, ROOT], 9), undefined, error.message);
    assert.ok(error.message.length < 20_000);
    return { error };
  } finally {
    clearTimeout(late);
    wire.close();
    for (const socket of sockets) socket.destroy();
  }
}
const sealStatus = (vault: VaultHands) => vault.sealStatus(address);
/** `init` itself waits as long as it takes; the same request with an end. */
const initOnce = (_vault: VaultHands, wire: HttpWire) => wire.request(address, { method: 'PUT', path: 'sys/init', body: {}, timeoutMs: PATIENCE_MS });
const refused = (outcome: Awaited<ReturnType<typeof asked>>, reached: WireError['reached'], words: RegExp) => {
  assert.ok('error' in outcome && outcome.error instanceof WireError, JSON.stringify(outcome));
  assert.equal(outcome.error.reached, reached, outcome.error.message);
  assert.match(outcome.error.message, words);
};

describe('a server on loopback', () => {
  it('whose answer was damaged anywhere gives that answer, or an error that quotes no share of it', async () => {
    await fc.assert(fc.asyncProperty(fc.constantFrom(http('200 OK', INIT), chunked(INIT.slice(0, 70), INIT.slice(70)), http('200 OK', SEAL), http('500 Internal Server Error', INIT), http('200 OK', `<html>${INIT}</html>`)), damage, async (whole, damaged) => {
      script = (socket) => { socket.end(damaged(whole)); };
      await asked(initOnce);
    }), { numRuns: 400 });
  });

  it('that sends arbitrary bytes, or hangs up at any of them, is no crash and no hang', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (bytes, headed) => {
      script = (socket) => { socket.end(Buffer.concat([Buffer.from(headed ? 'HTTP/1.1 200 OK\r\n' : ''), bytes])); };
      await asked(sealStatus);
    }), { numRuns: 300 });
    for (let length = 0; length < http('200 OK', SEAL).length; length += 7) {
      script = (socket) => { socket.end(http('200 OK', SEAL).subarray(0, length)); };
      refused(await asked(sealStatus), 'unknown', /reset|whole|http/);
    }
  });

  it('that gives init’s reply within something else shows nothing of the keys', async () => {
    for (const body of [`${INIT}garbage`, `garbage${INIT}`, INIT.slice(0, -1), `x${ROOT}`, SHARES[0]!, `"${HEX[1]!}`, `[${JSON.stringify(SHARES)}`, `keys: ${HEX.join(' ')}`, `${'\u0000'.repeat(30)}${INIT}`]) {
      for (const status of ['200 OK', '502 Bad Gateway']) {
        script = (socket) => { socket.end(http(status, body, 'connection: close')); };
        refused(await asked(initOnce), status.startsWith('5') ? 'unknown' : 'config', /not JSON/);
      }
    }
  });

  it('that breaks the connection after a whole reply and before its end is said has replied; one sign less, and it has not', async () => {
    const unended = (text: string) => Buffer.from(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${(text.length + 1).toString(16)}\r\n${text}`);
    const init = (vault: VaultHands) => vault.init(address, 3, 2);
    for (const bytes of [unended(INIT), Buffer.from(http('200 OK', INIT).toString().replace(/length: \d+/, 'length: 9999'))]) {
      script = (socket) => { socket.end(bytes); };
      const outcome = await asked(init);
      assert.ok('value' in outcome, JSON.stringify(outcome));
      assert.deepEqual(outcome.value.shares.map((share) => share.reveal()), SHARES);
    }
    script = (socket) => { socket.end(unended(INIT.slice(0, -1))); };
    refused(await asked(init), 'unknown', /before the answer was whole/);
  });

  it('that goes on for ever is left: bodies, headers, chunks, interim answers', async () => {
    const pour = (head: string, piece: string): Script => (socket) => {
      socket.write(head);
      let poured = 0;
      const more = () => { while (!socket.destroyed && poured < 64 << 20 && socket.write(piece)) poured += piece.length; };
      socket.on('drain', more);
      more();
    };
    const mebibyte = 'x'.repeat(1 << 20);
    const endless: Record<string, [Script, RegExp]> = {
      body: [pour('HTTP/1.1 200 OK\r\n\r\n', mebibyte), /larger than 8 MiB|no answer/], blanks: [pour('HTTP/1.1 200 OK\r\n\r\n', ' '.repeat(1 << 20)), /larger than 8 MiB|no answer/],
      chunks: [pour('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', `100000\r\n${mebibyte}\r\n`), /larger than 8 MiB|no answer/], header: [pour('HTTP/1.1 200 OK\r\nx: ', mebibyte), /does not speak http|no answer/],
      headers: [pour('HTTP/1.1 200 OK\r\n', 'x-a: b\r\n'.repeat(1000)), /does not speak http|no answer/], interim: [pour('', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000)), /./], status: [pour('HTTP/1.1 200 ', mebibyte), /does not speak http|no answer/],
    };
    for (const [name, [forever, words]] of Object.entries(endless)) {
      script = forever;
      const outcome = await asked(sealStatus);
      assert.ok('error' in outcome, name);
      assert.match(outcome.error.message, words, name);
    }
  });

  it('that is silent, drips or switches to another protocol is left when the time is up', async () => {
    const silent: Record<string, Script> = {
      nothing: () => undefined, head: (socket) => { socket.write('HTTP/1.1 200 OK\r\n'); }, half: (socket) => { socket.write(http('200 OK', SEAL).subarray(0, -5)); },
      'blanks without a length': (socket) => { const timer = setInterval(() => { socket.write(' '); }, 20); socket.write('HTTP/1.1 200 OK\r\n\r\n'); socket.once('close', () => clearInterval(timer)); },
      drips: (socket) => { const timer = setInterval(() => { socket.write('x'); }, 20); socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n'); socket.once('close', () => clearInterval(timer)); },
      switching: (socket) => { socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'); },
      'switching and gone': (socket) => { socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'); },
      interim: (socket) => { socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'); },
    };
    for (const [name, quiet] of Object.entries(silent)) {
      script = quiet;
      const outcome = await asked(sealStatus);
      assert.ok('error' in outcome && outcome.error instanceof WireError && outcome.error.reached === 'unknown', `${name}: ${JSON.stringify(outcome)}`);
    }
  });

  it('with another encoding, another status or a redirect says what it is', async () => {
    const oddities: Record<string, [Buffer, WireError['reached'], RegExp]> = {
      gzip: [http('200 OK', '\u001f\u008b\u0008', 'content-encoding: gzip'), 'config', /not JSON/],
      html: [http('200 OK', '<html><body>welcome to the router</body></html>'), 'config', /not JSON but application\/json: "<html>/],
      redirect: [http('307 Temporary Redirect', '', `location: https://elsewhere/${ROOT}`), 'config', /another host \(https:\/\/elsewhere\)/],
      'redirect to nowhere': [http('307 Temporary Redirect', ''), 'config', /nowhere/],
      'no status': [Buffer.from('HTTP/1.1\r\n\r\n'), 'unknown', /http/], TLS: [Buffer.from([0x15, 3, 1, 0, 2, 2, 0x16]), 'unknown', /does not speak http/],
      ssh: [Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'), 'unknown', /does not speak http/],
    };
    for (const [name, [bytes, reached, words]] of Object.entries(oddities)) {
      script = (socket) => { socket.end(bytes); };
      const outcome = await asked(sealStatus);
      assert.ok('error' in outcome, name);
      refused(outcome, reached, words);
    }
  });
});
