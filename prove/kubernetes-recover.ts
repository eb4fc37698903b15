import { readdirSync } from 'node:fs';
import { whyNoCluster } from '../test/cluster/parts.ts';
import type { Ended } from '../test/real/killed-world.ts';
import type { Fate } from '../test/real/kube-front.ts';
import { KubeWorld } from '../test/real/kube-world.ts';
import { chosen, type Experiment, type Scope, type Trial } from './experiment.ts';
import { leftAlone } from './flow.ts';
import { whatIsWrong } from './judge.ts';
import { dealt, inLanes, type Lane, lanesFor } from './lanes.ts';

/** A cluster each. */
const LANES = 3;
const VERBS = ['--restore-snapshot', '--reinitialise'] as const;
type Verb = typeof VERBS[number];
const HURTS = ['vaultctl is killed', 'the API server is killed', 'the connection is cut'] as const;
type Hurt = typeof HURTS[number];
interface Call { readonly to: 'kubernetes' | 'vault'; readonly method: string; readonly path: string }
interface Strike { readonly verb: Verb; readonly at: number; readonly when: 'before' | 'after'; readonly call: Call; readonly hurt: Hurt; readonly slow: boolean }

/** The operator's patience. */
const MOST_RUNS = 5;
const API_SERVER_BACK_AFTER_MS = 700;
const CLAIM = 'data-vault-0';
const HELD = 'vaultctl.test/held';

export const kubernetesRecover: Experiment = {
  name: 'kubernetes-recover',
  title: 'a Vault in a real Kubernetes is emptied by `recover --restore-snapshot` and `--reinitialise`: vaultctl or the API server killed, or the connection cut, before or after every request to Kubernetes and to Vault, in half of the runs with a PVC whose finalizer is held for a while',
  missing: whyNoCluster,
  trials: (scope) => inLanes(lanesFor(scope, LANES).map((index, _at, { length }) => lane(scope, index, length))),
};

function lane(scope: Scope, index: number, lanes: number): Lane<Strike, KubeWorld> {
  return {
    start: async () => {
      const world = await KubeWorld.start();
      await leftAlone(world, 'install');
      return world;
    },
    items: async (world) => {
      const all: Strike[] = [];
      for (const verb of VERBS) {
        const calls = await callsOf(world, verb);
        all.push(...calls.map((call, index): Strike => {
          // Mixed, so that an even sample does not step from like to like.
          const mixed = Math.imul(index + 1, 0x9E3779B1) >>> 8;
          return { verb, at: index + 1, when: mixed % 2 === 0 ? 'before' : 'after', call, hurt: HURTS[(mixed >>> 1) % HURTS.length]!, slow: (mixed >>> 3) % 2 === 0 };
        }));
      }
      return dealt(chosen(all, scope), index, lanes);
    },
    strike,
  };
}

async function callsOf(world: KubeWorld, verb: Verb): Promise<Call[]> {
  await makeLost(world, verb);
  const calls: Call[] = [];
  const { ended } = recover(world, verb);
  listen(world, (call, when) => { if (when === 'before') calls.push(call); return undefined; });
  const { code, text } = await ended;
  if (code !== 0) throw new Error(`recover ${verb}, left alone, ended with ${code}:\n${text}`);
  return calls;
}

const recover = (world: KubeWorld, verb: Verb) => world.begin(['recover', verb, '--confirm', 'kill']);

function listen(world: KubeWorld, hear: (call: Call, when: 'before' | 'after') => Fate | Promise<Fate>): void {
  const heard = (to: Call['to'], when: 'before' | 'after') => ({ method, path }: { method: string; path: string }) => hear({ to, method, path: path.split('?')[0]! }, when);
  world.front.onApi(heard('kubernetes', 'before'));
  world.front.onApiReply(heard('kubernetes', 'after'));
  world.front.onRequest(heard('vault', 'before'));
  world.front.onReply(heard('vault', 'after'));
}

