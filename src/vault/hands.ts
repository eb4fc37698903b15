import type { KeySet } from '../model/keys.ts';
import { Secret } from '../model/secret.ts';
import { WireError } from '../ports/vault.ts';
import {
  accessorsSchema, errorsOf, initSchema, lookupSchema, type RekeyAnswer, rekeyStatusSchema, rekeyUpdateSchema, type SealStatus, sealStatusOf, sealStatusSchema,
  shaped, tokenSchema, VaultError, type VerifyAnswer, verifyStatusSchema, verifyUpdateSchema,
} from './answers.ts';
import { type VaultAdmin, vaultAdmin } from './admin.ts';
import { VaultEyes } from './eyes.ts';

/** The words with which servers drop a set of shares: Vault and OpenBao, old and new. All of them say that a key did not fit. */
const REJECTIONS = ['invalid key', 'message authentication failed', 'failed to decrypt', 'failed to compute combined key', 'failed to compute root key', 'failed to read root key', 'key verification failed'];
/** The same sentences around a storage or a leader that did not answer: no word about the shares. */
const NO_VERDICT = ['failed to fetch', 'context canceled', 'context deadline', 'connection refused', 'expected exactly one stored key'];
/** `no rekey in progress`, `no barrier rekey in progress`, OpenBao's `rotation`, and the same of its verification. */
const GONE = /no (?:barrier |root )?(?:rekey|rotation)(?: verification)? in progress|no (?:rekey|rotation) configuration found|no verification in progress/;

const isRejection = (error: unknown): error is VaultError => error instanceof VaultError && error.says(...REJECTIONS) && !error.says(...NO_VERDICT);
const isGone = (error: unknown): error is VaultError => error instanceof VaultError && error.errors.some((text) => GONE.test(text));

/** PEM text of a CA, and a name in the certificate; undefined: as the server that joins has them itself. */
export interface LeaderTls { readonly ca: string | undefined; readonly serverName: string | undefined }

/** What changes a node. None of it retries; `init`, the last share of an update and `verify` have no timeout. */
export class VaultHands extends VaultEyes {
  /** The reply exists once. @throws WireError, VaultError */
  async init(address: string, shares: number, threshold: number): Promise<KeySet> {
    const what = 'init';
    const answer = await this.ask(address, what, { method: 'PUT', path: 'sys/init', body: { secret_shares: shares, secret_threshold: threshold }, patient: true });
    const given = shaped(initSchema, address, what, answer);
    // Were it fewer than asked for: they are still all there will ever be, and whoever stores them first looks closer then.
    return { rootToken: new Secret(given.rootToken), shares: given.shares.map((share) => new Secret(share)), threshold };
  }

  administer(address: string, token: Secret): Promise<VaultAdmin> { return vaultAdmin(this.wire, address, token, this.timeoutMs); }

  /** A token for whom the service account's own token vouches. @throws VaultError */
  async loginKubernetes(address: string, path: string, role: string, jwt: Secret): Promise<Secret> {
    const what = `login as role ${role}`;
    return new Secret(shaped(tokenSchema, address, what, await this.ask(address, what, { method: 'POST', path: `auth/${path}/login`, body: { role, jwt } })).auth.client_token);
  }

  /** Whether this token may read a path, whatever is or is not there. */
  async readAs(address: string, token: Secret, path: string): Promise<'allowed' | 'refused'> {
    const { status } = await this.wire.request(address, { method: 'GET', path, token, timeoutMs: this.timeoutMs, inNamespace: true });
    return status === 403 ? 'refused' : 'allowed';
  }

  async unsealReset(address: string): Promise<void> {
    await this.ask(address, 'unseal reset', { method: 'PUT', path: 'sys/unseal', body: { reset: true } });
  }

  /** The status after this share, or `rejected` where the whole set was dropped. @throws VaultError `Vault is not initialized` before a joining node's challenge has come */
  async unsealShare(address: string, share: Secret): Promise<SealStatus | 'rejected'> {
    const what = 'unseal';
    try {
      return sealStatusOf(shaped(sealStatusSchema, address, what, await this.ask(address, what, { method: 'PUT', path: 'sys/unseal', body: { key: share }, timeoutMs: 60_000 })));
    } catch (error) {
      if (isRejection(error)) return 'rejected';
      throw error;
    }
  }

  /** @param tls how the joining node knows its leader by TLS, where its own configuration and its own authorities do not say */
  async raftJoin(address: string, leaderAddress: string, tls: LeaderTls | undefined): Promise<void> {
    const trust = { ...(tls?.ca === undefined ? {} : { leader_ca_cert: tls.ca }), ...(tls?.serverName === undefined ? {} : { leader_tls_servername: tls.serverName }) };
    try {
      await this.ask(address, 'raft join', { method: 'POST', path: 'sys/storage/raft/join', body: { leader_api_addr: leaderAddress, ...trust }, timeoutMs: 30_000 });
    } catch (error) {
      if (!(error instanceof VaultError && error.says('already', 'raft storage is not'))) throw error;
    }
  }

  /** Reversible until verified: the old shares stay the only valid ones. */
  async rekeyStart(address: string, shares: number, threshold: number, token: Secret | undefined): Promise<{ nonce: string; verificationRequired: boolean }> {
    const what = 'rekey init';
    const body = { secret_shares: shares, secret_threshold: threshold, require_verification: true };
    const answer = shaped(rekeyStatusSchema, address, what, await this.rekeyCall(address, what, token, { method: 'PUT', end: 'init', body }));
    return { nonce: answer.nonce, verificationRequired: answer.verification_required };
  }

