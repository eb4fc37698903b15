import type { Clock } from '../../src/ports/clock.ts';
import { eventually } from './vault-contract.ts';

export type Body = Record<string, unknown>;

/** One answer as it came over the wire. Headers only where the speaker sees them. */
export interface Heard { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: unknown }
export interface Asked { readonly method: string; readonly path: string; readonly body?: Body | Uint8Array; readonly token?: string }
/** Asks one node; never follows a redirect. */
export type Speak = (address: string, asked: Asked) => Promise<Heard>;

/** `GET sys/health (sealed)`, and what was answered. */
export interface Exchange extends Heard { readonly ask: string }

/** Where a server keeps its rekey, and whether it wants a token for it. */
export type Family = 'rekey' | 'rotate';

export class Conversation {
  readonly exchanges: Exchange[] = [];
  readonly family: Family;
  readonly rekeyPath: string;
  readonly #speak: Speak;
  token: string | undefined;

  constructor(speak: Speak, family: Family) {
    this.#speak = speak;
    this.family = family;
    this.rekeyPath = family === 'rekey' ? 'sys/rekey' : 'sys/rotate/root';
  }

  async ask(address: string, method: string, path: string, body?: Body | Uint8Array, note = '', token?: string): Promise<Body> {
    const heard = await this.#speak(address, { method, path, ...(body === undefined ? {} : { body }), ...(token === undefined ? {} : { token }) });
    this.exchanges.push({ ask: `${method} ${path}${note === '' ? '' : ` (${note})`}`, ...heard });
    const answer = (typeof heard.body === 'object' && heard.body !== null ? heard.body : {}) as Body;
    return this.family === 'rotate' && path.startsWith('sys/rotate/') && typeof answer['data'] === 'object' ? answer['data'] as Body : answer;
  }

