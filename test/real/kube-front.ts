import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createTlsServer, Agent, request as httpsRequest } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import WebSocket, { type RawData, WebSocketServer } from 'ws';
import type { Cluster } from '../cluster/start.ts';

const PROTOCOL = 'v4.channel.k8s.io';
const DATA = 0;

/** A request to Vault on its way through a port-forward. */
export interface PodRequest {
  readonly method: string;
  /** Below /v1/. */
  readonly path: string;
  readonly pod: string;
  /** Counted from 1 over the life of the front. */
  readonly number: number;
}

/** A request to the API server itself: `PUT /apis/coordination.k8s.io/v1/…`. */
export interface ApiRequest { readonly method: string; readonly path: string; readonly body: Buffer }

export type Fate = void | 'cut';

/**
 * Before a cluster's API server, on this machine's loopback, with the API server's own certificate and the
 * administrator's login: everything that vaultctl and helm ask of Kubernetes passes here, and within the port-forwards
 * each request to Vault is told apart.
 */
export interface KubeFront {
  /** `https://127.0.0.1:PORT` */
  readonly server: string;
  readonly requests: readonly PodRequest[];
  readonly apiRequests: readonly ApiRequest[];
  /** Before Vault sees a request, and awaited. `cut`: the port-forward is, and Vault never sees it. */
  onRequest(callback: (request: PodRequest) => Fate | Promise<Fate>): void;
  /** When Vault has begun to answer, and awaited. `cut`: the port-forward is, and the answer is lost. */
  onReply(callback: (request: PodRequest) => Fate | Promise<Fate>): void;
  /** The same for requests to the API server itself. */
  onApi(callback: (request: ApiRequest) => Fate | Promise<Fate>): void;
  onApiReply(callback: (request: ApiRequest) => Fate | Promise<Fate>): void;
  /** Every byte of bodies in either direction of the port-forwards, as it comes. */
  onBytes(callback: (bytes: Buffer) => void): void;
  /** A connection to a port inside the cluster's network: `10.89.0.5`, 8200. */
  dial(host: string, port: number): Socket;
  close(): Promise<void>;
}

/** Reaches from this machine into the cluster's network: a socket's name is a file, and files are shared. Ends when its stdin does. */
const RELAY = `
const net = require('node:net');
net.createServer((from) => {
  from.on('error', () => from.destroy());
  from.once('data', (first) => {
    from.pause();
    const end = first.indexOf(10);
    const [host, port] = first.subarray(0, end).toString().split(' ');
    const to = net.connect({ host, port: Number(port), noDelay: true }, () => { to.write(first.subarray(end + 1)); from.pipe(to); to.pipe(from); from.resume(); });
    to.on('error', () => from.destroy());
    to.on('close', (broken) => (broken ? from.destroy() : from.end()));
    from.on('close', () => to.destroy());
  });
}).listen(process.argv[1], () => console.log('listening'));
process.stdin.on('end', () => process.exit(0)).resume();
`;

export async function startKubeFront(cluster: Cluster): Promise<KubeFront> {
  const path = join(cluster.folder, `relay-${process.pid}-${Math.trunc(performance.now())}.sock`);
  const relay = await startRelay(cluster, path);
  const dial = (host: string, port: number): Socket => {
    const socket = connect(path);
    socket.write(`${host} ${port}\n`);
    return socket;
  };
  const front = new Front(cluster, dial);
  await front.listen();
  return {
    server: `https://127.0.0.1:${front.port}`, requests: front.requests, apiRequests: front.apiRequests, dial,
    onRequest: (callback) => { front.asked = callback; },
    onReply: (callback) => { front.answered = callback; },
    onApi: (callback) => { front.api = callback; },
    onApiReply: (callback) => { front.apiAnswered = callback; },
    onBytes: (callback) => { front.bytes = callback; },
    close: async () => { await front.close(); relay.kill('SIGKILL'); },
  };
}

async function startRelay({ nsenter }: Cluster, path: string): Promise<ChildProcess> {
  const [program, ...args] = [...nsenter, process.execPath, '-e', RELAY, path];
  const relay = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(relay.stdout, 'data');
  return relay;
}

class Front {
  readonly requests: PodRequest[] = [];
  readonly apiRequests: ApiRequest[] = [];
  asked: (request: PodRequest) => Fate | Promise<Fate> = () => undefined;
  answered: (request: PodRequest) => Fate | Promise<Fate> = () => undefined;
  api: (request: ApiRequest) => Fate | Promise<Fate> = () => undefined;
  apiAnswered: (request: ApiRequest) => Fate | Promise<Fate> = () => undefined;
  bytes: (bytes: Buffer) => void = () => undefined;
  port = 0;
  readonly #agent: Agent;
  readonly #server: ReturnType<typeof createTlsServer>;
  readonly #sockets = new WebSocketServer({ noServer: true, handleProtocols: () => PROTOCOL, perMessageDeflate: false });
  readonly #open = new Set<Socket>();

