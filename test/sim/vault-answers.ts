import type { WireAnswer } from '../../src/ports/vault.ts';

/** Vault's sentences, as 1.21.0 says them. */
export const ok = (body: unknown): WireAnswer => ({ status: 200, body });
export const done: WireAnswer = { status: 204, body: undefined };
export const no = (status: number, ...errors: string[]): WireAnswer => ({ status, body: { errors } });

export const sealed = no(503, 'Vault is sealed');
export const denied = no(403, 'permission denied');
export const barrierAlone = (status: number) => no(status, 'core: barrier reports initialized but no seal configuration found');
export const notInitialised = no(400, 'Vault is not initialized');
export const noActive = no(500, 'local node not active but active cluster node not found');
export const unsupported = no(404, '1 error occurred:\n\t* unsupported path\n\n');
export const unsupportedOperation = no(405, 'unsupported operation');

/** Whose words: Vault 1.21's, or OpenBao 2.6's, which has moved its rekey. `test/contract/recorded/` holds the originals. */
export type Flavour = 'vault' | 'openbao';

const misfit = 'cipher: message authentication failed';
const noFit = (seal: string) => `failed to decrypt keys from storage: error decrypting seal wrapped value\nerror decrypting using seal ${seal}: ${misfit}`;
export const wrongSet = (flavour: Flavour): string => `invalid key: ${flavour === 'vault' ? noFit('shamir') : `failed to decrypt keys from storage: ${misfit}`}`;
/** A rekey names no seal, and OpenBao's forgets to print its error. */
export const wrongOldSet = (flavour: Flavour): string => (flavour === 'vault' ? `invalid key: ${noFit('')}` : `%!w(*vault.ErrInvalidKey=&{failed to decrypt keys from storage: ${misfit}})`);
/** A token that nobody knows, which is not the same as none. */
export const unknownToken = (flavour: Flavour): WireAnswer => (flavour === 'vault' ? no(403, '2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n') : denied);
export const noSnapshot = no(500, '1 error occurred:\n\t* failed to decompress snapshot: gzip: invalid header\n\n');

export interface SealFacts { readonly type: string; readonly initialized: boolean; readonly sealed: boolean; readonly t: number; readonly n: number; readonly progress: number; readonly nonce: string; readonly storageType: string; readonly clusterId: string | undefined }
const clusterOf = (clusterId: string | undefined) => (clusterId === undefined ? {} : { cluster_id: clusterId, cluster_name: `cluster-${clusterId.slice(0, 8)}` });

export function sealStatusBody(flavour: Flavour, { storageType, clusterId, ...seal }: SealFacts) {
  const build = flavour === 'vault' ? { build_date: '2026-01-01T00:00:00Z', removed_from_cluster: false } : { commit_date: '' };
  return { ...seal, version: 'sim', migration: false, recovery_seal: false, storage_type: storageType, ...build, ...clusterOf(clusterId) };
}

export function healthBody(flavour: Flavour, { initialized, sealed: isSealed, clusterId }: SealFacts, active: boolean, nowMs: number) {
  const mode = active ? 'disabled' : 'unknown';
  const more = flavour === 'vault' ? { performance_standby: false, enterprise: false, echo_duration_ms: 0, clock_skew_ms: 0, replication_primary_canary_age_ms: 0, removed_from_cluster: false } : {};
  return {
    initialized, sealed: isSealed, standby: !active, replication_performance_mode: mode, replication_dr_mode: mode, server_time_utc: Math.floor(nowMs / 1000), version: 'sim', ...more, ...clusterOf(clusterId),
  };
}

/** @param index of its raft log; undefined where the storage has none */
export function leaderBody(flavour: Flavour, isSelf: boolean, address: string, index: number | undefined) {
  const raft = index === undefined ? {} : { raft_committed_index: index, raft_applied_index: index };
  const found = { ha_enabled: true, leader_address: address, leader_cluster_address: address === '' ? '' : address.replace(/\d+$/, '8201'), ...raft };
  const since = isSelf ? '2026-01-01T00:00:00Z' : '0001-01-01T00:00:00Z';
  if (flavour === 'vault') return { ...found, is_self: isSelf, active_time: since, performance_standby: false, performance_standby_last_remote_wal: 0 };
  return isSelf ? { ...found, is_self: true, active_time: since } : found;
}

/** What answers of endpoints behind the token come in. */
export function enveloped(flavour: Flavour, parts: { readonly data?: unknown; readonly auth?: unknown }): WireAnswer {
  const mount = flavour === 'vault' ? { mount_type: 'token' } : {};
  return ok({ request_id: 'sim', lease_id: '', renewable: false, lease_duration: 0, data: parts.data ?? null, wrap_info: null, warnings: null, auth: parts.auth ?? null, ...mount });
}
