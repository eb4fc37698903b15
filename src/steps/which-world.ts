import { isIntent } from '../engine/candidates.ts';
import type { Fork } from '../engine/flow.ts';
import { type NodeSight, type Paper, papersOf, type Survey, survey } from '../engine/survey.ts';
import type { Eyes } from '../engine/world.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { diedInItsInit } from '../vault/answers.ts';
import { missingNodesOf, missingOf, silentNodesOf, unasked } from './places.ts';
import type { Scene } from './records.ts';

/** Initialised? Yes if any node says so; no only if every configured node answered no. */
export const whichWorld: Fork<undefined, { virgin: Scene; standing: Scene }> = {
  name: 'which-world', title: 'look at every manager and every Vault node',
  look: async (eyes) => {
    const seen = await survey(eyes);
    const initialised = isInitialised(eyes, seen);
    if (initialised) return { to: 'standing', record: { survey: seen } };
    refuseWhereKeysAre(eyes, seen);
    const missing = missingOf(eyes, seen);
    if (missing.length > 0) throw new Halt(haltTexts.managersUnreachable(missing, 'install', eyes.settings.inventory));
    return { to: 'virgin', record: { survey: seen } };
  },
};

/** The same look for the flows that need an initialised Vault. */
export function mustStand(flow: string): Fork<undefined, { standing: Scene }> {
  return {
    name: 'must-stand', title: whichWorld.title,
    look: async (eyes) => {
      const seen = await survey(eyes);
      if (!isInitialised(eyes, seen)) throw new Halt(haltTexts.notInitialised(flow, eyes.settings.inventory));
      return { to: 'standing', record: { survey: seen } };
    },
  };
}

const NOBODY = { host: 'Vault', why: 'no node is known: is there a StatefulSet, and has it pods?' };

/** @throws Halt `vault-unreachable` where a silent node leaves it open, `init-cut-off` where it died in its own init, `auto-unseal` for a seal that keeps no key shares. */
export function isInitialised(eyes: Eyes, seen: Survey): boolean {
  const answered = seen.nodes.filter((sight) => sight.reached);
  const foreignSeal = answered.find(({ status }) => status.type !== 'shamir');
  if (foreignSeal !== undefined) throw new Halt(haltTexts.autoUnseal(foreignSeal.status.type));
  if (answered.some(({ status }) => status.initialized)) return true;
  const missing = missingNodesOf(eyes, seen);
  refuseWhereInitWasCutOff(eyes, seen);
  if (missing.length > 0 || answered.length === 0) {
    // Going on without the only ones that there are is no way on.
    const silent = silentNodesOf(seen.nodes);
    throw new Halt(haltTexts.vaultUnreachable(missing.length > 0 ? missing : silent.length > 0 ? silent : [NOBODY], eyes.settings.inventory, answered.length > 0));
  }
  return false;
}

/** Where there are keys, or may be, a part of the storage that they are for is missing: then nothing speaks for an init. */
function refuseWhereInitWasCutOff(eyes: Eyes, seen: Survey): void {
  if (keysIn(seen).length > 0 || unasked(eyes, seen) !== undefined) return;
  const [cut] = cutOffInInit(seen);
  if (cut === undefined) return;
  const [intent] = papersOf(seen, 'install').filter(isIntent);
  throw new Halt(haltTexts.initCutOff(cut.node.name, cut.error.message, intent, eyes.settings.inventory), { cause: cut.error });
}

/** Nodes that say of themselves that they are neither empty nor initialised. */
export function cutOffInInit(seen: Survey): Extract<NodeSight, { reached: false }>[] {
  return seen.nodes.filter((sight) => !sight.reached).filter(({ error }) => diedInItsInit(error));
}

const keysIn = (seen: Survey) => papersOf(seen, 'main', 'install', 'rotate', 'previous', 'sibling').filter((paper) => !holdsNoKeys(paper));

/** On an uninitialised Vault every key is another cluster's, or the last hope of one that lost its data. */
function refuseWhereKeysAre(eyes: Eyes, seen: Survey): void {
  // What cannot be read may be keys: the page says which, so that nobody looks for keys in a torn intent.
  const places = keysIn(seen).map((paper) => ({ host: paper.host, path: paper.is === 'unreadable' ? `${paper.path} (cannot be read: ${paper.why})` : paper.path }));
  if (places.length > 0) throw new Halt(haltTexts.otherCluster(places, 'vault_creds_host_path', eyes.settings.inventory));
}

export function holdsNoKeys(paper: Paper): boolean {
  return paper.is === 'blank' || (isIntent(paper) && paper.is === 'checkpoint' && paper.checkpoint.old === undefined && paper.role !== 'rotate');
}