  async rekeyUpdate(address: string, share: Secret, nonce: string, token: Secret | undefined): Promise<RekeyAnswer> {
    const what = 'rekey update';
    try {
      const body = shaped(rekeyUpdateSchema, address, what, await this.rekeyCall(address, what, token, { method: 'PUT', end: 'update', body: { key: share, nonce }, patient: true }));
      if (!body.complete) return { is: 'more', progress: body.progress };
      // Without a verification nonce they would be live already: all the more they must get to a disk.
      if (body.keys_base64 === undefined) throw new WireError(address, 'unknown', `${address}: the rekey completed without giving the new shares`);
      const status = await this.rekeyStatus(address, token);
      return { is: 'complete', shares: body.keys_base64.map((text) => new Secret(text)), threshold: status.threshold, verificationNonce: body.verification_nonce };
    } catch (error) {
      if (isRejection(error)) return { is: 'rejected', why: error.message };
      throw error;
    }
  }

  /** With the nonce: newer servers refuse a cancel without it for ten minutes. Nothing in progress is fine. */
  async rekeyCancel(address: string, nonce: string, token: Secret | undefined): Promise<void> {
    const what = 'rekey cancel';
    try {
      // OpenBao's rotate endpoint cancels whatever is there, whichever nonce it is given (tried: 2.6).
      if ((await this.rekeyFamily(address, token)).path === 'sys/rotate/root') {
        const status = await this.rekeyStatus(address, token);
        if (status.started && status.nonce !== nonce) throw new VaultError(address, what, 400, ['invalid request: the rekey in progress has another nonce']);
      }
      await this.rekeyCall(address, what, token, { method: 'DELETE', end: 'init', body: { nonce } });
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  /** Drops the shares verified so far; the answer is the nonce under which all are to be sent again. */
  async verifyReset(address: string, token: Secret | undefined): Promise<string> {
    const before = await this.rekeyStatus(address, token);
    const answer = await this.rekeyCall(address, 'verify reset', token, { method: 'DELETE', end: 'verify', body: { nonce: before.verificationNonce ?? '' } });
    const told = answer.body === undefined ? '' : shaped(verifyStatusSchema, address, 'verify reset', answer).nonce;
    return told || ((await this.rekeyStatus(address, token)).verificationNonce ?? '');
  }

  async verifyUpdate(address: string, share: Secret, nonce: string, token: Secret | undefined): Promise<VerifyAnswer> {
    const what = 'rekey verify';
    try {
      const body = shaped(verifyUpdateSchema, address, what, await this.rekeyCall(address, what, token, { method: 'PUT', end: 'verify', body: { key: share, nonce }, patient: true }));
      return { is: body.complete ? 'complete' : 'more' };
    } catch (error) {
      if (error instanceof VaultError && error.says('incorrect key shares', 'failed to compute key for verification')) return { is: 'rejected' };
      if (isGone(error)) return { is: 'no-rekey' };
      throw error;
    }
  }

  /** An orphan with the root policy and no end; its display name tells a later run whose it is. */
  async createRootToken(address: string, token: Secret, displayName: string): Promise<Secret> {
    const what = 'token create';
    const body = { policies: ['root'], no_parent: true, renewable: false, display_name: displayName };
    const answer = shaped(tokenSchema, address, what, await this.ask(address, what, { method: 'POST', path: 'auth/token/create', token, body, patient: true }));
    return new Secret(answer.auth.client_token);
  }

  /** A token that is not valid any more is as good as revoked. */
  async revokeSelf(address: string, token: Secret): Promise<void> {
    try {
      await this.ask(address, 'token revoke', { method: 'POST', path: 'auth/token/revoke-self', token });
    } catch (error) {
      if (!(error instanceof VaultError && error.status === 403)) throw error;
    }
  }

  /** Revokes what an interrupted run created and never wrote down: tokens by this display name, but never the one in use. `beforeFirst` is asked once they are listed. */
  async revokeByName(address: string, token: Secret, displayName: string, limit: number, beforeFirst: () => Promise<void>): Promise<number> {
    const { data } = shaped(accessorsSchema, address, 'token accessors', await this.ask(address, 'token accessors', { method: 'LIST', path: 'auth/token/accessors', token }));
    const own = shaped(lookupSchema, address, 'token lookup', await this.ask(address, 'token lookup', { method: 'GET', path: 'auth/token/lookup-self', token })).data.accessor;
    let revoked = 0;
    for (const accessor of data.keys.slice(0, limit)) {
      if (accessor === own) continue;
      const found = await this.wire.request(address, { method: 'POST', path: 'auth/token/lookup-accessor', token, body: { accessor }, timeoutMs: this.timeoutMs });
      if (found.status !== 200 || shaped(lookupSchema, address, 'token lookup', found).data.display_name !== `token-${displayName}`) continue;
      if (revoked === 0) await beforeFirst();
      await this.ask(address, 'token revoke', { method: 'POST', path: 'auth/token/revoke-accessor', token, body: { accessor } });
      revoked += 1;
    }
    return revoked;
  }

  /** @throws WireError in the middle where the stream is cut */
  snapshot(address: string, token: Secret): AsyncIterable<Uint8Array> {
    return this.wire.download(address, { method: 'GET', path: 'sys/storage/raft/snapshot', token });
  }

  /** Replaces everything that the server holds. */
  async restoreSnapshot(address: string, chunks: AsyncIterable<Uint8Array>, token: Secret): Promise<void> {
    const answer = await this.wire.upload(address, { method: 'POST', path: 'sys/storage/raft/snapshot-force', token }, chunks);
    if (answer.status >= 400) throw new VaultError(address, 'snapshot restore', answer.status, errorsOf(answer));
  }
}
