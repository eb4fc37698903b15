import { VaultHands } from '../../src/vault/hands.ts';
import type { WireRequest } from '../../src/ports/vault.ts';
import { eventually, type VaultSubject } from './vault-contract.ts';

type Body = Record<string, unknown>;

/** What src/vault reads of an answer, or could: word for word where it is a sentence, present or not where it is chance. */
const READ = ['initialized', 'sealed', 't', 'n', 'progress', 'type', 'storage_type', 'started', 'required', 'verification_required', 'complete', 'standby', 'is_self', 'joined'];
const PRESENT = ['nonce', 'verification_nonce', 'cluster_id', 'cluster_name', 'root_token', 'keys', 'keys_base64', 'version', 'data', 'auth'];
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

function told(body: unknown): string {
  if (typeof body !== 'object' || body === null) return 'nothing';
  const answer = body as Body;
  if (Array.isArray(answer['errors'])) return JSON.stringify(answer['errors']).replaceAll(UUID, 'NONCE');
  const size = (value: unknown) => (Array.isArray(value) ? `${value.length} of them` : 'some');
  return [
    ...READ.filter((key) => key in answer).map((key) => `${key}=${String(answer[key])}`),
    ...PRESENT.filter((key) => answer[key] !== undefined && answer[key] !== '').map((key) => `${key}: ${size(answer[key])}`),
  ].join(', ');
}

