import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import process from 'node:process';
import { redact, Secret } from '../model/secret.ts';
import { type VaultWire, type WireAnswer, WireError, type WireRequest } from '../ports/vault.ts';

const MAX_ANSWER_BYTES = 8 << 20;
const MAX_SNAPSHOT_IDLE_MS = 60_000;
/** The server cannot have seen a request whose connection never came about. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'EADDRNOTAVAIL']);

export interface HttpWireOptions {
  /** PEM; undefined: the system's. */
  readonly ca: string | undefined;
  readonly serverName: string | undefined;
  /** Sent with authenticated calls only. */
  readonly namespace: string | undefined;
}

/** Vault over HTTP(S): one keep-alive connection pool a node, no redirects, no retries, bounded answers. */
export class HttpWire implements VaultWire {
  readonly #options: HttpWireOptions;
  readonly #agents = new Map<string, HttpsAgent>();

  constructor(options: HttpWireOptions) { this.#options = options; }

  request(address: string, request: WireRequest): Promise<WireAnswer> {
    return new Promise((resolve, reject) => {
      const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(revealed(request.body)));
      const sent = this.#open(address, request, body?.byteLength, (answer) => {
        collect(address, answer, MAX_ANSWER_BYTES).then((bytes) => resolve(parsed(address, answer, bytes)), reject).catch(reject);
      }, reject);
      sent.end(body);
    });
  }

  async *download(address: string, request: WireRequest): AsyncIterable<Uint8Array> {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => { this.#open(address, request, undefined, resolve, reject).end(); });
    if (answer.statusCode !== 200) {
      const { body } = parsed(address, answer, await collect(address, answer, MAX_ANSWER_BYTES));
      throw new WireError(address, 'config', `GET ${request.path}: ${answer.statusCode} ${redact(JSON.stringify(body) ?? '')}`);
    }
    let ended = false;
    answer.on('end', () => { ended = true; });
    answer.setTimeout(MAX_SNAPSHOT_IDLE_MS, () => answer.destroy(new Error('no data for 60 s')));
    try {
      for await (const chunk of answer) yield chunk as Uint8Array;
    } catch (error) {
      throw new WireError(address, 'unknown', `GET ${request.path} was cut off: ${describe(error)}`, { cause: error });
    }
    if (!ended || !answer.complete) throw new WireError(address, 'unknown', `GET ${request.path} was cut off`);
  }

  async upload(address: string, request: WireRequest, chunks: AsyncIterable<Uint8Array>): Promise<WireAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<WireAnswer>();
    const sent = this.#open(address, request, undefined, (answer) => {
      collect(address, answer, MAX_ANSWER_BYTES).then((bytes) => resolve(parsed(address, answer, bytes)), reject).catch(reject);
    }, reject);
    try {
      for await (const chunk of chunks) if (!sent.write(chunk)) await Promise.race([new Promise((drained) => { sent.once('drain', drained); }), promise]);
      sent.end();
    } catch (error) {
      sent.destroy();
      promise.catch(() => undefined);
      throw error;
    }
    return promise;
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  #open(address: string, request: WireRequest, length: number | undefined, answered: (answer: IncomingMessage) => void, failed: (error: WireError) => void): ClientRequest {
    const url = new URL(`${address}/v1/${request.path}`);
    const secure = url.protocol === 'https:';
    const headers: Record<string, string> = { 'X-Vault-Request': 'true' };
    if (length !== undefined) { headers['Content-Type'] = 'application/json'; headers['Content-Length'] = String(length); }
    if (request.token !== undefined) {
      headers['X-Vault-Token'] = request.token.reveal();
      if (this.#options.namespace !== undefined) headers['X-Vault-Namespace'] = this.#options.namespace;
    }
    const options: RequestOptions & { ca?: string; servername?: string } = {
      method: request.method, headers, agent: this.#agentFor(address, secure), ...(request.patient === true ? {} : { timeout: request.timeoutMs ?? 15_000 }),
      ...(secure && this.#options.ca !== undefined ? { ca: this.#options.ca } : {}), ...(secure && this.#options.serverName !== undefined ? { servername: this.#options.serverName } : {}),
    };
    let connected = false;
    const sent = secure ? httpsRequest(url, options, answered) : httpModule().request(url, options, answered);
    sent.setNoDelay(true);
    sent.on('socket', (socket) => {
      if (!socket.connecting) connected = true;
      else socket.once(secure ? 'secureConnect' : 'connect', () => { connected = true; });
    });
    sent.on('timeout', () => sent.destroy(Object.assign(new Error(`no answer within ${(request.timeoutMs ?? 15_000) / 1000} s`), { code: 'ETIMEDOUT' })));
    sent.on('error', (error) => failed(wireError(address, error, connected)));
    return sent;
  }

  #agentFor(address: string, secure: boolean): HttpsAgent {
    let agent = this.#agents.get(address);
    if (agent === undefined) {
      agent = secure ? new HttpsAgent({ keepAlive: true, maxSockets: 4 }) : new (httpModule().Agent)({ keepAlive: true, maxSockets: 4 }) as HttpsAgent;
      this.#agents.set(address, agent);
    }
    return agent;
  }
}

