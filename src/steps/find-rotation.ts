import { candidatesOf, isIntent } from '../engine/candidates.ts';
import type { Fork } from '../engine/flow.ts';
import { papersOf, reached, survey } from '../engine/survey.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { initReplyLost } from './init-vault.ts';
import { preflight } from './declare-intent.ts';
import { missingNodesOf, missingOf, openIn, searchedIn, unasked } from './places.ts';
import type { Scene } from './records.ts';
import { isInitialised } from './which-world.ts';

/** A rotation needs every manager and every node; one that was begun is finished or called off before another. */
export const findRotation: Fork<undefined, { calm: Scene; interrupted: Scene }> = {
  name: 'find-rotation', title: 'look at every manager and every Vault node',
  look: async (eyes) => {
    const { inventory } = eyes.settings;
    const seen = await survey(eyes);
    if (!isInitialised(eyes, seen)) throw new Halt(haltTexts.notInitialised('rotate', inventory));
    const install = papersOf(seen, 'install').filter((paper) => !isIntent(paper));
    const rotation = papersOf(seen, 'rotate');
    // Both: the rotation came later, for it would not have begun beside an unfinished install.
    if (install.length > 0 && rotation.length === 0) throw new Halt(haltTexts.finishFirst('install', install, inventory));
    if (rotation.length > 0) return { to: 'interrupted', record: { survey: seen } };
    const missing = missingOf(eyes, seen);
    if (missing.length > 0) throw new Halt(haltTexts.managersUnreachable(missing, 'rotate', inventory));
    const nodes = missingNodesOf(eyes, seen);
    if (nodes.length > 0) throw new Halt(haltTexts.vaultUnreachable(nodes, inventory));
    if (papersOf(seen, 'main', 'sibling', 'previous').every((paper) => paper.is === 'blank')) {
      const silent = unasked(eyes, seen);
      if (silent !== undefined) throw silent;
      const [intent] = papersOf(seen, 'install');
      if (intent?.is === 'checkpoint') throw initReplyLost(eyes, papersOf(seen, 'install'), intent.checkpoint.meta?.startedAt ?? 'undated', [], openIn(seen.nodes));
      throw new Halt(haltTexts.credentialsLost(eyes.nodes.map(({ address }) => address), searchedIn(seen), inventory));
    }
    // No set anywhere that can be read, and an intent: install knows what that is, and says what to do.
    const intents = papersOf(seen, 'install');
    if (intents.length > 0 && candidatesOf(seen).length === 0) throw new Halt(haltTexts.finishFirst('install', intents, inventory));
    const sealed = seen.nodes.flatMap((sight) => (sight.reached && sight.status.sealed ? [sight.node.name] : []));
    if (eyes.settings.shares.given && sealed.length > 0) throw new Halt(haltTexts.sharesWhileSealed(sealed, inventory));
    preflight(eyes, reached(seen), 'rotate');
    return { to: 'calm', record: { survey: seen } };
  },
};
