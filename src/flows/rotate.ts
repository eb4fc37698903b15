import { arrowsOf, type Flow } from '../engine/flow.ts';
import { callOff } from '../steps/call-off.ts';
import { chooseCurrent } from '../steps/choose-current.ts';
import { changeToken, whichToken } from '../steps/change-token.ts';
import { clearCheckpoints } from '../steps/clear-checkpoints.ts';
import { collectNewShares } from '../steps/collect-new-shares.ts';
import { confirmEnd } from '../steps/confirm-end.ts';
import { deliverKeys } from '../steps/deliver-keys.ts';
import { findRotation } from '../steps/find-rotation.ts';
import type { CalledOff, Held, NewHeld, Rotating, Scene, Staged } from '../steps/records.ts';
import { stageKeys } from '../steps/stage-keys.ts';
import { startRekey } from '../steps/start-rekey.ts';
import { takeSnapshot } from '../steps/take-snapshot.ts';
import { unsealVault } from '../steps/unseal-vault.ts';
import { verifyRekey } from '../steps/verify-rekey.ts';
import { whichSetLives } from '../steps/which-set-lives.ts';

/** What is true in each state of a rotation. Until `committed` the old keys are the live ones. */
export interface RotateStates {
  asked: undefined;
  /** No rotation stands unfinished on any manager. */
  calm: Scene;
  interrupted: Scene;
  /** The interrupted rotation never took effect. */
  calledOff: CalledOff;
  current: Held;
  open: Held;
  /** A snapshot from before this rotation is on two managers. */
  saved: Held & Pick<Rotating, 'snapshots'>;
  /** The server waits for the old shares of a rekey that verifies; our record names its nonce. */
  rekeying: Rotating;
  /** The new shares are durable beside the old ones; the server does not honour them yet. */
  newHeld: NewHeld;
  /** … and on every manager, read back. */
  staged: Staged;
  /** The new keys are live. */
  committed: Held;
  /** The root token is to be replaced or revoked. */
  tokenChanging: Held;
  tokenKept: Held;
  reopened: Held;
  promoted: Held;
  settled: Held;
  done: Held;
}

const { arrow, fork } = arrowsOf<RotateStates>();

export const rotate: Flow<RotateStates> = {
  name: 'rotate', title: 'replace the unseal keys, reversibly until every manager holds the new ones', start: 'asked', end: 'done',
  arrows: [
    fork('asked', findRotation, 'calm', 'interrupted'),
    fork('interrupted', whichSetLives, 'newHeld', 'committed', 'calledOff'),
    arrow('calledOff', callOff, 'calm'),
    fork('calm', chooseCurrent, 'current'),
    arrow('current', unsealVault<Held>('rotate'), 'open'),
    arrow('open', takeSnapshot, 'saved'),
    arrow('saved', startRekey, 'rekeying'),
    arrow('rekeying', collectNewShares, 'newHeld'),
    arrow('newHeld', stageKeys, 'staged'),
    arrow('staged', verifyRekey, 'committed'),
    arrow('committed', deliverKeys<Held>('rotate'), 'promoted'),
    fork('promoted', whichToken, 'tokenKept', 'tokenChanging'),
    arrow('tokenChanging', changeToken, 'tokenKept'),
    arrow('tokenKept', unsealVault<Held>('rotate'), 'reopened'),
    arrow('reopened', clearCheckpoints<Held>('rotate'), 'settled'),
    arrow('settled', confirmEnd<Held>('rotate'), 'done'),
  ],
};
