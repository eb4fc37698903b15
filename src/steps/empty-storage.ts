import { candidatesOf } from '../engine/candidates.ts';
import type { Step } from '../engine/flow.ts';
import { stopWhereAsked } from '../engine/run.ts';
import { ownSnapshots, reached, refuseUnseen, type Survey, survey } from '../engine/survey.ts';
import type { Eyes, Hands } from '../engine/world.ts';
import { type Emptying, emptyingOf } from '../kubernetes/emptying-note.ts';
import { claimsOf, deleteExactly, heldBy, noted, noteEmptying, podsIn, remaining, retainedVolumes, scaleBack, scaleToNothing, vaultSet, type VolumeClaim } from '../kubernetes/emptying.ts';
import { lackedOf, type Refusal } from '../kubernetes/rights.ts';
import { findVaultPods, type Pod } from '../kubernetes/vault-pods.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { KubeError } from '../ports/kube.ts';
import { iso } from './declare-intent.ts';
import { applyOnAll, setAside } from './places.ts';
import { reachedNodes } from './prove-live.ts';
import type { Scene } from './records.ts';
import { copiesIn, inKubernetes, mayBeEmptied, refuseUnsealed } from './what-to-empty.ts';

type Purpose = Emptying['purpose'];
const LOOK_EVERY_MS = 1000;
/** A StatefulSet whose pods are never Ready may wait for ever with taking them down one by one. */
const DELETE_PODS_AFTER_MS = 5000;

/** The steps from a Vault that nothing can save to one that is empty, for one of the two flows that may do that. */
export function emptying(purpose: Purpose) {
  const flow = `recover --${purpose}`;
  return {
    confirm: confirm(flow, purpose), setRejectedAside: setRejectedAside(flow), declare: declare(flow, purpose),
    scaleDown: scaleDown(flow), waitUntilGone: waitUntilGone(flow), deleteClaims: deleteClaims(flow), scaleBack: scalesBack,
  };
}

function confirm(flow: string, purpose: Purpose): Step<Scene, Scene> {
  const means = purpose === 'reinitialise' ? 'ALL SECRETS IN THIS VAULT WILL BE LOST.' : 'What this Vault stores now will be deleted; the snapshot takes its place.';
  return {
    name: 'confirm-emptying', title: 'ask for the name of the cluster', kind: 'repeat',
    look: async (eyes) => {
      const lacked = await lackedToEmpty(eyes);
      return lacked === undefined ? { is: 'pending' } : { is: 'stuck', halt: new Halt(haltTexts.kubernetesForbidden(lacked.user, lacked.rights, undefined, eyes.settings.inventory)) };
    },
    act: async (hands, scene) => {
      const { kube, settings } = await inKubernetes(hands);
      const set = await vaultSet(kube, settings);
      const claims = emptyingOf(set)?.claims ?? await claimsOf(kube, settings, set);
      hands.tell({ is: 'note', text: `StatefulSet ${settings.namespace}/${set.metadata.name} will be scaled to 0 and back; to be deleted: ${claims.map((claim) => `PVC ${'name' in claim ? claim.name : claim.metadata.name}`).join(', ') || 'no PVC (its pods keep their data elsewhere)'}` });
      if (!(await hands.operator.confirm(`${means} Empty it?`, hands.settings.clusterName))) throw new Halt(haltTexts.notConfirmed(hands.settings.clusterName));
      // Minutes may have passed: somebody who found keys meanwhile has unsealed it.
      refuseUnsealed(hands, await reachedNodes(hands), flow);
      stopWhereAsked(flow, hands);
      return scene;
    },
  };
}

/** Before anything is asked or touched: a run that may scale down and not delete would leave a Vault that is only stopped. */
async function lackedToEmpty(eyes: Eyes): Promise<Refusal | undefined> {
  const { kube, settings } = await inKubernetes(eyes);
  const { set, names } = await findVaultPods(kube, settings);
  if (set === undefined) return undefined;
  const { namespace } = settings;
  const claims = emptyingOf(set)?.claims ?? (await claimsOf(kube, settings, set)).map(noted);
  return lackedOf(kube, [
    { verb: 'patch', group: 'apps', resource: 'statefulsets', namespace, name: set.metadata.name },
    ...names.map((name) => ({ verb: 'delete', group: '', resource: 'pods', namespace, name })),
    ...claims.map(({ name }) => ({ verb: 'delete', group: '', resource: 'persistentvolumeclaims', namespace, name })),
  ]);
}

