import { arrowsOf, type Flow } from '../engine/flow.ts';
import { clearCheckpoints } from '../steps/clear-checkpoints.ts';
import { confirmEnd } from '../steps/confirm-end.ts';
import { configureVault } from '../steps/configure-vault.ts';
import { copyCheckpoint } from '../steps/copy-checkpoint.ts';
import { declareIntent } from '../steps/declare-intent.ts';
import { deliverKeys } from '../steps/deliver-keys.ts';
import { installChart } from '../steps/install-chart.ts';
import { installExtras } from '../steps/install-extras.ts';
import { initVault } from '../steps/init-vault.ts';
import { proveLogin } from '../steps/prove-login.ts';
import type { Held, Scene } from '../steps/records.ts';
import { unsealVault } from '../steps/unseal-vault.ts';
import { waitForPods } from '../steps/wait-for-pods.ts';
import { whichKeysLive } from '../steps/which-keys-live.ts';
import { whichWorld } from '../steps/which-world.ts';

/** What is true in each state of an install. */
export interface InstallStates {
  asked: undefined;
  /** Every manifest and command of `vault_install_pre` is as wanted. */
  prepared: undefined;
  /** The chart's release is deployed as the inventory wants it, where it names one. */
  charted: undefined;
  /** Every pod's Vault answers, sealed or not; or one that answers is initialised, and keys may be in need of a second copy. */
  answering: undefined;
  /** No node is initialised and no manager holds a key. */
  virgin: Scene;
  /** A durable record says that init is about to be sent. */
  intended: Scene;
  /** Vault is initialised; which keys are live is not known yet. */
  standing: Scene;
  /** The live keys are durable on one manager. */
  keysHeld: Held;
  /** … and on a second one, where there is one. */
  keysReplicated: Held;
  unsealed: Held;
  delivered: Held;
  settled: Held;
  /** Every file is equal and alone, every node open. */
  confirmed: Held;
  configured: Held;
  /** … and of `vault_install_post`. */
  rounded: Held;
  done: Held;
}

const { arrow, fork } = arrowsOf<InstallStates>();

export const install: Flow<InstallStates> = {
  name: 'install', title: 'initialise, unseal, deliver the keys to every manager', start: 'asked', end: 'done',
  arrows: [
    arrow('asked', installExtras<undefined>('pre'), 'prepared'),
    arrow('prepared', installChart, 'charted'),
    arrow('charted', waitForPods, 'answering'),
    fork('answering', whichWorld, 'virgin', 'standing'),
    arrow('virgin', declareIntent, 'intended'),
    arrow('intended', initVault, 'keysHeld'),
    fork('standing', whichKeysLive, 'keysHeld', 'keysReplicated'),
    arrow('keysHeld', copyCheckpoint, 'keysReplicated'),
    arrow('keysReplicated', unsealVault<Held>('install'), 'unsealed'),
    arrow('unsealed', deliverKeys<Held>('install'), 'delivered'),
    arrow('delivered', clearCheckpoints<Held>('install'), 'settled'),
    arrow('settled', confirmEnd<Held>('install'), 'confirmed'),
    arrow('confirmed', configureVault<Held>('install', ({ set }) => set.rootToken), 'configured'),
    arrow('configured', installExtras<Held>('post'), 'rounded'),
    arrow('rounded', proveLogin<Held>('install'), 'done'),
  ],
};
