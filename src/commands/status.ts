import { diagnose, type Diagnosis } from '../engine/diagnose.ts';
import { type ClusterSight, lookAtCluster, type PodSight } from '../engine/look-cluster.ts';
import { type Survey, survey } from '../engine/survey.ts';
import { isIntent } from '../engine/candidates.ts';
import type { CommonFlags, Machine, World } from './context.ts';
import { readFlags, readSettings } from './settings.ts';
import { fingerprints, managerLines, type Marks } from './show-managers.ts';

/** Read-only, no lock: the first thing an operator runs. The exit code is the verdict's. */
export async function status(machine: Machine, flags: CommonFlags): Promise<number> {
  const operator = machine.operator({ json: flags.json === true, color: flags.color !== false, verbose: flags.verbose === true, confirm: undefined, quiet: true });
  const settings = await readSettings(machine, flags, operator);
  const world = await machine.open(settings, await readFlags(machine, flags), operator, 'also-without-pods');
  try {
    const { seen, verdict } = await lookAtAll(world, settings.inventory);
    const now = machine.clock.now();
    const marks = await fingerprints(seen);
    machine.out(flags.json === true ? `${JSON.stringify(report(seen, verdict, marks, now), undefined, 2)}\n` : page(seen, verdict, marks, now));
    return verdict.code;
  } finally {
    await world.close();
    operator.end();
  }
}

/** Without a lock, another operator's run may move the keys between our looks at two files: a loss is said where two looks show it. */
export async function lookAtAll(world: World, inventory: string): Promise<{ seen: Survey; verdict: Diagnosis }> {
  const look = async () => {
    const [found, cluster] = await Promise.all([survey(world.eyes), sightOf(world)]);
    const seen: Survey = { ...found, cluster };
    return { seen, verdict: diagnose(seen, inventory) };
  };
  const first = await look();
  return first.verdict.exit === 'lost' ? look() : first;
}

/** What the world's opening was refused is not asked for again. */
async function sightOf({ eyes, away }: World): Promise<ClusterSight | undefined> {
  return away === undefined ? lookAtCluster(eyes) : { reached: false, why: away.message, ...(away.mend === undefined ? {} : { mend: away.mend }) };
}

function page(seen: Survey, verdict: Diagnosis, marks: Marks, now: number): string {
  const lines = ['Vault', ...(seen.nodes.length === 0 ? ['  no node is known: its pods are found through Kubernetes'] : [])];
  for (const sight of seen.nodes) {
    lines.push(`  ${sight.node.name}  ${sight.reached
      ? `${sight.health}${sight.status.sealed && sight.status.initialized ? ` (${sight.status.progress} of ${sight.status.threshold} shares given)` : ''}, version ${sight.status.version}${sight.status.clusterName === undefined ? '' : `, ${sight.status.clusterName}`}`
      : `not reached: ${sight.error.message}`}`);
  }
  if (seen.cluster !== undefined) lines.push(...clusterPart(seen, seen.cluster));
  lines.push('Managers', ...managerLines(seen, marks, now).map((line) => `  ${line}`));
  lines.push('', `Verdict: ${verdict.verdict}`, ...verdict.problems.map((problem) => `  ${problem}`));
  if (verdict.next.length > 0) lines.push(`Next: ${verdict.next.join('; ')}`);
  return `${lines.join('\n')}\n`;
}

function clusterPart(seen: Survey, cluster: ClusterSight): string[] {
  if (!cluster.reached) return ['Kubernetes', `  not reached: ${cluster.why}`, ...(cluster.mend === undefined ? [] : [`    mend: ${cluster.mend}`])];
  const { namespace, set, release, chart, replicas, pods, claims } = cluster;
  return [
    'Kubernetes',
    `  ${set === undefined ? `no StatefulSet in namespace ${namespace}` : `StatefulSet ${namespace}/${set}, ${replicas} replica${replicas === 1 ? '' : 's'}`}${release === undefined ? '' : `, release ${release}`}${chart === undefined ? '' : `, chart ${chart}`}`,
    ...pods.map((pod) => `  ${pod.name}  ${[pod.why ?? pod.phase, ...(pod.why === undefined ? [inPod(seen, pod) ?? 'Vault not asked'] : []), ...(pod.node === undefined ? [] : [`on ${pod.node}`]), ...(pod.restarts === 0 ? [] : [`${pod.restarts} restarts`])].join(', ')}`),
    ...claims.map(({ name, phase, volume, deleting }) => `  PVC ${name}  ${deleting ? 'being deleted' : phase}${volume === undefined ? '' : `, ${volume}`}`),
  ];
}

/** What the Vault in a pod says of itself; where it is reached by an address of which no pod is known, what its label says. */
function inPod({ nodes }: Survey, { name, labelled }: PodSight): string | undefined {
  const sight = nodes.find(({ node }) => node.name === name);
  return sight?.reached === true ? sight.health : labelled;
}

function clusterReport(seen: Survey) {
  const { cluster } = seen;
  if (cluster === undefined) return {};
  if (!cluster.reached) return { kubernetes: { reached: false, error: cluster.why, mend: cluster.mend ?? null } };
  const { namespace, set, release, chart, replicas, pods, claims, emptying } = cluster;
  return { kubernetes: {
    reached: true, namespace, stateful_set: set ?? null, release: release ?? null, chart: chart ?? null, replicas,
    pods: pods.map((pod) => ({ name: pod.name, phase: pod.phase, why: pod.why ?? null, node: pod.node ?? null, restarts: pod.restarts, vault: inPod(seen, pod) ?? null })),
    claims: claims.map(({ name, phase, volume, deleting }) => ({ name, phase, volume: volume ?? null, deleting })),
    emptying: emptying === undefined ? null : { purpose: emptying.purpose, started_at: emptying.startedAt, replicas: emptying.replicas },
  } };
}

function report(seen: Survey, verdict: Diagnosis, marks: Marks, now: number) {
  return {
    nodes: seen.nodes.map((sight) => (sight.reached ? {
      name: sight.node.name, address: sight.node.address, reached: true, initialized: sight.status.initialized, sealed: sight.status.sealed, progress: sight.status.progress,
      shares: sight.status.shares, threshold: sight.status.threshold, health: sight.health, version: sight.status.version, cluster_id: sight.status.clusterId ?? null,
    } : { name: sight.node.name, address: sight.node.address, reached: false, error: sight.error.message })),
    managers: seen.managers.map((sight) => (sight.reached ? {
      name: sight.manager.name, reached: true,
      files: sight.papers.map((paper) => ({
        role: paper.role, path: paper.path, is: paper.is, age_seconds: Math.round((now - paper.modifiedMs) / 1000), too_open: paper.tooOpen,
        ...(paper.is === 'set' ? { fingerprint: marks.get(paper), shares: paper.set.shares.length, threshold: paper.set.threshold } : {}),
        ...(paper.is === 'checkpoint' ? { phase: paper.checkpoint.meta?.phase ?? null, intent: isIntent(paper) } : {}),
        ...(paper.is === 'unreadable' ? { why: paper.why } : {}),
      })),
    } : { name: sight.manager.name, reached: false, kind: sight.error.kind, error: sight.error.message, mend: sight.error.mend ?? null })),
    ...clusterReport(seen),
    verdict: verdict.verdict, exit: verdict.code, problems: verdict.problems, next: verdict.next,
  };
}
