import { X509Certificate } from 'node:crypto';
import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import process from 'node:process';
import type { Duplex } from 'node:stream';
import { checkServerIdentity, connect as connectTls, type ConnectionOptions } from 'node:tls';
import { redact, Secret, wipe } from '../model/secret.ts';
import { type VaultWire, type WireAnswer, WireError, type WireRequest } from '../ports/vault.ts';
import { systemAuthorities } from './system-authorities.ts';
import { redirected, strangeAnswer, wireFailure } from './wire-failure.ts';

/** No answer of Vault to us is larger; a snapshot is streamed. */
const ANSWER_LIMIT_BYTES = 8 << 20;
const CONNECT_WITHIN_MS = 10_000;
const DEFAULT_TIMEOUT_MS = 30_000;
/** A stream that brings nothing for this long is cut; its whole length has no bound. */
const STALLED_AFTER_MS = 60_000;
/** So that a patient call notices a peer that is gone without a word. */
const KEEP_ALIVE_MS = 15_000;

export interface HttpWireOptions {
  /** PEM text; without it the machine's own authorities count. */
  readonly ca?: string | undefined;
  /** The name that the certificates are for, where it is not the address's. */
  readonly serverName?: string | undefined;
  readonly namespace?: string | undefined;
  /** Leads to nodes that have no address of their own here: pods. */
  readonly ways?: Ways | undefined;
}

/** How a pod is reached: a connection to it, and the names that its certificate may be for. */
export interface Ways {
  /** Undefined where the address is an ordinary one. @throws WireError where no connection comes about */
  readonly to: (url: URL) => (() => Promise<Duplex>) | undefined;
  readonly names: (url: URL) => readonly string[];
}

interface Node {
  /** That it was made with: a CA that was renewed makes a new one. */
  readonly ca: string | undefined;
  readonly agent: Agent;
  readonly base: RequestOptions;
  readonly prefix: string;
  readonly open: (options: RequestOptions) => ClientRequest;
}

/** The wire on Node's own client: one warm connection a node, strict TLS, no redirects, no retries. */
export class HttpWire implements VaultWire {
  readonly #options: HttpWireOptions;
  readonly #nodes = new Map<string, Node>();
  /** Left to finish what they have begun: it may be an init. */
  readonly #replaced: Node[] = [];

  constructor(options: HttpWireOptions = {}) { this.#options = options; }

  async request(address: string, request: WireRequest): Promise<WireAnswer> {
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body, revealing));
    const call = this.#call(address, request, body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length });
    call.request.end(body);
    try {
      return await call.answer(request.patient === true ? undefined : request.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    } finally {
      if (body !== undefined) wipe(body);
    }
  }

  async *download(address: string, request: WireRequest): AsyncIterable<Uint8Array> {
    const call = this.#call(address, request, {});
    call.request.end();
    call.request.setTimeout(STALLED_AFTER_MS, () => call.request.destroy(Object.assign(new Error('stalled'), { code: 'ETIMEDOUT' })));
    const response = await call.response;
    if (response.statusCode !== 200) {
      const { status, body } = await call.answer(DEFAULT_TIMEOUT_MS);
      throw new WireError(address, 'config', `${address}: ${request.path} answered ${status}${wordsOf(body)}`);
    }
    response.setTimeout(STALLED_AFTER_MS, () => response.destroy(new Error(`nothing came for ${STALLED_AFTER_MS / 1000} s`)));
    try {
      for await (const chunk of response) yield chunk as Uint8Array;
      if (!response.complete) throw new Error('the stream was cut');
    } catch (error) {
      throw wireFailure(address, error, true);
    } finally {
      response.destroy();
    }
  }

  async upload(address: string, request: WireRequest, body: AsyncIterable<Uint8Array>): Promise<WireAnswer> {
    const call = this.#call(address, request, { 'content-type': 'application/octet-stream' });
    const answer = call.answer(undefined);
    // A server that says no in the middle answers before it has read everything.
    const outcome = answer.then(() => 'answered' as const, () => 'answered' as const);
    try {
      for await (const chunk of body) {
        if (call.request.write(chunk)) continue;
        const drained = new Promise<'drained'>((resolve) => call.request.once('drain', () => resolve('drained')));
        if (await Promise.race([drained, outcome]) === 'answered') break;
      }
      call.request.end();
    } catch (error) {
      // The source failed: what has arrived must not look like a whole file.
      call.request.destroy(error instanceof Error ? error : new Error(String(error)));
      await outcome;
      throw error;
    }
    return answer;
  }

