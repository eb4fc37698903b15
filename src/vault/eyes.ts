import * as v from 'valibot';
import type { Secret } from '../model/secret.ts';
import { type VaultAdmin, vaultAdmin } from './admin.ts';
import type { VaultWire, WireAnswer, WireRequest } from '../ports/vault.ts';
import {
  errorsOf, type Health, leaderSchema, type RekeyStatus, rekeyStatusSchema, type SealStatus, sealStatusOf, sealStatusSchema, shaped, VaultError, verifyStatusSchema,
} from './answers.ts';

const HEALTH: Readonly<Record<number, Health>> = { 200: 'active', 429: 'standby', 472: 'replica', 473: 'standby', 474: 'standby', 501: 'uninitialised', 503: 'sealed', 530: 'removed' };

/** Where a server keeps its rekey, found by asking it: a version string says nothing (home-built servers lie). */
export interface RekeyFamily { readonly path: 'sys/rekey' | 'sys/rotate/root'; readonly needsToken: boolean }

/** What can be asked of a Vault or OpenBao node without changing anything. Each call is one node's own answer. */
export class VaultEyes {
  protected readonly wire: VaultWire;
  protected readonly timeoutMs: number;
  readonly #families = new Map<string, RekeyFamily>();

  constructor(wire: VaultWire, timeoutMs: number) {
    this.wire = wire;
    // A node that does not answer a look within this is not reached; waits for unseal and leaders are longer and bounded elsewhere.
    this.timeoutMs = Math.min(timeoutMs, 15_000);
  }

  /** @throws WireError where the node gives no whole answer, VaultError where it says no. */
  protected async ask(address: string, what: string, request: WireRequest): Promise<WireAnswer> {
    const answer = await this.wire.request(address, { timeoutMs: this.timeoutMs, ...request });
    if (answer.status >= 400) throw new VaultError(address, what, answer.status, errorsOf(answer));
    return answer;
  }

  async sealStatus(address: string): Promise<SealStatus> {
    const what = 'seal status';
    return sealStatusOf(shaped(sealStatusSchema, address, what, await this.ask(address, what, { method: 'GET', path: 'sys/seal-status' })));
  }

  async health(address: string): Promise<Health> {
    const answer = await this.wire.request(address, { method: 'GET', path: 'sys/health', timeoutMs: this.timeoutMs });
    return HEALTH[answer.status] ?? 'unknown';
  }

  /** How far this node's raft log is; undefined where the storage has none, or the server does not say. */
  async raftIndexes(address: string): Promise<{ committed: number; applied: number } | undefined> {
    const answer = await this.wire.request(address, { method: 'GET', path: 'sys/leader', timeoutMs: this.timeoutMs });
    if (answer.status !== 200) return undefined;
    const { raft_committed_index: committed, raft_applied_index: applied } = shaped(leaderSchema, address, 'leader', answer);
    return committed === undefined || applied === undefined ? undefined : { committed, applied };
  }

  /** @throws VaultError 403 where the token is not accepted. */
  async lookupSelf(address: string, token: Secret): Promise<void> {
    await this.ask(address, 'token lookup', { method: 'GET', path: 'auth/token/lookup-self', token });
  }

  /** The configuration as one token may read it. */
  administered(address: string, token: Secret): Promise<Pick<VaultAdmin, 'read'>> { return vaultAdmin(this.wire, address, token, this.timeoutMs); }

  /** @throws VaultError where no family answers, with the reason of the last one asked. */
  async rekeyFamily(address: string, token: Secret | undefined): Promise<RekeyFamily> {
    const known = this.#families.get(address);
    if (known !== undefined) return known;
    const get = (path: RekeyFamily['path'], withToken: boolean) => this.wire.request(address, {
      method: 'GET', path: `${path}/init`, timeoutMs: this.timeoutMs, ...(withToken && token !== undefined ? { token } : {}),
    });
    const bare = await get('sys/rekey', false);
    let family: RekeyFamily | undefined;
    let last: WireAnswer = bare;
    if (bare.status === 200) family = { path: 'sys/rekey', needsToken: false };
    else if (bare.status === 403) {
      last = await get('sys/rekey', true);
      if (last.status === 200) family = { path: 'sys/rekey', needsToken: true };
    }
    if (family === undefined && [403, 404, 405].includes(last.status)) {
      const other = await get('sys/rotate/root', true);
      if (other.status === 200) family = { path: 'sys/rotate/root', needsToken: true };
      else if (![404, 405].includes(other.status)) last = other;
    }
    if (family === undefined) throw new VaultError(address, token === undefined ? 'rekey (no token was given)' : 'rekey', last.status, errorsOf(last));
    this.#families.set(address, family);
    return family;
  }

  protected async rekeyCall(address: string, what: string, token: Secret | undefined, request: Omit<WireRequest, 'path'> & { readonly end: 'init' | 'update' | 'verify' }): Promise<WireAnswer> {
    const family = await this.rekeyFamily(address, token);
    const { end, ...rest } = request;
    const answer = await this.ask(address, what, { ...rest, path: `${family.path}/${end}`, ...(family.needsToken && token !== undefined ? { token } : {}) });
    return family.path === 'sys/rotate/root' ? unwrapped(answer) : answer;
  }

  async rekeyStatus(address: string, token: Secret | undefined): Promise<RekeyStatus> {
    const what = 'rekey status';
    const body = shaped(rekeyStatusSchema, address, what, await this.rekeyCall(address, what, token, { method: 'GET', end: 'init' }));
    const hasNonce = body.started && body.verification_nonce !== '';
    const asked = hasNonce ? shaped(verifyStatusSchema, address, what, await this.rekeyCall(address, what, token, { method: 'GET', end: 'verify' })) : undefined;
    // A reset of a verification that has not begun gives it a nonce all the same.
    const pending = asked?.started === true;
    const verify = pending ? asked : undefined;
    return {
      started: body.started, nonce: body.nonce, shares: body.n, threshold: body.t, progress: verify?.progress ?? body.progress, required: pending ? body.t : body.required,
      verificationRequired: body.verification_required, verificationPending: pending, verification: pending,
      verificationNonce: verify === undefined ? undefined : verify.nonce || body.verification_nonce, verificationProgress: verify?.progress ?? 0,
    };
  }
}

const wrapped = v.object({ data: v.record(v.string(), v.unknown()) });

/** OpenBao's rotate endpoints answer inside `data`. */
function unwrapped(answer: WireAnswer): WireAnswer {
  const parsed = v.safeParse(wrapped, answer.body);
  return parsed.success ? { ...answer, body: parsed.output.data } : answer;
}
