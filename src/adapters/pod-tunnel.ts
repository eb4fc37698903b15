import { Duplex } from 'node:stream';
import WebSocket from 'ws';
import { refusalIn } from '../kubernetes/rights.ts';
import { ruleOf } from '../model/kube-right.ts';
import { KubeError } from '../ports/kube.ts';
import { WireError } from '../ports/vault.ts';
import type { KubeHttp } from './kube-http.ts';

const OPENS_WITHIN_MS = 10_000;
/** An API server that died without a word is noticed within two of these. */
const PING_EVERY_MS = 5000;
const DATA = 0;
const ERROR = 1;

export interface PodPort { readonly namespace: string; readonly pod: string; readonly port: number; readonly address: string }

/**
 * One connection to a port of one pod, through the API server: a websocket of the `portforward` subresource, channel 0
 * data, channel 1 what went wrong; each channel opens with the port's number. The library's own port-forward has no
 * backpressure, and its stream neither ends nor fails when the API server or the pod is gone.
 * @throws WireError `before` where no connection comes about
 */
export async function openTunnel(kube: KubeHttp, target: PodPort): Promise<PodTunnel> {
  const { namespace, pod, port, address } = target;
  const { headers, agent } = await kube.login().catch((error: unknown) => { throw new WireError(address, 'before', (error as Error).message, { cause: error }); });
  const url = kube.url(`/api/v1/namespaces/${namespace}/pods/${pod}/portforward?ports=${port}`);
  url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:';
  const socket = new WebSocket(url, ['v4.channel.k8s.io'], { headers, handshakeTimeout: OPENS_WITHIN_MS, perMessageDeflate: false, maxPayload: 16 << 20, ...(agent === undefined || typeof agent === 'boolean' ? {} : { agent }) });
  const tunnel = await new Promise<PodTunnel>((resolve, reject) => {
    const fail = (why: string, cause?: unknown) => reject(new WireError(address, 'before', `${address}: no way to pod ${pod} through ${kube.server}: ${why}`, { cause }));
    // At once: the first frames may have come with the answer to the upgrade, and are let out before any promise goes on.
    socket.once('open', () => resolve(new PodTunnel(socket, target)));
    socket.once('error', (error) => fail(error.message.split('\n')[0] ?? '', error));
    socket.once('unexpected-response', (request, response) => {
      if (response.statusCode === 401) kube.refused();
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => { if (chunks.length < 16) chunks.push(chunk); });
      response.on('end', () => { fail(...refusal(kube.server, response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'))); request.destroy(); });
    });
  });
  // What came with the answer to the upgrade may have been that nobody listens in the pod: http would wait for a close that was before it.
  if (tunnel.errored !== null) throw new WireError(address, 'before', tunnel.errored.message, { cause: tunnel.errored });
  return tunnel;
}

/** What it said, and where RBAC said no, the right that is missing. */
function refusal(server: string, status: number, body: string): [string, KubeError?] {
  const said = /"message":\s*"((?:[^"\\]|\\.)*)"/.exec(body)?.[1]?.replaceAll('\\"', '"') ?? body.slice(0, 200);
  const found = status === 403 ? refusalIn(said) : undefined;
  if (found === undefined) return [`${status} ${said}`];
  return [`${said}; missing in its Role: ${found.rights.map(ruleOf).join(' ')}`, new KubeError('config', `${server}: ${said}`, undefined, { refusal: found })];
}

/** As a TCP socket as far as Node's http client is concerned. */
export class PodTunnel extends Duplex {
  readonly #socket: WebSocket;
  readonly #target: PodPort;
  readonly #ping: NodeJS.Timeout;
  /** Each channel's first two bytes are the port. */
  readonly #begun = new Set<number>();
  #answered = true;
  #idle: NodeJS.Timeout | undefined;
  #idleMs = 0;

  constructor(socket: WebSocket, target: PodPort) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    this.#target = target;
    // Before a request takes it and between two of them nobody else listens, and the process would end of it.
    this.on('error', () => undefined);
    socket.on('message', (data: Buffer) => this.#hear(data));
    socket.on('pong', () => { this.#answered = true; });
    socket.on('error', (error) => this.#lost(error.message));
    socket.on('close', () => this.#lost('the API server closed the connection'));
    this.#ping = setInterval(() => {
      if (!this.#answered) { this.#lost(`the API server has said nothing for ${PING_EVERY_MS / 1000} s`); return; }
      this.#answered = false;
      socket.ping();
    }, PING_EVERY_MS);
    this.#ping.unref();
  }

  #hear(data: Buffer): void {
    const channel = data[0] ?? DATA;
    let bytes = data.subarray(1);
    if (!this.#begun.has(channel)) {
      this.#begun.add(channel);
      bytes = bytes.subarray(2);
    }
    if (bytes.length === 0) return;
    this.#touch();
    if (channel === ERROR) this.#lost(bytes.toString('utf8').slice(0, 300));
    else if (channel === DATA && !this.push(bytes)) this.#socket.pause();
  }

  #lost(why: string): void {
    if (this.destroyed) return;
    this.destroy(Object.assign(new Error(`the way to pod ${this.#target.pod} broke: ${why}`), { code: 'ECONNRESET' }));
  }

  /** From outside: the pod that this leads to is not the one it was. */
  cut(why: string): void { this.#lost(why); }

  override _read(): void { this.#socket.resume(); }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#touch();
    const frame = Buffer.allocUnsafe(chunk.length + 1);
    frame[0] = DATA;
    chunk.copy(frame, 1);
    this.#socket.send(frame, { binary: true }, (error) => {
      frame.fill(0);
      done(error);
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearInterval(this.#ping);
    clearTimeout(this.#idle);
    // Without waiting for the other side's goodbye: it may be gone.
    this.#socket.terminate();
    done(error);
  }

  override _final(done: (error?: Error | null) => void): void { done(); }

  #touch(): void { this.#idle?.refresh(); }

  /** As net.Socket: emits `timeout` when nothing moved for so long. */
  setTimeout(ms: number, listener?: () => void): this {
    clearTimeout(this.#idle);
    this.#idleMs = ms;
    this.#idle = ms > 0 ? setTimeout(() => this.emit('timeout'), ms).unref() : undefined;
    if (listener !== undefined && ms > 0) this.once('timeout', listener);
    return this;
  }
  get timeout(): number { return this.#idleMs; }
  setNoDelay(): this { return this; }
  setKeepAlive(): this { return this; }
  ref(): this { return this; }
  unref(): this { return this; }
}
