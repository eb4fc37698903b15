import type { Step } from '../engine/flow.ts';
import type { Eyes } from '../engine/world.ts';
import { refusalIn } from '../kubernetes/rights.ts';
import { isStuck, keptVersion, releaseDifferences } from '../kubernetes/release.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { inWords, ruleOf } from '../model/kube-right.ts';
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
    const mend = error.kind === 'missing' ? 'install helm 3 or 4 on the machine that vaultctl runs on, or name it: vault_helm_binary: /path/to/helm' : rightFor(error.lines);
    throw new Halt(haltTexts.chartFailed(error.message, error.lines, mend, inventory), { cause: error });
  }
}

/** helm repeats what the API server said; a right that one may not give away is held, not used. */
function rightFor(lines: readonly string[]): string | undefined {
  const said = lines.join(' ');
  const refusal = refusalIn(said);
  if (refusal !== undefined) return `${refusal.user} may not ${refusal.rights.map(inWords).join(', ')}: add ${refusal.rights.map(ruleOf).join(' ')}   (deploy/kubernetes/rbac-helm.yaml: what helm needs for HashiCorp's chart)`;
  return /attempting to grant RBAC permissions not currently held/.test(said) ? 'kubectl apply -f deploy/kubernetes/rbac-helm.yaml   (who runs helm must hold the rights that the chart gives to Vault)' : undefined;
}
