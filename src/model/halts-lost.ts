import type { HaltText } from './halt.ts';
import { all } from './place.ts';

interface Searched { readonly host: string; readonly path: string; readonly found: string }

const recovery = (inventory: string, addresses: readonly string[]): string[] => [
  'FIRST: are the keys kept elsewhere (paper, a password manager, a host that left the inventory, a backup of /etc/kubernetes)?',
  `  vaultctl recover --import FILE -i ${inventory}   (or - for standard input: proves them on this Vault, delivers them to every manager)`,
  `Is any node of ${addresses.join(', ')} still unsealed? Do NOT restart or seal it: export the secrets now with any living token.`,
  'A raft snapshot does not help without the keys it was taken under.',
  'Only then start over. ALL SECRETS IN VAULT WILL BE LOST:',
  '  in Kubernetes: scale the StatefulSet to 0, delete the PVCs (data-vault-0, …; a PVC is not released while its pod lives), scale back',
  '  elsewhere: stop every node, MOVE its storage folder away, start it again empty',
  `  then: vaultctl install -i ${inventory}`,
  `In Kubernetes one command does all of that after a typed confirmation: vaultctl recover --reinitialise -i ${inventory}`,
];

/** The pages that nobody wants to read; each says first what may still be saved. */
export const lostHalts = {
  credentialsLost: (addresses: readonly string[], searched: readonly Searched[], inventory: string): HaltText => ({
    code: 'credentials-lost', exit: 'lost', what: 'Credentials LOST',
    details: [`Vault at ${addresses.join(', ')} is initialised, and no manager holds its keys.`, 'Searched:', ...searched.map(({ host, path, found }) => `  ${host}:${path}: ${found}`)],
    notDone: ['Nothing was changed: no file was written, moved or deleted.'],
    next: recovery(inventory, addresses),
  }),
  initReplyLost: (addresses: readonly string[], intents: readonly { host: string; path: string }[], since: string, inventory: string, torn: readonly { host: string; path: string }[] = []): HaltText => ({
    code: 'init-reply-lost', exit: 'lost', what: 'Credentials LOST: the reply of init was lost on its way',
    details: [`The intent in ${all(intents)} (${since}) says that vaultctl was about to initialise Vault at ${addresses.join(', ')}.`,
      'Vault did initialise itself, and the reply with the keys never reached a disk: nobody ever held these keys.',
      ...torn.map(({ host, path }) => `${host}:${path} is what a power cut left of writing them: cut off, no complete set.`)],
    safe: ['Nothing is stored in this Vault: nobody could unseal it. Starting over loses nothing.'],
    notDone: ['Nothing was changed.'],
    next: [`Did somebody initialise it by hand since then? Then they hold the keys: vaultctl recover --import FILE -i ${inventory}`,
      'Otherwise empty this Vault (stop it, move its storage away, start it; in Kubernetes: scale to 0, delete its PVCs, scale back), then:',
      ...(torn.length > 0 ? [`  vaultctl recover --archive -i ${inventory}   (renames what is left of the keys)`] : []), `  vaultctl install -i ${inventory}`,
      `In Kubernetes one command does that after a typed confirmation: vaultctl recover --reinitialise -i ${inventory}`],
  }),
  cannotTellLost: (missing: readonly { host: string; why: string; mend?: string | undefined }[], inventory: string): HaltText => ({
    code: 'cannot-tell', exit: 'undelivered', what: 'No live keys found, and not every manager could be asked: this cannot be told from a loss',
    details: missing.flatMap(({ host, why, mend }) => (mend === undefined ? [`${host}: ${why}`] : [`${host}: ${why}`, `  mend: ${mend}`])),
    safe: ['The keys may be on the managers that did not answer: unreachable is never absent.'],
    notDone: ['Nothing was changed.'], next: ['bring those managers back, then run the same command again', `vaultctl status -i ${inventory}`],
  }),
  halfCommit: (snapshots: readonly { host: string; path: string }[], sets: readonly { host: string; path: string }[], unsealed: readonly string[], inventory: string): HaltText => ({
    code: 'half-commit', exit: 'lost', what: 'Vault was cut off in the middle of its own rekey commit: neither the old nor the new keys open it',
    details: ['This is a known weakness of the server (its commit is several writes), and what a snapshot is taken for before it.'],
    safe: [
      ...(snapshots.length > 0 ? [`The data are in the snapshot ${all(snapshots)}.`] : ['The checkpoint names no snapshot (--no-snapshot?): a raft snapshot of your own from before the rotation helps as well.']),
      `The keys that open that snapshot are in ${all(sets)}.`],
    notDone: ['Nothing was changed.'],
    next: [
      ...(unsealed.length > 0 ? [`${unsealed.join(', ')} is still unsealed: do NOT seal or restart it, export the secrets now.`] : []),
      ...(snapshots.length > 0 ? [] : ['copy that snapshot to a manager, into vault_snapshot_dir (/var/lib/vaultctl), as vault-DATE.snap']),
      'Stop every Vault node, MOVE its storage away (keep it until all is well), start it again empty, then:', `  vaultctl recover --restore-snapshot -i ${inventory}`],
  }),
} as const;
