import { candidatesOf } from '../engine/candidates.ts';
import type { Arrival, Fork } from '../engine/flow.ts';
import { papersOf, type Survey, survey } from '../engine/survey.ts';
import type { Eyes } from '../engine/world.ts';
import { type Emptying, emptyingOf } from '../kubernetes/emptying-note.ts';
import { vaultSet } from '../kubernetes/emptying.ts';
import type { StatefulSet } from '../kubernetes/vault-pods.ts';
import { Halt, UsageError } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import type { KubernetesSettings, Settings } from '../model/settings.ts';
import type { KubeWire } from '../ports/kube.ts';
import { proveLive } from './prove-live.ts';
import type { Scene } from './records.ts';
import { missingNodesOf, openIn } from './places.ts';
import { holdsNoKeys, isInitialised } from './which-world.ts';

interface Outs { lost: Scene; scaledBack: undefined }
const FLOW = 'recover --reinitialise';

/** @throws UsageError where vaultctl has nothing to empty Vault with */
export function emptiesInKubernetes({ kubernetes, inventory }: Pick<Settings, 'kubernetes' | 'inventory'>): KubernetesSettings {
  if (kubernetes !== undefined) return kubernetes;
  throw new UsageError('recover --reinitialise empties a Vault in Kubernetes; this inventory reaches Vault by vault_addresses, where vaultctl cannot empty it',
    `stop every Vault node, MOVE its storage folder away, start it again empty, then: vaultctl install -i ${inventory}`);
}

/**
 * May this Vault be emptied? Only where nothing can be saved any more: every manager was asked, every set of keys on them
 * was rejected by this very Vault, and no node is unsealed. A Vault that is empty already has nothing to be emptied.
 */
export const whatToEmpty: Fork<undefined, Outs> = {
  name: 'what-to-empty', title: 'look whether anything can still be saved',
  look: async (eyes) => {
    const seen = await survey(eyes);
    const { emptying } = await mayBeEmptied(eyes, seen, FLOW);
    if (emptying === undefined && !isInitialised(eyes, seen)) return { to: 'scaledBack', record: undefined };
    const copies = copiesIn(seen);
    if (copies.length === 0) return lost(seen);
    const unreadable = copies.filter(({ is }) => is === 'unreadable');
    if (unreadable.length > 0) throw new Halt(haltTexts.keysUnrejected(copies, 'what cannot be read may be keys', eyes.settings.inventory));
    if (candidatesOf(seen).length === 0) return lost(seen);
    if (!seen.nodes.some((sight) => sight.reached && sight.status.initialized)) throw new Halt(haltTexts.keysUnrejected(copies, 'no Vault node is there that could reject them', eyes.settings.inventory));
    return { is: 'unproven', because: 'Vault must reject every set of keys on the managers', likely: lost(seen) };
  },
  prove: async (hands) => {
    const seen = await survey(hands);
    const verdict = await proveLive(hands, candidatesOf(seen));
    if (verdict.is === 'live') throw new Halt(haltTexts.keysAreLive(verdict.candidate.sources, hands.settings.inventory));
    if (verdict.is === 'cannot-prove') throw new Halt(haltTexts.keysUnrejected(copiesIn(seen), verdict.why, hands.settings.inventory));
    const after = await survey(hands);
    await mayBeEmptied(hands, after, FLOW);
    return lost(after);
  },
};

function lost(seen: Survey): Arrival<Outs> { return { to: 'lost', record: { survey: seen } }; }

/** Every file on a manager that holds keys or may hold some. */
export function copiesIn(seen: Survey) {
  return papersOf(seen, 'main', 'install', 'rotate', 'previous', 'sibling').filter((paper) => !holdsNoKeys(paper));
}

/**
 * Every manager was asked, no node is unsealed, every node that is away is so by our own doing.
 * @throws Halt that says what can still be saved, KubeError
 */
export async function mayBeEmptied(eyes: Eyes, seen: Survey, flow: string): Promise<{ set: StatefulSet; emptying: Emptying | undefined }> {
  const { kube, settings } = await inKubernetes(eyes);
  const silent = seen.managers.flatMap((sight) => (sight.reached ? [] : [{ host: sight.manager.name, why: sight.error.message, mend: sight.error.mend }]));
  if (silent.length > 0) throw new Halt(haltTexts.everyManagerFirst(silent, flow, eyes.settings.inventory));
  refuseUnsealed(eyes, seen.nodes, flow);
  const set = await vaultSet(kube, settings);
  const emptying = emptyingOf(set);
  if (emptying === undefined) {
    const mute = missingNodesOf(eyes, seen);
    if (set.spec.replicas === 0) mute.unshift({ host: `StatefulSet ${set.metadata.name}`, why: 'it is scaled to 0, and nobody noted how many pods it had: scale it back first' });
    if (mute.length > 0) throw new Halt(haltTexts.vaultUnreachable(mute, eyes.settings.inventory));
  }
  return { set, emptying };
}

export function refuseUnsealed(eyes: Eyes, nodes: Survey['nodes'], flow: string): void {
  const open = openIn(nodes);
  if (open.length > 0) throw new Halt(haltTexts.stillUnsealed(open, flow, eyes.settings.inventory));
}

export async function inKubernetes(eyes: Eyes): Promise<{ kube: KubeWire; settings: KubernetesSettings }> {
  const settings = emptiesInKubernetes(eyes.settings);
  if (eyes.kube === undefined) throw new Error('settings speak of Kubernetes, and nothing opens it');
  return { kube: await eyes.kube(), settings };
}
