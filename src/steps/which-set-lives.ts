import { type Candidate, cameFrom, candidatesOf, isIntent, preferring } from '../engine/candidates.ts';
import type { Arrival, Fork } from '../engine/flow.ts';
import { type Paper, papersOf, type Survey } from '../engine/survey.ts';
import type { Eyes, Hands, Prover } from '../engine/world.ts';
import type { Checkpoint } from '../credentials/checkpoint.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts, type Place } from '../model/halts.ts';
import { sameShares } from '../model/keys.ts';
import type { RekeyStatus } from '../vault/answers.ts';
import { refuseStrangeRotations } from './deliver-keys.ts';
import { withLivingToken } from './living-token.ts';
import { missingOf, openIn, unasked } from './places.ts';
import { activeOf, isOrphan, isUntouched, proveLive, reachedNodes, tokenAmong, waitForActive } from './prove-live.ts';
import type { CalledOff, Held, NewHeld, Scene } from './records.ts';
import { statusOf } from './start-rekey.ts';
import { heldFrom } from './which-keys-live.ts';

interface Outs { newHeld: NewHeld; committed: Held; calledOff: CalledOff }
type Rotation = Paper & { is: 'checkpoint' };

/** A rotation was cut off somewhere: is NEW live, is its verification still pending, or did it never commit? */
export const whichSetLives: Fork<Scene, Outs> = {
  name: 'which-set-lives', title: 'find out how far the interrupted rotation came',
  look: async (eyes, { survey }) => ({ is: 'unproven', because: 'the server must say whether it took the new keys', likely: likely(eyes, survey) }),
  prove: async (hands, { survey }) => {
    const pending = await pendingRekey(hands, survey);
    if (pending?.verificationPending === true) {
      const resumed = resumeVerification(hands, survey, pending);
      if (resumed !== undefined) return { to: 'newHeld', record: { ...resumed, set: await withLivingToken(hands, survey, resumed.set) } };
    }
    if (pending !== undefined) {
      hands.tell({ is: 'note', text: `cancelling the rekey that the interrupted rotation left behind (nonce ${pending.nonce}); its shares were never valid` });
      await hands.vault.rekeyCancel(pending.address, pending.nonce, await tokenAmong(hands, pending.address, byAge(survey)));
    }
    const candidates = byAge(survey);
    if (candidates.length === 0) throw new Halt(haltTexts.unreadable(papersOf(survey, 'rotate', 'main').flatMap((paper) => (paper.is === 'unreadable' ? [paper] : [])), hands.settings.inventory));
    const verdict = await proveLive(hands, candidates);
    if (verdict.is === 'cannot-prove') throw new Halt(haltTexts.unproven(verdict.why, hands.settings.inventory));
    if (verdict.is === 'none') throw await neither(hands, survey, candidates);
    const { candidate } = verdict;
    await refuseStrangeRotations(hands, survey, candidate.set);
    // Live, and in no main: the checkpoint that cannot be read may be where it belongs, so every main is written before that is moved.
    return isNew(survey, candidate) || !cameFrom(candidate, 'main')
      ? { to: 'committed', record: committedFrom(hands, survey, candidate, candidates) }
      : { to: 'calledOff', record: { survey, live: candidate.set } };
  },
};

const rotations = (survey: Survey): Rotation[] => papersOf(survey, 'rotate').filter((paper): paper is Rotation => paper.is === 'checkpoint');
const newOf = (checkpoint: Checkpoint) => checkpoint.new ?? checkpoint.top;

/** NEW first, then mains, then what they replaced. */
function byAge(survey: Survey): Candidate[] {
  return preferring(candidatesOf(survey), (candidate) => isNew(survey, candidate));
}

function isNew(survey: Survey, candidate: Candidate): boolean {
  return rotations(survey).some(({ checkpoint }) => { const fresh = newOf(checkpoint); return fresh !== undefined && sameShares(fresh, candidate.set); });
}

