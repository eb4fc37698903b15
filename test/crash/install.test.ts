import { claim, claimAll, replay } from './claims.ts';

replay('install');
claim('install on one remote manager: every single fault leaves the keys on a disk, or nobody ever held them, and ends well', 'install-1x1', 500, (exploration) => exploration.all());
claimAll('install on two managers, vaultctl on one of them: the same', 'install-2x1', 1000);
claim('install on three managers and three nodes, a sample: the same', 'install-3x3', 200, (exploration) => exploration.all({ every: 7, offset: 1 }));
claim('the run that mends a dead install is struck in its turn, a sample: the same', 'install-2x1', 200, (exploration) => exploration.mending({ stride: 11, every: 17, offset: 2 }));
claim('install, pairs of faults of every kind drawn with a seed: the same', 'install-1x1', 150, (exploration) => exploration.pairs(150, 11));
claim('install, two to four things of every kind drawn with a seed, harm and a second operator among them: the same, and pages are true', 'install-2x1', 80, (exploration) => exploration.deeper(80, 1));
