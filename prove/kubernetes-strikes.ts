import { whyNoCluster } from '../test/cluster/parts.ts';
import type { Ended, Strike as Kill } from '../test/real/killed-world.ts';
import type { Fate } from '../test/real/kube-front.ts';
import { KubeWorld } from '../test/real/kube-world.ts';
import { chosen, type Experiment, type Scope, type Trial } from './experiment.ts';
import { makeReady } from './flow.ts';
import { judged } from './judge.ts';
import { dealt, inLanes, type Lane, lanesFor } from './lanes.ts';
import { everyStrike, type PodStrike, stepsIn, struckRun } from './struck-pods.ts';

/** A cluster each. */
const LANES = 3;

/** What happens, and whether Vault has seen the request by then. */
const HURTS = {
  'vaultctl is killed before': 'before',
  'vaultctl is killed after': 'after',
  'the port-forward is cut before': 'before',
  'the port-forward is cut in the middle of': 'after',
  'the API server is killed before': 'before',
  'the API server is killed in the middle of': 'after',
  'the pod is deleted before': 'before',
  'the pod is evicted before': 'before',
  'the pod is deleted by force and replaced before': 'before',
  'the pod is deleted by force in the middle of': 'after',
  'the Lease is stolen before': 'before',
} as const satisfies Readonly<Record<string, Kill['when']>>;
type Hurt = keyof typeof HURTS;

/** Longer than a restart of its own, shorter than a run's patience is for some calls and longer for others. */
const API_SERVER_BACK_AFTER_MS = 700;
const THIEF = 'mallory@laptop:9/theirs';

export const kubernetesStrikes: Experiment = {
  name: 'kubernetes-strikes',
  title: 'Vault in a pod of a real Kubernetes, over port-forward: vaultctl or the API server killed, the port-forward cut, the pod deleted, evicted, replaced, the Lease stolen, at every request of `install` and `rotate`',
  missing: whyNoCluster,
  trials: (scope) => inLanes(lanesFor(scope, LANES).map((index, _at, { length }) => lane(scope, index, length))),
};

function lane(scope: Scope, index: number, lanes: number): Lane<PodStrike<Hurt>, KubeWorld> {
  return {
    start: () => KubeWorld.start(),
    items: async (world) => dealt(chosen(await everyStrike(world, Object.keys(HURTS) as Hurt[]), scope), index, lanes),
    strike,
  };
}

async function strike(world: KubeWorld, struckAt: PodStrike<Hurt>): Promise<Trial> {
  const { flow, at, hurt } = struckAt;
  await makeReady(world, flow);
  const { struck, was, what, stepsBefore } = await struckRun(world, struckAt, HURTS[hurt], (child) => hurtNow(world, hurt, () => { child.kill('SIGKILL'); }));
  // A pod that was told to go goes a second later, and an API server comes back later still: whichever request they meet is struck.
  const met = /^the (pod|API server)/.test(hurt) ? world.requests().slice(at - 1) : [was];
  await world.apiServerBack();
  await world.answers();
  const thief = hurt === 'the Lease is stolen before' && was !== undefined ? await robbed(world, struck, stepsBefore) : undefined;
  if (thief !== undefined) return { what, outcome: 'wrong', seen: `${thief}\n--- the struck run (exit ${struck.code}):\n${struck.text}` };
  const trial = await judged(world, what, flow, struck, { mayLoseInit: met.includes('PUT sys/init') });
  return was === undefined && trial.outcome === 'kept' ? { what, outcome: 'missed' } : trial;
}

async function hurtNow(world: KubeWorld, hurt: Hurt, kill: () => void): Promise<Fate> {
  switch (hurt) {
    case 'vaultctl is killed before': case 'vaultctl is killed after': kill(); return 'cut';
    case 'the port-forward is cut before': case 'the port-forward is cut in the middle of': return 'cut';
    case 'the API server is killed before': case 'the API server is killed in the middle of':
      await world.killApiServer(API_SERVER_BACK_AFTER_MS);
      return 'cut';
    case 'the pod is deleted before': await world.kubectl('delete', 'pod', 'vault-0', '--wait=false'); return undefined;
    case 'the pod is evicted before': await world.evict('vault-0'); return undefined;
    case 'the pod is deleted by force and replaced before':
      await world.kubectl('delete', 'pod', 'vault-0', '--grace-period=0', '--force', '--wait=true');
      await world.answers();
      return undefined;
    case 'the pod is deleted by force in the middle of':
      await world.kubectl('delete', 'pod', 'vault-0', '--grace-period=0', '--force', '--wait=true');
      return 'cut';
    case 'the Lease is stolen before': await world.holdLease(THIEF); return undefined;
  }
}

/**
 * Who lost the Lease may end the step that it is in, and begins no other; it leaves the Lease to the thief, and says what
 * happened, unless that step was its last. The thief then goes away. @returns what does not hold, or undefined
 */
async function robbed(world: KubeWorld, struck: Ended, stepsBefore: number): Promise<string | undefined> {
  const more = stepsIn(struck.text) - stepsBefore;
  const holder = await world.leaseHolder();
  await world.holdLease(null);
  if (more > 1) return `it went on for ${more} steps after it had lost its Lease`;
  if (holder !== THIEF) return `the Lease names ${holder ?? 'nobody'} and not the thief`;
  return struck.code === 0 || (struck.code === 6 && struck.text.includes('The lock is no longer ours')) ? undefined : `it ended with ${struck.code}`;
}
