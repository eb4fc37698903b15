import { formatCheckpoint } from '../credentials/checkpoint.ts';
import { formatKeyFile, parseKeyFile } from '../credentials/key-file.ts';
import { type Candidate, candidatesOf } from '../engine/candidates.ts';
import type { Fork, Step } from '../engine/flow.ts';
import { ownSnapshots, papersOf, reached, refuseUnseen, type Survey, survey } from '../engine/survey.ts';
import type { Eyes, Hands, Prover } from '../engine/world.ts';
import { emptyingOf } from '../kubernetes/emptying-note.ts';
import { findVaultPods } from '../kubernetes/vault-pods.ts';
import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts, type Place } from '../model/halts.ts';
import type { KeySet } from '../model/keys.ts';
import type { ClusterNode } from '../ports/cluster.ts';
import { findsState } from '../vault/answers.ts';
import { openNode } from '../vault/unseal.ts';
import { mustBeRestorable, noSnapshot } from './empty-storage.ts';
import { handsOn, missingOf, unasked } from './places.ts';
import { proveLive, waitForActive } from './prove-live.ts';
import type { Held, Scene } from './records.ts';
import { inKubernetes, refuseUnsealed } from './what-to-empty.ts';
import { heldFrom } from './which-keys-live.ts';
import { cutOffInInit, isInitialised } from './which-world.ts';

/** Three keys are under 1 KiB. */
const NOTE_BYTES = 64 << 10;

export interface Found extends Scene {
  readonly snapshot: Place;
  /** An earlier run initialised the server for this and died: with these it goes on. */
  readonly throwaway?: KeySet;
}

/** An empty server is restored; one that opens with our keys has been restored by an earlier run; any other is emptied first. */
export const isServerEmpty: Fork<undefined, { empty: Scene; standing: Scene; full: Scene }> = {
  name: 'is-server-empty', title: 'look at every manager and every Vault node',
  look: async (eyes) => {
    const seen = await survey(eyes);
    const missing = missingOf(eyes, seen);
    if (missing.length > 0) throw new Halt(haltTexts.managersUnreachable(missing, 'recover --restore-snapshot', eyes.settings.inventory));
    if (candidatesOf(seen).length === 0) throw unasked(eyes, seen) ?? new Halt(haltTexts.noKeysForSnapshot(eyes.settings.inventory));
    if (await isBeingEmptied(eyes)) return { to: 'full', record: { survey: seen } };
    const [cut] = seen.nodes.some((sight) => sight.reached && sight.status.initialized) ? [] : cutOffInInit(seen);
    if (cut !== undefined) throw restoreCutOff(eyes, cut.node, cut.error);
    return { to: isInitialised(eyes, seen) ? 'standing' : 'empty', record: { survey: seen } };
  },
};

async function isBeingEmptied(eyes: Eyes): Promise<boolean> {
  if (eyes.settings.kubernetes === undefined) return false;
  try {
    const { kube, settings } = await inKubernetes(eyes);
    const { set } = await findVaultPods(kube, settings);
    return set !== undefined && emptyingOf(set) !== undefined;
  } catch (error) {
    // Restoring into a server that is reached by its address needs no Kubernetes.
    if (eyes.settings.kubernetes.reach !== 'address') throw error;
    return false;
  }
}

export const findSnapshot: Step<Scene, Found> = {
  name: 'find-snapshot', title: 'find the newest snapshot on the managers', kind: 'check',
  look: async (eyes, { survey: seen }) => {
    const newest = await newestSnapshot(seen);
    if (newest === undefined) return { is: 'stuck', halt: noSnapshot(eyes, seen) };
    eyes.tell({ is: 'note', text: `the newest snapshot is ${newest.host}:${newest.path}` });
    return { is: 'done', out: { survey: seen, snapshot: newest } };
  },
  act: async (_hands, scene) => { throw new Error(`no snapshot among ${scene.survey.managers.length} managers`); },
};