  /** Not part of what was said: a poll takes as many questions as it takes. */
  async isActive(address: string): Promise<boolean> { return (await this.#speak(address, { method: 'GET', path: 'sys/health' })).status === 200; }

  async isStandby(address: string): Promise<boolean> { return (await this.#speak(address, { method: 'GET', path: 'sys/health' })).status === 429; }

  rekey(address: string, method: string, end: 'init' | 'update' | 'verify', body?: Body, note = ''): Promise<Body> {
    return this.ask(address, method, `${this.rekeyPath}/${end}`, body, note, this.family === 'rotate' ? this.token : undefined);
  }
}

export const WRONG = Buffer.concat([Buffer.alloc(32, 1), Buffer.from([7])]).toString('base64');

/** One node from its first breath to its second set of keys: right requests, wrong ones, and ones at the wrong time. */
export async function aloneWith(talk: Conversation, address: string, clock: Clock): Promise<void> {
  const ask = (method: string, path: string, body?: Body, note?: string, token?: string) => talk.ask(address, method, path, body, note, token);
  const rekeyPaths = ['sys/rekey/init', 'sys/rekey/verify', 'sys/rotate/root/init'];

  for (const path of ['sys/seal-status', 'sys/health', 'sys/leader', 'sys/rekey/init', 'auth/token/lookup-self']) await ask('GET', path, undefined, 'uninitialised');
  await ask('PUT', 'sys/unseal', { key: WRONG }, 'uninitialised');
  await ask('PUT', 'sys/unseal', { reset: true }, 'uninitialised');
  await ask('PUT', 'sys/init', { secret_shares: 3, secret_threshold: 1 }, 'threshold 1 of 3');
  await ask('PUT', 'sys/init', { secret_shares: 2, secret_threshold: 3 }, 'threshold 3 of 2');
  const { keys_base64: keys, root_token: root } = await ask('PUT', 'sys/init', { secret_shares: 3, secret_threshold: 2 }) as { keys_base64: string[]; root_token: string };
  talk.token = root;
  await ask('PUT', 'sys/init', { secret_shares: 3, secret_threshold: 2 }, 'again');
  for (const path of ['sys/seal-status', 'sys/health', 'sys/leader', ...rekeyPaths]) await ask('GET', path, undefined, 'sealed');
  await ask('GET', 'auth/token/lookup-self', undefined, 'sealed', root);
  await ask('PUT', 'sys/unseal', { key: Buffer.alloc(5, 1).toString('base64') }, 'too short');
  await ask('PUT', 'sys/unseal', { key: Buffer.alloc(40, 1).toString('base64') }, 'too long');
  await ask('PUT', 'sys/unseal', { key: '%%' }, 'no share');
  await ask('PUT', 'sys/unseal', { key: keys[0]!.slice(0, -1) }, 'cut off within a group of base64');
  for (const [key, note] of [[keys[0], 'first'], [keys[0], 'first again'], [WRONG, 'wrong'], [keys[0], 'first']] as const) await ask('PUT', 'sys/unseal', { key }, note);
  await ask('PUT', 'sys/unseal', { reset: true }, 'progress was 1');
  await ask('PUT', 'sys/unseal', { key: keys[2] }, 'third');
  await ask('PUT', 'sys/unseal', { key: keys[1] }, 'second');
  await eventually(clock, 'it is active', () => talk.isActive(address));
  for (const path of ['sys/seal-status', 'sys/health', 'sys/leader']) await ask('GET', path, undefined, 'active');
  await ask('PUT', 'sys/unseal', { key: keys[1] }, 'it is open');
  await ask('PUT', 'sys/unseal', { reset: true }, 'it is open');
  await ask('GET', 'auth/token/lookup-self', undefined, 'no token');
  for (const path of rekeyPaths.slice(talk.family === 'rekey' ? 2 : 0)) await ask('GET', path, undefined, 'no token');
  await rekeyWith(talk, address, keys);
  await ask('GET', 'sys/unknown', undefined, 'no token');
  await ask('GET', 'auth/token/accessors', undefined, 'no token');
  await ask('POST', 'sys/storage/raft/join', { leader_api_addr: address }, 'its own cluster');
  await ask('GET', 'sys/seal-status', undefined, 'over');
  await tokensWith(talk, address, root);
}

/** A rekey with verification, from 3/2 to 5/3. */
async function rekeyWith(talk: Conversation, address: string, keys: readonly string[]): Promise<void> {
  const rekey = (method: string, end: 'init' | 'update' | 'verify', body?: Body, note?: string) => talk.rekey(address, method, end, body, note);
  await rekey('GET', 'init', undefined, 'none');
  await rekey('GET', 'verify', undefined, 'none');
  await rekey('DELETE', 'verify', undefined, 'none');
  await rekey('DELETE', 'init', { nonce: 'x' }, 'none');
  await rekey('PUT', 'update', { key: keys[0], nonce: 'x' }, 'none');
  await rekey('PUT', 'verify', { key: keys[0], nonce: 'x' }, 'none');
  await rekey('PUT', 'init', { secret_shares: 3, secret_threshold: 1, require_verification: true }, 'threshold 1 of 3');
  const { nonce } = await rekey('PUT', 'init', { secret_shares: 5, secret_threshold: 3, require_verification: true }, 'with verification');
  await rekey('PUT', 'init', { secret_shares: 3, secret_threshold: 2, require_verification: true }, 'again');
  await rekey('PUT', 'update', { key: keys[0], nonce: 'x' }, 'wrong nonce');
  await rekey('GET', 'verify', undefined, 'too early');
  await rekey('PUT', 'verify', { key: keys[0], nonce }, 'too early');
  await rekey('DELETE', 'verify', undefined, 'before it is pending');
  for (const [key, note] of [[keys[0], 'first'], [keys[0], 'first again'], [WRONG, 'wrong'], [keys[1], 'second']] as const) await rekey('PUT', 'update', { key, nonce }, note);
  await rekey('GET', 'init', undefined, 'one given');
  const { keys_base64: fresh, verification_nonce: verify } = await rekey('PUT', 'update', { key: keys[2], nonce }, 'third') as { keys_base64: string[]; verification_nonce: string };
  await rekey('PUT', 'update', { key: keys[2], nonce }, 'finished');
  await rekey('GET', 'init', undefined, 'pending');
  await rekey('GET', 'verify', undefined, 'pending');
  await rekey('PUT', 'verify', { key: fresh[0], nonce: 'x' }, 'wrong nonce');
  await rekey('PUT', 'verify', { key: fresh[0], nonce: verify }, 'first');
  for (const note of ['first again', 'first once more']) await rekey('PUT', 'verify', { key: fresh[0], nonce: talk.family === 'rekey' ? verify : (await rekey('GET', 'verify', undefined, `before the ${note}`))['nonce'] }, note);
  await rekey('GET', 'verify', undefined, 'one given');
  const { nonce: again } = await rekey('DELETE', 'verify', undefined, 'reset');
  await rekey('PUT', 'verify', { key: fresh[0], nonce: verify }, 'the nonce of before');
  for (const [index, key] of keys.entries()) await rekey('PUT', 'verify', { key, nonce: again }, `old share ${index + 1}`);
  const { nonce: last } = await rekey('GET', 'verify', undefined, 'after wrong shares');
  for (const [index, key] of fresh.slice(0, 3).entries()) await rekey('PUT', 'verify', { key, nonce: last }, `new share ${index + 1}`);
  await rekey('PUT', 'verify', { key: fresh[3], nonce: last }, 'over');
  await rekey('GET', 'init', undefined, 'over');
  await rekey('PUT', 'init', { secret_shares: 3, secret_threshold: 2 }, 'without verification');
  await rekey('DELETE', 'init', undefined, 'no body');
  await rekey('DELETE', 'init', { nonce: (await rekey('GET', 'init', undefined, 'without verification'))['nonce'] }, 'its nonce');
  await rekey('PUT', 'init', { secret_shares: 3, secret_threshold: 2, require_verification: true }, 'once more');
  await rekey('DELETE', 'init', { nonce: 'x' }, 'wrong nonce');
  const { nonce: left } = await rekey('GET', 'init', undefined, 'after the wrong nonce');
  await rekey('DELETE', 'init', { nonce: left ?? '' }, 'whatever is left');
}

async function tokensWith(talk: Conversation, address: string, root: string): Promise<void> {
  const ask = (method: string, path: string, body?: Body | Uint8Array, note?: string, token = root) => talk.ask(address, method, path, body, note, token);
  await ask('GET', 'auth/token/lookup-self', undefined, 'root');
  await ask('GET', 'auth/token/lookup-self', undefined, 'unknown token', 'hvs.nobody-knows-this-one-at-all');
  const { auth } = await ask('POST', 'auth/token/create', { policies: ['root'], no_parent: true, renewable: false, display_name: 'second' }) as { auth: { client_token: string; accessor: string } };
  await ask('LIST', 'auth/token/accessors');
  await ask('POST', 'auth/token/lookup-accessor', { accessor: auth.accessor }, 'the second');
  await ask('POST', 'auth/token/lookup-accessor', { accessor: 'nobodys' }, 'unknown');
  await ask('POST', 'auth/token/revoke-accessor', { accessor: auth.accessor }, 'the second');
  await ask('GET', 'auth/token/lookup-self', undefined, 'revoked', auth.client_token);
  await ask('GET', 'sys/storage/raft/snapshot', undefined, 'no token', '');
  await ask('GET', 'sys/storage/raft/snapshot');
  await ask('POST', 'sys/storage/raft/snapshot-force', new TextEncoder().encode('no snapshot'), 'no snapshot');
  await ask('POST', 'auth/token/revoke-self', {});
  await ask('POST', 'auth/token/revoke-self', {}, 'again');
}

/** Three nodes: what a follower says before it joins, while it waits for shares, and as a standby. */
export async function togetherWith(talk: Conversation, [first, second, third]: readonly [string, string, string], clock: Clock): Promise<void> {
  const join = (address: string, note: string) => talk.ask(address, 'POST', 'sys/storage/raft/join', { leader_api_addr: first }, note);
  const { keys_base64: keys, root_token: root } = await talk.ask(first, 'PUT', 'sys/init', { secret_shares: 3, secret_threshold: 2 }, 'of three') as { keys_base64: string[]; root_token: string };
  talk.token = root;
  await join(second, 'the leader is sealed');
  for (const key of keys.slice(0, 2)) await talk.ask(first, 'PUT', 'sys/unseal', { key }, 'the first of three');
  await eventually(clock, 'the first leads', () => talk.isActive(first));
  await join(second, 'the leader is open');
  for (const path of ['sys/seal-status', 'sys/health', 'sys/leader']) await talk.ask(second, 'GET', path, undefined, 'joined, no shares yet');
  await talk.ask(second, 'PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 }, 'joined');
  await join(third, 'the leader is open');
  for (const address of [second, third]) for (const key of keys.slice(0, 2)) await talk.ask(address, 'PUT', 'sys/unseal', { key }, 'joined');
  for (const address of [second, third]) await eventually(clock, 'it is a standby', () => talk.isStandby(address));
  for (const path of ['sys/seal-status', 'sys/health', 'sys/leader']) await talk.ask(second, 'GET', path, undefined, 'standby');
  await talk.rekey(second, 'GET', 'init', undefined, 'standby');
  await talk.rekey(second, 'PUT', 'init', { secret_shares: 3, secret_threshold: 2, require_verification: true }, 'standby');
  const { nonce } = await talk.rekey(second, 'GET', 'init', undefined, 'the standby that was asked for one');
  for (const address of [first, third]) await talk.rekey(address, 'GET', 'init', undefined, address === first ? 'the leader meanwhile' : 'another standby meanwhile');
  await talk.rekey(second, 'DELETE', 'init', { nonce }, 'standby');
  await talk.ask(second, 'GET', 'auth/token/lookup-self', undefined, 'standby', root);
  await talk.ask(second, 'GET', 'sys/storage/raft/snapshot', undefined, 'standby', root);
}
