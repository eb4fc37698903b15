import type { HaltText } from './halt.ts';

interface Missing { readonly host: string; readonly why: string }

/** Where what stands around Vault in Kubernetes is not as the inventory wants it: before init, or after the keys are delivered. */
export const deployHalts = {
  podsNotThere: (missing: readonly Missing[], seconds: number, inventory: string): HaltText => ({
    code: 'pods-not-there', exit: 'unreachable', what: `Not every Vault pod answers within ${seconds} s`,
    details: missing.map(({ host, why }) => `${host}: ${why}`),
    safe: ['No Vault that answers is initialised yet: no keys are at stake.'],
    notDone: ['Vault was not initialised: what a silent pod would have said is not guessed.'],
    next: ['mend what stands above', `vaultctl status -i ${inventory}`, `vaultctl install -i ${inventory}   (--timeout SECONDS waits longer; --allow-missing-node POD goes on without one)`],
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
