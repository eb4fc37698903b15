import type { WireAnswer, WireRequest } from '../../src/ports/vault.ts';
import { done, no, ok, unsupported } from './vault-answers.ts';
import type { Durable, Token } from './vault-disk.ts';

/** What the holder of a token can ask of the leader. */
export interface Store {
  readonly disk: Durable;
  append(change: (disk: Durable) => Durable): void;
  newToken(displayName: string): Token;
}

/** Tokens are root or nothing; `kv/…` keeps whatever is written there. `request.token` is known to be good. */
export function answerWithToken({ disk, append, newToken }: Store, { method, path, body = {}, token }: WireRequest): WireAnswer {
  const own = disk.tokens.find(({ value }) => value === token!.reveal())!;
  const described = (found: Token | undefined) => (found === undefined ? no(403, 'invalid accessor') : ok({ data: { accessor: found.accessor, display_name: found.displayName, policies: ['root'], ttl: 0 } }));
  const revoke = (gone: (candidate: Token) => boolean) => { append((now) => ({ ...now, tokens: now.tokens.filter((candidate) => !gone(candidate)) })); return done; };
  switch (`${method === 'PUT' ? 'POST' : method} ${path}`) {
    case 'GET auth/token/lookup-self': return described(own);
    case 'POST auth/token/lookup-accessor': return described(disk.tokens.find(({ accessor }) => accessor === body['accessor']));
    case 'LIST auth/token/accessors': return ok({ data: { keys: disk.tokens.map(({ accessor }) => accessor) } });
    case 'POST auth/token/revoke-self': return revoke((candidate) => candidate === own);
    case 'POST auth/token/revoke-accessor': return revoke(({ accessor }) => accessor === body['accessor']);
    case 'POST auth/token/create': {
      const fresh = newToken(`token-${String(body['display_name'] ?? '')}`);
      append((now) => ({ ...now, tokens: [...now.tokens, fresh] }));
      return ok({ auth: { client_token: fresh.value, accessor: fresh.accessor } });
    }
    default:
      if (!path.startsWith('kv/')) return unsupported;
      if (method === 'GET') return Object.hasOwn(disk.data, path) ? ok({ data: disk.data[path] }) : no(404);
      append((now) => ({ ...now, data: { ...now.data, [path]: body } }));
      return done;
  }
}
