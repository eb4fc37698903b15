import type { Step } from '../engine/flow.ts';
import type { Eyes } from '../engine/world.ts';
import { isStuck, keptVersion, releaseDifferences } from '../kubernetes/release.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { HelmError } from '../ports/helm.ts';

/** The release stands in the version and with the values that the inventory names; otherwise helm upgrades or installs it. */
export const installChart: Step<undefined, undefined> = {
  name: 'install-chart', title: 'install or upgrade the Helm chart', kind: 'repeat',
  unasked: ({ helm, settings: { kubernetes, deployment } }) => helm === undefined || kubernetes === undefined || deployment.helm === undefined,
  look: async (eyes) => {
    const { settings: { kubernetes, deployment: { helm: wanted }, inventory }, helm } = eyes;
    if (helm === undefined || wanted === undefined || kubernetes === undefined) return { is: 'done', out: undefined, skipped: true };
    const [found, here] = await said(eyes, () => Promise.all([helm.release(), helm.chartHere()]));
    if (found !== undefined && isStuck(found)) return { is: 'stuck', halt: new Halt(haltTexts.releaseStuck(kubernetes.release, kubernetes.namespace, found.status, found.revision, inventory)) };
    const differences = releaseDifferences(found, wanted, here);
    for (const line of differences) eyes.tell({ is: 'note', text: line });
    return differences.length === 0 ? { is: 'done', out: undefined } : { is: 'pending', out: undefined };
  },
  act: async (hands) => {
    const wanted = hands.settings.deployment.helm!;
    await said(hands, async () => hands.helmHands!.install(wanted.version === undefined ? keptVersion(await hands.helmHands!.release(), wanted) : undefined));
    await hands.findNodes?.();
    return undefined;
  },
};

async function said<T>({ settings: { inventory } }: Eyes, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof HelmError)) throw error;
    const mend = error.kind === 'missing' ? 'install helm 3 or 4 on the machine that vaultctl runs on, or name it: vault_helm_binary: /path/to/helm' : undefined;
    throw new Halt(haltTexts.chartFailed(error.message, error.lines, mend, inventory), { cause: error });
  }
}
