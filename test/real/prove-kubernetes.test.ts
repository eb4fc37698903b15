import { describe } from 'node:test';
import { kubernetesStrikes } from '../../prove/kubernetes-strikes.ts';
import { samples } from './short-cut.ts';

describe('a real Vault in a pod, struck where it hurts', { timeout: 600_000 }, () => {
  samples([[kubernetesStrikes, 4]], 3);
});
