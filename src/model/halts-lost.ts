import type { HaltText } from './halt.ts';
import { all, each, type Place } from './place.ts';

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
  initReplyLost: (addresses: readonly string[], intents: readonly { host: string; path: string }[], since: string, inventory: string, torn: readonly { host: string; path: string }[] = [], open: readonly string[] = []): HaltText => ({
    code: 'init-reply-lost', exit: 'lost', what: 'Credentials LOST: the reply of init was lost on its way',
    details: [`The intent in ${all(intents)} (${since}) says that vaultctl was about to initialise Vault at ${addresses.join(', ')}.`,
      open.length === 0 ? 'Vault did initialise itself, and the reply with the keys never reached a disk: nobody ever held these keys.'
        : `Vault is initialised, and unsealed on ${open.join(', ')}: whoever did that had its keys, and no manager has them.`,
      ...torn.map(({ host, path }) => `${host}:${path} is what a power cut left of writing them: cut off, no complete set.`)],
    safe: [open.length === 0 ? 'Nothing is stored in this Vault: nobody could unseal it. Starting over loses nothing.'
      : `Nothing is lost as long as ${open.join(', ')} runs: do NOT restart or seal it, export the secrets first, with any living token.`],
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
    notDone: ['Nothing was changed.'], next: ['bring those managers back, then run the same command again', `vaultctl status -i ${inventory}`,
      `where one is gone for good, and its disk too: take it out of ${inventory}, then run the same command again`],
  }),
  everyManagerFirst: (missing: readonly { host: string; why: string; mend?: string | undefined }[], flow: string, inventory: string): HaltText => ({
    code: 'every-manager-first', exit: 'undelivered', what: `Not every manager could be asked for keys: ${missing.map(({ host }) => host).join(', ')}`,
    details: missing.flatMap(({ host, why, mend }) => (mend === undefined ? [`${host}: ${why}`] : [`${host}: ${why}`, `  mend: ${mend}`])),
    safe: ['The keys may be there: unreachable is never absent.'], notDone: ['No storage was deleted.'],
    next: [`bring those managers back, then: vaultctl ${flow} -i ${inventory}`, `where one is gone for good, and its disk too: take it out of ${inventory}, then run the same command again`],
  }),
  stillUnsealed: (nodes: readonly string[], flow: string, inventory: string): HaltText => ({
    code: 'still-unsealed', exit: 'refused', what: `Vault is still unsealed on ${nodes.join(', ')}: its secrets can still be saved`,
    safe: ['Nothing is lost as long as that node runs: do NOT restart or seal it.'], notDone: ['No storage was deleted.'],
    next: ['export the secrets now, with any living token', `when nothing in it is wanted any more: vault operator seal, on each of those nodes, then: vaultctl ${flow} -i ${inventory}`],
  }),
  keysUnrejected: (copies: readonly Place[], why: string, inventory: string): HaltText => ({
    code: 'keys-unrejected', exit: 'refused', what: 'Keys are on the managers that this Vault has not rejected', details: [...each(copies), why],
    safe: ['Those files were left as they are.'], notDone: ['No storage was deleted.'],
    next: [`vaultctl status -i ${inventory}`, `let Vault decide: vaultctl install -i ${inventory}   (proves each set)`,
      `where the storage was being emptied for a snapshot: vaultctl recover --restore-snapshot -i ${inventory}`,
      `where they are of no use: vaultctl recover --archive -i ${inventory}   (renames them, deletes nothing), or move them away by hand`],
  }),
  keysAreLive: (found: readonly Place[], inventory: string): HaltText => ({
    code: 'keys-are-live', exit: 'refused', what: 'Nothing is lost: Vault accepts keys that a manager holds', details: each(found),
    safe: [`The live keys are in ${all(found)}.`], notDone: ['No storage was deleted.'], next: [`vaultctl install -i ${inventory}   (unseals it and delivers them to every manager)`],
  }),
  notGone: (left: readonly string[], seconds: number, flow: string, inventory: string): HaltText => ({
    code: 'not-gone', exit: 'resumable', what: `Kubernetes has not let go of everything within ${seconds} s`, details: left,
    safe: ['The note on the StatefulSet says what is to be deleted: the next run goes on from there.'], notDone: ['The StatefulSet is still scaled to 0.'],
    next: ['a pod whose node is dead: kubectl delete node NODE, or kubectl delete pod POD --force once that machine is surely off',
      'a PVC with a finalizer: who owns it must let go (a snapshot controller, a backup program)', `then: vaultctl ${flow} -i ${inventory}`],
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
