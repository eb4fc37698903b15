import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/*
 * A front before a real server that behaves as servers do which we cannot build here:
 * `token`   as Vault 2: sys/rekey/* wants a token that lookup-self accepts.
 * `rotate`  as OpenBao from 2.5 on: sys/rekey/* is off (405); sys/rotate/root/{init,update,verify} wants a token, answers
 *           inside `data`, says `rotation` where Vault says `rekey`, and 400 to wrong shares where Vault says 500.
 * `plain`   changes nothing.
 * In every mode a test may watch, hold, or end each request, before the server sees it or after.
 */
export type FrontMode = 'token' | 'rotate' | 'plain';

export interface FrontRequest {
  readonly method: string;
  /** Below /v1/. */
  readonly path: string;
  readonly body: Buffer;
  /** Counted from 1 over the life of the front. */
  readonly number: number;
}

export interface TokenFront {
  readonly address: string;
  readonly requests: readonly FrontRequest[];
  /** Called before a request is forwarded, and awaited: it may hold it or kill somebody. `drop`: it never arrives. */
  onRequest(callback: (request: FrontRequest) => void | 'drop' | Promise<void | 'drop'>): void;
  /** Where it says yes the server acts, and its reply is lost. */
  dropReply(predicate: (request: FrontRequest) => boolean): void;
  close(): Promise<void>;
}

const BODY_LIMIT_BYTES = 64 << 20;

/** @param target `http://127.0.0.1:PORT` */
export async function startTokenFront(target: string, mode: FrontMode): Promise<TokenFront> {
  const agent = new Agent({ keepAlive: true });
  const requests: FrontRequest[] = [];
  let watch: (request: FrontRequest) => void | 'drop' | Promise<void | 'drop'> = () => undefined;
  let drops: (request: FrontRequest) => boolean = () => false;

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const body = await whole(incoming);
    const request = { method: incoming.method ?? 'GET', path: (incoming.url ?? '').replace(/^\/v1\//, ''), body, number: requests.length + 1 };
    requests.push(request);
    if (await watch(request) === 'drop') { outgoing.destroy(); return; }
    const token = incoming.headers['x-vault-token'] as string | undefined;
    const answer = await answerOf(mode, request, token, (path, method = request.method, sent = body) => forward(agent, target, { method, path, body: sent, token, type: incoming.headers['content-type'] }));
    if (drops(request)) { outgoing.destroy(); return; }
    outgoing.writeHead(answer.status, { 'content-type': answer.type, 'content-length': answer.body.byteLength, ...(answer.location === undefined ? {} : { location: answer.location }) }).end(answer.body);
  };

  const server = createServer((incoming, outgoing) => { serve(incoming, outgoing).catch(() => outgoing.destroy()); });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    onRequest: (callback) => { watch = callback; },
    dropReply: (predicate) => { drops = predicate; },
    close: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => { server.close(resolve); });
    },
  };
}

interface Answer { readonly status: number; readonly body: Buffer; readonly type: string; readonly location?: string | undefined }
type Forward = (path: string, method?: string, body?: Buffer) => Promise<Answer>;

const says = (status: number, text: string): Answer => ({ status, type: 'application/json', body: Buffer.from(JSON.stringify({ errors: [text] })) });

async function answerOf(mode: FrontMode, { path }: FrontRequest, token: string | undefined, send: Forward): Promise<Answer> {
  const rekey = path.startsWith('sys/rekey/');
  const rotate = path.startsWith('sys/rotate/root/');
  if (mode === 'plain' || !(rekey || rotate)) return send(path);
  if (mode === 'rotate' && rekey) return says(405, 'unsupported operation');
  if (mode === 'token' && rotate) return says(404, '1 error occurred:\n\t* unsupported path\n\n');
  const known = token === undefined ? says(403, 'permission denied') : await send('auth/token/lookup-self', 'GET', Buffer.alloc(0));
  if (known.status === 503) return known;
  if (known.status !== 200) return says(403, 'permission denied');
  return mode === 'token' ? send(path) : asRotation(await send(path.replace('sys/rotate/root/', 'sys/rekey/')));
}

function asRotation(answer: Answer): Answer {
  if (answer.body.byteLength === 0) return answer;
  const text = answer.body.toString('utf8');
  if (answer.status >= 400) {
    const status = answer.status === 500 && text.includes('failed to read root key') ? 400 : answer.status;
    return { ...answer, status, body: Buffer.from(text.replaceAll('rekey', 'rotation')) };
  }
  return { ...answer, body: Buffer.from(JSON.stringify({ data: JSON.parse(text) as unknown })) };
}

async function forward(agent: Agent, target: string, { method, path, body, token, type }: { method: string; path: string; body: Buffer; token: string | undefined; type: string | undefined }): Promise<Answer> {
  const sent = httpRequest(`${target}/v1/${path}`, {
    agent, method, headers: {
      'X-Vault-Request': 'true', 'Content-Length': body.byteLength,
      ...(token === undefined ? {} : { 'X-Vault-Token': token }), ...(type === undefined ? {} : { 'Content-Type': type }),
    },
  });
  sent.end(body);
  const [answer] = await once(sent, 'response') as [IncomingMessage];
  return { status: answer.statusCode ?? 502, body: await whole(answer), type: answer.headers['content-type'] ?? 'application/json', location: answer.headers.location };
}

async function whole(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message) {
    size += (chunk as Buffer).byteLength;
    if (size > BODY_LIMIT_BYTES) throw new Error(`a body of more than ${BODY_LIMIT_BYTES >> 20} MiB`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
