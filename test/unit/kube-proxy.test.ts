import assert from 'node:assert/strict';
import { once } from 'node:events';
import https from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { agentTo, isPassedBy, proxyInWords, proxyTo } from '../../src/adapters/kube-proxy.ts';
import { Halt } from '../../src/model/halt.ts';

const server = new URL('https://api.example.com:6443');
const chosen = (env: NodeJS.ProcessEnv, proxyUrl?: string, to = server) => { const found = proxyTo(to, proxyUrl, env); return found === undefined ? undefined : proxyInWords(found); };

describe('the proxy between us and the API server', () => {
  it('is the one of the cluster, whatever the environment says', () => {
    assert.equal(chosen({ HTTPS_PROXY: 'http://env:1', NO_PROXY: '*' }, 'http://own:2'), 'http://own:2 (proxy-url)');
    assert.equal(chosen({ HTTPS_PROXY: 'http://env:1' }, ''), 'http://env:1 (HTTPS_PROXY)');
  });

  it('is that of the environment, as Go reads it: the upper case first, http:// where nothing is said, no ALL_PROXY', () => {
    assert.equal(chosen({ HTTPS_PROXY: 'http://upper:1', https_proxy: 'http://lower:2' }), 'http://upper:1 (HTTPS_PROXY)');
    assert.equal(chosen({ HTTPS_PROXY: '', https_proxy: 'proxy:3128' }), 'http://proxy:3128 (https_proxy)');
    assert.equal(chosen({ https_proxy: 'socks5://p:1080' }), 'socks5://p:1080 (https_proxy)');
    assert.equal(chosen({ HTTP_PROXY: 'http://p:1', ALL_PROXY: 'http://p:2', all_proxy: 'http://p:3' }), undefined);
    assert.equal(chosen({ HTTP_PROXY: 'http://p:1' }, undefined, new URL('http://127.0.0.1:8001')), undefined);
  });

  it('is named without its password', () => {
    assert.equal(chosen({ HTTPS_PROXY: 'http://me:hush-hush@p:1' }), 'http://p:1 (HTTPS_PROXY)');
  });

  it('of another kind is refused: exit 2', () => {
    for (const said of ['ftp://p:1', 'http://', '://']) assert.throws(() => proxyTo(server, undefined, { HTTPS_PROXY: said }), (error) => error instanceof Halt && error.exitCode === 2 && /HTTPS_PROXY is no proxy/.test(error.text.what), said);
  });

  // Each line was tried with Go's own httpproxy: what it proxies stands on the right.
  const cases: readonly [string, string, boolean][] = [
    ['https://localhost:6443', '', true], ['https://127.8.8.8:6443', '', true], ['https://[::1]:6443', '', true],
    ['https://api.example.com:6443', '*', true], ['https://api.example.com:6443', 'other, *', true],
    ['https://api.example.com:6443', 'example.com', true], ['https://example.com', 'example.com', true], ['https://notexample.com', 'example.com', false],
    ['https://api.example.com:6443', '.example.com', true], ['https://example.com', '.example.com', false], ['https://api.example.com', '*.example.com', true], ['https://example.com', '*.example.com', false],
    ['https://API.Example.com', 'api.EXAMPLE.com', true],
    ['https://api.example.com:6443', 'api.example.com:6443', true], ['https://api.example.com:6443', 'api.example.com:443', false], ['https://api.example.com', 'api.example.com:443', true],
    ['https://10.89.0.1:6443', '10.89.0.1', true], ['https://10.89.0.1:6443', '10.89.0.1:6443', true], ['https://10.89.0.1:6443', '10.89.0.1:1', false],
    ['https://10.89.0.1:6443', '10.0.0.0/8', true], ['https://10.89.0.1:6443', '10.96.0.0/12', false], ['https://10.89.0.1:6443', '0.0.0.0/0', true], ['https://api.example.com', '0.0.0.0/0', false],
    ['https://10.89.0.1:6443', '.0.0.1', false], ['https://10.89.0.1:6443', '10.89.0', false],
    ['https://[fd00::1]:6443', 'fd00::/8', true], ['https://[fd00::1]:6443', '[fd00::1]:6443', true], ['https://[fd00::1]:6443', 'fd00::1', true], ['https://[fd00::1]:6443', '10.0.0.0/8', false],
    ['https://api.example.com', ' , ,', false], ['https://api.example.com', ':6443', false],
  ];
  it('is passed by where NO_PROXY says so, by Go\'s rules', () => {
    for (const [url, noProxy, passed] of cases) assert.equal(isPassedBy(new URL(url), noProxy), passed, `${url} with NO_PROXY=${noProxy}`);
  });

  it('is asked for an IPv6 address in brackets, with the login in its own address; what it answers instead of a way is told', async () => {
    let asked = '';
    const proxy = createServer((socket) => { socket.once('data', (chunk: Buffer) => { asked = chunk.toString('latin1'); socket.end('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n'); }); });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    try {
      const to = new URL('https://[fd00::1]:6443');
      const agent = agentTo(to, proxyTo(to, `http://me:p%40ss@127.0.0.1:${(proxy.address() as AddressInfo).port}`), {}, true);
      const [error] = await once(https.get(to, { agent }), 'error').catch((error: unknown) => [error]) as [Error];
      assert.equal(error.message, 'the proxy answers 502');
      assert.match(asked, /^CONNECT \[fd00::1\]:6443 HTTP\/1\.1\r\n/);
      assert.match(asked, new RegExp(`proxy-authorization: Basic ${Buffer.from('me:p@ss').toString('base64')}\r\n`));
    } finally { proxy.close(); }
  });
});
