import type { WireAnswer, WireRequest } from '../../src/ports/vault.ts';
import { done, enveloped, type Flavour, no, ok, unsupported } from './vault-answers.ts';
import type { Durable, Token } from './vault-disk.ts';

/** What the holder of a token can ask of the leader. */
export interface Store {
  readonly flavour: Flavour;
  readonly disk: Durable;
  append(change: (disk: Durable) => Durable): void;
  newToken(displayName: string): Token;
}

/** Tokens are root or nothing; `kv/…` keeps whatever is written there. `request.token` is known to be good. */
export function answerWithToken({ flavour, disk, append, newToken }: Store, { method, path, body = {}, token }: WireRequest): WireAnswer {
  const own = disk.tokens.find(({ value }) => value === token!.reveal())!;
  const described = (found: Token | undefined, whole: boolean) => (found === undefined ? no(400, '1 error occurred:\n\t* invalid accessor\n\n') : enveloped(flavour, { data: describe(found, whole) }));
  const revoke = (gone: (candidate: Token) => boolean) => { append((now) => ({ ...now, tokens: now.tokens.filter((candidate) => !gone(candidate)) })); return done; };
  switch (`${method === 'PUT' ? 'POST' : method} ${path}`) {
    case 'GET auth/token/lookup-self': return described(own, true);
    case 'POST auth/token/lookup-accessor': return described(disk.tokens.find(({ accessor }) => accessor === body['accessor']), false);
    case 'LIST auth/token/accessors': return enveloped(flavour, { data: { keys: disk.tokens.map(({ accessor }) => accessor) } });
    case 'POST auth/token/revoke-self': return revoke((candidate) => candidate === own);
    case 'POST auth/token/revoke-accessor': return revoke(({ accessor }) => accessor === body['accessor']);
    case 'POST auth/token/create': {
      const fresh = newToken(`token-${String(body['display_name'] ?? '')}`);
      append((now) => ({ ...now, tokens: [...now.tokens, fresh] }));
      const limits = { metadata: null, lease_duration: 0, renewable: false, entity_id: '', token_type: 'service', orphan: true, mfa_requirement: null, num_uses: 0 };
      return enveloped(flavour, { auth: { client_token: fresh.value, accessor: fresh.accessor, policies: ['root'], token_policies: ['root'], ...limits } });
    }
    default:
      if (!path.startsWith('kv/')) return unsupported;
      if (method === 'GET') return Object.hasOwn(disk.data, path) ? ok({ data: disk.data[path] }) : no(404);
      append((now) => ({ ...now, data: { ...now.data, [path]: body } }));
      return done;
  }
}

/** The root token that init gave was not issued by anybody; whoever looks by the accessor is not told the token. */
function describe({ value, accessor, displayName }: Token, whole: boolean) {
  const issued = displayName === 'root' ? {} : { issue_time: '2026-01-01T00:00:00Z', renewable: false };
  return {
    accessor, creation_time: 0, creation_ttl: 0, display_name: displayName, entity_id: '', expire_time: null, explicit_max_ttl: 0, id: whole ? value : '', meta: null, num_uses: 0, orphan: true,
    path: displayName === 'root' ? 'auth/token/root' : 'auth/token/create', policies: ['root'], ttl: 0, type: 'service', ...issued,
  };
}
