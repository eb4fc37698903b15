import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp, type RequestListener, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { HttpWire } from '../../src/adapters/vault-http.ts';
import { Secret } from '../../src/model/secret.ts';
import { WireError, type WireRequest } from '../../src/ports/vault.ts';
import { makeCertificates } from './vault.ts';

const look: WireRequest = { method: 'GET', path: 'sys/seal-status', timeoutMs: 2000 };
const folder = mkdtempSync(join(tmpdir(), 'vaultctl-wire-'));
const open: (Server | TcpServer)[] = [];
after(() => { for (const server of open) server.close(); rmSync(folder, { recursive: true, force: true }); });

async function listening(server: Server | TcpServer): Promise<number> {
  open.push(server);
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return (server.address() as { port: number }).port;
}

const answering = async (listener: RequestListener) => `http://127.0.0.1:${await listening(createHttp(listener))}`;

/** What the wire says of a request that has no answer. */
async function failure(address: string, { wire = new HttpWire({}), request = look }: { wire?: HttpWire; request?: WireRequest } = {}): Promise<WireError> {
  try {
    await wire.request(address, request);
  } catch (error) {
    assert.ok(error instanceof WireError, String(error));
    assert.equal(error.address, address);
    return error;
  } finally {
    wire.close();
  }
  throw new Error('there was an answer');
}

describe('the wire', () => {
  it('a closed port was never reached', async () => {
    const server = createTcp();
    const port = await listening(server);
    await new Promise((resolve) => { server.close(resolve); });
    assert.equal((await failure(`http://127.0.0.1:${port}`)).reached, 'before');
  });

  it('a server that hangs up without an answer may have acted', async () => {
    const port = await listening(createTcp((socket) => { socket.once('data', () => socket.destroy()); }));
    assert.equal((await failure(`http://127.0.0.1:${port}`)).reached, 'unknown');
  });

  it('an answer that is cut off may have been acted on', async () => {
    const address = await answering((_, answer) => { answer.writeHead(200, { 'content-length': '100' }); answer.write('{"sealed":'); setTimeout(() => answer.destroy(), 20); });
    assert.equal((await failure(address)).reached, 'unknown');
  });

  it('a snapshot that is cut off is an error, with and without its length', async () => {
    for (const headers of [{ 'content-length': '1000' }, {}]) {
      const address = await answering((_, answer) => { answer.writeHead(200, headers); answer.write('half of it'); setTimeout(() => answer.destroy(), 20); });
      const wire = new HttpWire({});
      let got = '';
      await assert.rejects(async () => { for await (const chunk of wire.download(address, { method: 'GET', path: 'sys/storage/raft/snapshot' })) got += Buffer.from(chunk).toString(); }, (error) => error instanceof WireError && error.reached === 'unknown');
      assert.equal(got, 'half of it');
      wire.close();
    }
  });

  it('a server that is silent for too long may have acted', async () => {
    const address = await answering(() => { /* never */ });
    const error = await failure(address, { request: { ...look, timeoutMs: 150 } });
    assert.equal(error.reached, 'unknown');
    assert.match(error.message, /0\.15 s|150 ms|time/);
  });

  it('an answer that is not JSON is a wrong address', async () => {
    const error = await failure(await answering((_, answer) => { answer.setHeader('content-type', 'text/html'); answer.end('<html>hello'); }));
    assert.equal(error.reached, 'config');
    assert.match(error.message, /JSON/);
  });

  it('a redirect is not followed: what we send would go to another host', async () => {
    let followed = false;
    const other = await answering((_, answer) => { followed = true; answer.end('{}'); });
    const error = await failure(await answering((_, answer) => { answer.writeHead(307, { location: `${other}/v1/sys/unseal` }).end(); }));
    assert.deepEqual([error.reached, followed], ['config', false]);
  });

  it('an answer without end is refused before it fills the memory', async () => {
    const error = await failure(await answering((_, answer) => {
      const block = Buffer.alloc(1 << 20, 32);
      for (let sent = 0; sent < 10; sent += 1) answer.write(block);
      answer.end();
    }), { request: { ...look, timeoutMs: 10_000 } });
    assert.equal(error.reached, 'config');
  });

  it('an error never quotes the token or the share that was sent', async () => {
    const token = new Secret('hvs.token-that-nobody-may-see');
    const share = new Secret('c2hhcmUtdGhhdC1ub2JvZHktbWF5LXNlZQ==');
    const address = await answering((request, answer) => { request.resume().on('end', () => answer.end(`no: ${token.reveal()} ${share.reveal()}`)); });
    const error = await failure(address, { request: { method: 'PUT', path: 'sys/unseal', token, body: { key: share }, timeoutMs: 2000 } });
    assert.ok(![token, share].some((secret) => `${error.message}${error.stack}${JSON.stringify(error)}`.includes(secret.reveal())));
  });

  it('reveals secrets at any depth of a body, and nothing else changes', async () => {
    let seen = '';
    const address = await answering((request, answer) => { request.on('data', (chunk) => { seen += String(chunk); }).on('end', () => answer.end('{"ok":true}')); });
    const wire = new HttpWire({});
    assert.deepEqual(await wire.request(address, { method: 'PUT', path: 'x', body: { key: new Secret('share-one'), deep: [{ inner: new Secret('share-two') }], reset: true } }), { status: 200, body: { ok: true } });
    assert.deepEqual(JSON.parse(seen), { key: 'share-one', deep: [{ inner: 'share-two' }], reset: true });
    wire.close();
  });
});

