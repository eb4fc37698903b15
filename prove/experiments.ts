import type { Experiment } from './experiment.ts';
import { kubernetesHa } from './kubernetes-ha.ts';
import { kubernetesRecover } from './kubernetes-recover.ts';
import { kubernetesStrikes } from './kubernetes-strikes.ts';
import { managerNetwork } from './manager-network.ts';
import { managerSshd } from './manager-sshd.ts';
import { powerCut } from './power-cut.ts';
import { randomInstants } from './random-instants.ts';
import { requestBoundaries } from './request-boundaries.ts';
import { syscallsLocal } from './syscalls-local.ts';
import { syscallsManager } from './syscalls-manager.ts';
import { terminalClosed } from './terminal-closed.ts';
import { threeOperators } from './three-operators.ts';
import { vaultCluster } from './vault-cluster.ts';
import { vaultCommit } from './vault-commit.ts';
import { vaultInit } from './vault-init.ts';
import { vaultNodes } from './vault-nodes.ts';

/** Every experiment, in the order of the record. */
export const experiments: readonly Experiment[] = [requestBoundaries, randomInstants, terminalClosed, syscallsLocal, syscallsManager, powerCut, managerSshd, managerNetwork, vaultNodes, vaultCluster, vaultInit, vaultCommit, threeOperators, kubernetesStrikes, kubernetesHa, kubernetesRecover];
