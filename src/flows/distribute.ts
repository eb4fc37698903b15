import { arrowsOf, type Flow } from '../engine/flow.ts';
import { clearCheckpoints } from '../steps/clear-checkpoints.ts';
import { confirmFiles } from '../steps/confirm-end.ts';
import { copyCheckpoint } from '../steps/copy-checkpoint.ts';
import { deliverKeys } from '../steps/deliver-keys.ts';
import type { Held, Scene } from '../steps/records.ts';
import { whichKeysLive } from '../steps/which-keys-live.ts';
import { mustStand } from '../steps/which-world.ts';

export interface DistributeStates { asked: undefined; standing: Scene; keysHeld: Held; keysReplicated: Held; delivered: Held; settled: Held; done: Held }

const { arrow, fork } = arrowsOf<DistributeStates>();

export const distribute: Flow<DistributeStates> = {
  name: 'distribute', title: 'heal every manager from a copy that is proven live', start: 'asked', end: 'done',
  arrows: [
    fork('asked', mustStand('distribute'), 'standing'),
    fork('standing', whichKeysLive, 'keysHeld', 'keysReplicated'),
    arrow('keysHeld', copyCheckpoint, 'keysReplicated'),
    arrow('keysReplicated', deliverKeys<Held>('distribute'), 'delivered'),
    arrow('delivered', clearCheckpoints<Held>('distribute'), 'settled'),
    arrow('settled', confirmFiles<Held>('distribute'), 'done'),
  ],
};
