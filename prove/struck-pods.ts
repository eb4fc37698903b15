import type { ChildProcess } from 'node:child_process';
import type { Ended, Strike as Kill } from '../test/real/killed-world.ts';
import type { Fate, PodRequest } from '../test/real/kube-front.ts';
import type { KubeWorld } from '../test/real/kube-world.ts';
import { type Flow, flows, leftAlone } from './flow.ts';

/** What happens at the `at`-th request of a flow to the pods. */
export interface PodStrike<Hurt extends string> { readonly flow: Flow; readonly at: number; readonly request: string; readonly hurt: Hurt }

export interface Struck {
  readonly struck: Ended;
  /** The request that was struck; undefined where the run was over before it. */
  readonly was: string | undefined;
  readonly what: string;
  /** Lines of steps that were over by then. */
  readonly stepsBefore: number;
}

export interface Counting {
  /** What the world still needs before a flow can begin. */
  readonly ready?: (flow: Flow) => Promise<void>;
  /** How many of the hurts befall a request that only asks; default all of them. */
  readonly atReads?: number;
}

/** Every hurt at every request of the flows, counted in runs that are not struck. */
export async function everyStrike<Hurt extends string>(world: KubeWorld, hurts: readonly Hurt[], { ready = async () => undefined, atReads = hurts.length }: Counting = {}): Promise<PodStrike<Hurt>[]> {
  const all: PodStrike<Hurt>[] = [];
  for (const flow of flows) {
    await ready(flow);
    await leftAlone(world, flow);
    // Which hurt comes first moves on with the requests, so that a sample has some of each.
    all.push(...world.requests().flatMap((request, index) => Array.from({ length: request.startsWith('GET ') ? atReads : hurts.length }, (_, which) => ({ flow, at: index + 1, request, hurt: hurts[(index + which) % hurts.length]! }))));
  }
  return all;
}

/** Runs the flow in a world that is ready for it; `hurt` is done once. */
export async function struckRun(world: KubeWorld, { flow, at, request, hurt: name }: PodStrike<string>, when: Kill['when'], hurt: (child: ChildProcess, asked: PodRequest) => Promise<Fate>): Promise<Struck> {
  let was: string | undefined;
  let said = '';
  let stepsBefore = 0;
  const { child, ended } = world.begin([flow]);
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => { said += chunk.toString(); });
  const act = async (asked: PodRequest): Promise<Fate> => {
    if (was !== undefined || world.place(asked.number) !== at) return undefined;
    was = `${asked.method} ${asked.path}`;
    const fate = await hurt(child, asked);
    stepsBefore = stepsIn(said);
    return fate;
  };
  if (when === 'before') world.front.onRequest(act);
  else world.front.onReply(act);
  const struck = await ended;
  return { struck, was, what: `${name} request ${at} of ${flow} (${was ?? request})`, stepsBefore };
}

/** Lines of steps that are over. */
export function stepsIn(text: string): number { return text.split('\n').filter((line) => /^[✓·] /u.test(line)).length; }
