import type { Flow } from '../engine/flow.ts';
import type { ClusterLock } from '../engine/lock.ts';
import { plan } from '../engine/plan.ts';
import { run } from '../engine/run.ts';
import { survey } from '../engine/survey.ts';
import { takeLocks } from '../engine/take-locks.ts';
import { kubernetesHalt } from '../kubernetes/rights.ts';
import type { Halt } from '../model/halt.ts';
import type { Settings } from '../model/settings.ts';
import type { KubeError } from '../ports/kube.ts';
import type { CommonFlags, Machine, World } from './context.ts';
import { readFlags, readSettings } from './settings.ts';
import { fingerprints, managerLines } from './show-managers.ts';

/** `unseal` must work while everything else is down: it takes no lock and writes on no manager. */
export const noLock: ClusterLock = {
  fence: () => { throw new Error('a flow without a lock writes on no manager'); },
  lost: () => undefined, orphan: undefined, proof: async () => undefined, retake: async () => false, release: async () => undefined,
};

export interface FlowOptions {
  readonly lock: boolean;
  /** Refuses what the inventory cannot be used for, before anything is opened. @throws UsageError */
  readonly fits?: (settings: Settings) => unknown;
}

/** Runs, or with --dry-run plans, one flow; returns what it ended with. */
export async function runFlow<S, K extends keyof S>(
  machine: Machine, flags: CommonFlags & { rootToken?: boolean; revokeRoot?: boolean }, flow: Flow<S> & { end: K }, options: FlowOptions = { lock: true },
): Promise<S[K] | undefined> {
  const operator = machine.operator({ json: flags.json === true, color: flags.color !== false, verbose: flags.verbose === true, confirm: flags.confirm, quiet: flags.dryRun === true });
  let world: World | undefined;
  let lock: ClusterLock | undefined;
  try {
    const settings = await readSettings(machine, flags, operator);
    options.fits?.(settings);
    world = await machine.open(settings, await readFlags(machine, flags), operator, 'also-without-pods');
    if (world.away !== undefined) throw await withoutPods(machine, world, world.away, settings.inventory);
    if (flags.dryRun === true) { await showPlan(machine, flags, flow, world); return undefined; }
    const operation = machine.clock.random(6);
    operator.tell({ is: 'flow', flow: flow.name, operation, cluster: settings.clusterName });
    const words = { ...machine.holder(), operation, flow: flow.name, sinceMs: machine.clock.now() };
    lock = options.lock ? await takeLocks({ settings, hosts: world.lockable, words, nowMs: machine.clock.now(), lease: world.lease, tell: (event) => operator.tell(event) }) : noLock;
    const out = await run(flow, world.hands(lock, operation)) as S[K];
    operator.tell({ is: 'end', flow: flow.name, text: `${flow.name}: done` });
    return out;
  } finally {
    await lock?.release().catch(() => undefined);
    await world?.close();
    operator.end();
  }
}

/** No flow goes on without knowing the pods; what the managers hold is what the operator wants to know then. */
async function withoutPods(machine: Machine, { eyes }: World, away: KubeError, inventory: string): Promise<Halt> {
  const seen = await survey(eyes);
  return kubernetesHalt(away, inventory, undefined, managerLines(seen, await fingerprints(seen), machine.clock.now()));
}

async function showPlan<S>(machine: Machine, flags: CommonFlags, flow: Flow<S>, world: World): Promise<void> {
  const lines = await plan(flow, world.eyes);
  if (flags.json === true) { machine.out(`${JSON.stringify({ flow: flow.name, plan: lines }, undefined, 2)}\n`); return; }
  const words = { already: 'already  ', skipped: 'skipped  ', would: 'would    ', unproven: 'unproven ', looked: 'looked   ' } as const;
  machine.out(`${flow.name}: what a run would do (nothing was changed)\n${lines.flatMap(({ mark, title, note, differences = [] }) => [`  ${words[mark]} ${title}${note === undefined ? '' : `: ${note}`}`, ...differences.map((line) => `              ${line}`)]).join('\n')}\n`);
}

