import http from 'node:http';
import https from 'node:https';
import { BlockList, isIP, isIPv6 } from 'node:net';
import process from 'node:process';
import type { Duplex } from 'node:stream';
import { SocksProxyAgent } from 'socks-proxy-agent';
import { UsageError } from '../model/halt.ts';
import { neverShow } from '../model/secret.ts';
import { systemAuthorities } from './system-authorities.ts';

const PROXY_WITHIN_MS = 10_000;

export interface Proxy {
  readonly url: URL;
  /** Who named it: `proxy-url` or `HTTPS_PROXY`. */
  readonly from: string;
}

/**
 * The proxy between us and the API server, as kubectl chooses it: the cluster's own, else the environment's. Go's rules,
 * which are not those of curl: the upper case before the lower, no ALL_PROXY, nothing for localhost and loopback.
 * https://pkg.go.dev/golang.org/x/net/http/httpproxy @throws UsageError
 */
export function proxyTo(server: URL, proxyUrl: string | undefined, env: NodeJS.ProcessEnv = process.env): Proxy | undefined {
  if (proxyUrl !== undefined && proxyUrl !== '') return proxyAt(proxyUrl, 'proxy-url');
  const names = server.protocol === 'https:' ? ['HTTPS_PROXY', 'https_proxy'] : ['HTTP_PROXY', 'http_proxy'];
  const from = names.find((name) => (env[name] ?? '') !== '');
  if (from === undefined || isPassedBy(server, env.NO_PROXY || env.no_proxy || '')) return undefined;
  const said = env[from]!;
  return proxyAt(/^[a-z][a-z0-9+.-]*:\/\//i.test(said) ? said : `http://${said}`, from);
}

function proxyAt(said: string, from: string): Proxy {
  const url = URL.canParse(said) ? new URL(said) : undefined;
  if (url === undefined || url.hostname === '' || !/^(?:https?|socks5h?):$/.test(url.protocol)) throw new UsageError(`${from} is no proxy that vaultctl can use: it must be http://, https:// or socks5://HOST:PORT`, from === 'proxy-url' ? 'kubectl config view --minify' : `mend or unset ${from}`);
  if (url.password !== '') for (const each of [url.password, decodeURIComponent(url.password)]) neverShow(each);
  return { url, from };
}

/** For messages: never with its password. */
export function proxyInWords({ url, from }: Proxy): string { return `${url.protocol}//${url.host} (${from})`; }

/** Whether NO_PROXY takes an address out: `*`, an address or a network, a domain with all below it, each but a network also with `:PORT`. */
export function isPassedBy({ hostname, port, protocol }: URL, noProxy: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const at = port === '' ? (protocol === 'http:' ? '80' : '443') : port;
  const address = isIP(host) !== 0;
  if (host === 'localhost' || (address && within(host, '127.0.0.0', 8)) || host === '::1') return true;
  return noProxy.split(',').map((entry) => entry.trim().toLowerCase()).filter((entry) => entry !== '').some((entry) => {
    if (entry === '*') return true;
    const [network = '', bits = '', ...more] = entry.split('/');
    if (more.length === 0 && bits !== '' && isIP(network) !== 0) return address && within(host, network, Number(bits));
    const { name, port: only } = withPort(entry);
    if (name === '' || (only !== '' && only !== at)) return false;
    if (isIP(name) !== 0) return address && within(host, name, isIPv6(name) ? 128 : 32);
    if (address) return false;
    const domain = name.replace(/^\*(?=\.)/, '');
    return domain.startsWith('.') ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`);
  });
}

function withPort(entry: string): { name: string; port: string } {
  const found = /^\[([^\]]*)\]:(\d+)$/.exec(entry) ?? /^([^:]*):(\d+)$/.exec(entry);
  return { name: found?.[1] ?? entry.replace(/^\[|\]$/g, ''), port: found?.[2] ?? '' };
}

function within(address: string, network: string, bits: number): boolean {
  if (!Number.isInteger(bits) || bits > (isIPv6(network) ? 128 : 32) || isIPv6(address) !== isIPv6(network)) return false;
  const list = new BlockList();
  const family = isIPv6(network) ? 'ipv6' : 'ipv4';
  list.addSubnet(network, bits, family);
  return list.check(address, family);
}

/** @param warm connections are kept for the next request; a websocket takes its own away with it */
export function agentTo(server: URL, proxy: Proxy | undefined, tls: https.AgentOptions, warm: boolean): http.Agent {
  const options: https.AgentOptions = { ...tls, ...(warm ? { keepAlive: true, keepAliveMsecs: 15_000, maxFreeSockets: 2 } : {}) };
  if (proxy === undefined) return server.protocol === 'http:' ? new http.Agent(options) : new https.Agent(options);
  // The proxy looks the name up, as with Go: here it may be unknown.
  if (proxy.url.protocol.startsWith('socks5')) {
    // Told nothing, it looks for node:https in its own stack trace, and ours have no frames (src/main.ts).
    const told = { ...options, secureEndpoint: server.protocol === 'https:' };
    const agent = new SocksProxyAgent(proxy.url.href.replace(/^socks5:/, 'socks5h:'), told);
    agent.protocol = server.protocol;
    return agent as unknown as http.Agent;
  }
  return new ConnectAgent(proxy.url, options);
}

/** CONNECT through an http or https proxy, and TLS to the server within. */
class ConnectAgent extends https.Agent {
  readonly #proxy: URL;
  constructor(proxy: URL, options: https.AgentOptions) {
    super(options);
    this.#proxy = proxy;
  }

  override createConnection(options: http.ClientRequestArgs, done: (error: Error | null, stream: Duplex) => void): undefined {
    const fail = done as (error: Error) => void;
    const { hostname, port, protocol, username, password } = this.#proxy;
    const [host, at] = [hostname.replace(/^\[|\]$/g, ''), options.host ?? ''];
    const target = `${isIPv6(at) ? `[${at}]` : at}:${options.port}`;
    const login = username === '' && password === '' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}` };
    // Its own name, not the one it is asked for, is in a proxy's certificate; Go takes the cluster's authority for it, too.
    const tls = { ca: [...systemAuthorities(), ...[this.options.ca ?? []].flat()], rejectUnauthorized: this.options.rejectUnauthorized !== false, servername: isIP(host) === 0 ? host : '' };
    const asked = (protocol === 'https:' ? https : http).request({
      method: 'CONNECT', host, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port), path: target, setHost: false, headers: { host: target, ...login }, agent: false, timeout: PROXY_WITHIN_MS,
      ...(protocol === 'https:' ? tls : {}),
    });
    asked.once('timeout', () => asked.destroy(new Error(`the proxy says nothing for ${PROXY_WITHIN_MS / 1000} s`)));
    asked.once('error', fail);
    // It answers with a page of its own where it refuses.
    asked.once('response', (answer) => { answer.resume(); asked.destroy(); fail(refusal(answer.statusCode)); });
    asked.once('connect', (answer, socket, head) => {
      if (answer.statusCode !== 200) { socket.destroy(); fail(refusal(answer.statusCode)); return; }
      socket.setTimeout(0);
      if (head.length > 0) socket.unshift(head);
      done(null, super.createConnection({ ...options, socket } as http.ClientRequestArgs) as Duplex);
    });
    asked.end();
  }
}

function refusal(status: number | undefined): Error {
  return new Error(`the proxy answers ${status}${status === 407 ? ' (it wants a user and a password in its address)' : ''}`);
}
