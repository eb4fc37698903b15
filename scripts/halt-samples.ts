import type { HaltText } from '../src/model/halt.ts';
import { haltTexts } from '../src/model/halts.ts';

const inventory = 'hosts.yaml';
const main = '/etc/kubernetes/vault-unseal.json';
const installTmp = '/etc/kubernetes/vault-creds-init.json.tmp';
const rotateTmp = '/etc/kubernetes/vault-creds-rotate.json.tmp';
const previous = '/etc/kubernetes/vault-unseal.previous.json';
const snapshots = '/var/lib/vaultctl';
const vaults = ['https://10.0.0.11:8200', 'https://10.0.0.12:8200', 'https://10.0.0.13:8200'];
const [vault] = vaults as [string];
const on = (path: string, ...hosts: string[]) => hosts.map((host) => ({ host, path }));
const away = { host: 'node3', why: 'no answer on port 22 within 10 s', mend: undefined };
const full = { host: 'node2', why: 'no space left on /etc/kubernetes', mend: 'free some space' };
const unknownKey = { host: 'node2', why: 'its host key is not in ~/.ssh/known_hosts', mend: 'ssh-keyscan -H node2 >> ~/.ssh/known_hosts   (after comparing the fingerprint)' };
const nowMs = Date.UTC(2026, 10, 22, 3, 7, 5);
const rekey = { nonce: '6b5d9a0c-8f0e-4f5c-9c1e-2f4f6f3c0a11', shares: 5, threshold: 3, progress: 1, required: 2, verification: false };
const searched = ['node1', 'node2', 'node3'].flatMap((host) => [main, installTmp, rotateTmp, previous].map((path) => ({ host, path, found: 'absent' })));
const snapshot = on(`${snapshots}/vault-20261122T030000Z-1f2e3d4c5b6a.snap`, 'node1', 'node2');

/**
 * Every way to stop, with data as an operator would meet it: entry of the registry → variant → page. An entry without
 * a sample does not compile. The golden texts and docs/exit-codes-and-messages.md are made from these.
 */