function committedFrom(eyes: Eyes, survey: Survey, live: Candidate, all: readonly Candidate[]): Held {
  const own = rotations(survey).find(({ checkpoint }) => { const fresh = newOf(checkpoint); return fresh !== undefined && sameShares(fresh, live.set); });
  const old = own?.checkpoint.old ?? all.find((other) => other !== live && cameFrom(other, 'main'))?.set;
  const held = heldFrom(eyes, survey, live, all);
  return {
    ...held, keptAt: live.sources, fromCheckpoint: true, snapshots: own?.checkpoint.meta?.snapshots ?? [], ...(old === undefined ? {} : { replaces: old }),
    generation: own?.checkpoint.meta?.generation ?? held.generation + 1,
  };
}

type Pending = RekeyStatus & { readonly address: string };

/** A rekey in progress that is ours by its nonce, or by an intent that was recorded just before it was begun. */
async function pendingRekey(hands: Hands & Prover, survey: Survey): Promise<Pending | undefined> {
  // OpenBao keeps its rekey through an election: not waited for, it would meet the proof as a stranger's.
  const active = activeOf(survey.nodes) ?? activeOf(await waitForActive(hands));
  if (active === undefined) return undefined;
  const { address } = active.node;
  const status = await statusOf(hands, address, await tokenAmong(hands, address, byAge(survey)));
  if (!status.started) return undefined;
  const ours = rotations(survey).some(({ checkpoint: { meta } }) => {
    if (meta?.rekey === undefined) return false;
    if (meta.rekey.nonce !== '') return meta.rekey.nonce === status.nonce;
    return isUntouched(status, meta.rekey);
  });
  if (ours || isOrphan(status, hands.lock.orphan)) return { ...status, address };
  throw new Halt(haltTexts.foreignRekey(status, hands.settings.inventory));
}

/** The server still waits for the new shares, and we have them: nothing is cancelled, the rotation goes on where it stood. */
function resumeVerification(hands: Eyes, survey: Survey, pending: RekeyStatus): NewHeld | undefined {
  const paper = rotations(survey).find(({ checkpoint }) => checkpoint.new !== undefined && checkpoint.meta?.rekey?.nonce === pending.nonce);
  if (paper === undefined) return undefined;
  const { checkpoint } = paper;
  const { old, new: fresh, meta } = checkpoint;
  if (old === undefined || fresh === undefined || meta === undefined) return undefined;
  const missing = missingOf(hands, survey);
  if (missing.length > 0) throw new Halt(haltTexts.managersUnreachable(missing, 'rotate', hands.settings.inventory));
  return {
    survey, set: old, fresh, others: candidatesOf(survey), keptAt: [{ host: paper.host, path: paper.path }], generation: meta.generation, fromCheckpoint: true,
    nonce: pending.nonce, verificationNonce: pending.verificationNonce ?? '', startedAt: meta.startedAt, snapshots: meta.snapshots ?? [], staging: paper.bytes, mayBeVerifying: true,
  };
}

async function neither(hands: Hands, survey: Survey, candidates: readonly Candidate[]): Promise<Halt> {
  const { inventory } = hands.settings;
  const silent = unasked(hands, survey);
  if (silent !== undefined) return silent;
  // The proof itself may have opened one.
  const open = openIn(await reachedNodes(hands));
  if (!rotations(survey).some(({ checkpoint }) => checkpoint.new !== undefined && checkpoint.old !== undefined)) return new Halt(haltTexts.keysRejected(candidates.flatMap(({ sources }) => sources), inventory));
  const snapshots: Place[] = rotations(survey).flatMap(({ checkpoint }) => checkpoint.meta?.snapshots ?? []);
  return new Halt(haltTexts.halfCommit(distinct(snapshots), candidates.flatMap(({ sources }) => sources), open, inventory));
}

function distinct(places: readonly Place[]): Place[] {
  return [...new Map(places.map((place) => [`${place.host}:${place.path}`, place])).values()];
}

function likely(eyes: Eyes, survey: Survey): Arrival<Outs> {
  const candidates = byAge(survey);
  const fresh = candidates.find((candidate) => isNew(survey, candidate));
  if (fresh === undefined || rotations(survey).every(isIntent)) return { to: 'calledOff', record: { survey, live: candidates[0]?.set } };
  return { to: 'committed', record: committedFrom(eyes, survey, fresh, candidates) };
}