/** Renamed, not deleted; from here on any set of keys on a manager is one that nobody has rejected. */
function setRejectedAside(flow: string): Step<Scene, Scene> {
  return {
    name: 'set-rejected-aside', title: 'rename the files that this Vault rejected', kind: 'repeat',
    look: async (_eyes, scene) => (copiesIn(scene.survey).length === 0 ? { is: 'done', out: scene } : { is: 'pending' }),
    act: async (hands, scene) => {
      const { failed } = await applyOnAll(hands, reached(scene.survey).map((sight) => ({
        sight, operations: copiesIn(scene.survey).filter(({ host }) => host === sight.manager.name).flatMap((paper) => setAside(paper, hands.clock)),
      })));
      if (failed.length > 0) throw new Halt(haltTexts.notSetAside(failed, flow, hands.settings.inventory));
      return scene;
    },
  };
}

/** Durable before anything is taken down: a run that dies is gone on from there, to the very claims that were meant. */
function declare(flow: string, purpose: Purpose): Step<Scene, Emptying> {
  return {
    name: 'declare-emptying', title: 'note on the StatefulSet what is about to be done', kind: 'repeat',
    look: async (eyes) => {
      const { kube, settings } = await inKubernetes(eyes);
      const found = emptyingOf(await vaultSet(kube, settings));
      return found === undefined ? { is: 'pending' } : { is: 'done', out: found };
    },
    act: async (hands) => {
      const { kube, settings } = await inKubernetes(hands);
      const { set } = await mayBeEmptied(hands, await survey(hands), flow);
      const claims = (await claimsOf(kube, settings, set)).map(noted);
      const note: Emptying = { format: 1, operation: hands.operation, purpose, startedAt: iso(hands), replicas: set.spec.replicas ?? 1, claims };
      stopWhereAsked(flow, hands);
      await noteEmptying(kube, settings, set, note);
      return note;
    },
  };
}

function scaleDown(flow: string): Step<Emptying, Emptying> {
  return {
    name: 'scale-down', title: 'scale the StatefulSet to 0', kind: 'repeat',
    look: async (eyes, note) => {
      const { kube, settings } = await inKubernetes(eyes);
      return (await vaultSet(kube, settings)).spec.replicas === 0 ? { is: 'done', out: note } : { is: 'pending' };
    },
    act: async (hands, note) => {
      const { kube, settings } = await inKubernetes(hands);
      const { set } = await mayBeEmptied(hands, await survey(hands), flow);
      stopWhereAsked(flow, hands);
      await scaleToNothing(kube, settings, set);
      return note;
    },
  };
}

function waitUntilGone(flow: string): Step<Emptying, Emptying> {
  return {
    name: 'wait-until-pods-gone', title: 'wait until every Vault pod is gone', kind: 'repeat',
    look: async (eyes, note) => ((await vaultPods(eyes)).length === 0 ? { is: 'done', out: note } : { is: 'pending' }),
    act: async (hands, note) => {
      const { kube, settings } = await inKubernetes(hands);
      const since = hands.clock.now();
      await until(hands, flow, async () => {
        const pods = await vaultPods(hands);
        if (hands.clock.now() - since >= DELETE_PODS_AFTER_MS) {
          for (const { metadata } of pods) if (metadata.deletionTimestamp === undefined) await deleteExactly(kube, `/api/v1/namespaces/${settings.namespace}/pods/${metadata.name}`, metadata.uid);
        }
        return pods.map(({ metadata, spec }) => `pod ${metadata.name} ${metadata.deletionTimestamp === undefined ? 'is not being deleted yet' : `is being deleted${spec.nodeName === undefined ? '' : ` on ${spec.nodeName}`}`}`);
      });
      return note;
    },
  };
}

function deleteClaims(flow: string): Step<Emptying, Emptying> {
  return {
    name: 'delete-claims', title: 'delete the PVCs and wait until they are gone', kind: 'repeat',
    look: async (eyes, note) => ((await claimsLeft(eyes, note)).length === 0 ? { is: 'done', out: note } : { is: 'pending' }),
    act: async (hands, note) => {
      const { kube, settings } = await inKubernetes(hands);
      for (const { metadata } of await claimsLeft(hands, note)) {
        if (metadata.deletionTimestamp !== undefined) continue;
        await lastLook(hands, note, flow);
        stopWhereAsked(flow, hands);
        if (!(await deleteExactly(kube, `/api/v1/namespaces/${settings.namespace}/persistentvolumeclaims/${metadata.name}`, metadata.uid))) {
          const right = { verb: 'delete', group: '', resource: 'persistentvolumeclaims', namespace: settings.namespace, name: metadata.name };
          throw new KubeError('config', `${kube.server}: no right to delete PVC ${settings.namespace}/${metadata.name}`, undefined, { refusal: { user: undefined, rights: [right] } });
        }
      }
      await until(hands, flow, async () => {
        const [left, pods] = await Promise.all([claimsLeft(hands, note), podsIn(kube, settings)]);
        return left.map((claim) => `PVC ${heldBy(claim, pods)}`);
      });
      return note;
    },
  };
}