/**
 * What the rotation in flight says that it took; otherwise by its name, which begins with its time: two operators' clocks
 * may differ, and a clock may have been put back. @throws HostError where it cannot be looked at.
 */
async function newestSnapshot(seen: Survey): Promise<Place | undefined> {
  const name = ({ path }: Place) => path.slice(path.lastIndexOf('/'));
  const named = snapshotsInFlight(seen);
  const isNamed = (place: Place) => named.some(({ host, path }) => host === place.host && path === place.path);
  const found = (await ownSnapshots(seen)).filter(({ bytes }) => bytes !== 0).toSorted((a, b) => (name(a) < name(b) ? 1 : -1));
  const newest = found.find(isNamed) ?? found[0];
  if (newest !== undefined) refuseUnseen(newest);
  return newest;
}

/** A checkpoint of an older generation than main came back with a manager that was away: what it names is older too. */
function snapshotsInFlight(seen: Survey): readonly Place[] {
  const generation = Math.max(0, ...reached(seen).map(({ about }) => about?.generation ?? 0));
  return papersOf(seen, 'rotate').flatMap((paper) => (paper.is === 'checkpoint' && (paper.checkpoint.meta?.generation ?? 0) >= generation ? paper.checkpoint.meta?.snapshots ?? [] : []));
}

/**
 * The empty server gets keys that open nothing but itself: the snapshot replaces them. They stand beside the snapshot
 * until it is restored, so that whoever dies in between need not empty the server a second time.
 */
export const restoreSnapshot: Step<Found, Scene> = {
  name: 'restore-snapshot', title: 'restore it into the empty server', kind: 'once',
  look: async () => ({ is: 'pending' }),
  act: async (hands, { snapshot, throwaway: begun }) => {
    const { address } = hands.nodes[0]!;
    const throwaway = begun ?? await initEmpty(hands);
    if (begun === undefined) await keepBeside(hands, snapshot, { do: 'write', bytes: formatKeyFile(throwaway), purpose: 'plain' });
    await openNode(hands.vault, hands.clock, address, throwaway);
    await waitForActive(hands);
    await hands.vault.restoreSnapshot(address, handsOn(hands, snapshot.host).fetch(snapshot.path), throwaway.rootToken);
    await keepBeside(hands, snapshot, { do: 'remove' });
    return { survey: await survey(hands) };
  },
};

async function initEmpty(hands: Hands): Promise<KeySet> {
  const node = hands.nodes[0]!;
  try {
    return await hands.vault.init(node.address, 1, 1);
  } catch (error) {
    if (findsState(error)) throw restoreCutOff(hands, node, error);
    throw error;
  }
}

function restoreCutOff({ settings }: Pick<Eyes, 'settings'>, { name }: ClusterNode, cause: Error): Halt {
  return new Halt(haltTexts.restoreCutOff(name, cause.message, settings.inventory), { cause });
}

const noteBeside = (path: string) => `${path}.restoring`;

/** Only a convenience depends on it: where it cannot be kept, the restoring goes on. */
async function keepBeside(hands: Hands, { host, path }: Place, how: { do: 'write'; bytes: Uint8Array; purpose: 'plain' } | { do: 'remove' }): Promise<void> {
  const manager = hands.settings.managers.find(({ name }) => name === host)!;
  await handsOn(hands, host).apply([{ ...how, path: noteBeside(path) }], hands.lock.fence(manager.paths.lock))
    .catch((error: unknown) => { hands.tell({ is: 'warning', text: `${host}:${noteBeside(path)} could not be ${how.do === 'write' ? 'written' : 'removed'} (${messageOf(error)})` }); });
}

