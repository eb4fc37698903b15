import { arrowsOf, type Flow } from '../engine/flow.ts';
import { chooseToken, type Tokened } from '../steps/choose-token.ts';
import { configureVault } from '../steps/configure-vault.ts';
import { proveLogin } from '../steps/prove-login.ts';
import type { Scene } from '../steps/records.ts';
import { mustStand } from '../steps/which-world.ts';

export interface ConfigureStates { asked: undefined; standing: Scene; tokened: Tokened; configured: Tokened; done: Tokened }

const { arrow, fork } = arrowsOf<ConfigureStates>();

export const configure: Flow<ConfigureStates> = {
  name: 'configure', title: 'secrets engines, policies and Kubernetes auth as the inventory wants them', start: 'asked', end: 'done',
  arrows: [
    fork('asked', mustStand('configure'), 'standing'),
    arrow('standing', chooseToken, 'tokened'),
    arrow('tokened', configureVault<Tokened>('configure', ({ token }) => token), 'configured'),
    arrow('configured', proveLogin<Tokened>('configure'), 'done'),
  ],
};
