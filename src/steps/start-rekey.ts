import { type Checkpoint, formatCheckpoint } from '../credentials/checkpoint.ts';
import { failureOf } from '../engine/each-host.ts';
import type { Step } from '../engine/flow.ts';
import type { Hands, Prover } from '../engine/world.ts';
import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import type { KeySet } from '../model/keys.ts';
import { HostError } from '../ports/hosts.ts';
import { type RekeyStatus, VaultError } from '../vault/answers.ts';
import { waitUntilCaughtUp } from './caught-up.ts';
import { iso, preflight } from './declare-intent.ts';
import { handsOn, masterOf } from './places.ts';
import { activeOf, isOrphan, isUntouched, reachedNodes, tokenFor } from './prove-live.ts';
import type { Held, Rotating } from './records.ts';
import { reached } from '../engine/survey.ts';

type Saved = Held & Pick<Rotating, 'snapshots'>;

/** The nonce is on disk before any share is sent: a rekey that a crash leaves behind is then known as ours. */
export const startRekey: Step<Saved, Rotating> = {
  name: 'start-rekey', title: 'start a rekey that verifies, and record its nonce', kind: 'repeat',
  look: async () => ({ is: 'pending' }),
  act: async (hands, saved) => {
    preflight(hands, reached(saved.survey), 'rotate');
    const address = await leader(hands);
    await waitUntilCaughtUp(hands, address);
    const token = tokenFor(hands, saved.set);
    const wanted = await wantedShares(hands, address, saved.set);
    await leaveNoForeign(hands, address, token);
    const startedAt = iso(hands);
    const record = (nonce: string) => writeIntent(hands, saved, { ...wanted, nonce }, startedAt);
    await record('');
    const begun = await begin(hands, address, wanted, token);
    if (!begun.verificationRequired) {
      await hands.vault.rekeyCancel(address, begun.nonce, token);
      throw new Halt(haltTexts.notReversible('its reply to the start of the rekey does not say verification_required: true', hands.settings.inventory));
    }
    try {
      await record(begun.nonce);
    } catch (error) {
      // No share was given: better none than one that no record names, which every later run would take for somebody else's.
      await hands.vault.rekeyCancel(address, begun.nonce, token).catch(() => undefined);
      throw error;
    }
    return { ...saved, nonce: begun.nonce, startedAt, fromCheckpoint: true, generation: saved.generation + 1 };
  },
};

export async function leader(hands: Hands): Promise<string> {
  const sights = await reachedNodes(hands);
  const active = activeOf(sights);
  if (active === undefined) throw new Halt(haltTexts.noLeader(sights.map(({ node }) => node.name), hands.settings.inventory));
  return active.node.address;
}

interface Wanted { readonly shares: number; readonly threshold: number }

/** As they are, unless the operator gave others. */
async function wantedShares(hands: Hands, address: string, set: KeySet): Promise<Wanted> {
  const { count, threshold, given } = hands.settings.shares;
  if (given) return { shares: count, threshold };
  const status = await hands.vault.sealStatus(address);
  return { shares: status.shares || set.shares.length, threshold: status.threshold || set.threshold };
}

/** @throws Halt `foreign-rekey` where the one rekey slot is somebody else's; what a proof of ours left in it is cancelled. */
export async function leaveNoForeign(hands: Hands, address: string, token: ReturnType<typeof tokenFor>): Promise<void> {
  const status = await statusOf(hands, address, token);
  const { orphan } = hands.lock;
  if (!status.started) {
    if (orphan !== undefined) await hands.lock.proof(undefined);
    return;
  }
  if (!isOrphan(status, orphan)) throw new Halt(haltTexts.foreignRekey(status, hands.settings.inventory));
  await hands.vault.rekeyCancel(address, status.nonce, token);
  await hands.lock.proof(undefined);
}

/** @throws Halt `unproven` where the server will not say without another token */
export async function statusOf(hands: Hands, address: string, token: ReturnType<typeof tokenFor>): Promise<RekeyStatus> {
  try {
    return await hands.vault.rekeyStatus(address, token);
  } catch (error) {
    if (error instanceof VaultError) throw new Halt(haltTexts.unproven(error.message, hands.settings.inventory), { cause: error });
    throw error;
  }
}

async function begin(hands: Hands, address: string, wanted: Wanted, token: ReturnType<typeof tokenFor>) {
  try {
    return await hands.vault.rekeyStart(address, wanted.shares, wanted.threshold, token);
  } catch (error) {
    // The reply may be lost and the rekey begun: under our lock, with our intent, untouched, it is ours.
    const status = await statusOf(hands, address, token);
    if (status.started && isUntouched(status, wanted)) return { nonce: status.nonce, verificationRequired: status.verificationRequired };
    throw error;
  }
}

async function writeIntent(hands: Hands, saved: Saved, rekey: Wanted & { nonce: string }, startedAt: string): Promise<void> {
  const { manager } = masterOf(hands, saved.survey);
  const bytes = formatCheckpoint(rotationCheckpoint(hands, saved, { phase: 'intent', rekey, startedAt, generation: saved.generation + 1 }));
  try {
    await handsOn(hands, manager.name).apply([{ do: 'write', path: manager.paths.rotateCheckpoint, bytes, purpose: 'keys' }], hands.lock.fence(manager.paths.lock));
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    const { inventory } = hands.settings;
    // Not tried again within this run: whether a rekey of ours waits on the server is for the next look at the world.
    throw new Halt(error.kind === 'unreachable' ? haltTexts.managerCutOff(manager.name, 'recording the rekey that begins', messageOf(error), error.mend, inventory)
      : haltTexts.preflight([failureOf(manager.name, error)], 'rotate', inventory), { cause: error });
  }
}

type Meta = NonNullable<Checkpoint['meta']>;

/** OLD and NEW stand below `vaultctl` until NEW is live: an old playbook must not find keys at the top before that. */
export function rotationCheckpoint(
  hands: Hands & Partial<Prover>, saved: Saved, state: Pick<Meta, 'phase' | 'startedAt' | 'generation'> & { rekey: NonNullable<Meta['rekey']> }, fresh?: KeySet,
): Checkpoint {
  return {
    meta: {
      format: 1, operation: hands.operation, flow: 'rotate', phase: state.phase, nodes: hands.nodes.map(({ address }) => address), startedAt: state.startedAt,
      updatedAt: iso(hands), rekey: state.rekey, generation: state.generation, snapshots: saved.snapshots,
    },
    old: saved.set,
    ...(fresh === undefined ? {} : { new: fresh }),
    ...(fresh !== undefined && state.phase === 'committed' ? { top: fresh } : {}),
  };
}
