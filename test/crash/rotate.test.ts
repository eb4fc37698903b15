import { claim, replay } from './claims.ts';

replay('rotate');
claim('rotate on one remote manager: every single fault and every death of the server in its commit leaves a way back, and ends well', 'rotate-1x1', 900, (exploration) => exploration.all());
claim('rotate on two managers, vaultctl on one of them: the same', 'rotate-2x1', 1300, (exploration) => exploration.all());
claim('rotate on three managers and three nodes, a sample: the same', 'rotate-3x3', 150, (exploration) => exploration.all({ every: 17, offset: 3 }));
claim('rotate on a server that demands a token for it, a sample: the same', 'rotate-token', 300, (exploration) => exploration.all({ every: 3, offset: 1 }));
claim('rotate on a server of the sys/rotate/root family, a sample: the same', 'rotate-openbao', 300, (exploration) => exploration.all({ every: 3, offset: 2 }));
claim('a call that fails in the very run whose commit the server does not survive: the snapshot and the old keys are there', 'rotate-1x1', 300, (exploration) => exploration.besideCommit(1));
claim('rotate, pairs of faults drawn with a seed: the second one strikes the run that mends the first', 'rotate-2x1', 300, (exploration) => exploration.pairs(300, 7));
