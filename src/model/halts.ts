import type { ExitName, HaltText } from './halt.ts';
import { deployHalts } from './halts-deploy.ts';
import { lostHalts } from './halts-lost.ts';
import { all, at, each as places, type Place } from './place.ts';

export type { Place };
interface Holder { readonly holder: string; readonly host: string; readonly flow: string; readonly operation: string; readonly sinceMs: number; readonly pid: number }
interface Missing { readonly host: string; readonly why: string; readonly mend?: string | undefined }

const keptIn = (safe: readonly Place[]) => (safe.length === 0 ? [] : [`The keys are in ${all(safe)}.`]);
/** The command of a flow; `recover --import` is nothing without its file. */
const command = (flow: string, inventory: string) => `vaultctl ${flow === 'recover --import' ? 'recover --import FILE' : flow} -i ${inventory}`;
const EMPTY_IT = 'empty it (stop it, MOVE its storage away, start it; in Kubernetes: scale to 0, delete its PVCs, scale back)';
const without = (flag: string, missing: readonly Missing[]) => missing.map(({ host }) => `${flag} ${host}`).join(' ');
const missingLines = (missing: readonly Missing[]) => missing.flatMap(({ host, why, mend }) => (mend === undefined ? [`${host}: ${why}`] : [`${host}: ${why}`, `  mend: ${mend}`]));

