import { formatCheckpoint } from '../credentials/checkpoint.ts';
import type { Step } from '../engine/flow.ts';
import type { Hands, Prover } from '../engine/world.ts';
import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import type { Secret } from '../model/secret.ts';
import { activeOf, proveLive, reachedNodes, tokenFor } from './prove-live.ts';
import type { Held, Staged } from './records.ts';
import { rotationCheckpoint } from './start-rekey.ts';

const ATTEMPTS = 6;

/**
 * The commit. The shares that verify are the ones read back from the managers, share i from manager i.
 * From the last share on nothing cancels, probes or seals until it is known to be over: while the server still
 * waits, ALL shares are sent again under a fresh nonce (its memory is the only thing that heals a failed commit).
 */
export const verifyRekey: Step<Staged, Held> = {
  name: 'verify-rekey', title: 'verify Vault with the staged shares: the new keys become live', kind: 'once',
  look: async () => ({ is: 'pending' }),
  act: async (hands, staged) => {
    let why = 'the server did not answer';
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (attempt > 0) await hands.clock.sleep(200 * 2 ** attempt);
      try {
        const result = await verifyOnce(hands, staged, attempt > 0);
        if (result === 'committed') return committed(hands, staged);
        if (result === 'over') return await proveOutcome(hands, staged, why);
        why = 'the server rejected the staged shares';
      } catch (error) {
        if (error instanceof Halt) throw error;
        why = messageOf(error);
        hands.tell({ is: 'note', text: `the outcome of verify is open (${why}); asking the server` });
      }
    }
    throw new Halt(haltTexts.commitUnknown(why, staged.keptAt, hands.settings.inventory));
  },
};

async function verifyOnce(hands: Hands, staged: Staged, again: boolean): Promise<'committed' | 'over' | 'rejected'> {
  const token = tokenFor(hands, staged.set);
  const active = activeOf(await reachedNodes(hands));
  if (active === undefined) throw new Error('no node is active');
  const { address } = active.node;
  const status = await hands.vault.rekeyStatus(address, token);
  if (!status.started || status.nonce !== staged.nonce || !status.verificationPending) return 'over';
  const nonce = again || status.verificationProgress > 0 || status.verificationNonce === undefined
    ? await hands.vault.verifyReset(address, token) : status.verificationNonce;
  for (const share of sharesFrom(staged)) {
    const answer = await hands.vault.verifyUpdate(address, share, nonce, token);
    if (answer.is === 'complete') return 'committed';
    if (answer.is === 'no-rekey') return 'over';
    if (answer.is === 'rejected') return 'rejected';
  }
  throw new Error('the server took every new share and asks for more');
}

function sharesFrom({ fresh, readBack }: Staged): Secret[] {
  return fresh.shares.slice(0, fresh.threshold).map((_, index) => {
    const share = readBack[index % readBack.length]?.set.shares[index];
    if (share === undefined) throw new Error('a manager read back fewer shares than were staged');
    return share;
  });
}

/** The rekey is gone from the server's memory: it committed and the reply was lost, or it never did. Proof tells. */
async function proveOutcome(hands: Hands & Prover, staged: Staged, why: string): Promise<Held> {
  const { inventory } = hands.settings;
  const [fresh, old] = [{ set: staged.fresh, sources: [] }, { set: staged.set, sources: [] }];
  const verdict = await proveLive(hands, [fresh, old]);
  if (verdict.is === 'live' && verdict.candidate === fresh) return committed(hands, staged);
  if (verdict.is === 'live') throw new Halt(haltTexts.rekeyInterrupted('the server dropped the rekey before it took effect', undefined, staged.keptAt, inventory));
  if (verdict.is === 'cannot-prove') throw new Halt(haltTexts.commitUnknown(`${why}; ${verdict.why}`, staged.keptAt, inventory));
  const open = (await reachedNodes(hands)).flatMap((sight) => (sight.reached && !sight.status.sealed ? [sight.node.name] : []));
  throw new Halt(haltTexts.halfCommit(staged.snapshots, staged.keptAt, open, inventory));
}

function committed(hands: Hands, staged: Staged): Held {
  const { fresh, set, nonce, verificationNonce, startedAt, generation } = staged;
  const meta = { phase: 'committed' as const, rekey: { nonce, verificationNonce, shares: fresh.shares.length, threshold: fresh.threshold }, startedAt, generation };
  return {
    survey: staged.survey, snapshots: staged.snapshots, set: fresh, replaces: set, keptAt: staged.keptAt, others: [{ set, sources: [] }], generation, fromCheckpoint: true,
    committed: formatCheckpoint(rotationCheckpoint(hands, staged, meta, fresh)),
  };
}