/** Before each deletion once more: keys that came since, a pod that came back, a snapshot that went. */
async function lastLook(hands: Hands, note: Emptying, flow: string): Promise<void> {
  const seen = await survey(hands);
  const { set } = await mayBeEmptied(hands, seen, flow);
  if (set.spec.replicas !== 0 || emptyingOf(set)?.operation !== note.operation) throw new KubeError('unknown', `StatefulSet ${set.metadata.name} was changed by somebody else in the middle of emptying it`);
  if (note.purpose === 'restore-snapshot') { await mustBeRestorable(hands, seen); return; }
  const copies = copiesIn(seen);
  if (copies.length > 0) throw new Halt(haltTexts.keysUnrejected(copies, 'they were not there when this Vault rejected the others', hands.settings.inventory));
}

/** A snapshot with something in it, and keys: without either, emptying only destroys. */
export async function mustBeRestorable(eyes: Eyes, seen: Survey): Promise<void> {
  if (candidatesOf(seen).length === 0) throw new Halt(haltTexts.noKeysForSnapshot(eyes.settings.inventory));
  const snapshots = await ownSnapshots(seen);
  if (snapshots.some(({ bytes }) => bytes !== undefined && bytes > 0)) return;
  for (const snapshot of snapshots) refuseUnseen(snapshot);
  throw noSnapshot(eyes, seen);
}

export function noSnapshot(eyes: Eyes, seen: Survey): Halt {
  return new Halt(haltTexts.noSnapshot(reached(seen).map(({ manager }) => ({ host: manager.name, path: manager.paths.snapshots })), eyes.settings.inventory));
}

/** The pods come back with new, empty storage. The note goes in the same write: from here on nothing is to be emptied. */
const scalesBack: Step<Emptying, undefined> = {
  name: 'scale-back', title: 'scale the StatefulSet back', kind: 'repeat',
  look: async (eyes) => {
    const { kube, settings } = await inKubernetes(eyes);
    return emptyingOf(await vaultSet(kube, settings)) === undefined ? { is: 'done', out: undefined } : { is: 'pending' };
  },
  act: async (hands, note) => {
    const { kube, settings } = await inKubernetes(hands);
    const set = await vaultSet(kube, settings);
    for (const { name, claim } of await retainedVolumes(kube, note.claims)) {
      hands.tell({ is: 'warning', text: `volume ${name} (of PVC ${claim}) is retained and still holds the OLD data: kubectl delete pv ${name}   (its folder or disk is yours to erase); where the pods wait for that very volume: erase it first, then kubectl patch pv ${name} --type=json -p '[{"op":"remove","path":"/spec/claimRef"}]'` });
    }
    await scaleBack(kube, settings, set, note);
    return undefined;
  },
};

async function vaultPods(eyes: Eyes): Promise<readonly Pod[]> {
  const { kube, settings } = await inKubernetes(eyes);
  return (await findVaultPods(kube, settings)).pods;
}

async function claimsLeft(eyes: Eyes, { claims }: Emptying): Promise<VolumeClaim[]> {
  const { kube, settings } = await inKubernetes(eyes);
  return remaining(claims, await claimsOf(kube, settings, await vaultSet(kube, settings)));
}

/** Looks until nothing is left, says once what it waits for, and gives up with the reason. */
async function until(hands: Hands, flow: string, look: () => Promise<readonly string[]>): Promise<void> {
  const end = hands.clock.now() + hands.settings.timeoutMs;
  let said = '';
  for (;;) {
    const left = await look();
    if (left.length === 0) return;
    if (hands.clock.now() >= end) throw new Halt(haltTexts.notGone(left, hands.settings.timeoutMs / 1000, flow, hands.settings.inventory));
    const text = left.join('; ');
    if (text !== said) hands.tell({ is: 'note', text: `waiting: ${text}` });
    said = text;
    stopWhereAsked(flow, hands);
    await hands.clock.sleep(LOOK_EVERY_MS);
  }
}
