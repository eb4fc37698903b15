import { arrowsOf, type Flow } from '../engine/flow.ts';
import { bindToCluster, checkEveryShare, compareFiles, proveKeys, tryToken } from '../steps/verify-files.ts';
import { proveLogin } from '../steps/prove-login.ts';
import type { Scene } from '../steps/records.ts';
import type { Proven } from '../steps/verify-files.ts';
import { mustStand } from '../steps/which-world.ts';

export interface VerifyStates { asked: undefined; standing: Scene; equal: Proven; whole: Proven; bound: Proven; live: Proven; tokened: Proven; done: Proven }

const { arrow, fork } = arrowsOf<VerifyStates>();

export const verify: Flow<VerifyStates> = {
  name: 'verify', title: 'prove without damage that the files on every manager open this Vault (the proof opens a node that is sealed)', start: 'asked', end: 'done',
  arrows: [
    fork('asked', mustStand('verify'), 'standing'),
    arrow('standing', compareFiles, 'equal'),
    arrow('equal', checkEveryShare, 'whole'),
    arrow('whole', bindToCluster, 'bound'),
    arrow('bound', proveKeys, 'live'),
    arrow('live', tryToken, 'tokened'),
    arrow('tokened', proveLogin<Proven>('verify'), 'done'),
  ],
};
