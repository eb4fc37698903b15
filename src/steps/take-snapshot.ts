import type { Step } from '../engine/flow.ts';
import { reached, snapshotName } from '../engine/survey.ts';
import type { Hands, Prover } from '../engine/world.ts';
import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts, type Place } from '../model/halts.ts';
import { sameShares } from '../model/keys.ts';
import { withLivingToken } from './living-token.ts';
import { markRejected } from './mark-rejected.ts';
import { handsOn, masterOf, stamp } from './places.ts';
import { activeOf, reachedNodes, tokenFor } from './prove-live.ts';
import type { Held, Rotating } from './records.ts';
import { restoredSince } from './restored-since.ts';
import { leaveNoForeign } from './start-rekey.ts';
import { HostError } from '../ports/hosts.ts';
import { WireError } from '../ports/vault.ts';

type Saved = Held & Pick<Rotating, 'snapshots'>;

/** The server's own commit of a rekey is not crash-safe; this is what brings such a cluster back. */
export const takeSnapshot: Step<Held, Saved> = {
  name: 'take-snapshot', title: 'take a raft snapshot and keep it on two managers', kind: 'repeat',
  look: async (eyes, held) => {
    if (!eyes.flags.noSnapshot) return { is: 'pending' };
    eyes.tell({ is: 'warning', text: 'no snapshot is taken (--no-snapshot): a server killed in the middle of its own rekey commit could not be brought back' });
    return { is: 'done', skipped: true, out: { ...held, snapshots: [] } };
  },
  act: async (hands, held) => {
    const refuse = (why: string, { by = 'vault', cause }: { by?: 'vault' | 'manager'; cause?: unknown } = {}) =>
      new Halt(haltTexts.snapshotFailed(why, by, hands.settings.inventory), { cause });
    const active = activeOf(await reachedNodes(hands));
    if (active === undefined) throw refuse('no node is active');
    const { storageType } = active.status;
    if (storageType !== undefined && storageType !== 'raft') throw refuse(`the storage "${storageType}" has no snapshots`);
    const set = await withLivingToken(hands, held.survey, held.set);
    const token = tokenFor(hands, set);
    await leaveNoForeign(hands, active.node.address, token).catch(async (error: unknown) => {
      throw error instanceof Halt && error.text.code === 'unproven' ? await otherLives(hands, held, error) ?? error : error;
    });
    if (token === undefined) throw refuse('a snapshot needs a token, and the root token is gone: give one with --token-file');
    const name = snapshotName(stamp(hands.clock.now()), active.status.clusterId, hands.operation);
    const master = masterOf(hands, held.survey);
    const order = [master, ...reached(held.survey).filter((sight) => sight !== master)];
    const snapshots: Place[] = [];
    const failures: { why: string; by: 'vault' | 'manager' }[] = [];
    for (const { manager } of order) {
      if (snapshots.length >= 2) break;
      const path = `${manager.paths.snapshots}/${name}`;
      try {
        const source = snapshots[0] === undefined ? hands.vault.snapshot(active.node.address, token) : handsOn(hands, snapshots[0].host).fetch(snapshots[0].path);
        const { bytes } = await handsOn(hands, manager.name).store(path, source, hands.lock.fence(manager.paths.lock));
        if (bytes === 0) throw new Error('the server sent an empty snapshot');
        snapshots.push({ host: manager.name, path });
      } catch (error) {
        // The server's no is the same whichever manager asks.
        if (error instanceof WireError && error.reached === 'config') throw await otherLives(hands, held, error) ?? refuse(`${error.message} (where the token is the reason: give another with --token-file FILE)`, { cause: error });
        // The second copy is read from the first: which of the two managers failed is in the error.
        const byManager = error instanceof HostError;
        failures.push({ why: `${byManager ? error.host : manager.name}: ${messageOf(error)}`, by: byManager ? 'manager' : 'vault' });
      }
    }
    const by = failures.every((failure) => failure.by === 'manager') ? 'manager' : 'vault';
    if (snapshots.length < Math.min(2, order.length)) throw refuse(failures.map(({ why }) => why).join('; '), { by });
    return { ...held, set, snapshots, keptAt: mainsOf(hands, held) };
  },
};

/** A token that Vault does not know: nothing has proven yet that the shares beside it are the ones of this Vault. */
async function otherLives(hands: Hands & Prover, held: Held, cause: unknown): Promise<Halt | undefined> {
  const restored = await restoredSince(hands, { ...held, others: held.others.filter(({ set }) => !sameShares(set, held.set)), keptAt: mainsOf(hands, held) }, cause);
  if (restored !== undefined) await markRejected(hands);
  return restored;
}

function mainsOf(hands: Hands, held: Held): Place[] {
  return reached(held.survey).filter(({ papers }) => papers.some(({ role, is }) => role === 'main' && is === 'set'))
    .map(({ manager }) => ({ host: manager.name, path: manager.paths.main }));
}
