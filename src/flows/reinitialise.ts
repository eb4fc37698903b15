import { arrowsOf, type Flow } from '../engine/flow.ts';
import type { Emptying } from '../kubernetes/emptying-note.ts';
import { emptying } from '../steps/empty-storage.ts';
import type { Scene } from '../steps/records.ts';
import { whatToEmpty } from '../steps/what-to-empty.ts';
import { waitForNodes } from '../steps/wait-for-nodes.ts';
import { install, type InstallStates } from './install.ts';

/** What is true in each state; from `asked` on it is an install. */
export interface ReinitialiseStates extends InstallStates {
  begun: undefined;
  /** Nothing can be saved: every manager was asked, Vault rejected every set of keys, every node is sealed. */
  lost: Scene;
  /** The operator typed the name of the cluster. */
  agreed: Scene;
  /** No manager holds a key in a place where it would be looked for. */
  cleared: Scene;
  /** A durable note on the StatefulSet says what is about to be deleted, and how many pods shall come back. */
  declared: Emptying;
  scaledDown: Emptying;
  podsGone: Emptying;
  claimsGone: Emptying;
  /** The StatefulSet is as it was, its storage new, the note gone. */
  scaledBack: undefined;
}

const { arrow, fork } = arrowsOf<ReinitialiseStates>();
const steps = emptying('reinitialise');

export const reinitialise: Flow<ReinitialiseStates> & { end: 'done' } = {
  name: 'recover --reinitialise', title: 'empty a Vault in Kubernetes whose keys are lost, and start over', start: 'begun', end: 'done',
  arrows: [
    fork('begun', whatToEmpty, 'lost', 'scaledBack'),
    arrow('lost', steps.confirm, 'agreed'),
    arrow('agreed', steps.setRejectedAside, 'cleared'),
    arrow('cleared', steps.declare, 'declared'),
    arrow('declared', steps.scaleDown, 'scaledDown'),
    arrow('scaledDown', steps.waitUntilGone, 'podsGone'),
    arrow('podsGone', steps.deleteClaims, 'claimsGone'),
    arrow('claimsGone', steps.scaleBack, 'scaledBack'),
    arrow('scaledBack', waitForNodes('recover --reinitialise', () => undefined), 'asked'),
    ...(install.arrows as unknown as Flow<ReinitialiseStates>['arrows']),
  ],
};