  constructor({ folder }: Cluster, dial: (host: string, port: number) => Socket) {
    const pki = (name: string) => readFileSync(join(folder, 'pki', name));
    const tls = { ca: pki('ca.crt'), cert: pki('admin.crt'), key: pki('admin.key'), servername: 'kubernetes' };
    this.#agent = new Agent();
    (this.#agent as { createConnection: unknown }).createConnection = () => connectTls({ ...tls, socket: dial('127.0.0.1', 6443) });
    this.#server = createTlsServer({ cert: pki('kube-apiserver.crt'), key: pki('kube-apiserver.key') }, (incoming, outgoing) => { this.#serve(incoming, outgoing).catch(() => outgoing.destroy()); });
    this.#server.on('connection', (socket: Socket) => { this.#open.add(socket); socket.once('close', () => this.#open.delete(socket)); });
    this.#server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => this.#upgrade(incoming, socket, head));
    this.#server.on('tlsClientError', () => undefined);
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    this.#agent.destroy();
    await new Promise((resolve) => { this.#server.close(resolve); });
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const request: ApiRequest = { method: incoming.method ?? '', path: incoming.url ?? '', body };
    this.apiRequests.push(request);
    if (await this.api(request) === 'cut') { outgoing.destroy(); return; }
    const sent = httpsRequest({ agent: this.#agent, method: incoming.method, path: incoming.url, headers: { ...passedOn(incoming), ...(body.length === 0 ? {} : { 'content-length': body.length }) } });
    sent.end(body);
    const [answer] = await once(sent, 'response') as [IncomingMessage];
    if (await this.apiAnswered(request) === 'cut') { answer.destroy(); outgoing.destroy(); return; }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.on('error', () => outgoing.destroy());
    answer.pipe(outgoing);
    sent.on('error', () => outgoing.destroy());
  }

  /** The API server is asked first: what it refuses is refused here in its words. */
  #upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const pod = /\/pods\/([^/]+)\/portforward/.exec(incoming.url ?? '')?.[1] ?? '';
    this.apiRequests.push({ method: 'GET', path: incoming.url ?? '', body: Buffer.alloc(0) });
    const beyond = new WebSocket(`wss://127.0.0.1:6443${incoming.url}`, [PROTOCOL], { agent: this.#agent, perMessageDeflate: false });
    beyond.on('error', () => socket.destroy());
    beyond.on('unexpected-response', (_request, answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const text = Buffer.concat(chunks);
        socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 ${answer.statusCode} no\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${text.length}\r\n\r\n`), text]));
        beyond.terminate();
      });
    });
    const early: Buffer[] = [];
    const keep = (data: RawData) => { early.push(data as Buffer); };
    beyond.on('message', keep);
    beyond.on('open', () => {
      this.#sockets.handleUpgrade(incoming, socket, head, (near) => {
        beyond.off('message', keep);
        this.#forward(pod, near, beyond, early);
      });
    });
  }

  #forward(pod: string, near: WebSocket, beyond: WebSocket, early: readonly Buffer[]): void {
    let current: PodRequest | undefined;
    const cut = () => { near.terminate(); beyond.terminate(); };
    // One frame at a time: what a callback holds holds all that comes after it.
    const inOrder = (work: (frame: Buffer) => Promise<Fate>, to: WebSocket) => {
      let last: Promise<unknown> = Promise.resolve();
      return (data: RawData) => {
        const frame = data as Buffer;
        last = last.then(async () => { if (await work(frame) === 'cut') cut(); else if (to.readyState === to.OPEN) to.send(frame); }).catch(cut);
      };
    };
    const there = inOrder(async (frame) => {
      const [, method, path] = frame[0] === DATA ? /^(GET|HEAD|PUT|POST|PATCH|DELETE|LIST) \/v1\/(\S*) HTTP\/1\.1\r\n/.exec(frame.subarray(1, 1000).toString('latin1')) ?? [] : [];
      this.bytes(frame);
      if (method === undefined || path === undefined) return undefined;
      current = { method, path, pod, number: this.requests.length + 1 };
      this.requests.push(current);
      return this.asked(current);
    }, beyond);
    const back = inOrder(async (frame) => {
      this.bytes(frame);
      const begins = current !== undefined && frame[0] === DATA && frame.subarray(1, 10).toString('latin1').startsWith('HTTP/1.1 ');
      return begins ? this.answered(current!) : undefined;
    }, near);
    near.on('message', there);
    beyond.on('message', back);
    for (const frame of early) back(frame);
    for (const [one, other] of [[near, beyond], [beyond, near]] as const) {
      one.on('error', cut);
      // What is still in order is let through first.
      one.on('close', () => { void sleep(20).then(() => other.terminate()); });
      one.on('ping', () => undefined);
    }
  }
}

function passedOn({ headers }: IncomingMessage): IncomingMessage['headers'] {
  const { host: _host, authorization: _login, connection: _connection, 'transfer-encoding': _chunked, ...rest } = headers;
  return rest;
}
