import { describe } from 'node:test';
import { powerCut } from '../../prove/power-cut.ts';
import { threeOperators } from '../../prove/three-operators.ts';
import { vaultCommit } from '../../prove/vault-commit.ts';
import { vaultNodes } from '../../prove/vault-nodes.ts';
import { samples } from './short-cut.ts';

describe('the world around the real program, struck where it hurts', { timeout: 600_000 }, () => {
  samples([[powerCut, 6], [vaultNodes, 8], [vaultCommit, 3], [threeOperators, 4]]);
});
