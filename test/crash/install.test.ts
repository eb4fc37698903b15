import { claim, replay } from './claims.ts';

replay('install');
claim('install on one remote manager: every single fault leaves the keys on a disk, or nobody ever held them, and ends well', 'install-1x1', 500, (exploration) => exploration.all());
claim('install on two managers, vaultctl on one of them: the same', 'install-2x1', 800, (exploration) => exploration.all());
claim('install on three managers and three nodes, a sample: the same', 'install-3x3', 200, (exploration) => exploration.all({ every: 7, offset: 1 }));
claim('install, pairs of faults drawn with a seed: the second one strikes the run that mends the first', 'install-2x1', 300, (exploration) => exploration.pairs(300, 11));
