import { arrowsOf, type Flow } from '../engine/flow.ts';
import type { KeySet } from '../model/keys.ts';
import { clearCheckpoints } from '../steps/clear-checkpoints.ts';
import { confirmEnd } from '../steps/confirm-end.ts';
import { copyCheckpoint } from '../steps/copy-checkpoint.ts';
import type { Emptying } from '../kubernetes/emptying-note.ts';
import { deliverKeys } from '../steps/deliver-keys.ts';
import { emptying } from '../steps/empty-storage.ts';
import { importKeys } from '../steps/import-keys.ts';
import type { Held, Scene } from '../steps/records.ts';
import { findSnapshot, type Found, isServerEmpty, opensOrFull, restoreSnapshot, whichSetOpens } from '../steps/restore-snapshot.ts';
import { unsealVault } from '../steps/unseal-vault.ts';
import { waitForNodes } from '../steps/wait-for-nodes.ts';
import { mustStand } from '../steps/which-world.ts';

interface Tail { keysHeld: Held; keysReplicated: Held; unsealed: Held; delivered: Held; settled: Held; done: Held }
export interface ImportStates extends Tail { asked: undefined; standing: Scene }
/** From `full` to `scaledBack` only in Kubernetes, where vaultctl can empty a server. */
export interface RestoreStates extends Tail {
  asked: undefined;
  /** Initialised; one of our sets may open it: an earlier run restored it. */
  standing: Scene;
  /** Initialised, sealed, and none of our sets opens it. */
  full: Scene;
  agreed: Scene; declared: Emptying; scaledDown: Emptying; podsGone: Emptying; claimsGone: Emptying; scaledBack: undefined;
  empty: Scene; found: Found; restored: Scene;
}

/** From keys in hand to keys everywhere: the same tail as an install's. */
function tailOf<S extends Tail>(verb: string) {
  const { arrow } = arrowsOf<Tail>();
  return [
    arrow('keysHeld', copyCheckpoint, 'keysReplicated'),
    arrow('keysReplicated', unsealVault<Held>(verb), 'unsealed'),
    arrow('unsealed', deliverKeys<Held>(verb), 'delivered'),
    arrow('delivered', clearCheckpoints<Held>(verb), 'settled'),
    arrow('settled', confirmEnd<Held>(verb), 'done'),
  ] as unknown as Flow<S>['arrows'];
}

export function recoverImport(sets: readonly KeySet[]): Flow<ImportStates> {
  const { fork } = arrowsOf<ImportStates>();
  return {
    name: 'recover --import', title: 'prove keys from elsewhere and deliver them to every manager', start: 'asked', end: 'done',
    arrows: [fork('asked', mustStand('import keys for'), 'standing'), fork('standing', importKeys(sets), 'keysHeld'), ...tailOf<ImportStates>('recover --import FILE')],
  };
}

const { arrow, fork } = arrowsOf<RestoreStates>();
const empties = emptying('restore-snapshot');

export const recoverSnapshot: Flow<RestoreStates> = {
  name: 'recover --restore-snapshot', title: 'bring a cluster back from the snapshot that rotate took', start: 'asked', end: 'done',
  arrows: [
    fork('asked', isServerEmpty, 'empty', 'standing', 'full'),
    fork('standing', opensOrFull, 'keysHeld', 'found', 'full'),
    arrow('full', empties.confirm, 'agreed'),
    arrow('agreed', empties.declare, 'declared'),
    arrow('declared', empties.scaleDown, 'scaledDown'),
    arrow('scaledDown', empties.waitUntilGone, 'podsGone'),
    arrow('podsGone', empties.deleteClaims, 'claimsGone'),
    arrow('claimsGone', empties.scaleBack, 'scaledBack'),
    arrow('scaledBack', waitForNodes('recover --restore-snapshot', (seen) => ({ survey: seen })), 'empty'),
    arrow('empty', findSnapshot, 'found'),
    arrow('found', restoreSnapshot, 'restored'),
    fork('restored', whichSetOpens, 'keysHeld'),
    ...tailOf<RestoreStates>('recover --restore-snapshot'),
  ],
};
