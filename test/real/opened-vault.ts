import { setTimeout as sleep } from 'node:timers/promises';
import { HttpWire } from '../../src/adapters/vault-http.ts';
import type { KeySet } from '../../src/model/keys.ts';
import { Secret } from '../../src/model/secret.ts';
import type { VaultEyes } from '../../src/vault/eyes.ts';
import { VaultHands } from '../../src/vault/hands.ts';

export const plainWire = (): HttpWire => new HttpWire({});
export const handsOn = (wire = plainWire()): VaultHands => new VaultHands(wire, 10_000);

/** Polls until `look` says yes. @throws Error with `what` after `withinMs` */
export async function until(what: string, look: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
  for (const end = Date.now() + withinMs; Date.now() < end; await sleep(50)) {
    if (await look()) return;
  }
  throw new Error(`not within ${withinMs / 1000} s: ${what}`);
}

export async function untilActive(vault: VaultEyes, address: string): Promise<void> {
  await until(`${address} is active`, async () => await vault.health(address) === 'active');
}

export async function unseal(vault: VaultHands, address: string, set: KeySet): Promise<void> {
  for (const share of set.shares.slice(0, set.threshold)) await vault.unsealShare(address, share);
}

/** Initialised, unsealed and active. */
export async function opened(vault: VaultHands, address: string, shares: number, threshold: number): Promise<KeySet> {
  const set = await vault.init(address, shares, threshold);
  await unseal(vault, address, set);
  await untilActive(vault, address);
  return set;
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

/** A whole rekey but for its last verify share, which is returned with the new set and the nonce it goes under. */
export async function rekeyToVerify(vault: VaultHands, address: string, old: KeySet, shares: number, threshold: number, token?: Secret): Promise<{ set: KeySet; nonce: string }> {
  const { nonce } = await vault.rekeyStart(address, shares, threshold, token);
  for (const share of old.shares.slice(0, old.threshold)) {
    const answer = await vault.rekeyUpdate(address, share, nonce, token);
    if (answer.is === 'complete') return { set: { rootToken: old.rootToken, shares: answer.shares, threshold: answer.threshold }, nonce: answer.verificationNonce };
  }
  throw new Error('the old shares did not complete the rekey');
}

/** The set with one bit of one share changed. */
export function flipped(set: KeySet, index: number): KeySet {
  const shares = set.shares.map((share, at) => {
    if (at !== index) return share;
    const bytes = Buffer.from(share.reveal(), 'base64');
    bytes[5] = bytes[5]! ^ 1;
    return new Secret(bytes.toString('base64'));
  });
  return { ...set, shares };
}
