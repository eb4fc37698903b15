import type { HaltText } from './halt.ts';

interface Searched { readonly host: string; readonly path: string; readonly found: string }

const recovery = (inventory: string, addresses: readonly string[]): string[] => [
  'FIRST: are the keys kept elsewhere (paper, a password manager, a host that left the inventory, a backup of /etc/kubernetes)?',
  `  vaultctl recover --import FILE -i ${inventory}     proves them on this Vault and delivers them to every manager`,
  `Is any node of ${addresses.join(', ')} still unsealed? Do NOT restart or seal it: export the secrets now with any living token.`,
  'A raft snapshot does not help without the keys it was taken under.',
  'Only then (ALL SECRETS IN VAULT WILL BE LOST): scale the StatefulSet to 0, delete the PVCs (data-vault-0, …; a PVC is not',
  '  released while its pod lives), scale back, then:',
  `  vaultctl install -i ${inventory}`,
  `In Kubernetes one command does that after a typed confirmation: vaultctl recover --reinitialise -i ${inventory}`,
];

/** The three pages that nobody wants to read; each says first what may still be saved. */
export const lostHalts = {
  credentialsLost: (addresses: readonly string[], searched: readonly Searched[], inventory: string): HaltText => ({
    code: 'credentials-lost', exit: 'lost', what: 'Credentials LOST',
    details: [`Vault at ${addresses.join(', ')} is initialised, and no manager holds its keys.`, 'Searched:', ...searched.map(({ host, path, found }) => `  ${host}:${path}: ${found}`)],
    notDone: ['Nothing was changed: no file was written, moved or deleted.'],
    next: recovery(inventory, addresses),
  }),
  initReplyLost: (addresses: readonly string[], intents: readonly { host: string; path: string }[], since: string, inventory: string): HaltText => ({
    code: 'init-reply-lost', exit: 'lost', what: 'Credentials LOST: the reply of init was lost on its way',
    details: [`The intent in ${intents.map(({ host, path }) => `${host}:${path}`).join(', ')} (${since}) says that vaultctl was about to initialise Vault at ${addresses.join(', ')}.`,
      'Vault did initialise itself, and the reply with the keys never reached a disk: nobody ever held these keys.'],
    safe: ['Nothing was stored in this Vault since: nobody could unseal it. Starting over hurts nobody.'],
    notDone: ['Nothing was changed.'],
    next: ['empty this Vault: stop it, delete its storage (in Kubernetes: scale to 0, delete its PVCs, scale back), then:', `  vaultctl install -i ${inventory}`,
      `in Kubernetes one command does that: vaultctl recover --reinitialise -i ${inventory}`, `what vaultctl sees: vaultctl recover -i ${inventory}`],
  }),
  cannotTellLost: (missing: readonly { host: string; why: string }[], inventory: string): HaltText => ({
    code: 'cannot-tell', exit: 'undelivered', what: 'No keys found, and not every manager could be asked: this cannot be told from a loss',
    details: missing.map(({ host, why }) => `${host}: ${why}`), safe: ['The keys may be on the managers that did not answer: unreachable is never absent.'],
    notDone: ['Nothing was changed.'], next: [`bring those managers back, then: vaultctl install -i ${inventory}`, `vaultctl status -i ${inventory}`],
  }),
  halfCommit: (snapshots: readonly { host: string; path: string }[], sets: readonly { host: string; path: string }[], unsealed: readonly string[], inventory: string): HaltText => ({
    code: 'half-commit', exit: 'lost', what: 'Vault was cut off in the middle of its own rekey commit: neither the old nor the new keys open it',
    details: ['This is a known weakness of the server (its commit is several writes), and what the snapshot was taken for.'],
    safe: [
      ...(snapshots.length > 0 ? [`The data are in the snapshot ${snapshots.map(({ host, path }) => `${host}:${path}`).join(', ')}.`] : ['No snapshot was found on the managers.']),
      `The keys that open it are in ${sets.map(({ host, path }) => `${host}:${path}`).join(', ')}.`],
    notDone: ['Nothing was changed.'],
    next: [
      ...(unsealed.length > 0 ? [`${unsealed.join(', ')} is still unsealed: do NOT seal or restart it, export the secrets now.`] : []),
      `empty this Vault (stop it, move its storage away, start it), then:`, `  vaultctl recover --restore-snapshot -i ${inventory}`],
  }),
} as const;