/** `2 min 5 s`, for the age of a lock. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Every way in which vaultctl stops for the operator; the golden texts in test/golden are made from it, one a halt. */
export const haltTexts = {
  stopped: (signal: string, flow: string, inventory: string): HaltText => ({
    code: 'stopped', exit: ({ SIGINT: 'interrupted', SIGTERM: 'terminated', SIGHUP: 'hungUp' } as Record<string, ExitName>)[signal] ?? 'interrupted',
    what: `Stopped by ${signal}, at a safe point`,
    safe: ['Every step that was begun is finished and on disk; nothing is held in memory only.'],
    notDone: [`The rest of ${flow}.`],
    next: [command(flow, inventory)],
  }),
  lockLost: (why: string, flow: string, inventory: string): HaltText => ({
    code: 'lock-lost', exit: 'locked', what: 'The lock is no longer ours',
    details: [why, 'Another operator may have broken it, or the connection to most managers was cut.'],
    safe: ['No manager takes a write of ours once its own lock is another\'s, and no step is begun without the lock; what was delivered stays.'],
    notDone: [`The rest of ${flow}.`], next: [`vaultctl status -i ${inventory}`, command(flow, inventory)],
  }),
  locked: (where: string, by: Holder | undefined, nowMs: number, inventory: string): HaltText => ({
    code: 'locked', exit: 'locked', what: 'Another operator is at work on this cluster',
    details: by === undefined ? [`the lock on ${where} is held; its holder has not yet written who it is`] : [
      `holder:    ${by.holder} on ${by.host} (pid ${by.pid})`, `operation: ${by.flow} ${by.operation}`, `since:     ${age(nowMs - by.sinceMs)} ago`, `seen on:   ${where}`,
    ],
    notDone: ['Nothing was touched.'],
    next: ['wait until it ends, then run the same command again', `vaultctl recover --unlock -i ${inventory}   (shows the holder first; only where it is known to hang)`],
  }),
  proofUnrecorded: (missing: readonly Missing[], flow: string, inventory: string): HaltText => ({
    code: 'proof-unrecorded', exit: 'undelivered', what: 'No manager takes the note that a proof of the keys begins',
    details: [...missingLines(missing), 'Without that note a proof that dies half-way would be a rekey of nobody.'],
    safe: ['The proof was not begun with Vault, and no file with keys was changed for it.'], notDone: ['No set of keys was proven.', `The rest of ${flow}.`],
    next: [`mend the above (a full disk?), then: ${command(flow, inventory)}`, `vaultctl status -i ${inventory}`],
  }),
  noMajority: (held: number, needed: number, missing: readonly Missing[], inventory: string): HaltText => ({
    code: 'no-majority', exit: 'undelivered', what: `Only ${held} of the ${needed} managers that the lock needs can be used`,
    details: missingLines(missing), notDone: ['Nothing was touched: without a majority two operators could act at once.'],
    // Without any manager there is nowhere to keep keys.
    next: [`vaultctl status -i ${inventory}`, held === 0 ? 'mend the above, then run the same command again' : `where a manager is gone for good: run the same command again with ${without('--allow-missing', missing)}`],
  }),
  vaultUnreachable: (missing: readonly Missing[], inventory: string, othersAnswer = true): HaltText => ({
    code: 'vault-unreachable', exit: 'unreachable', what: 'Vault cannot be reached',
    details: missingLines(missing), notDone: ['Nothing was touched: what a silent node would have said is not guessed.'],
    next: ['bring those nodes back, then run the same command again', `vaultctl status -i ${inventory}`,
      ...(missing.length === 0 || !othersAnswer ? [] : [`where a node is gone for good: run the same command again with ${without('--allow-missing-node', missing)}`])],
  }),
  kubernetesUnreachable: (why: string, mend: string | undefined, inventory: string, managers: readonly string[] = []): HaltText => ({
    code: 'kubernetes-unreachable', exit: 'unreachable', what: 'Kubernetes does not give what vaultctl needs', details: [why, ...(managers.length === 0 ? [] : ['the managers, looked at all the same:', ...managers.map((line) => `  ${line}`)])],
    safe: ['Vault runs on without its API server.', 'Every step that was reported done is on disk; nothing is deleted before every manager holds the keys.'], notDone: ['What the API server was needed for, and what stands after it.'],
    next: [...(mend === undefined ? [] : [mend]), 'kubectl get pods   (with the same --kubeconfig and --context)', `vaultctl status -i ${inventory}`],
  }),
  notConfigured: (problems: readonly string[], flow: string, inventory: string): HaltText => ({
    code: 'not-configured', exit: 'resumable', what: 'Vault is not configured as the inventory wants', details: problems,
    safe: ['The unseal keys and the root token are where they were: configuring touches no credentials file.'],
    notDone: ['What stands after it in the inventory; the proof of a login.'],
    next: [`vaultctl configure -i ${inventory} --check`, `mend the inventory or the token, then run: vaultctl ${flow} -i ${inventory}`],
  }),
  loginFailed: (problems: readonly string[], flow: string, inventory: string): HaltText => ({
    code: 'login-failed', exit: 'resumable', what: 'Vault is configured, and a service account does not get what its role promises', details: problems,
    safe: ['The unseal keys and the root token are where they were, and every manager holds them.'], notDone: ['Nothing else is missing.'],
    next: ['does the service account of Vault\'s pods have the cluster role system:auth-delegator? (Helm: server.authDelegator.enabled)', `vaultctl configure -i ${inventory} --check`, `vaultctl ${flow} -i ${inventory}`],
  }),
  vaultCutOff: (during: string, why: string, inventory: string): HaltText => ({
    code: 'vault-cut-off', exit: 'unreachable', what: 'Vault stopped answering', details: [`during: ${during}`, why],
    safe: ['Every step that was reported done is on disk; nothing is deleted before every manager holds the keys.', 'Whether Vault did what it was last asked is found out by the next run.'],
    notDone: ['The rest of this run.'], next: [`vaultctl status -i ${inventory}`, 'then run the same command again: it looks first, and goes on from there'],
  }),
  managerCutOff: (host: string, during: string, why: string, mend: string | undefined, inventory: string): HaltText => ({
    code: 'manager-cut-off', exit: 'undelivered', what: `${host} could not be used any more`, details: [`during: ${during}`, ...missingLines([{ host, why, mend }])],
    safe: ['Every step that was reported done is on disk; nothing is deleted before every manager holds the keys.'],
    notDone: ['The rest of this run.'], next: [`vaultctl status -i ${inventory}`, 'then run the same command again: it looks first, and goes on from there'],
  }),
  initUnanswered: (node: string, why: string, sent: boolean, intent: Place, inventory: string): HaltText => ({
    code: 'init-unanswered', exit: 'unreachable', what: sent ? 'The reply of init did not come, and Vault does not say that it is initialised' : 'Init could not be sent: Vault went away',
    details: [`${node}: ${why}`],
    safe: [`The intent in ${at(intent)} says that init was about to be sent: the next run knows what to look for.`],
    notDone: [sent ? 'No key was received, so none was written.' : 'Vault was not initialised, and no keys exist.'],
    next: [`bring ${node} back, then: vaultctl install -i ${inventory}   (asks Vault first, and says so if the reply was lost)`, `vaultctl status -i ${inventory}`],
  }),
  initCutOff: (node: string, why: string, intent: Place | undefined, inventory: string): HaltText => ({
    code: 'init-cut-off', exit: 'unreachable', what: 'Vault is neither empty nor initialised: it was cut off in the middle of its own init, or a part of its storage is missing',
    details: [`${node}: ${why}`],
    safe: [`Where it was cut off in its init, nothing is lost: an init that did not end gave keys to nobody, and nothing is stored in this Vault.${intent === undefined ? '' : ` The intent in ${at(intent)} waits for the next run.`}`],
    notDone: ['Vault was not initialised, and no keys exist.'],
    next: [
      'Was this Vault in use before? Then mend its storage instead: a part of it is missing.',
      `Otherwise ${EMPTY_IT}, then:`, `  vaultctl install -i ${inventory}`],
  }),
  restoreCutOff: (node: string, why: string, inventory: string): HaltText => ({
    code: 'restore-cut-off', exit: 'unreachable', what: 'Vault is neither empty nor initialised: a snapshot is restored into an empty server only',
    details: [`${node}: ${why}`],
    safe: ['Where this is the server that was emptied for the snapshot, it was cut off in the middle of its own init, and nothing is lost with it.', 'The keys and the snapshots on the managers were left as they are.'],
    notDone: ['Nothing was restored.'],
    next: [
      'Was this Vault in use, and never emptied? Then mend its storage instead: a part of it is missing.',
      `Otherwise ${EMPTY_IT}, then:`, `  vaultctl recover --restore-snapshot -i ${inventory}`],
  }),
  noLeader: (details: readonly string[], inventory: string): HaltText => ({
    code: 'no-leader', exit: 'unreachable', what: 'Vault has no active node: which keys are live cannot be told',
    details, safe: ['Every file is where it was: nothing is archived or deleted without proof.'], notDone: ['No set of keys was called live, and none rejected.'],
    next: [`where a node is sealed: vaultctl unseal -i ${inventory}`, 'where a node is away: bring it back', 'then run the same command again'],
  }),
  managersUnreachable: (missing: readonly Missing[], flow: string, inventory: string): HaltText => ({
    code: 'managers-unreachable', exit: 'undelivered', what: `Not every manager can be used: ${missing.map(({ host }) => host).join(', ')}`,
    details: missingLines(missing), notDone: ['Nothing was touched: unreachable is never taken for absent.'],
    next: [`mend the above, then: ${command(flow, inventory)}`, `where a manager is gone for good: ${command(flow, inventory)} ${without('--allow-missing', missing)}`],
  }),
  notSetAside: (failed: readonly Missing[], flow: string, inventory: string): HaltText => ({
    code: 'not-set-aside', exit: 'undelivered', what: `Not every file could be set aside: ${failed.map(({ host }) => host).join(', ')}`, details: missingLines(failed),
    safe: ['What was set aside is beside where it was, as NAME.archived-TIME; nothing was deleted.'], notDone: ['The files on the managers above were left where they are.'],
    next: [`mend the above, then: ${command(flow, inventory)}`],
  }),
  autoUnseal: (type: string): HaltText => ({
    code: 'auto-unseal', exit: 'refused', what: `This Vault has a "${type}" seal: it unseals itself and has recovery keys instead of unseal keys`,
    notDone: ['Nothing was touched: vaultctl keeps Shamir unseal keys.'],
    next: ['use `vault operator init -recovery-shares=…` and keep those keys by other means'],
  }),
  otherCluster: (found: readonly Place[], variable: string, inventory: string): HaltText => ({
    code: 'other-cluster', exit: 'refused', what: 'Credentials of another cluster? Vault is not initialised, and keys are on the managers',
    details: places(found), safe: ['Those files were not changed.'], notDone: ['Vault was NOT initialised: its new keys would have taken the place of these.'],
    next: [`if they belong to another cluster, set ${variable} (and vault_creds_init_tmp_path, vault_creds_rotate_tmp_path) to paths of this one's own`,
      `if this Vault lost its data and a snapshot exists: vaultctl recover --restore-snapshot -i ${inventory}`,
      `if they are of no use any more: vaultctl recover --archive -i ${inventory}   (renames them, deletes nothing)`],
  }),
  finishFirst: (other: 'rotate' | 'install', found: readonly Place[], inventory: string): HaltText => ({
    code: `finish-${other}`, exit: 'resumable', what: other === 'rotate' ? 'A rotation was interrupted: finish the rotation first' : 'An install was interrupted: finish the install first',
    details: places(found).map((place) => `checkpoint: ${place}`), safe: ['The checkpoint and every other file were left as they are.'], notDone: ['Nothing was touched.'],
    next: [`vaultctl ${other} -i ${inventory}`, 'then run the same command again'],
  }),
  foreignRekey: (r: { nonce: string; shares: number; threshold: number; progress: number; required: number; verification: boolean }, inventory: string): HaltText => ({
    code: 'foreign-rekey', exit: 'locked', what: 'A rekey that vaultctl did not begin is in progress',
    details: [`nonce ${r.nonce}, ${r.threshold} of ${r.shares} shares wanted, ${r.progress} of ${r.required} ${r.verification ? 'new shares verified' : 'shares given'}`],
    safe: ['It was not cancelled: somebody may be in the middle of it.'], notDone: ['Nothing was touched.'],
    next: ['let its owner finish it, then run the same command again', `where nobody owns it: vaultctl recover --cancel-rekey ${r.nonce} -i ${inventory}   (asks first)`],
  }),
  conflictingMain: (found: readonly Place[], inventory: string): HaltText => ({
    code: 'conflicting-main', exit: 'refused', what: 'A manager holds keys that are neither live here nor known as older keys of this cluster',
    details: places(found), safe: ['Those files were not changed: they may be the only keys of another cluster.'],
    notDone: ['The live keys were not written over them.'],
    next: ["if they belong to another cluster, set vault_creds_host_path (and vault_creds_init_tmp_path, vault_creds_rotate_tmp_path) to paths of this one's own",
      `if they are of no use: vaultctl recover --archive -i ${inventory}   (renames what this Vault rejects, deletes nothing), then run the same command again`],
  }),
  unreadable: (found: readonly (Place & { why: string })[], inventory: string): HaltText => ({
    code: 'unreadable', exit: 'refused', what: 'A credentials file cannot be read, and no other copy proves to be live',
    details: found.map((place) => `${at(place)}: ${place.why}`), safe: ['It was left as it is: a damaged file is not an absent one.'],
    notDone: ['Nothing was initialised, written over or deleted.'],
    next: ['mend the file, or restore it from a backup, then run the same command again', `vaultctl recover --import FILE -i ${inventory}   (proves and distributes a copy kept elsewhere)`],
  }),
  keysRejected: (found: readonly Place[], inventory: string): HaltText => ({
    code: 'keys-rejected', exit: 'refused', what: 'Vault rejects every set of keys that the managers hold',
    details: places(found), safe: ['All of them were left where they are.', 'If a node is still unsealed, do NOT seal or restart it: export what you need with a living token.'],
    notDone: ['Nothing was distributed or archived.'],
    next: [`do vault_addresses and vault_creds_host_path in ${inventory} name the same cluster? If not, mend them and run the same command again`,
      `vaultctl recover --import FILE -i ${inventory}   (with keys kept elsewhere)`, `vaultctl recover -i ${inventory}   (says which other way helps, and why)`],
  }),
  unproven: (why: string, inventory: string): HaltText => ({
    code: 'unproven', exit: 'refused', what: 'Which keys are live cannot be proven on this server',
    details: [why], notDone: ['Nothing was changed.'], next: ['run the same command again with --token-file FILE: a token that may use sys/rekey (or sys/rotate/root)', `vaultctl status -i ${inventory}`],
  }),
  preflight: (missing: readonly Missing[], flow: string, inventory: string): HaltText => ({
    code: 'preflight', exit: 'undelivered', what: 'A manager could not take the keys', details: missingLines(missing),
    ...(flow === 'install' ? {} : { safe: ['The current keys are live and unchanged.'] }),
    notDone: [flow === 'install' ? 'Vault was NOT initialised: no keys exist that could be lost.' : 'No new keys exist: no share was sent to Vault.'],
    next: [`mend the above, then: ${command(flow, inventory)}`],
  }),
  undelivered: (failed: readonly Missing[], safe: readonly Place[], flow: string, inventory: string): HaltText => ({
    code: 'undelivered', exit: 'undelivered', what: `The keys could not be delivered to ${failed.map(({ host }) => host).join(', ')}`,
    details: missingLines(failed), safe: [...keptIn(safe), 'A checkpoint is kept until every manager has proved that it holds the keys.'],
    notDone: ['No checkpoint was deleted.'],
    next: [`mend the above, then: ${command(flow, inventory)}`, `where a manager is gone for good: ${command(flow, inventory)} ${without('--allow-missing', failed)}`],
  }),
  nodesClosed: (failed: readonly Missing[], safe: readonly Place[], flow: string, inventory: string): HaltText => ({
    code: 'nodes-closed', exit: 'unreachable', what: `Not every Vault node could be unsealed: ${failed.map(({ host }) => host).join(', ')}`,
    details: missingLines(failed), safe: keptIn(safe), notDone: ['The nodes above are still sealed or unreachable.'],
    next: [`mend the above, then: ${command(flow, inventory)}`, ...(flow === 'unseal' ? [] : [`where a node is gone for good: ${command(flow, inventory)} ${without('--allow-missing-node', failed)}`])],
  }),
  notInitialised: (flow: string, inventory: string): HaltText => ({
    code: 'not-initialised', exit: 'usage', what: `Vault is not initialised: there is nothing to ${flow}`, notDone: ['Nothing was touched.'],
    next: [`vaultctl install -i ${inventory}   (stops where keys of an older Vault are on the managers)`, `if this Vault lost its data: vaultctl recover --restore-snapshot -i ${inventory}`],
  }),
  /** @param by `manager`: Vault gave the snapshot, and a manager could not keep it */
  snapshotFailed: (why: string, by: 'vault' | 'manager', inventory: string): HaltText => ({
    code: 'snapshot-failed', exit: by === 'manager' ? 'undelivered' : 'refused', what: 'No snapshot could be taken, so the rotation was not begun',
    details: [why, "Vault's own commit of a rekey is not crash-safe: only a snapshot brings back a server that is killed in the middle of it."],
    safe: ['The current keys are live and unchanged.'], notDone: ['No rekey was started.'],
    next: [`mend the above, then: vaultctl rotate -i ${inventory}`, `vaultctl rotate --no-snapshot -i ${inventory}   (takes that risk)`],
  }),
  notReversible: (why: string, inventory: string): HaltText => ({
    code: 'no-verification', exit: 'refused', what: 'The server would not rekey with verification, so the rotation was not begun',
    details: [why], safe: ['The current keys are live and unchanged.'], notDone: ['No share was sent; the rekey was cancelled.'],
    next: ['update the server (Vault since 0.10.2 and every OpenBao can), then run the same command again', `vaultctl status -i ${inventory}`],
  }),
  rekeyInterrupted: (why: string, leftBehind: string | undefined, oldAt: readonly Place[], inventory: string): HaltText => ({
    code: 'rekey-interrupted', exit: 'resumable', what: 'The rekey was interrupted before it took effect',
    details: leftBehind === undefined ? [why] : [why, `it could not be cancelled on the server (${leftBehind}); the next run does that`],
    safe: [`The old keys are live and unchanged, in ${all(oldAt)}.`], notDone: ['The keys were not rotated.'],
    next: [`vaultctl rotate -i ${inventory}`],
  }),
  sharesWhileSealed: (nodes: readonly string[], inventory: string): HaltText => ({
    code: 'shares-while-sealed', exit: 'usage', what: `The number of shares cannot be changed while a node is sealed: ${nodes.join(', ')}`,
    safe: ['The current keys are live and unchanged.'], notDone: ['Nothing was touched.'], next: [`vaultctl unseal -i ${inventory}`, 'then run the same command again'],
  }),
  importRejected: (inventory: string): HaltText => ({
    code: 'import-rejected', exit: 'refused', what: 'Vault rejects the imported keys', safe: ['The files on the managers were not changed.'], notDone: ['Nothing was distributed.'],
    next: ['is it the file of this very cluster, and of its last rotation?', `vaultctl recover -i ${inventory}   (says which other way helps, and why)`],
  }),
  noKeysForSnapshot: (inventory: string): HaltText => ({
    code: 'no-keys-for-snapshot', exit: 'lost', what: 'No manager holds any set of keys: a snapshot does not open without the keys it was taken under',
    notDone: ['Nothing was changed.'], next: [`put the keys that you kept elsewhere on a manager, 0600, where vault_creds_host_path says, then: vaultctl recover --restore-snapshot -i ${inventory}`],
  }),
  noSnapshot: (searched: readonly Place[], inventory: string): HaltText => ({
    code: 'no-snapshot', exit: 'lost', what: 'No snapshot was found on any manager', details: searched.map((place) => `searched: ${at(place)}/vault-*.snap`),
    notDone: ['Nothing was changed.'], next: [`copy a raft snapshot into one of those folders as vault-DATE.snap, then: vaultctl recover --restore-snapshot -i ${inventory}`],
  }),
  emptyFirst: (nodes: readonly string[], keys: readonly Place[], inventory: string): HaltText => ({
    code: 'empty-first', exit: 'refused', what: 'This Vault is initialised, and none of the keys on the managers opens it: a snapshot is restored into an empty server only',
    details: nodes.map((node) => `initialised: ${node}`), safe: [`The keys in ${all(keys)} and the snapshots were left as they are.`], notDone: ['Nothing was restored.'],
    next: ['a node still unsealed? Do NOT stop it: export the secrets first, with any living token',
      'stop every Vault node, MOVE its storage folder away (keep it until all is well), start it again empty', `vaultctl recover --restore-snapshot -i ${inventory}`],
  }),
  notConfirmed: (name: string): HaltText => ({
    code: 'not-confirmed', exit: 'refused', what: 'Not confirmed', notDone: ['Nothing was changed.'],
    next: [`run the same command again and type the name of the cluster (${name}) when asked, or give it with --confirm ${name}`],
  }),
  nodesBehind: (behind: readonly Missing[], inventory: string): HaltText => ({
    code: 'nodes-behind', exit: 'unreachable', what: `Not every Vault node has caught up with the leader: ${behind.map(({ host }) => host).join(', ')}`,
    details: missingLines(behind), safe: ['The current keys are live and unchanged.'], notDone: ['No rekey was started.'],
    next: [`vaultctl status -i ${inventory}`, `when they have caught up: vaultctl rotate -i ${inventory}`, `without them: ${behind.map(({ host }) => `--allow-missing-node ${host}`).join(' ')}`],
  }),
  stageFailed: (failed: readonly Missing[], oldAt: readonly Place[], inventory: string): HaltText => ({
    code: 'stage-failed', exit: 'undelivered', what: `The new keys could not be staged on ${failed.map(({ host }) => host).join(', ')}: the rotation was called off`,
    details: missingLines(failed), safe: [`The old keys are live, in ${all(oldAt)}.`, 'The new keys never became valid; their copies were set aside wherever a manager could be reached.'],
    notDone: ['The keys were not rotated; nothing has changed.'],
    next: [`mend the above, then: vaultctl rotate -i ${inventory}`, `where a manager is gone for good: vaultctl rotate -i ${inventory} ${without('--allow-missing', failed)}`],
  }),
  commitUnknown: (why: string, heldAt: readonly Place[], inventory: string): HaltText => ({
    code: 'commit-unknown', exit: 'resumable', what: 'Whether Vault took the new keys is not known yet',
    details: [why], safe: [`Old and new keys both stand in ${all(heldAt)}.`, 'Do NOT seal or restart Vault now.'],
    notDone: ['The main files still hold the old keys.'], next: [`vaultctl rotate -i ${inventory}`],
  }),
  restored: (found: readonly Place[], inventory: string): HaltText => ({
    code: 'restored', exit: 'refused', what: 'Vault rejects the current keys and accepts the previous ones: it was restored from before the last rotation',
    details: places(found), safe: ['Both sets were left where they are.'], notDone: ['The previous set was not made the main one.'],
    next: [`vaultctl install --accept-restored -i ${inventory}   (makes the previous keys the main ones, renames the newer, deletes nothing)`],
  }),
  keysElsewhere: (rejected: readonly Place[], live: readonly Place[], inventory: string): HaltText => ({
    code: 'keys-elsewhere', exit: 'resumable', what: 'Vault rejects the keys in main and accepts others that stand on a manager',
    details: [...rejected.map((place) => `rejected: ${at(place)}`), ...live.map((place) => `accepted: ${at(place)}`)], safe: ['Every set was left where it is.'], notDone: ['The keys were not rotated.'],
    next: [`vaultctl install -i ${inventory}   (makes the accepted keys the main ones on every manager; what they replace is kept)`, 'then run the same command again'],
  }),
  verifyFailed: (problems: readonly string[], inventory: string): HaltText => ({
    code: 'verify-failed', exit: 'resumable', what: 'The managers do not all hold complete, live keys', details: problems,
    notDone: ['Nothing was changed on any manager; the rekey that it proves with is cancelled, and a node that was sealed may be open now.'],
    next: [`vaultctl distribute -i ${inventory}   (heals every manager from a copy that is proven live)`, `vaultctl status -i ${inventory}`],
  }),
  ...deployHalts, ...lostHalts,
} as const;
