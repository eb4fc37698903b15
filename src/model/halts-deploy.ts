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
} as const;