/** `import 'node:http'` loads undici as well and costs 40 ms at every start (node#59686). */
function httpModule(): typeof import('node:http') { return process.getBuiltinModule('node:http'); }

/** Secrets become text here, on their way onto the wire, and nowhere before. */
function revealed(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal();
  if (Array.isArray(value)) return value.map(revealed);
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revealed(inner)]));
  return value;
}

async function collect(address: string, answer: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer) {
      size += (chunk as Buffer).byteLength;
      if (size > limit) throw new WireError(address, 'config', `${address} answered more than ${limit >> 20} MiB: is it a Vault server?`);
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    throw error instanceof WireError ? error : new WireError(address, 'unknown', `the answer of ${address} was cut off: ${describe(error)}`, { cause: error });
  }
  return Buffer.concat(chunks);
}

function parsed(address: string, answer: IncomingMessage, bytes: Buffer): WireAnswer {
  const status = answer.statusCode ?? 0;
  if (status >= 300 && status < 400) {
    throw new WireError(address, 'config', `${address} redirects to ${redact(String(answer.headers.location))}: another host is not followed, for it would be sent keys. Name each node by its own address in vault_addresses`);
  }
  if (bytes.byteLength === 0) return { status, body: undefined };
  try {
    return { status, body: JSON.parse(bytes.toString('utf8')) as unknown };
  } catch {
    const start = redact(bytes.subarray(0, 60).toString('latin1').replaceAll(/[^\x20-\x7e]+/g, ' '));
    throw new WireError(address, 'config', `${address} answered ${status} with ${answer.headers['content-type'] ?? 'no content type'} instead of JSON ("${start}"): is this address a Vault server, or a proxy before it?`);
  }
}

const describe = (error: unknown) => redact(error instanceof Error ? error.message : String(error));

const TLS_HINTS: readonly [RegExp, string][] = [
  [/SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|DEPTH_ZERO/, 'its certificate is not signed by a known CA; give the CA with vault_cacert'],
  [/ERR_TLS_CERT_ALTNAME_INVALID/, 'its certificate is for another name; give the name it is for with vault_tls_server_name'],
  [/CERT_HAS_EXPIRED/, 'its certificate has expired'],
  [/CERT_NOT_YET_VALID/, 'its certificate is not valid yet; is a clock wrong?'],
  [/ERR_SSL_WRONG_VERSION_NUMBER|EPROTO|ERR_SSL_PACKET_LENGTH_TOO_LONG/, 'it does not speak TLS here; is the address http:// rather than https://?'],
  [/HPE_INVALID|ERR_HTTP_/, 'it does not speak HTTP here; is the address https:// rather than http://?'],
];

function wireError(address: string, error: Error & { code?: string }, connected: boolean): WireError {
  if (error instanceof WireError) return error;
  const code = error.code ?? '';
  const hint = TLS_HINTS.find(([pattern]) => pattern.test(code))?.[1];
  if (hint !== undefined) return new WireError(address, 'config', `${address}: ${hint} (${code})`, { cause: error });
  const reached = NEVER_SENT.has(code) || !connected ? 'before' : 'unknown';
  return new WireError(address, reached, `${address}: ${describe(error)}`, { cause: error });
}
