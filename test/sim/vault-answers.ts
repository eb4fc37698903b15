import type { WireAnswer } from '../../src/ports/vault.ts';

/** Vault's sentences, as 1.21.0 says them. */
export const ok = (body: unknown): WireAnswer => ({ status: 200, body });
export const done: WireAnswer = { status: 204, body: undefined };
export const no = (status: number, ...errors: string[]): WireAnswer => ({ status, body: { errors } });

export const sealed = no(503, 'Vault is sealed');
export const denied = no(403, 'permission denied');
export const notInitialised = no(400, 'Vault is not initialized');
export const noActive = no(500, 'local node not active but active cluster node not found');
export const unsupported = no(404, '1 error occurred:\n\t* unsupported path\n\n');
const noFit = (seal: string) => `invalid key: failed to decrypt keys from storage: error decrypting seal wrapped value\nerror decrypting using seal ${seal}: cipher: message authentication failed`;
export const wrongSet = noFit('shamir');
/** A rekey names no seal. */
export const wrongOldSet = noFit('');