describe('the wire over TLS', () => {
  const files = makeCertificates(join(folder, 'tls'), ['vault.example']);
  const ca = readFileSync(files.ca, 'utf8');
  const server = createHttps({ cert: readFileSync(files.cert), key: readFileSync(files.key) }, (_, answer) => { answer.end('{"ok":true}'); });
  const port = listening(server);

  it('an unknown CA is a setting to mend, and nothing was sent', async () => {
    const error = await failure(`https://127.0.0.1:${await port}`);
    assert.equal(error.reached, 'config');
    assert.match(error.message, /vault_cacert/);
  });

  it('a certificate for another name is a setting to mend', async () => {
    const error = await failure(`https://127.0.0.1:${await port}`, { wire: new HttpWire({ ca, serverName: 'other.example' }) });
    assert.equal(error.reached, 'config');
    assert.match(error.message, /its certificate is for 127\.0\.0\.1, vault\.example: set vault_tls_server_name to a name that it is for/);
  });

  it('the given CA and the name it is for are accepted', async () => {
    const wire = new HttpWire({ ca, serverName: 'vault.example' });
    assert.deepEqual(await wire.request(`https://127.0.0.1:${await port}`, look), { status: 200, body: { ok: true } });
    wire.close();
  });

  it('a CA that was renewed is taken from the next request on', async () => {
    let held = readFileSync(makeCertificates(join(folder, 'older')).ca, 'utf8');
    const wire = new HttpWire({ get ca() { return held; } });
    const address = `https://127.0.0.1:${await port}`;
    await assert.rejects(wire.request(address, look), /unknown authority|was not signed by the CA/);
    held = ca;
    assert.equal((await wire.request(address, look)).status, 200);
    wire.close();
  });

  it("the machine's own authorities count where no CA is given, as for every program on it", async () => {
    const ask = `const { HttpWire } = await import(${JSON.stringify(new URL('../../src/adapters/vault-http.ts', import.meta.url).href)}); const wire = new HttpWire({}); const { status } = await wire.request(process.argv[1], { method: 'GET', path: 'sys/seal-status' }).catch((error) => ({ status: error.message })); console.log(status); wire.close();`;
    const asked = async (env: NodeJS.ProcessEnv) => (await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', ask, `https://127.0.0.1:${await port}`], { env: { PATH: process.env['PATH'], ...env } })).stdout;
    assert.equal(await asked({ SSL_CERT_FILE: files.ca }), '200\n');
    assert.equal(await asked({ NODE_EXTRA_CA_CERTS: files.ca }), '200\n');
    assert.match(await asked({}), /TLS failed .*unknown authority/);
    assert.match(await asked({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }), /TLS failed .*unknown authority/);
  });

  it('a CA file that holds no certificate is said to be that, not the server to be wrong', async () => {
    const error = await failure(`https://127.0.0.1:${await port}`, { wire: new HttpWire({ ca: 'no certificate' }) });
    assert.equal(error.reached, 'config');
    assert.match(error.message, /vault_cacert, or the Secret of vault_ca_secret\) holds no readable certificate/);
  });

  it('a reply lost on a warm connection is never taken for a server that was not reached', async () => {
    const flaky = createHttps({ cert: readFileSync(files.cert), key: readFileSync(files.key) }, (request, answer) => { if (request.method === 'GET') answer.end('{}'); else request.socket.destroy(); });
    const address = `https://127.0.0.1:${await listening(flaky)}`;
    const wire = new HttpWire({ ca });
    await wire.request(address, look);
    await assert.rejects(wire.request(address, { method: 'PUT', path: 'sys/init', body: {}, patient: true }), (error) => error instanceof WireError && error.reached === 'unknown');
    wire.close();
  });

  it('http to a TLS port and https to a plain one say which of the two is wrong', async () => {
    assert.equal((await failure(await answering((_, answer) => { answer.end('{}'); }).then((address) => address.replace('http:', 'https:')))).reached, 'config');
    const plain = await failure(`http://127.0.0.1:${await port}`);
    assert.notEqual(plain.reached, 'before');
  });
});
