import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { whyNoCluster } from '../test/cluster/parts.ts';
import type { Ended, Strike as Kill } from '../test/real/killed-world.ts';
import type { Fate, PodRequest } from '../test/real/kube-front.ts';
import { KubeWorld } from '../test/real/kube-world.ts';
import { chosen, type Experiment, type Scope, type Trial } from './experiment.ts';
import { type Flow, makeReady } from './flow.ts';
import { type Judged, judged } from './judge.ts';
import { dealt, inLanes, type Lane, lanesFor } from './lanes.ts';
import { everyStrike, type PodStrike, struckRun } from './struck-pods.ts';

/** A cluster each, with three Vaults in it. */
const LANES = 2;
const REPLICAS = 3;

/** What happens, and whether Vault has seen the request by then. */
const HURTS = {
  "the leader's pod is deleted before": 'before',
  "the leader's pod is deleted by force and replaced before": 'before',
  'the pod that is asked is deleted before': 'before',
  'the pod that is asked is deleted by force in the middle of': 'after',
  "a follower's pod is deleted before": 'before',
  "a follower's pod is deleted by force before": 'before',
  'the leader steps down before': 'before',
  'the leader is sealed before': 'before',
  'the API server is killed before': 'before',
  'the API server is killed in the middle of': 'after',
  'the port-forward is cut before': 'before',
  'the port-forward is cut in the middle of': 'after',
  'vaultctl is killed before': 'before',
  'vaultctl is killed after': 'after',
} as const satisfies Readonly<Record<string, Kill['when']>>;
type Hurt = keyof typeof HURTS;

const API_SERVER_BACK_AFTER_MS = 700;
/** An election, and a standby that catches up or joins. */
const WHOLE_WITHIN_MS = 90_000;

export const kubernetesHa: Experiment = {
  name: 'kubernetes-ha',
  title: 'Vault as three raft replicas in pods of a real Kubernetes, over port-forward: the pod that is asked, the leader\'s or a follower\'s deleted, with grace or by force, the leader sealed or stepped down, the API server or vaultctl killed, the port-forward cut; all of it at every request of `install` and `rotate` that changes something, one of it at every other',
  missing: whyNoCluster,
  trials: (scope) => inLanes(lanesFor(scope, LANES).map((index, _at, { length }) => lane(scope, index, length))),
};

function lane(scope: Scope, index: number, lanes: number): Lane<PodStrike<Hurt>, KubeWorld> {
  return {
    start: () => KubeWorld.start({ replicas: REPLICAS }),
    items: async (world) => dealt(chosen(await everyStrike(world, Object.keys(HURTS) as Hurt[], { ready: (flow) => whole(world, flow), atReads: 1 }), scope), index, lanes),
    strike,
  };
}

async function strike(world: KubeWorld, struckAt: PodStrike<Hurt>): Promise<Trial> {
  const { flow, at, hurt } = struckAt;
  await makeReady(world, flow);
  await whole(world, flow);
  let hit = false;
  const { struck, what } = await struckRun(world, struckAt, HURTS[hurt], async (child, asked) => {
    if (hurt === 'vaultctl is killed before' || hurt === 'vaultctl is killed after') child.kill('SIGKILL');
    const done = await hurtNow(world, hurt, asked);
    hit = done !== 'nobody';
    return done === 'cut' ? 'cut' : undefined;
  });
  // A pod that was told to go goes a second later, and an API server comes back later still: whichever request they meet is struck.
  const mayLoseInit = world.requests().slice(at - 1).includes('PUT sys/init');
  await world.apiServerBack();
  await world.answers();
  const restarted = at % 2 === 1;
  const trial = await judged(operated(world), `${what}${restarted ? ', then every Vault restarted' : ''}`, flow, struck, { mayLoseInit, restarted });
  return !hit && trial.outcome === 'kept' ? { what, outcome: 'missed' } : trial;
}

