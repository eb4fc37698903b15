import type { Failure } from '../engine/each-host.ts';
import { parseCheckpoint } from '../credentials/checkpoint.ts';
import type { Step } from '../engine/flow.ts';
import { reached } from '../engine/survey.ts';
import type { Hands, Prover } from '../engine/world.ts';
import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { mainAgain } from './call-off.ts';
import { applyOnAll, archived, type Written } from './places.ts';
import { proveOne, tokenFor } from './prove-live.ts';
import type { NewHeld, Staged } from './records.ts';
import { leader } from './start-rekey.ts';

/** Every manager holds OLD and NEW before NEW can become live; one that cannot calls the rotation off. */
export const stageKeys: Step<NewHeld, Staged> = {
  name: 'stage-keys', title: 'stage the new keys on every manager and read them back', kind: 'repeat',
  look: async () => ({ is: 'pending' }),
  act: async (hands, held) => {
    const managers = reached(held.survey);
    const { written, failed } = await applyOnAll(hands, managers.map((sight) => ({
      sight, operations: [{ do: 'write', path: sight.manager.paths.rotateCheckpoint, bytes: held.staging, purpose: 'keys' }],
    })));
    // The pending rekey in the server's memory is all that heals a commit that an earlier run may have begun.
    if (failed.length > 0 && held.mayBeVerifying) throw new Halt(haltTexts.commitUnknown(failed.map(({ host, why }) => `${host}: ${why}`).join('; '), held.keptAt, hands.settings.inventory));
    if (failed.length > 0) throw await calledOff(hands, held, failed);
    return { ...held, readBack: written.map(readBackOf), keptAt: managers.map(({ manager }) => ({ host: manager.name, path: manager.paths.rotateCheckpoint })) };
  },
};

function readBackOf({ sight, readBack }: Written) {
  const { name, paths } = sight.manager;
  const parsed = parseCheckpoint(readBack.get(paths.rotateCheckpoint) ?? new Uint8Array());
  if (parsed.is !== 'checkpoint' || parsed.checkpoint.new === undefined) throw new Error(`${name}:${paths.rotateCheckpoint} does not read back as a rotation`);
  return { host: name, set: parsed.checkpoint.new };
}

/** Cancel first: only then can the staged copies never become live, and may be set aside. */
async function calledOff(hands: Hands & Prover, held: NewHeld, failed: readonly Failure[]): Promise<Halt> {
  const { inventory } = hands.settings;
  try {
    const address = await leader(hands);
    await hands.vault.rekeyCancel(address, held.nonce, tokenFor(hands, held.set));
    const status = await hands.vault.rekeyStatus(address, tokenFor(hands, held.set));
    if (status.started && status.nonce === held.nonce) throw new Error('the server still shows the rekey');
    const proof = await proveOne(hands, address, held.set);
    if (proof.is === 'rejected') return new Halt(haltTexts.commitUnknown('the rekey was cancelled, and the server rejects the old keys', held.keptAt, inventory));
  } catch (error) {
    return new Halt(haltTexts.commitUnknown(`the rekey could not be cancelled: ${messageOf(error)}`, held.keptAt, inventory), { cause: error });
  }
  const { failed: left } = await applyOnAll(hands, reached(held.survey).map((sight) => ({
    sight, operations: [
      ...mainAgain(hands, held.survey, sight, held.set),
      { do: 'move', path: sight.manager.paths.rotateCheckpoint, to: archived(sight.manager.paths.rotateCheckpoint, hands.clock.now(), hands.clock.random(2)) },
    ],
  })));
  const holders = reached(held.survey).map(({ manager }) => manager).filter(({ name }) => !left.some(({ host }) => host === name));
  const oldAt = holders.length > 0 ? holders.map(({ name, paths }) => ({ host: name, path: paths.main })) : held.keptAt;
  return new Halt(haltTexts.stageFailed(failed, oldAt, inventory));
}
