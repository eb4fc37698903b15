import { claim, claimAll, replay } from './claims.ts';

replay('rotate');
claim('rotate on one remote manager: every single fault and every death of the server in its commit leaves a way back, and ends well', 'rotate-1x1', 900, (exploration) => exploration.all());
claimAll('rotate on two managers, vaultctl on one of them: the same', 'rotate-2x1', 1650);
claim('rotate on three managers and three nodes, a sample: the same', 'rotate-3x3', 130, (exploration) => exploration.all({ every: 17, offset: 3 }));
claim('rotate on a server that demands a token for it, a sample: the same', 'rotate-token', 200, (exploration) => exploration.all({ every: 5, offset: 1 }));
claim('rotate on a server of the sys/rotate/root family, a sample: the same', 'rotate-openbao', 200, (exploration) => exploration.all({ every: 5, offset: 2 }));
claim('rotate --root-token, a sample: the same, main holds the one root token that is alive, and no other is left', 'rotate-roottoken', 300, (exploration) => exploration.all({ every: 4, offset: 1 }));
claim('a call that fails in the very run whose commit the server does not survive: the snapshot and the old keys are there', 'rotate-1x1', 300, (exploration) => exploration.besideCommit(1));
claim('the run that mends a dead rotation is struck in its turn, a sample: the same', 'rotate-2x1', 180, (exploration) => exploration.mending({ stride: 19, every: 37, offset: 5 }));
claim('rotate, pairs of faults of every kind drawn with a seed: the same', 'rotate-1x1', 150, (exploration) => exploration.pairs(150, 7));
claim('rotate, two to four things of every kind drawn with a seed, harm and a second operator among them: the same, and pages are true', 'rotate-2x1', 100, (exploration) => exploration.deeper(100, 1));
claim('rotate on a server of the sys/rotate/root family with three nodes, whose pending rekey comes back with leadership: the same, a sample', 'rotate-2x3-local-openbao', 60, (exploration) => exploration.all({ every: 23, offset: 5 }));
