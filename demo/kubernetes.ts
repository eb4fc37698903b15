import process from 'node:process';
import { stillToBuild, whyNoCluster } from '../test/cluster/parts.ts';
import { endOnSignals } from './ends.ts';
import { KubernetesWorld } from './kubernetes-world.ts';
import { deeds, say, scene, step, verdictOf } from './stage.ts';

/** What an install did, and what it proves at its end: a service account logs in, and nobody else. */
const installed = (line: string) => deeds(line) && !line.startsWith('!') || /^ {2}ok .*(?:logs in|is refused)$/.test(line);

async function play(world: KubernetesWorld, keep: boolean): Promise<void> {
  say('A real Kubernetes 1.34 on this machine, in namespaces of its own: etcd, API server, scheduler, kubelet, containerd, DNS.');
  const startMs = performance.now();
  await world.up();
  say(`Up after ${Math.round((performance.now() - startMs) / 1000)} s. Nothing is in it yet; three managers shall hold the keys.`);

  scene(1, 'install: chart, pods, init, unseal, keys to ALL managers, Kubernetes auth, a proved login');
  await shown(world, ['install'], installed);

  scene(2, 'rotate: new unseal keys, reversible until every manager holds them');
  await shown(world, ['rotate'], deeds);

  scene(3, 'a pod is deleted: it comes back sealed, and Vault goes on with the others');
  say(`  $ kubectl delete pod vault-1\n    ${(await world.kubectl('delete', 'pod', 'vault-1')).trim()}`);
  await world.isBack('vault-1');
  await step(world, ['status'], { only: (line) => verdictOf(line) || /vault-1 .*Running/.test(line) });
  await shown(world, ['unseal'], deeds);

  scene(4, 'status: what is where');
  await shown(world, ['status'], (line) => line.trim() !== '' && !/^ {4}previous:/.test(line));
  if (keep) await stayUp(world);
}

/** A scene that fails would be followed by scenes that make no sense. */
async function shown(world: KubernetesWorld, argv: readonly string[], only?: (line: string) => boolean): Promise<void> {
  const { code, text } = await step(world, argv, only === undefined ? {} : { only });
  if (code !== 0) throw new Error(`vaultctl ${argv.join(' ')} ended with ${code}:\n${text}`);
}

async function stayUp({ inventory, folder, cluster: { kubeconfig, nsenter, kubectl, helm } }: KubernetesWorld): Promise<void> {
  say(`\nIt stays up for you. In another shell, as root:
  export KUBECONFIG=${kubeconfig} VAULTCTL_INVENTORY=${inventory}
  inside="${nsenter.join(' ')}"      # before every program that speaks to the cluster
  $inside ${process.execPath} bin/vaultctl.js status      (also: plan rotate, rotate, verify, unseal --watch, recover)
  $inside ${kubectl} -n vault get pods      (try: delete pod vault-2; ${helm} is there too)
  keys          ${folder}/managerN/vault-unseal.json
Ctrl-C ends it and cleans up.`);
  await new Promise(() => { setInterval(() => undefined, 60_000); });
}

async function main(flags: readonly string[]): Promise<void> {
  const unknown = flags.find((flag) => flag !== '--keep');
  if (unknown !== undefined) { console.error(`unknown flag ${unknown}; npm run demo:kubernetes -- [--keep]`); process.exitCode = 2; return; }
  const why = whyNoCluster();
  if (why !== undefined) { console.error(`no Kubernetes can run here: ${why}; npm run demo needs neither root nor namespaces`); process.exitCode = 1; return; }
  const missing = stillToBuild();
  if (missing.length > 0) say(`to be built first, once: ${missing.join(', ')}; usually 10 to 20 minutes in all on two cores`);
  const world = new KubernetesWorld();
  const isStopped = endOnSignals(async () => {
    await world.end();
    say('\nEverything was taken down again.');
  });
  try {
    await play(world, flags.includes('--keep'));
  } catch (cause) {
    // What breaks because the cluster is being taken down is nobody's news; the handler above exits.
    if (!isStopped()) throw cause;
    return;
  } finally {
    if (!isStopped()) await world.end();
  }
  say('\nEverything was taken down again: no process, mount, namespace or file of it is left. With --keep it stays for you.');
}

await main(process.argv.slice(2));