/** Every answer of one node to a fixed conversation: right requests, wrong ones, and ones at the wrong time. */
export async function transcript({ wire, clock, addresses }: VaultSubject): Promise<string[]> {
  const address = addresses[0]!;
  const lines: string[] = [];
  const ask = async (method: WireRequest['method'], path: string, body?: Body, note = ''): Promise<Body> => {
    const answer = await wire.request(address, { method, path, ...(body === undefined ? {} : { body }), patient: true });
    lines.push(`${method} ${path}${note === '' ? '' : ` (${note})`} → ${answer.status} ${told(answer.body)}`);
    return (answer.body ?? {}) as Body;
  };
  const wrong = Buffer.concat([Buffer.alloc(32, 1), Buffer.from([7])]).toString('base64');

  for (const path of ['sys/seal-status', 'sys/health', 'sys/leader', 'sys/rekey/init', 'auth/token/lookup-self']) await ask('GET', path, undefined, 'uninitialised');
  await ask('PUT', 'sys/unseal', { key: wrong }, 'uninitialised');
  await ask('PUT', 'sys/unseal', { reset: true }, 'uninitialised');
  await ask('PUT', 'sys/init', { secret_shares: 3, secret_threshold: 1 });
  await ask('PUT', 'sys/init', { secret_shares: 2, secret_threshold: 3 });
  const { keys_base64: keys } = await ask('PUT', 'sys/init', { secret_shares: 3, secret_threshold: 2 }) as { keys_base64: string[] };
  await ask('PUT', 'sys/init', { secret_shares: 3, secret_threshold: 2 }, 'again');
  for (const path of ['sys/seal-status', 'sys/health', 'sys/leader', 'sys/rekey/init', 'sys/rekey/verify', 'sys/rotate/root/init']) await ask('GET', path, undefined, 'sealed');
  await ask('PUT', 'sys/unseal', { key: Buffer.alloc(5, 1).toString('base64') }, 'too short');
  await ask('PUT', 'sys/unseal', { key: Buffer.alloc(40, 1).toString('base64') }, 'too long');
  await ask('PUT', 'sys/unseal', { key: '%%' }, 'no share');
  for (const [key, note] of [[keys[0], 'first'], [keys[0], 'first again'], [wrong, 'wrong'], [keys[0], 'first']] as const) await ask('PUT', 'sys/unseal', { key }, note);
  await ask('PUT', 'sys/unseal', { reset: true }, 'progress was 1');
  await ask('PUT', 'sys/unseal', { key: keys[2] }, 'third');
  await ask('PUT', 'sys/unseal', { key: keys[1] }, 'second');
  const hands = new VaultHands(wire, 10_000);
  await eventually(clock, 'it is active', async () => await hands.health(address) === 'active');
  for (const path of ['sys/seal-status', 'sys/health', 'sys/leader']) await ask('GET', path, undefined, 'active');
  await ask('PUT', 'sys/unseal', { key: keys[1] }, 'it is open');
  await ask('GET', 'auth/token/lookup-self', undefined, 'no token');
  await ask('GET', 'sys/rotate/root/init', undefined, 'no token');

  await ask('GET', 'sys/rekey/init', undefined, 'none');
  await ask('GET', 'sys/rekey/verify', undefined, 'none');
  await ask('DELETE', 'sys/rekey/verify', undefined, 'none');
  await ask('DELETE', 'sys/rekey/init', { nonce: 'x' }, 'none');
  await ask('PUT', 'sys/rekey/update', { key: keys[0], nonce: 'x' }, 'none');
  await ask('PUT', 'sys/rekey/verify', { key: keys[0], nonce: 'x' }, 'none');
  await ask('PUT', 'sys/rekey/init', { secret_shares: 3, secret_threshold: 1, require_verification: true });
  const started = await ask('PUT', 'sys/rekey/init', { secret_shares: 5, secret_threshold: 3, require_verification: true });
  const nonce = started['nonce'];
  await ask('PUT', 'sys/rekey/init', { secret_shares: 3, secret_threshold: 2, require_verification: true }, 'again');
  await ask('DELETE', 'sys/rekey/init', { nonce: 'x' }, 'wrong nonce');
  await ask('PUT', 'sys/rekey/update', { key: keys[0], nonce: 'x' }, 'wrong nonce');
  await ask('GET', 'sys/rekey/verify', undefined, 'too early');
  await ask('PUT', 'sys/rekey/verify', { key: keys[0], nonce }, 'too early');
  await ask('DELETE', 'sys/rekey/verify', undefined, 'too early');
  for (const [key, note] of [[keys[0], 'first'], [keys[0], 'first again'], [wrong, 'wrong'], [keys[1], 'second']] as const) await ask('PUT', 'sys/rekey/update', { key, nonce }, note);
  await ask('GET', 'sys/rekey/init', undefined, 'one given');
  const { keys_base64: fresh, verification_nonce: verify } = await ask('PUT', 'sys/rekey/update', { key: keys[2], nonce }, 'third') as { keys_base64: string[]; verification_nonce: string };
  await ask('PUT', 'sys/rekey/update', { key: keys[2], nonce }, 'finished');
  await ask('GET', 'sys/rekey/init', undefined, 'pending');
  await ask('GET', 'sys/rekey/verify', undefined, 'pending');
  await ask('PUT', 'sys/rekey/verify', { key: fresh[0], nonce: 'x' }, 'wrong nonce');
  await ask('PUT', 'sys/rekey/verify', { key: fresh[0], nonce: verify }, 'first');
  await ask('PUT', 'sys/rekey/verify', { key: fresh[0], nonce: verify }, 'first again');
  await ask('GET', 'sys/rekey/verify', undefined, 'one given');
  const { nonce: again } = await ask('DELETE', 'sys/rekey/verify', undefined, 'reset');
  await ask('PUT', 'sys/rekey/verify', { key: fresh[0], nonce: verify }, 'the nonce of before');
  for (const key of keys) await ask('PUT', 'sys/rekey/verify', { key, nonce: again }, 'old shares');
  const { nonce: last } = await ask('GET', 'sys/rekey/verify', undefined, 'after wrong shares');
  for (const key of fresh.slice(0, 3)) await ask('PUT', 'sys/rekey/verify', { key, nonce: last }, 'new shares');
  await ask('PUT', 'sys/rekey/verify', { key: fresh[3], nonce: last }, 'over');
  await ask('GET', 'sys/rekey/init', undefined, 'over');
  await ask('GET', 'sys/unknown', undefined, 'no token');
  await ask('GET', 'auth/token/accessors', undefined, 'no token');
  await ask('POST', 'sys/storage/raft/join', { leader_api_addr: address }, 'its own cluster');
  await ask('PUT', 'sys/rekey/init', { secret_shares: 3, secret_threshold: 2 }, 'without verification');
  await ask('DELETE', 'sys/rekey/init', undefined, 'no body');
  await ask('GET', 'sys/seal-status', undefined, 'over');
  return lines;
}
