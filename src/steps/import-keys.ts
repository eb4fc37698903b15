import { formatCheckpoint, parseCheckpoint } from '../credentials/checkpoint.ts';
import { candidatesOf } from '../engine/candidates.ts';
import type { Fork } from '../engine/flow.ts';
import { Halt, UsageError } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import type { KeySet } from '../model/keys.ts';
import { proveLive } from './prove-live.ts';
import type { Held, Scene } from './records.ts';
import { heldFrom } from './which-keys-live.ts';

/** Keys from elsewhere count like every other candidate: the server decides. */
export function importKeys(sets: readonly KeySet[]): Fork<Scene, { keysHeld: Held }> {
  return {
    name: 'import-keys', title: 'prove the imported keys on this Vault',
    look: async (eyes, { survey }) => {
      const first = heldFrom(eyes, survey, { set: sets[0]!, sources: [] }, candidatesOf(survey));
      return { is: 'unproven', because: 'Vault must accept the imported keys', likely: { to: 'keysHeld', record: record(first, sets[0]!) } };
    },
    prove: async (hands, { survey }) => {
      const verdict = await proveLive(hands, sets.map((set) => ({ set, sources: [] })));
      if (verdict.is === 'cannot-prove') throw new Halt(haltTexts.unproven(verdict.why, hands.settings.inventory));
      if (verdict.is === 'none') throw new Halt(haltTexts.importRejected(hands.settings.inventory));
      const { candidate } = verdict;
      return { to: 'keysHeld', record: record(heldFrom(hands, survey, candidate, candidatesOf(survey)), candidate.set) };
    },
  };
}

function record(held: Held, set: KeySet): Held {
  return { ...held, set, keptAt: [], checkpoint: formatCheckpoint({ top: set }), fromCheckpoint: true };
}

/** A main file, a checkpoint of any kind, or one that an old playbook wrote. @throws UsageError */
export function parseImport(bytes: Uint8Array, name: string): KeySet[] {
  const parsed = parseCheckpoint(bytes);
  if (parsed.is !== 'checkpoint') throw new UsageError(`no keys can be read: ${parsed.is === 'blank' ? 'it is empty' : parsed.why}`, 'give a file with root_token, unseal_keys and key_threshold', { file: name });
  const { top, new: fresh, old } = parsed.checkpoint;
  const sets = [top, fresh, old].filter((set) => set !== undefined);
  if (sets.length === 0) throw new UsageError('it is an intent: it holds no keys', undefined, { file: name });
  return sets;
}