/** @returns `nobody` where there is no such pod, or no token yet */
async function hurtNow(world: KubeWorld, hurt: Hurt, { pod: asked }: PodRequest): Promise<Fate | 'nobody'> {
  const leader = await world.leader();
  const follower = world.pods.findLast((pod) => pod !== leader)!;
  switch (hurt) {
    case "the leader's pod is deleted before": return leader === undefined ? 'nobody' : remove(world, leader, '--wait=false');
    case "the leader's pod is deleted by force and replaced before": {
      if (leader === undefined) return 'nobody';
      await remove(world, leader, ...BY_FORCE);
      await world.answers();
      return undefined;
    }
    case 'the pod that is asked is deleted before': return remove(world, asked, '--wait=false');
    case 'the pod that is asked is deleted by force in the middle of': await remove(world, asked, ...BY_FORCE); return 'cut';
    case "a follower's pod is deleted before": return remove(world, follower, '--wait=false');
    case "a follower's pod is deleted by force before": return remove(world, follower, ...BY_FORCE);
    case 'the leader steps down before': return asLeader(world, leader, 'sys/step-down');
    case 'the leader is sealed before': return asLeader(world, leader, 'sys/seal');
    case 'the API server is killed before': case 'the API server is killed in the middle of': await world.killApiServer(API_SERVER_BACK_AFTER_MS); return 'cut';
    case 'the port-forward is cut before': case 'the port-forward is cut in the middle of': case 'vaultctl is killed before': case 'vaultctl is killed after': return 'cut';
  }
}

const BY_FORCE = ['--grace-period=0', '--force', '--wait=true'];
const remove = async (world: KubeWorld, pod: string, ...how: string[]): Promise<undefined> => { await world.kubectl('delete', 'pod', pod, ...how); };

/** With the root token of the first manager; before there is one nobody can do it. */
async function asLeader(world: KubeWorld, leader: string | undefined, path: string): Promise<undefined | 'nobody'> {
  if (leader === undefined || !world.hasKeys()) return 'nobody';
  const { root_token: token } = JSON.parse(readFileSync(join(world.keysFolder(world.names[0]!), 'vault-unseal.json'), 'utf8')) as { root_token: string };
  await world.vault('PUT', path, undefined, token, leader);
  return undefined;
}

/** A rotation wants every replica open and caught up, and says so; what was struck last may still be on its way there. */
async function whole(world: KubeWorld, flow: Flow): Promise<void> {
  if (flow === 'install' || !world.hasKeys()) return;
  let last = await operated(world).run('status');
  for (const end = Date.now() + WHOLE_WITHIN_MS; last.code !== 0; last = await operated(world).run('status')) {
    if (Date.now() > end) throw new Error(`the replicas are not whole within ${WHOLE_WITHIN_MS / 1000} s:\n${last.text}`);
    await sleep(500);
  }
}

/** An operator who does what the pages of several replicas name besides: open what is sealed, have a cut-off joiner join afresh. */
function operated(world: KubeWorld): Judged {
  const run = async (verb: string): Promise<Ended> => {
    const ran = await joinedAfresh(world, verb, await world.run(verb));
    if (verb === 'unseal' || ![4, 8].includes(ran.code!) || !/vaultctl unseal/.test(ran.text)) return ran;
    const opened = await joinedAfresh(world, 'unseal', await world.run('unseal'));
    return [0, 4].includes(opened.code!) ? world.run(verb) : opened;
  };
  return {
    names: world.names, run, keysFolder: (name) => world.keysFolder(name), snapshots: (name) => world.snapshots(name), files: () => world.files(), leftovers: () => world.leftovers(),
    begin: (argv) => world.begin(argv), restart: () => world.restart(), wipe: () => world.wipe(),
  };
}

/** The page names the two commands, and they are run as they stand there. */
async function joinedAfresh(world: KubeWorld, verb: string, ran: Ended): Promise<Ended> {
  const commands = [...ran.text.matchAll(/kubectl (-n \S+ delete (?:pvc|pod) [^\s;&]+(?: --wait=false)?)/g)].map(([, words = '']) => words.split(' '));
  if (!ran.text.includes('it was cut off while it joined') || commands.length === 0) return ran;
  for (const words of commands) await world.cluster.kubectlDo(words);
  await world.answers();
  return world.run(verb);
}
