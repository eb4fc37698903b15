// `npm run cluster -- up|down|env|status`: a real one-node Kubernetes to try things on.
import { join } from 'node:path';
import process from 'node:process';
import { cache } from '../../scripts/setup/go-build.mjs';
import { stillToBuild, whyNoCluster } from './parts.ts';
import { type Cluster, findCluster, startCluster, stopCluster } from './start.ts';

/** One a user: below the folder of what is built, where nothing else tidies up. */
const folder = join(cache, 'cluster');

const verbs = {
  async up() {
    const why = whyNoCluster();
    if (why !== undefined) throw new Error(`no cluster can run here: ${why}`);
    if (await findCluster(folder) !== undefined) return console.log('the cluster is up already; npm run cluster -- env says how to use it');
    const missing = stillToBuild();
    if (missing.length > 0) console.log(`to be built first, once: ${missing.join(', ')}; usually 10 to 20 minutes in all on two cores, because Kubernetes is 2 million lines of Go`);
    console.log('starting; usually 10 to 20 s: certificates 2 s, the API server 5 s (it makes its own first objects), DNS 5 s (the first pod); the first time 10 s more, to unpack the images of the pods');
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void giveUp());
    const cluster = await startCluster({ folder, outlivesUs: true, tell: (line) => console.log(line) });
    console.log(`\nup. To use it:\n${usage(cluster)}\nand to end it: npm run cluster -- down`);
  },

  async down() {
    await stopCluster(folder);
    console.log('down: no process, mount, namespace or cgroup of it is left, and its folder is gone');
  },

  async env() {
    console.log(usage(await running()));
  },

  async status() {
    const cluster = await running();
    console.log(await cluster.kubectlDo(['get', 'nodes,pods,pvc,services', '--all-namespaces', '-o', 'wide']));
  },
};

/** Half a cluster is of no use to anybody. */
async function giveUp(): Promise<void> {
  console.error('stopped while starting: what was started is ended');
  await stopCluster(folder);
  process.exit(130);
}

async function running(): Promise<Cluster> {
  const cluster = await findCluster(folder);
  if (cluster === undefined) throw new Error('the cluster is not up; npm run cluster -- up');
  return cluster;
}

/** Lines for a shell. */
function usage({ kubeconfig, nsenter, kubectl, helm, helm4, images }: Cluster): string {
  return [
    `export KUBECONFIG=${kubeconfig}`,
    `inside="${nsenter.join(' ')}"      # before every program that speaks to the cluster`,
    `kubectl=${kubectl}`,
    `helm=${helm}`,
    `helm4=${helm4}`,
    `# images: ${Object.values(images).join(', ')} (imagePullPolicy IfNotPresent or Never)`,
    '# for example: $inside $kubectl get pods -A',
  ].join('\n');
}

const [verb = ''] = process.argv.slice(2);
if (!Object.hasOwn(verbs, verb)) {
  console.error(`npm run cluster -- ${Object.keys(verbs).join(' | ')}`);
  process.exitCode = 1;
} else {
  try {
    await verbs[verb as keyof typeof verbs]();
  } catch (cause) {
    console.error((cause as Error).message);
    process.exitCode = 1;
  }
}
