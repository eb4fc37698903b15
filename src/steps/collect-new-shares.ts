import { formatCheckpoint } from '../credentials/checkpoint.ts';
import { proveAllShares, resplit } from '../credentials/shamir.ts';
import type { Step } from '../engine/flow.ts';
import { reached } from '../engine/survey.ts';
import type { Hands, Prover } from '../engine/world.ts';
import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import type { KeySet } from '../model/keys.ts';
import { markRejected } from './mark-rejected.ts';
import { applyOnAll, archived, handsOn, masterOf, sameBytes } from './places.ts';
import { tokenFor } from './prove-live.ts';
import type { NewHeld, Rotating } from './records.ts';
import { restoredSince } from './restored-since.ts';
import { leader, rotationCheckpoint } from './start-rekey.ts';

const ROOM_BYTES = 32 << 10;

/** The old shares in, the new ones out and on disk beside the old. Whatever goes wrong here, the old keys stay live. */
export const collectNewShares: Step<Rotating, NewHeld> = {
  name: 'collect-new-shares', title: 'give the old shares, and write the new ones beside them', kind: 'once',
  look: async () => ({ is: 'pending' }),
  act: async (hands, rotating) => {
    const address = await leader(hands);
    const { manager } = masterOf(hands, rotating.survey);
    const prepared = await handsOn(hands, manager.name).prepare(manager.paths.rotateCheckpoint, ROOM_BYTES, hands.lock.fence(manager.paths.lock));
    try {
      const { fresh, verificationNonce } = await rekey(hands, address, rotating);
      const broken = await proveAllShares(fresh);
      if (broken.is !== 'ok') throw new Error('the new shares do not all combine to one key');
      const rekeyMeta = { nonce: rotating.nonce, verificationNonce, shares: fresh.shares.length, threshold: fresh.threshold };
      const staging = formatCheckpoint(rotationCheckpoint(hands, rotating, { phase: 'held', rekey: rekeyMeta, startedAt: rotating.startedAt, generation: rotating.generation }, fresh));
      const readBack = await prepared.commit(staging);
      if (!sameBytes(readBack, staging)) throw new Error(`${prepared.path} reads back different from what was written`);
      return { ...rotating, fresh, verificationNonce, staging, mayBeVerifying: false };
    } catch (error) {
      await prepared.abandon().catch(() => undefined);
      throw await cancelled(hands, address, rotating, error);
    }
  },
};

async function rekey(hands: Hands, address: string, { set, nonce }: Rotating): Promise<{ fresh: KeySet; verificationNonce: string }> {
  const token = tokenFor(hands, set);
  const { threshold } = await hands.vault.sealStatus(address);
  const given = threshold === set.threshold ? set : await resplit(set, threshold);
  for (const share of given.shares.slice(0, threshold)) {
    const answer = await hands.vault.rekeyUpdate(address, share, nonce, token);
    if (answer.is === 'rejected') throw new Halt(haltTexts.keysRejected([], hands.settings.inventory));
    if (answer.is === 'complete') return { fresh: { rootToken: set.rootToken, shares: answer.shares, threshold: answer.threshold }, verificationNonce: answer.verificationNonce };
  }
  throw new Error('the server took every share of the threshold and asks for more');
}

/** Nobody verified anything: cancelling costs nothing, and leaving it would block the next rotation. */
async function cancelled(hands: Hands & Prover, address: string, rotating: Rotating, error: unknown): Promise<Halt> {
  const left = await hands.vault.rekeyCancel(address, rotating.nonce, tokenFor(hands, rotating.set)).then(() => undefined, messageOf);
  const { inventory } = hands.settings;
  if (error instanceof Halt) {
    await markRejected(hands);
    if (left === undefined) await withdraw(hands, rotating);
    const restored = left === undefined ? await restoredSince(hands, rotating, error) : undefined;
    return restored ?? new Halt({ ...error.text, details: rotating.keptAt.map(({ host, path }) => `${host}:${path}`) }, { cause: error });
  }
  return new Halt(haltTexts.rekeyInterrupted(messageOf(error), left, rotating.keptAt, inventory), { cause: error });
}

/**
 * The rekey is gone and gave no shares: a checkpoint that only intends it would send the operator round in circles, and
 * a snapshot of a server that rejects these keys must not stand before the older one that they open.
 */
async function withdraw(hands: Hands, { survey, snapshots }: Rotating): Promise<void> {
  const master = masterOf(hands, survey);
  const { failed } = await applyOnAll(hands, reached(survey).map((sight) => ({ sight, operations: [
    ...(sight === master ? [{ do: 'remove' as const, path: sight.manager.paths.rotateCheckpoint }] : []),
    ...snapshots.filter(({ host }) => host === sight.manager.name).map(({ path }) => ({ do: 'move' as const, path, to: archived(path, hands.clock.now(), hands.clock.random(2)) })),
  ] })));
  for (const { host, why } of failed) hands.tell({ is: 'warning', text: `what this rotation had prepared is still on ${host}: ${why}` });
}
