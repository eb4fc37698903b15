import type { HaltText } from './halt.ts';
import { canI, inWords, type KubeRight, ruleOf, shippedIn } from './kube-right.ts';

/** `ask`: a command that says more of it, or mends it. */
interface Missing { readonly host: string; readonly why: string; readonly ask?: string }

const ASKS = 3;

/** Where what stands around Vault in Kubernetes is not as the inventory wants it: before init, or after the keys are delivered. */
export const deployHalts = {
  podsNotThere: (missing: readonly Missing[], seconds: number, inventory: string): HaltText => ({
    code: 'pods-not-there', exit: 'unreachable', what: `Not every Vault pod answers within ${seconds} s`,
    details: missing.map(({ host, why }) => `${host}: ${why}`),
    safe: ['No Vault that answers is initialised yet: no keys are at stake.'],
    notDone: ['Vault was not initialised: what a silent pod would have said is not guessed.'],
    next: [...new Set(missing.flatMap(({ ask }) => ask ?? []))].slice(0, ASKS).concat(['mend what stands above', `vaultctl status -i ${inventory}`, `vaultctl install -i ${inventory}   (--timeout SECONDS waits longer; --allow-missing-node POD goes on without one)`]),
  }),
  kubernetesForbidden: (user: string | undefined, rights: readonly KubeRight[], during: string | undefined, inventory: string): HaltText => ({
    code: 'kubernetes-forbidden', exit: 'unreachable', what: 'Kubernetes refuses vaultctl a right that it needs',
    details: [
      ...(during === undefined ? [] : [`during: ${during}`]), `refused to ${user ?? 'the user of the kubeconfig'}:`, ...rights.map((right) => `  ${inWords(right)}`),
      ...[...new Set(rights.map(({ namespace }) => namespace))].flatMap((namespace) => [
        namespace === undefined ? 'missing in a ClusterRole that is bound to it:' : `missing in a Role of namespace ${namespace} that is bound to it:`,
        ...new Set(rights.filter((right) => right.namespace === namespace).map((right) => `  ${ruleOf(right)}`)),
      ]),
    ],
    safe: ['What was refused was not done.', 'Every step that was reported done is on disk; nothing is deleted before every manager holds the keys.'],
    notDone: [during === undefined ? 'Nothing was touched.' : 'What the right is needed for, and what stands after it.'],
    next: [
      ...new Set(rights.map((right) => { const file = shippedIn(right); return file === undefined ? 'add the above to a Role that is bound to it   (docs/kubernetes.md, "Rights")' : `kubectl apply -f deploy/kubernetes/${file}   (has it; names and namespaces in it are yours to change: docs/kubernetes.md, "Rights")`; })),
      `${canI(rights[0]!, user)}   (says yes then)`, 'the same command again', `vaultctl status -i ${inventory}`,
    ],
  }),
  chartFailed: (what: string, said: readonly string[], mend: string | undefined, inventory: string): HaltText => ({
    code: 'chart-failed', exit: 'resumable', what: `The chart is not installed as the inventory wants: ${what}`, details: said,
    safe: ['Vault\'s data and keys are untouched: vaultctl runs helm upgrade --install, and never helm uninstall or helm rollback.'],
    notDone: ['What stands after it: waiting for the pods, init, unseal, delivering keys.'],
    next: [...(mend === undefined ? [] : [mend]), `vaultctl install -i ${inventory}   (vault_helm: false where somebody else runs helm)`],
  }),
  releaseStuck: (release: string, namespace: string, status: string, revision: number, inventory: string): HaltText => ({
    code: 'release-stuck', exit: 'resumable', what: `Release ${namespace}/${release} is ${status}: another helm is at work on it, or was ended in the middle`,
    details: [`revision: ${revision}`],
    safe: ['Vault\'s data and keys are untouched: vaultctl runs helm upgrade --install, and never helm uninstall or helm rollback.'],
    notDone: ['helm was not run.'],
    next: [
      `helm history ${release} -n ${namespace}   (is another helm still at work? then wait until it ends)`,
      revision > 1 ? `helm rollback ${release} ${revision - 1} -n ${namespace}   (back to the revision before; the pods keep their data)` : `helm uninstall ${release} -n ${namespace}   (the first install never ended; PVCs stay where they are)`,
      `then: vaultctl install -i ${inventory}`,
    ],
  }),
  extraFailed: (name: string, why: readonly string[], variable: string, inventory: string): HaltText => ({
    code: 'extra-failed', exit: 'resumable', what: `${variable}: the command "${name}" did not do its work`, details: why,
    safe: ['Keys that were delivered are on every manager; a command of the inventory is given none of them.'],
    notDone: [`What stands after it in ${variable}, and in the install.`],
    next: ['mend the command or its check', `vaultctl install -i ${inventory}`],
  }),
} as const;
