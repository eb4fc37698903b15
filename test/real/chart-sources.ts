// A program for the network of a cluster: `chart-sources.ts JSON`. For each way to name a chart and each helm it does what
// an install does of it (look, act, look; then with another value once more), and prints what was seen, as JSON.
import process from 'node:process';
import { Helm } from '../../src/adapters/helm.ts';
import type { Eyes, Hands, Prover } from '../../src/engine/world.ts';
import type { HelmSettings } from '../../src/model/deployment.ts';
import type { KubernetesSettings } from '../../src/model/settings.ts';
import { installChart } from '../../src/steps/install-chart.ts';

export interface Sources { readonly kubeconfig: string; readonly binaries: Readonly<Record<string, string>>; readonly charts: Readonly<Record<string, { readonly chart: string; readonly repo?: string; readonly version?: string }>> }
/** `is` of each look, and what differed before the second act. */
export type Seen = Readonly<Record<string, { readonly looks: readonly string[]; readonly differences: readonly string[]; readonly release: string }>>;

const { kubeconfig, binaries, charts } = JSON.parse(process.argv[2]!) as Sources;
const seen: Record<string, Seen[string]> = {};
for (const [source, named] of Object.entries(charts)) {
  for (const [helm, binary] of Object.entries(binaries)) {
    const kubernetes = { namespace: 'sources', release: `${source}-${helm}`, kubeconfig, context: undefined } as KubernetesSettings;
    const looks: string[] = [];
    let differences: string[] = [];
    const step = async (greeting: string) => {
      const wanted: HelmSettings = { repo: undefined, version: undefined, ...named, values: { greeting }, binary };
      const adapter = new Helm(wanted, kubernetes, 30_000);
      differences = [];
      const hands = { settings: { kubernetes, deployment: { helm: wanted, pre: [], post: [] }, inventory: 'hosts.yaml' }, helm: adapter, helmHands: adapter, tell: ({ text }: { text: string }) => differences.push(text) } as unknown as Eyes & Hands & Prover;
      const look = async () => { const { is } = await installChart.look(hands, undefined); looks.push(is); return is; };
      const before = await look() === 'pending' ? [...differences] : [];
      if (looks.at(-1) === 'pending') { await installChart.act!(hands, undefined); await look(); }
      differences = before;
      return adapter;
    };
    await step('hello');
    const found = await (await step('good day')).release();
    seen[`${source} ${helm}`] = { looks, differences, release: `${found?.chart} ${found?.version} ${found?.status} ${found?.revision}` };
  }
}
process.stdout.write(JSON.stringify(seen));
