import { age } from '../model/halts.ts';
import { fingerprintOf } from '../credentials/fingerprint.ts';
import { diagnose, type Diagnosis } from '../engine/diagnose.ts';
import { type ClusterSight, lookAtCluster, type PodSight } from '../engine/look-cluster.ts';
import { paperOf, type Paper, reached, type Survey, survey, unreachable } from '../engine/survey.ts';
import { isIntent } from '../engine/candidates.ts';
import type { CommonFlags, Machine } from './context.ts';
import { readFlags, readSettings } from './settings.ts';

/** Read-only, no lock: the first thing an operator runs. The exit code is the verdict's. */
export async function status(machine: Machine, flags: CommonFlags): Promise<number> {
  const operator = machine.operator({ json: flags.json === true, color: flags.color !== false, verbose: flags.verbose === true, confirm: undefined, quiet: true });
  const settings = await readSettings(machine, flags, operator);
  const world = await machine.open(settings, await readFlags(machine, flags), operator);
  try {
    const [found, cluster] = await Promise.all([survey(world.eyes), lookAtCluster(world.eyes)]);
    const seen: Survey = { ...found, cluster };
    const verdict = diagnose(seen, settings.inventory);
    const now = machine.clock.now();
    const marks = await fingerprints(seen);
    machine.out(flags.json === true ? `${JSON.stringify(report(seen, verdict, marks, now), undefined, 2)}\n` : page(seen, verdict, marks, now));
    return verdict.code;
  } finally {
    await world.close();
    operator.end();
  }
}

type Marks = ReadonlyMap<Paper, string>;

/** Equal files show equal marks, and a mark opens nothing: slow hashes under a salt of this cluster. */
async function fingerprints(seen: Survey): Promise<Marks> {
  const salt = reached(seen).flatMap(({ about }) => (about === undefined ? [] : [about.clusterId]))[0] ?? 'vaultctl';
  const marks = new Map<Paper, string>();
  const known = new Map<string, string>();
  for (const { papers } of reached(seen)) {
    for (const paper of papers) {
      if (paper.is !== 'set') continue;
      const same = Buffer.from(paper.bytes).toString('latin1');
      const mark = known.get(same) ?? (await fingerprintOf(paper.set, salt)).slice(0, 8);
      known.set(same, mark);
      marks.set(paper, mark);
    }
  }
  return marks;
}

function describe(paper: Paper, marks: Marks, now: number): string {
  const open = paper.tooOpen ? ', TOO OPEN' : '';
  const old = `${age(now - paper.modifiedMs)} old`;
  if (paper.is === 'set') return `${marks.get(paper) ?? ''}  ${paper.set.threshold} of ${paper.set.shares.length}, ${old}${open}`;
  if (paper.is === 'checkpoint') return isIntent(paper) ? `intent (no keys of its own), ${old}` : `${paper.checkpoint.meta?.phase ?? 'written by an old playbook'}, ${old}${open}`;
  return paper.is === 'unreadable' ? `UNREADABLE: ${paper.why}` : 'empty leftover';
}

function page(seen: Survey, verdict: Diagnosis, marks: Marks, now: number): string {
  const lines = ['Vault'];
  for (const sight of seen.nodes) {
    lines.push(`  ${sight.node.name}  ${sight.reached
      ? `${sight.health}${sight.status.sealed && sight.status.initialized ? ` (${sight.status.progress} of ${sight.status.threshold} shares given)` : ''}, version ${sight.status.version}${sight.status.clusterName === undefined ? '' : `, ${sight.status.clusterName}`}`
      : `not reached: ${sight.error.message}`}`);
  }
  if (seen.cluster !== undefined) lines.push(...clusterPart(seen, seen.cluster));
  lines.push('Managers');
  for (const sight of reached(seen)) {
    const main = paperOf(sight, 'main');
    lines.push(`  ${sight.manager.name}  ${main === undefined ? 'no keys' : describe(main, marks, now)}`);
    const titles = { install: 'install checkpoint', rotate: 'rotate checkpoint', sibling: 'left by a crash', previous: 'previous', main: 'main' };
    for (const paper of sight.papers) if (paper !== main) lines.push(`    ${titles[paper.role]}: ${describe(paper, marks, now)}  ${paper.path}`);
  }
  for (const { manager, error } of unreachable(seen)) lines.push(`  ${manager.name}  not reached: ${error.message}${error.mend === undefined ? '' : `\n    mend: ${error.mend}`}`);
  lines.push('', `Verdict: ${verdict.verdict}`, ...verdict.problems.map((problem) => `  ${problem}`));
  if (verdict.next.length > 0) lines.push(`Next: ${verdict.next.join('; ')}`);
  return `${lines.join('\n')}\n`;
}

function clusterPart(seen: Survey, cluster: ClusterSight): string[] {
  if (!cluster.reached) return ['Kubernetes', `  not reached: ${cluster.why}`];
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
  if (!cluster.reached) return { kubernetes: { reached: false, error: cluster.why } };
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