  close(): void {
    for (const { agent } of [...this.#nodes.values(), ...this.#replaced]) agent.destroy();
    this.#nodes.clear();
  }

  #call(address: string, request: WireRequest, extra: Record<string, string | number>): Call {
    try {
      const node = this.#node(address);
      const headers: Record<string, string | number> = { 'x-vault-request': 'true', accept: 'application/json', ...extra };
      if (request.token !== undefined) headers['x-vault-token'] = request.token.reveal();
      // Everything about seals, rekeys and snapshots lives in the root namespace, whatever the inventory's is.
      if (request.token !== undefined && this.#options.namespace !== undefined && (request.inNamespace === true || !request.path.startsWith('sys/'))) headers['x-vault-namespace'] = this.#options.namespace;
      return new Call(address, node.open({ ...node.base, agent: node.agent, method: request.method, path: `${node.prefix}/v1/${request.path}`, headers }));
    } catch (error) {
      throw wireFailure(address, error, false);
    }
  }

  #node(address: string): Node {
    const { ca, serverName, ways } = this.#options;
    const known = this.#nodes.get(address);
    if (known !== undefined && known.ca === ca) return known;
    let url: URL;
    try {
      url = new URL(address);
    } catch {
      throw new WireError(address, 'config', `${address} is not a URL: write https://HOST:8200 in vault_addresses`);
    }
    const way = ways?.to(url);
    const agentOptions = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxFreeSockets: 2, scheduling: 'lifo' as const };
    const base: RequestOptions = { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port };
    const prefix = url.pathname.replace(/\/+$/, '');
    let node: Node;
    if (url.protocol === 'https:') {
      if (ca !== undefined) checkAuthority(address, ca);
      // Said explicitly: an environment that turns verification off must not turn it off here.
      const tls = { rejectUnauthorized: true, minVersion: 'TLSv1.2' as const, ca: ca ?? [...systemAuthorities()], ...(serverName === undefined ? {} : { servername: serverName }) };
      const agent = new https.Agent({ ...agentOptions, ...tls });
      if (way !== undefined) throughWay(agent, way, (socket) => connectTls({ ...tls, socket, ...named(serverName, ways!.names(url)) }));
      node = { ca, agent, base: { ...base, ...tls } as RequestOptions, prefix, open: (options) => https.request(options) };
    } else if (url.protocol === 'http:') {
      // `import 'node:http'` would load all of undici for its `WebSocket`: 40 ms that nobody here needs.
      const http = process.getBuiltinModule('node:http');
      const agent = new http.Agent(agentOptions);
      if (way !== undefined) throughWay(agent, way, (socket) => socket);
      node = { ca, agent, base, prefix, open: (options) => http.request(options) };
    } else {
      throw new WireError(address, 'config', `${address}: neither http:// nor https://`);
    }
    if (known !== undefined) this.#replaced.push(known);
    this.#nodes.set(address, node);
    return node;
  }
}

type Created = (error: Error | null, socket?: Duplex) => void;

function throughWay(agent: Agent, way: () => Promise<Duplex>, dressed: (socket: Duplex) => Duplex): void {
  (agent as { createConnection: unknown }).createConnection = (_options: unknown, created: Created) => {
    way().then((socket) => created(null, dressed(socket)), (error: unknown) => created(error as Error));
  };
}

/** A pod answers by several names, and its certificate is for one of them: whichever it is, the way already led to that pod. */
function named(serverName: string | undefined, names: readonly string[]): ConnectionOptions {
  if (serverName !== undefined) return { servername: serverName };
  return {
    servername: names[0] ?? 'vault',
    checkServerIdentity: (_host, certificate) => {
      const refusals = names.map((name) => checkServerIdentity(name, certificate));
      return refusals.includes(undefined) ? undefined : refusals[0];
    },
  };
}

/** Node passes over what it cannot read, and every server would then seem to have the wrong certificate. */
function checkAuthority(address: string, pem: string): void {
  try {
    new X509Certificate(pem);
  } catch (cause) {
    throw new WireError(address, 'config', `${address}: the CA (vault_cacert, or the Secret of vault_ca_secret) holds no readable certificate in PEM form`, { cause });
  }
}

