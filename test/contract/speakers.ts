import { request } from 'node:http';
import { Secret } from '../../src/model/secret.ts';
import { type VaultWire, WireError, type WireRequest } from '../../src/ports/vault.ts';
import { collect } from '../real/opened-vault.ts';
import type { Asked, Heard, Speak } from './conversation.ts';

/** What an answer says beside its body, as far as vaultctl could depend on it. */
const HEADERS = ['content-type', 'location', 'cache-control'];

/** Plain http to a server on loopback, every header that matters kept. */
export const overHttp: Speak = (address, { method, path, body, token }) => new Promise<Heard>((resolve, reject) => {
  const sent = body === undefined ? undefined : body instanceof Uint8Array ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
  const call = request(`${address}/v1/${path}`, {
    method, agent: false, timeout: 60_000,
    headers: { 'x-vault-request': 'true', ...(token === undefined || token === '' ? {} : { 'x-vault-token': token }), ...(sent === undefined ? {} : { 'content-length': sent.length }) },
  }, (response) => {
    collect(response).then((bytes) => {
      const headers = Object.fromEntries(HEADERS.flatMap((name) => (typeof response.headers[name] === 'string' ? [[name, response.headers[name]]] : [])));
      resolve({ status: response.statusCode ?? 0, headers, body: bodyOf(headers['content-type'], bytes) });
    }, reject);
  });
  call.on('error', reject);
  call.end(sent);
});

function bodyOf(type: string | undefined, bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  return type?.startsWith('application/json') === true ? JSON.parse(bytes.toString('utf8')) as unknown : `${type ?? 'no type'}: ${bytes.length > 0 ? 'bytes' : 'nothing'}`;
}

/** The same questions over a wire of ours: what it refuses to follow comes back as the status that it names. */
export function overWire(wire: VaultWire): Speak {
  return async (address, { method, path, body, token }) => {
    const asked: WireRequest = { method: method as WireRequest['method'], path, patient: true, ...(token === undefined || token === '' ? {} : { token: new Secret(token) }) };
    try {
      if (path === 'sys/storage/raft/snapshot') {
        await collect(wire.download(address, asked));
        return { status: 200, headers: {}, body: 'bytes' };
      }
      const answer = await (body instanceof Uint8Array ? wire.upload(address, asked, (async function* () { yield body; })()) : wire.request(address, { ...asked, ...(body === undefined ? {} : { body }) }));
      return { headers: {}, ...answer };
    } catch (error) {
      const [, status, words] = (error instanceof WireError ? /answered (\d{3})(?:: (.*))?/.exec(error.message) : null) ?? [];
      if (status === undefined) throw error;
      return { status: Number(status), headers: {}, body: words === undefined ? undefined : { errors: [words] } };
    }
  };
}

export type { Asked };
