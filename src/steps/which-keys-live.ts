import { aboutNames } from '../credentials/about.ts';
import { formatCheckpoint } from '../credentials/checkpoint.ts';
import { type Candidate, cameFrom, candidatesOf, isIntent, preferring } from '../engine/candidates.ts';
import type { Arrival, Fork } from '../engine/flow.ts';
import { type Paper, paperOf, papersOf, reached, type Survey } from '../engine/survey.ts';
import type { Eyes, Hands, Prover } from '../engine/world.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { type KeySet, sameSet, sameShares } from '../model/keys.ts';
import { initReplyLost } from './init-vault.ts';
import { markRejected } from './mark-rejected.ts';
import { openIn, searchedIn, unasked } from './places.ts';
import { activeOf, proveLive } from './prove-live.ts';
import type { Held, Scene } from './records.ts';

interface Outs { keysHeld: Held; keysReplicated: Held }
type Answer = Arrival<Outs>;

/** An initialised Vault: which of all the sets on all the managers opens it? Proof answers, not the files' names. */
export const whichKeysLive: Fork<Scene, Outs> = {
  name: 'which-keys-live', title: 'find out which keys are live',
  look: async (eyes, { survey }) => {
    const rotation = papersOf(survey, 'rotate');
    if (rotation.length > 0) throw new Halt(haltTexts.finishFirst('rotate', rotation, eyes.settings.inventory));
    const candidates = candidatesOf(survey);
    const [first] = candidates;
    if (first === undefined) throw nothingFound(eyes, survey);
    // Whoever says that Vault was restored wants it proven, whatever an about says that could not be written.
    const known = eyes.flags.acceptRestored ? undefined : await liveWithoutProof(survey);
    if (known !== undefined) return { to: 'keysReplicated', record: heldFrom(eyes, survey, known, candidates) };
    return { is: 'unproven', because: `${candidates.length} set${candidates.length === 1 ? '' : 's'} of keys found, to be proven on Vault`, likely: answerFor(eyes, survey, first, candidates) };
  },
  prove: async (hands, { survey }) => {
    const candidates = preferring(candidatesOf(survey), (candidate) => cameFrom(candidate, 'install'));
    const verdict = await proveLive(hands, candidates);
    if (verdict.is === 'live') {
      await agreeToRestored(hands, survey, verdict.candidate);
      return answerFor(hands, survey, verdict.candidate, candidates);
    }
    if (verdict.is === 'cannot-prove') return goOnUnproven(hands, survey, candidates, verdict.why);
    throw rejected(hands, survey, candidates);
  },
};

/**
 * Equal mains on every manager that has one, bound to this very cluster by their about: no proof is needed on an unsealed
 * server. An about that names them among the ancestors says the contrary: these were replaced.
 */
async function liveWithoutProof(survey: Survey): Promise<Candidate | undefined> {
  const clusterId = activeOf(survey.nodes)?.status.clusterId;
  if (clusterId === undefined || papersOf(survey, 'install', 'rotate', 'sibling').some((paper) => paper.is !== 'blank')) return undefined;
  const mains = papersOf(survey, 'main');
  const [first] = mains;
  if (first?.is !== 'set' || !mains.every((main) => main.is === 'set' && sameSet(main.set, first.set))) return undefined;
  const abouts = reached(survey).flatMap(({ about }) => (about === undefined ? [] : [about]));
  for (const about of abouts) if (about.rejectedAt !== undefined || about.clusterId !== clusterId || !(await aboutNames(about, first.set, 'current'))) return undefined;
  return abouts.length === 0 ? undefined : candidatesOf(survey).find(({ set }) => sameShares(set, first.set));
}

function nothingFound(eyes: Eyes, survey: Survey): Halt {
  const { inventory } = eyes.settings;
  const silent = unasked(eyes, survey);
  const unreadable = papersOf(survey, 'main', 'install', 'previous', 'sibling').filter((paper) => paper.is === 'unreadable');
  const intents = papersOf(survey, 'install').filter(isIntent);
  if (silent !== undefined) return silent;
  // What a power cut left torn was read and is known to be no set; what could not be read at all may be the only one.
  if (unreadable.some(({ role, bytes }) => role !== 'sibling' || bytes === undefined) || (unreadable.length > 0 && intents.length === 0)) return new Halt(haltTexts.unreadable(unreadable, inventory));
  const [intent] = intents;
  if (intent?.is === 'checkpoint') return initReplyLost(eyes, intents, intent.checkpoint.meta?.startedAt ?? 'undated', unreadable, openIn(survey.nodes));
  return new Halt(haltTexts.credentialsLost(eyes.nodes.map(({ address }) => address), searchedIn(survey), inventory));
}