export const haltSamples: { readonly [Entry in keyof typeof haltTexts]: Readonly<Record<string, HaltText>> } = {
  stopped: {
    '': haltTexts.stopped('SIGINT', 'rotate', inventory), sigterm: haltTexts.stopped('SIGTERM', 'install', inventory),
    sighup: haltTexts.stopped('SIGHUP', 'unseal', inventory), import: haltTexts.stopped('SIGINT', 'recover --import', inventory),
  },
  lockLost: { '': haltTexts.lockLost('node1: the connection was cut; node2: the connection was cut', 'rotate', inventory) },
  locked: {
    '': haltTexts.locked('node1', { holder: 'alice', host: 'bastion', flow: 'rotate', operation: '1f2e3d4c5b6a', sinceMs: nowMs - 125_000, pid: 4711 }, nowMs, inventory),
    unnamed: haltTexts.locked('node1', undefined, nowMs, inventory),
  },
  proofUnrecorded: { '': haltTexts.proofUnrecorded([full], 'rotate', inventory) },
  noMajority: { '': haltTexts.noMajority(1, 2, [unknownKey, away], inventory) },
  nodesBehind: { '': haltTexts.nodesBehind([{ host: vaults[2]!, why: '4812 raft entries behind the leader' }], inventory) },
  vaultUnreachable: { '': haltTexts.vaultUnreachable([{ host: vault, why: 'connection refused' }], inventory) },
  kubernetesUnreachable: {
    '': haltTexts.kubernetesUnreachable('the API server https://10.0.0.1:6443 (context production) does not answer: ECONNREFUSED', undefined, inventory),
    managers: haltTexts.kubernetesUnreachable('the API server https://10.0.0.1:6443 (context production) does not answer: ECONNREFUSED', undefined, inventory, ['m1  3f8a91c0  2 of 3, 4 days old', 'm2  not reached: 10.0.0.2:22: connection refused']),
  },
  kubernetesForbidden: {
    '': haltTexts.kubernetesForbidden('system:serviceaccount:vault:vaultctl', [
      { verb: 'patch', group: 'apps', resource: 'statefulsets', namespace: 'vault', name: 'vault' }, { verb: 'delete', group: '', resource: 'persistentvolumeclaims', namespace: 'vault', name: 'data-vault-0' },
    ], undefined, inventory),
    during: haltTexts.kubernetesForbidden('system:serviceaccount:vault:vaultctl', [{ verb: 'create', group: '', resource: 'serviceaccounts/token', namespace: 'default', name: 'application-sa' }], 'verify: a service account logs in, reads what its policy gives, and nothing else', inventory),
    cluster: haltTexts.kubernetesForbidden(undefined, [{ verb: 'patch', group: 'storage.k8s.io', resource: 'storageclasses', name: 'fast' }], 'bring about what comes before the chart', inventory),
  },
  podsNotThere: { '': haltTexts.podsNotThere([{ host: 'vault-1', why: 'unschedulable: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims; PVC data-vault-1 is Pending (storage class fast): storageclass.storage.k8s.io "fast" not found', ask: 'kubectl -n vault describe pod vault-1' }], 120, inventory) },
  chartFailed: {
    '': haltTexts.chartFailed('helm ended with 1', ['Error: failed to download "hashicorp/vault" at version "0.99.0"'], undefined, inventory),
    missing: haltTexts.chartFailed('helm is not on this machine', ['spawn helm ENOENT'], 'install helm 3 or 4 on the machine that vaultctl runs on, or name it: vault_helm_binary: /path/to/helm', inventory),
  },
  extraFailed: { '': haltTexts.extraFailed('label the namespace', ['ended with 1', 'Error from server (NotFound): namespaces "vault" not found'], 'vault_install_pre', inventory) },
  releaseStuck: { '': haltTexts.releaseStuck('vault', 'vault', 'pending-upgrade', 4, inventory), first: haltTexts.releaseStuck('vault', 'vault', 'pending-install', 1, inventory) },
  notConfigured: { '': haltTexts.notConfigured(['POST auth/kubernetes/role/application: https://10.0.0.1:8200 answered 400: bound_service_account_names can not be empty'], 'configure', inventory) },
  loginFailed: { '': haltTexts.loginFailed(['role application: default/application-sa logs in: login as role application: https://10.0.0.1:8200 answered 403: permission denied'], 'configure', inventory) },
  vaultCutOff: { '': haltTexts.vaultCutOff('unseal every Vault node', `unseal: no answer from ${vault} within 15 s`, inventory) },
  managerCutOff: { '': haltTexts.managerCutOff('node2', 'stage the new keys on every manager and read them back', 'the connection was cut', undefined, inventory) },
  initUnanswered: {
    '': haltTexts.initUnanswered(vault, 'the connection was reset', true, { host: 'node1', path: installTmp }, inventory),
    unsent: haltTexts.initUnanswered(vault, 'connection refused', false, { host: 'node1', path: installTmp }, inventory),
  },
  initCutOff: {
    '': haltTexts.initCutOff(vault, 'init: https://10.0.0.11:8200 answered 400: could not bootstrap clustered storage: error bootstrapping cluster: cluster already has state', { host: 'node1', path: installTmp }, inventory),
    barrier: haltTexts.initCutOff(vault, 'seal status: https://10.0.0.11:8200 answered 500: core: barrier reports initialized but no seal configuration found', undefined, inventory),
  },
  keysElsewhere: { '': haltTexts.keysElsewhere(on(main, 'node1', 'node2'), on('/etc/kubernetes/.vault-unseal.json.5e0bd62da8b3c773.keys', 'node1'), inventory) },
  restoreCutOff: { '': haltTexts.restoreCutOff(vault, 'init: https://10.0.0.11:8200 answered 400: could not bootstrap clustered storage: error bootstrapping cluster: cluster already has state', inventory) },
  noLeader: { '': haltTexts.noLeader([`${vaults[0]}: standby`, `${vaults[1]}: connection refused`, `${vaults[2]}: sealed (0 of 2 shares given)`], inventory) },
  managersUnreachable: { '': haltTexts.managersUnreachable([unknownKey, away], 'install', inventory) },
  notSetAside: { '': haltTexts.notSetAside([away], 'rotate', inventory), archive: haltTexts.notSetAside([away], 'recover --archive', inventory) },
  autoUnseal: { '': haltTexts.autoUnseal('awskms') },
  otherCluster: { '': haltTexts.otherCluster(on(main, 'node1', 'node2'), 'vault_creds_host_path', inventory) },
  finishFirst: {
    rotate: haltTexts.finishFirst('rotate', on(rotateTmp, 'node1', 'node2'), inventory), install: haltTexts.finishFirst('install', on(installTmp, 'node1', 'node2'), inventory),
  },
  foreignRekey: { '': haltTexts.foreignRekey(rekey, inventory), verifying: haltTexts.foreignRekey({ ...rekey, progress: 2, required: 3, verification: true }, inventory) },
  conflictingMain: { '': haltTexts.conflictingMain(on(main, 'node3'), inventory) },
  unreadable: { '': haltTexts.unreadable([{ host: 'node2', path: main, why: 'it is not JSON (cut off?)' }], inventory) },
  keysRejected: { '': haltTexts.keysRejected(on(main, 'node1', 'node2', 'node3'), inventory) },
  unproven: { '': haltTexts.unproven(`rekey (no token was given): ${vault} answered 403: permission denied`, inventory) },
  preflight: { install: haltTexts.preflight([full], 'install', inventory), rotate: haltTexts.preflight([full], 'rotate', inventory) },
  undelivered: {
    '': haltTexts.undelivered([away], [...on(installTmp, 'node1'), ...on(main, 'node1', 'node2')], 'install', inventory),
    unkept: haltTexts.undelivered([full], [], 'distribute', inventory),
  },
  nodesClosed: {
    '': haltTexts.nodesClosed([{ host: vaults[2]!, why: 'it did not open within 30 s of its last share' }], on(main, 'node1', 'node2', 'node3'), 'rotate', inventory),
    unseal: haltTexts.nodesClosed([{ host: vaults[2]!, why: 'no keys could be read on any manager' }], [], 'unseal', inventory),
  },
  notInitialised: { '': haltTexts.notInitialised('rotate', inventory) },
  snapshotFailed: {
    '': haltTexts.snapshotFailed('a snapshot needs a token, and the root token is gone: give one with --token-file', 'vault', inventory),
    manager: haltTexts.snapshotFailed('node2: no space left on /var/lib/vaultctl', 'manager', inventory),
  },
  notReversible: { '': haltTexts.notReversible('its reply to the start of the rekey does not say verification_required: true', inventory) },
  rekeyInterrupted: {
    '': haltTexts.rekeyInterrupted('node1: no space left on /etc/kubernetes', undefined, on(main, 'node1', 'node2', 'node3'), inventory),
    uncancelled: haltTexts.rekeyInterrupted('the connection was reset', 'connection refused', on(main, 'node1', 'node2', 'node3'), inventory),
  },
  sharesWhileSealed: { '': haltTexts.sharesWhileSealed([vaults[1]!], inventory) },
  importRejected: { '': haltTexts.importRejected(inventory) },
  noKeysForSnapshot: { '': haltTexts.noKeysForSnapshot(inventory) },
  noSnapshot: { '': haltTexts.noSnapshot(on(snapshots, 'node1', 'node2', 'node3'), inventory) },
  emptyFirst: { '': haltTexts.emptyFirst(vaults, [...on(rotateTmp, 'node1', 'node2', 'node3'), ...on(main, 'node1', 'node2', 'node3')], inventory) },
  notConfirmed: { '': haltTexts.notConfirmed('production') },
  stageFailed: { '': haltTexts.stageFailed([full], on(main, 'node1', 'node2', 'node3'), inventory) },
  commitUnknown: { '': haltTexts.commitUnknown('rekey verify: the connection was reset', on(rotateTmp, 'node1', 'node2', 'node3'), inventory) },
  restored: { '': haltTexts.restored([...on(main, 'node1'), ...on(previous, 'node1')], inventory) },
  verifyFailed: { '': haltTexts.verifyFailed([`node2:${main}: differs from the others`, `node3:${main}: can be read by others than its owner`], inventory) },
  credentialsLost: { '': haltTexts.credentialsLost(vaults, searched, inventory) },
  initReplyLost: { '': haltTexts.initReplyLost([vault], on(installTmp, 'node1'), '2026-11-22T03:00:00.000Z', inventory) },
  cannotTellLost: { '': haltTexts.cannotTellLost([unknownKey, away], inventory) },
  everyManagerFirst: { '': haltTexts.everyManagerFirst([unknownKey, away], 'recover --reinitialise', inventory) },
  stillUnsealed: { '': haltTexts.stillUnsealed(['vault-1'], 'recover --reinitialise', inventory) },
  keysUnrejected: { '': haltTexts.keysUnrejected(on(main, 'node2'), 'no Vault node is there that could reject them', inventory) },
  keysAreLive: { '': haltTexts.keysAreLive(on(previous, 'node3'), inventory) },
  notGone: { '': haltTexts.notGone(['PVC data-vault-0: used by pod vault-0 (being deleted on worker-2)', 'PVC audit-vault-1: waits for its finalizer snapshot.storage.kubernetes.io/pvc-as-source-protection'], 300, 'recover --reinitialise', inventory) },
  halfCommit: {
    '': haltTexts.halfCommit(snapshot, on(rotateTmp, 'node1', 'node2', 'node3'), [], inventory),
    open: haltTexts.halfCommit(snapshot, on(rotateTmp, 'node1', 'node2', 'node3'), [vaults[1]!], inventory),
    unsaved: haltTexts.halfCommit([], on(rotateTmp, 'node1', 'node2', 'node3'), [], inventory),
  },
};

/** File names of the golden texts: `locked`, `locked.unnamed` → the page. */
export function everySample(): { readonly entry: keyof typeof haltTexts; readonly name: string; readonly text: HaltText }[] {
  return (Object.keys(haltSamples) as (keyof typeof haltTexts)[]).flatMap((entry) =>
    Object.entries(haltSamples[entry]).map(([variant, text]) => ({ entry, name: variant === '' ? entry : `${entry}.${variant}`, text })));
}
