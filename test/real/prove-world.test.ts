import { describe } from 'node:test';
import { managerNetwork } from '../../prove/manager-network.ts';
import { managerSshd } from '../../prove/manager-sshd.ts';
import { powerCut } from '../../prove/power-cut.ts';
import { terminalClosed } from '../../prove/terminal-closed.ts';
import { threeOperators } from '../../prove/three-operators.ts';
import { vaultCluster } from '../../prove/vault-cluster.ts';
import { vaultCommit } from '../../prove/vault-commit.ts';
import { vaultNodes } from '../../prove/vault-nodes.ts';
import { samples } from './short-cut.ts';

describe('the world around the real program, struck where it hurts', { timeout: 600_000 }, () => {
  samples([[terminalClosed, 4], [powerCut, 4], [managerSshd, 4], [managerNetwork, 4], [vaultNodes, 5], [vaultCluster, 2], [vaultCommit, 1], [threeOperators, 3]]);
});