/** One request on its way. `sent` turns true once a connection stands: from then on the server may have acted. */
class Call {
  readonly request: ClientRequest;
  readonly response: Promise<IncomingMessage>;
  readonly #address: string;
  #sent = false;

  constructor(address: string, request: ClientRequest) {
    this.#address = address;
    this.request = request;
    const connecting = setTimeout(() => request.destroy(Object.assign(new Error('connect'), { code: 'ETIMEDOUT' })), CONNECT_WITHIN_MS);
    const connected = () => { clearTimeout(connecting); this.#sent = true; };
    request.setNoDelay(true);
    request.setSocketKeepAlive(true, KEEP_ALIVE_MS);
    request.once('socket', (socket: Socket & { encrypted?: boolean; secureConnecting?: boolean }) => {
      // A warm connection stands already; to take it for one that does not would call a lost reply "cannot have acted".
      if (!socket.connecting && socket.secureConnecting !== true) connected();
      else socket.once(socket.encrypted === true ? 'secureConnect' : 'connect', connected);
    });
    this.response = new Promise((resolve, reject) => {
      request.once('response', resolve);
      request.on('error', (error) => { clearTimeout(connecting); reject(wireFailure(address, error, this.#sent)); });
      // Node gives the connection away then, and nothing more is heard of the request.
      request.once('upgrade', (_response, socket) => { socket.destroy(); reject(wireFailure(address, Object.assign(new Error('upgrade'), { code: 'HPE_UPGRADE' }), true)); });
    });
    this.response.catch(() => undefined);
  }

  async answer(timeoutMs: number | undefined): Promise<WireAnswer> {
    let late: WireError | undefined;
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => {
      late = new WireError(this.#address, this.#sent ? 'unknown' : 'before', `${this.#address}: no answer within ${timeoutMs / 1000} s`);
      this.request.destroy(late);
    }, timeoutMs);
    try {
      const response = await this.response;
      const text = await this.#text(response);
      // A body without a length ends where the connection does: also where our own patience ended it.
      if (late !== undefined && !isWholeObject(text)) throw late;
      return parsed(this.#address, response, text);
    } catch (error) {
      throw wireFailure(this.#address, error, this.#sent);
    } finally {
      clearTimeout(timer);
    }
  }

  async #text(response: IncomingMessage): Promise<string> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    let cut: unknown;
    try {
      for await (const chunk of response) {
        chunks.push(chunk as Uint8Array);
        size += (chunk as Uint8Array).length;
        if (size > ANSWER_LIMIT_BYTES) throw new WireError(this.#address, 'config', `${this.#address}: the answer is larger than ${ANSWER_LIMIT_BYTES >> 20} MiB: is this address a Vault server?`);
      }
    } catch (error) {
      cut = error;
    }
    if (!response.complete) cut ??= Object.assign(new Error('cut'), { code: 'ECONNRESET' });
    const all = Buffer.concat(chunks);
    const text = all.toString('utf8');
    wipe(all, ...chunks);
    if (cut !== undefined && !isWholeObject(text)) throw cut;
    return text;
  }
}

/** The reply of init exists once: where all of it came, a connection that broke before its end was said does not count. */
function isWholeObject(text: string): boolean {
  if (!text.startsWith('{')) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parsed(address: string, response: IncomingMessage, text: string): WireAnswer {
  const status = response.statusCode ?? 0;
  if (status >= 300 && status < 400) throw redirected(address, status, response.headers.location);
  if (text.trim() === '') return { status, body: undefined };
  try {
    return { status, body: JSON.parse(text) as unknown };
  } catch {
    throw strangeAnswer(address, status, response.headers['content-type'], text);
  }
}

function wordsOf(body: unknown): string {
  const errors = (body as { errors?: unknown } | undefined)?.errors;
  const said = Array.isArray(errors) ? redact(errors.filter((text) => typeof text === 'string').join('; ')).replaceAll(/\s+/g, ' ').trim().slice(0, 2000) : '';
  return said === '' ? '' : `: ${said}`;
}

/** JSON.stringify has already asked the Secret, which says [redacted]; what it stands in for is still in its holder. */
function revealing(this: unknown, key: string, value: unknown): unknown {
  const held = (this as Record<string, unknown>)[key];
  return held instanceof Secret ? held.reveal() : value;
}