function rejected(hands: Hands, survey: Survey, candidates: readonly Candidate[]): Halt {
  const { inventory } = hands.settings;
  const silent = unasked(hands, survey);
  if (silent !== undefined) return silent;
  const unreadable = papersOf(survey, 'main', 'install', 'rotate', 'previous', 'sibling').filter((paper) => paper.is === 'unreadable');
  if (unreadable.length > 0) return new Halt(haltTexts.unreadable(unreadable, inventory));
  return new Halt(haltTexts.keysRejected(candidates.flatMap(({ sources }) => sources), inventory));
}

/** No token, no proof: equal files on a server that is open go on with a warning; anything less does not. */
function goOnUnproven(hands: Hands, survey: Survey, candidates: readonly Candidate[], why: string): Answer {
  const [only, ...more] = candidates;
  if (only === undefined || more.length > 0 || !cameFrom(only, 'main', 'install')) throw new Halt(haltTexts.unproven(why, hands.settings.inventory));
  hands.tell({ is: 'warning', text: `the keys could not be proven live (${why}); all copies are equal, so this goes on` });
  return answerFor(hands, survey, only, candidates);
}

/** A set that stands only as `previous` while a main was rejected: Vault is older than its keys. */
async function agreeToRestored(hands: Hands & Prover, survey: Survey, live: Candidate): Promise<void> {
  if (!live.sources.every(({ role }) => role === 'previous') || papersOf(survey, 'main').length === 0) return;
  if (hands.flags.acceptRestored) return;
  const question = 'Vault was restored from before the last rotation. Make the previous keys the main ones again, and set the newer ones aside?';
  if (await hands.operator.confirm(question, hands.settings.clusterName)) return;
  await markRejected(hands);
  throw new Halt(haltTexts.restored([...papersOf(survey, 'main'), ...live.sources], hands.settings.inventory));
}

function answerFor(eyes: Eyes, survey: Survey, live: Candidate, all: readonly Candidate[]): Answer {
  const held = heldFrom(eyes, survey, live, all);
  if (cameFrom(live, 'main') && !cameFrom(live, 'install')) return { to: 'keysReplicated', record: held };
  const paper = papersOf(survey, 'install').find((candidate) => candidate.is === 'checkpoint' && candidate.checkpoint.top !== undefined && sameShares(candidate.checkpoint.top, live.set));
  const checkpoint = paper?.is === 'checkpoint' ? paper.bytes : formatCheckpoint({ top: live.set });
  return { to: 'keysHeld', record: { ...held, checkpoint, keptAt: [], fromCheckpoint: true } };
}

export function heldFrom(eyes: Eyes, survey: Survey, live: Candidate, all: readonly Candidate[]): Held {
  return {
    survey, set: newestToken(survey, live.set), keptAt: live.sources, others: all.filter((other) => other !== live),
    generation: Math.max(1, ...reached(survey).map(({ about }) => about?.generation ?? 1)),
    fromCheckpoint: papersOf(survey, 'install', 'rotate', 'sibling').length > 0,
  };
}

/** Same shares, two tokens: a main that was written last has the one that replaced the other. */
function newestToken(survey: Survey, set: KeySet): KeySet {
  const mains = papersOf(survey, 'main').filter((paper): paper is Paper & { is: 'set' } => paper.is === 'set' && sameShares(paper.set, set));
  return mains.toSorted((a, b) => b.modifiedMs - a.modifiedMs)[0]?.set ?? set;
}

export function mainOf(survey: Survey, host: string): Paper | undefined {
  const sight = reached(survey).find(({ manager }) => manager.name === host);
  return sight === undefined ? undefined : paperOf(sight, 'main');
}
