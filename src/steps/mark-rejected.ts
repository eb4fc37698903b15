import { formatAbout } from '../credentials/about.ts';
import { reached, survey } from '../engine/survey.ts';
import type { Hands } from '../engine/world.ts';
import { iso } from './declare-intent.ts';
import { applyOnAll } from './places.ts';

/**
 * The about files call the set in main the current one, and the server has just rejected it. Left as they are, the next
 * run would believe them once the server is open. Keys are not touched. It looks for itself: the next run believes an about
 * that could not be read when this one began, too.
 */
export async function markRejected(hands: Hands): Promise<void> {
  const { failed } = await applyOnAll(hands, reached(await survey(hands)).flatMap((sight) => (sight.about === undefined ? [] : [{
    sight, operations: [{ do: 'write', path: sight.manager.paths.about, bytes: formatAbout({ ...sight.about, rejectedAt: iso(hands) }), purpose: 'plain' as const }],
  }])));
  for (const { host, why } of failed) hands.tell({ is: 'warning', text: `${host} could not note that Vault rejects its keys: ${why}` });
}