/** A Vault that no set opens, and a snapshot of what it was with a secret in it; or a sealed one without any keys. */
async function makeLost(world: KubeWorld, verb: Verb): Promise<void> {
  if (verb === '--reinitialise') {
    await world.restart();
    world.freshManagers();
    return;
  }
  await world.vault('POST', 'sys/mounts/proof', { type: 'kv' }, tokenOf(world));
  await world.vault('PUT', 'proof/data', { kept: 'yes' }, tokenOf(world));
  await leftAlone(world, 'rotate');
  await world.wipe();
  const { status } = await world.vault('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
  if (status !== 200) throw new Error(`init of another Vault was answered ${status}`);
}

const tokenOf = (world: KubeWorld) => (JSON.parse(world.files()[0]!) as { root_token: string }).root_token;
const claim = (world: KubeWorld) => world.kubectl('get', 'pvc', CLAIM, '-o', 'jsonpath={.metadata.uid}');

async function strike(world: KubeWorld, { verb, at, when, call, hurt, slow }: Strike): Promise<Trial> {
  await makeLost(world, verb);
  const before = await claim(world);
  if (slow) await world.kubectl('patch', 'pvc', CLAIM, '--type=json', '-p', JSON.stringify([{ op: 'add', path: '/metadata/finalizers/-', value: HELD }]));
  const released = slow ? letGo(world, before) : undefined;
  const { child, ended } = recover(world, verb);
  const numbers = new Map<'before' | 'after', number>();
  let was: Call | undefined;
  listen(world, async (heard, now) => {
    const number = (numbers.get(now) ?? 0) + 1;
    numbers.set(now, number);
    if (was !== undefined || now !== when || number !== at) return undefined;
    was = heard;
    if (hurt === 'vaultctl is killed') child.kill('SIGKILL');
    if (hurt === 'the API server is killed') await world.killApiServer(API_SERVER_BACK_AFTER_MS);
    return 'cut';
  });
  const struck = await ended;
  const seen = was ?? call;
  const what = `${hurt} ${when} request ${at} of recover ${verb} (${seen.to}: ${seen.method} ${seen.path})${slow ? ', its PVC slow to go' : ''}`;
  await world.apiServerBack();
  const wrong = await howItEnds(world, verb, struck, before);
  await released;
  if (wrong !== undefined) return { what, outcome: wrong.startsWith('LOST') ? 'lost' : 'wrong', seen: `${wrong}\n--- the struck run (${struck.signal ?? `exit ${struck.code}`}):\n${struck.text}` };
  return { what, outcome: was === undefined ? 'missed' : verb === '--restore-snapshot' ? 'by-snapshot' : 'kept' };
}

/** As a backup or a snapshot controller does: its finalizer goes two seconds after the claim was deleted. */
async function letGo(world: KubeWorld, uid: string): Promise<void> {
  const look = () => world.kubectl('get', 'pvc', CLAIM, '-o', 'jsonpath={.metadata.uid} {.metadata.deletionTimestamp}').catch(() => '');
  for (let tries = 0; tries < 600; tries += 1) {
    const [found, deleted] = (await look()).split(' ');
    if (found !== undefined && found !== '' && found !== uid) return;
    if (found === uid && deleted !== undefined && deleted !== '') {
      await new Promise((resolve) => { setTimeout(resolve, 2000); });
      await world.kubectl('patch', 'pvc', CLAIM, '--type=merge', '-p', JSON.stringify({ metadata: { finalizers: null } })).catch(() => '');
    }
    await new Promise((resolve) => { setTimeout(resolve, 250); });
  }
}

/** The same command until it is done, or whatever command its page names; then everything is as it shall be. */
async function howItEnds(world: KubeWorld, verb: Verb, struck: Ended, before: string): Promise<string | undefined> {
  if (struck.code === 1) return 'an error that nobody thought of';
  let last = struck;
  for (let runs = 0; last.code !== 0; runs += 1) {
    if (runs === MOST_RUNS) return `still not done after ${MOST_RUNS} more runs; the last one ended with ${last.code ?? last.signal}:\n${last.text}`;
    last = await next(world, verb, last).ended;
    if (last.code === 1) return `an error that nobody thought of:\n${last.text}`;
  }
  if (await claim(world) === before) return 'its PVC is the one that it was';
  await world.answers();
  const wrong = await whatIsWrong(world);
  if (wrong !== undefined) return wrong.includes('do not open') ? `LOST: ${wrong}` : wrong;
  if (verb === '--reinitialise') return undefined;
  const { status, body } = await world.vault('GET', 'proof/data', undefined, tokenOf(world));
  return status === 200 && JSON.stringify(body).includes('"kept":"yes"') ? noteLeft(world) : `LOST: the secret of before is not back: ${status}`;
}

/** An install that the emptying had begun, and whose keys are there already, is ended by its own name. */
function next(world: KubeWorld, verb: Verb, last: Ended) {
  return verb === '--reinitialise' && /vaultctl install/.test(last.text) && !/vaultctl recover --reinitialise/.test(last.text) ? world.begin(['install']) : recover(world, verb);
}

/** The throwaway keys of a restoring stand beside the snapshot no longer. */
function noteLeft(world: KubeWorld): string | undefined {
  const left = world.names.flatMap((name) => readdirSync(world.snapshots(name)).filter((file) => file.endsWith('.restoring')).map((file) => `${name}/${file}`));
  return left.length === 0 ? undefined : `left over: ${left.join(', ')}`;
}
