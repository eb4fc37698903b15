import type { Hook } from '../test/real/mortal.ts';
import { plainWire } from '../test/real/opened-vault.ts';
import type { RealNode } from '../test/real/vault.ts';
import { type Ran, World } from '../test/real/world.ts';
import { chosen, type Experiment, type Scope, type Trial } from './experiment.ts';
import { type Flow, flows } from './flow.ts';
import { dealt, inLanes, type Lane, lanesFor } from './lanes.ts';

const LANES = 3;
const MANAGERS = 2;

/** What happens to the cluster before a request is sent, and to which of its nodes. */
const HURTS = ['the node that is asked is restarted', 'the leader is sealed', 'the leader steps down', 'the leader is restarted', 'a follower is restarted', 'a follower is gone to the end of the run'] as const;
type Hurt = typeof HURTS[number];
interface Strike { readonly flow: Flow; readonly at: number; readonly hurt: Hurt; readonly restarted: boolean }
interface Cluster { readonly world: World; end(): Promise<void> }

export const vaultCluster: Experiment = {
  name: 'vault-cluster',
  title: 'Vault on three raft nodes: the node that is asked, the leader or a follower restarted, sealed, stepped down or gone, before every request of `install` and `rotate`',
  missing: () => undefined,
  trials: (scope) => inLanes(lanesFor(scope, LANES).map((index, _at, { length }) => lane(scope, index, length))),
};

function lane(scope: Scope, index: number, lanes: number): Lane<Strike, Cluster> {
  return {
    start: async () => {
      const world = await World.start({ nodes: 3, managers: MANAGERS });
      return { world, end: () => world.close() };
    },
    items: async ({ world }) => {
      const all: Strike[] = [];
      for (const flow of flows) {
        const count = await requestsOf(world, flow);
        // Which hurt comes first moves on with the requests, so that a sample has some of each.
        all.push(...Array.from({ length: count }, (_, at) => HURTS.map((_hurt, which): Strike => ({ flow, at: at + 1, hurt: HURTS[(at + which) % HURTS.length]!, restarted: at % 2 === 1 }))).flat());
      }
      return dealt(chosen(all, scope), index, lanes);
    },
    strike: async ({ world }, item) => strike(world, item),
  };
}

const makeReady = (world: World, flow: Flow): Promise<unknown> => (flow === 'install' ? world.fresh() : world.installed());
const isRequest = (call: { on: string }) => call.on === 'vault';

/** Counted in a run that is not struck. */
async function requestsOf(world: World, flow: Flow): Promise<number> {
  await makeReady(world, flow);
  let count = 0;
  const ran = await world.runWith({ hook: (call, when) => { if (isRequest(call) && when === 'before') count += 1; return undefined; } }, flow);
  if (ran.code !== 0) throw new Error(`${flow}, left alone, ended with ${ran.code}:\n${ran.page}`);
  return count;
}

async function strike(world: World, { flow, at, hurt, restarted }: Strike): Promise<Trial> {
  await makeReady(world, flow);
  let count = 0;
  let asked: string | undefined;
  const hook: Hook = (call, when) => {
    if (!isRequest(call) || when !== 'before' || (count += 1) !== at) return undefined;
    asked = `${call.do} ${call.path}`;
    return hurtNow(world, hurt, world.servers.nodes.find(({ address }) => address === call.address) ?? world.node);
  };
  const struck = await world.runWith({ hook }, flow);
  for (const node of world.servers.nodes) if (!node.running) await node.start();
  const what = `${hurt} before request ${at} of ${flow} (${asked ?? 'not reached'})${restarted ? ', then all nodes restarted' : ''}`;
  const seen = await whatIsWrong(world, flow, struck, restarted);
  if (seen !== undefined) return { what, outcome: seen.startsWith('LOST') ? 'lost' : 'wrong', seen: `${seen}\n--- the struck run (exit ${struck.code}):\n${told(struck)}` };
  return { what, outcome: asked === undefined ? 'missed' : 'kept' };
}

async function hurtNow(world: World, hurt: Hurt, asked: RealNode): Promise<void> {
  const leader = await world.leader().catch(() => undefined);
  const node = hurt.startsWith('the node') ? asked : hurt.startsWith('the leader') ? leader : world.servers.nodes.findLast((one) => one !== leader);
  if (node === undefined) return;
  if (hurt.endsWith('sealed') || hurt.endsWith('steps down')) return asLeader(world, node, hurt.endsWith('sealed') ? 'sys/seal' : 'sys/step-down');
  await node.kill();
  if (hurt.endsWith('restarted')) await node.start();
}

/** With whatever root token stands on a manager by then; before there is one nobody can do it. */
async function asLeader(world: World, { address }: RealNode, path: string): Promise<void> {
  const token = world.sets()[0]?.rootToken;
  if (token === undefined) return;
  const wire = plainWire();
  await wire.request(address, { method: 'PUT', path, token }).catch(() => undefined);
  wire.close();
}

/** The struck run, what the operator does next, and where it ends. */
async function whatIsWrong(world: World, flow: Flow, struck: Ran, restarted: boolean): Promise<string | undefined> {
  if (struck.code === 1) return 'an error that nobody thought of';
  if (struck.code === 3) return 'it said that keys are lost, and vaultctl lived to hold them';
  if (restarted && world.sets().length > 0) {
    await world.restart();
    const opened = await joinedAfresh(world, 'unseal', await world.run('unseal'));
    if (![0, 4].includes(opened.code)) return `LOST: no copy opened the restarted nodes (exit ${opened.code}):\n${told(opened)}`;
  }
  const next = struck.code === 0 ? struck : await led(world, flow);
  if (next.code === 3) return `LOST:\n${told(next)}`;
  if (next.code !== 0) return `the next run ended with ${next.code}:\n${told(next)}`;
  try {
    await world.settled({ archived: world.archived() });
    return undefined;
  } catch (error) {
    return `the end is not right: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The same command again; where the nodes are sealed its page says to open them first. */
async function led(world: World, flow: Flow): Promise<Ran> {
  const next = await joinedAfresh(world, flow, await world.run(flow));
  if (![4, 8].includes(next.code) || !/vaultctl unseal/.test(next.page)) return next;
  const opened = await world.run('unseal');
  return [0, 4].includes(opened.code) ? world.run(flow) : opened;
}

/** A node that died while it joined is stopped, its storage moved away and started again, where the page says so. */
async function joinedAfresh(world: World, verb: string, ran: Ran): Promise<Ran> {
  const cut = world.servers.nodes.filter(({ address }) => ran.page.split('\n').some((line) => line.includes(`${address}: `) && line.includes('it was cut off while it joined')));
  if (cut.length === 0 || cut.length === world.servers.nodes.length) return ran;
  for (const node of cut) {
    await node.kill();
    node.wipe();
    await node.start();
  }
  return world.run(verb);
}

const told = ({ page, said }: Ran) => `${said}\n${page}`;