/** The keys of a server that an earlier run initialised for the newest snapshot, where they open it. */
async function begunBefore(hands: Hands & Prover, seen: Survey): Promise<Found | undefined> {
  const snapshot = await newestSnapshot(seen);
  const sight = reached(seen).find(({ manager }) => manager.name === snapshot?.host);
  if (snapshot === undefined || sight === undefined) return undefined;
  const path = noteBeside(snapshot.path);
  const file = (await sight.host.look({ files: [path], folders: [], limitBytes: NOTE_BYTES })).files.get(path);
  const parsed = file?.is === 'file' ? parseKeyFile(file.bytes) : undefined;
  if (parsed?.is !== 'set') return undefined;
  const verdict = await proveLive(hands, [{ set: parsed.set, sources: [{ host: snapshot.host, path, role: 'sibling', part: 'whole' }] }]);
  return verdict.is === 'live' ? { survey: seen, snapshot, throwaway: parsed.set } : undefined;
}

const UNPROVEN = 'Vault must accept one of the sets';

/** Which of our sets opens what is there now. */
export const whichSetOpens: Fork<Scene, { keysHeld: Held }> = {
  name: 'which-set-opens', title: 'find the set that opens it',
  look: async (eyes, { survey: seen }) => ({ is: 'unproven', because: UNPROVEN, likely: { to: 'keysHeld', record: likely(eyes, seen) } }),
  prove: async (hands, { survey: seen }) => {
    const record = await opening(hands, seen);
    if (record === undefined) throw notEmpty(hands, seen);
    // Right after the restoring the server may still have called itself what it was before: by that name our own files were a stranger's.
    return { to: 'keysHeld', record: { ...record, survey: await survey(hands) } };
  },
};

/** The same of a server that nobody has restored yet: an earlier run may have begun to; else Kubernetes can empty it. */
export const opensOrFull: Fork<Scene, { keysHeld: Held; found: Found; full: Scene }> = {
  name: 'opens-or-full', title: 'find out whether a set of ours opens it already',
  look: async (eyes, { survey: seen }) => ({ is: 'unproven', because: UNPROVEN, likely: { to: 'keysHeld', record: likely(eyes, seen) } }),
  prove: async (hands, { survey: seen }) => {
    // First: where a rekey demands a token, a server that was initialised for this knows none of ours, and nothing else could be proven.
    const begun = await begunBefore(hands, seen);
    if (begun !== undefined) return { to: 'found', record: begun };
    const record = await opening(hands, seen);
    if (record !== undefined) {
      hands.tell({ is: 'warning', text: 'keys of the managers open this Vault as it is: this run restores NO snapshot, and sees to the keys alone' });
      return { to: 'keysHeld', record };
    }
    // Who was allowed to be missing may hold what opens this Vault as it is: then nothing speaks for emptying it.
    const silent = unasked(hands, seen);
    if (silent !== undefined) throw silent;
    if (hands.settings.kubernetes === undefined) throw notEmpty(hands, seen);
    const after = await survey(hands);
    refuseUnsealed(hands, after.nodes, 'recover --restore-snapshot');
    await mustBeRestorable(hands, after);
    return { to: 'full', record: { survey: after } };
  },
};

function likely(eyes: Eyes, seen: Survey): Held {
  const candidates = candidatesOf(seen);
  return held(heldFrom(eyes, seen, candidates[0]!, candidates));
}

/** Undefined: Vault rejects every set. */
async function opening(hands: Hands & Prover, seen: Survey): Promise<Held | undefined> {
  const candidates: Candidate[] = candidatesOf(seen);
  const verdict = await proveLive(hands, candidates);
  if (verdict.is === 'cannot-prove') throw new Halt(haltTexts.unproven(verdict.why, hands.settings.inventory));
  return verdict.is === 'none' ? undefined : held(heldFrom(hands, seen, verdict.candidate, candidates));
}

function notEmpty(hands: Hands, seen: Survey): Halt {
  return new Halt(haltTexts.emptyFirst(hands.nodes.map(({ name }) => name), papersOf(seen, 'main', 'rotate', 'previous'), hands.settings.inventory));
}

function held(record: Held): Held {
  return { ...record, keptAt: [], checkpoint: formatCheckpoint({ top: record.set }), fromCheckpoint: true };
}
