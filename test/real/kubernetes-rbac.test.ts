import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { whyNoCluster } from '../cluster/parts.ts';
import { type Cluster, startCluster, stopCluster } from '../cluster/start.ts';
import { notRun } from '../not-run.ts';
import { untilIn } from './kube-until.ts';
import { auditLines, distinct, grantedBy, manifestOf, namesFor, type RbacObject, usedBy, writeAccountKubeconfig } from './rights.ts';
import { apply as applyTo, namespaceNamed, vaultSet } from './vault-set.ts';

const why = whyNoCluster();
const launcher = fileURLToPath(new URL('../../bin/vaultctl.js', import.meta.url));
/** One account for each way of use, with what its page of docs/kubernetes.md says and nothing beside. */
const DAILY = 'vault/daily';
const INSTALL = 'vault/install';
const RECOVER = 'vault/recover';
const RESTORE = 'vault/restore';
const WATCH = 'vault/vaultctl-unseal';
/** A server before 1.35 never asks for it. */
const LATER = 'vault: create pods/portforward';

/** Takes its pods down one by one and waits for each to be Ready: sealed, it waits for ever. */
const ordered = (image: string) => vaultSet({ image, namespace: 'vault', replicas: 2, retryJoin: true, probed: true, ordered: true });

const around = [
  namespaceNamed('vault'),
  ...[DAILY, INSTALL, RECOVER, RESTORE].map((account) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: account.split('/')[1], namespace: 'vault' } })),
  // As the chart has it (server.authDelegator): Vault asks the API server about the tokens that it is shown.
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'vault-reviews-tokens' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' }, subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'vault' }] },
];

/** What the inventory's own manifests need, as docs/kubernetes.md has it. */
const own = (verbs: readonly string[]): readonly RbacObject[] => [
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'own', namespace: 'default' }, rules: [{ apiGroups: [''], resources: ['serviceaccounts'], verbs }] } as RbacObject,
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: 'own', namespace: 'default' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'own' }, subjects: [INSTALL, RECOVER].map((account) => ({ kind: 'ServiceAccount', namespace: 'vault', name: account.split('/')[1] })) } as RbacObject,
];

interface Ended { readonly code: number | null; readonly out: string; readonly err: string }

function rbacTests(): void {
  let cluster: Cluster;
  let scratch: string;
  let inventory: string;
  const children = new Set<ChildProcess>();
  const kubeconfigOf = (account: string) => join(scratch, `${account.replace('/', '-')}.kubeconfig`);

  /** vaultctl in the cluster's network as one of the accounts. */
  const start = (account: string, ...args: string[]) => {
    const [program, ...inside] = [...cluster.nsenter, process.execPath, launcher, ...args, '-i', inventory, '--kubeconfig', kubeconfigOf(account)];
    const child = spawn(program!, inside, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '', HOME: scratch } });
    children.add(child);
    const told = { out: '', err: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => { told.out += text; });
    child.stderr.setEncoding('utf8').on('data', (text: string) => { told.err += text; });
    const ended = once(child, 'close').then(([code]): Ended => { children.delete(child); return { code: code as number | null, ...told }; });
    return { child, told, ended };
  };
  const vaultctl = (account: string, ...args: string[]): Promise<Ended> => start(account, ...args).ended;
  const well = async (account: string, ...args: string[]): Promise<Ended> => {
    const ended = await vaultctl(account, ...args);
    assert.equal(ended.code, 0, `${args.join(' ')}:\n${ended.out}${ended.err}`);
    return ended;
  };
  const kubectl = (...args: string[]) => cluster.kubectlDo(['-n', 'vault', ...args]);
  const apply = (objects: readonly object[]) => applyTo(cluster, objects);
  const until = untilIn(() => cluster);
  const asked = (account: string) => usedBy(cluster.auditLog, account);
  /** Objects as they stand, but for what the controllers write by themselves. */
  const standing = async () => (await kubectl('get', 'statefulset,pvc', '-o', 'jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.metadata.generation} {.metadata.annotations}{"\\n"}{end}'));

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'vaultctl-rbac-'));
    cluster = await startCluster({ folder: join(scratch, 'cluster'), audited: [DAILY, INSTALL, RECOVER, RESTORE, WATCH].map((account) => `system:serviceaccount:${account.replace('/', ':')}`) });
    mkdirSync(join(scratch, 'keys'), { mode: 0o700 });
    inventory = join(scratch, 'hosts.yaml');
    const at = (name: string) => join(scratch, 'keys', name);
    writeFileSync(inventory, JSON.stringify({ all: {
      vars: {
        ansible_connection: 'local', vault_namespace: 'vault', vault_helm: false, vault_key_shares: 3, vault_key_threshold: 2, vault_cluster_name: 'bench',
        vault_creds_host_path: at('vault-unseal.json'), vault_creds_init_tmp_path: at('init.json.tmp'), vault_creds_rotate_tmp_path: at('rotate.json.tmp'), vault_snapshot_dir: at('snapshots'),
        vault_install_post: [{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'application-sa', namespace: 'default' } }],
        vault_secrets_engines: [{ path: 'secret/', type: 'kv', options: { version: 2 } }],
        vault_policies: [{ name: 'internal-app', policy: 'path "secret/data/internal/*" { capabilities = ["read"] }' }],
        vault_k8s_auth: { config: { kubernetes_host: 'https://kubernetes.default.svc:443' } },
        vault_k8s_roles: [{ name: 'application', bound_service_account_names: 'application-sa', bound_service_account_namespaces: 'default', token_policies: ['internal-app'] }],
      },
      children: { managers: { hosts: { here: {} } } },
    } }));
    await apply([...around, ...manifestOf('unseal-watch.yaml').filter(({ kind }) => /^(?:ServiceAccount|Role|RoleBinding)$/.test(kind))]);
    for (const account of [DAILY, INSTALL, RECOVER, RESTORE, WATCH]) await writeAccountKubeconfig(cluster, account, kubeconfigOf(account));
  });

  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await stopCluster(join(scratch, 'cluster'));
    rmSync(scratch, { recursive: true, force: true });
  });

  it('an account without any right is told who it is and which rule is missing, and nothing is touched: exit 8', async () => {
    const status = await vaultctl(INSTALL, 'status');
    assert.equal(status.code, 8, status.out);
    assert.match(status.out, /cannot list resource "(?:pods|statefulsets)"[\s\S]*resources: \[(?:pods|statefulsets)\], verbs: \[list\]\} to a Role that is bound to system:serviceaccount:vault:install/);
    for (const command of ['install', 'rotate', 'unseal']) {
      const { code, err } = await vaultctl(INSTALL, command);
      assert.equal(code, 8, err);
      assert.match(err, /^Kubernetes refuses vaultctl a right[\s\S]*refused to system:serviceaccount:vault:install:\n +list (?:pods|statefulsets\.apps) in namespace vault\n +missing in a Role of namespace vault[\s\S]*resources: \[(?:pods|statefulsets)\], verbs: \[list\]/);
      assert.match(err, /Nothing was touched[\s\S]*kubectl apply -f deploy\/kubernetes\/rbac\.yaml[\s\S]*kubectl auth can-i list .* --as system:serviceaccount:vault:install/);
    }
    assert.ok(!existsSync(join(scratch, 'keys/vault-unseal.json')));
    assert.ok(asked(INSTALL).every(({ allowed }) => !allowed));
  });

  it('the right to see pods without the one to reach them is told as that, at once', async () => {
    const daily = manifestOf('rbac.yaml', [DAILY, INSTALL, RECOVER, RESTORE]);
    const blind = daily.map((object) => (object.rules === undefined ? object : { ...object, rules: object.rules.filter(({ resources }) => !resources.includes('pods/portforward')) }));
    await apply([...blind, ...manifestOf('rbac-install.yaml', [INSTALL, RECOVER]), ...manifestOf('rbac-verify.yaml', [DAILY, INSTALL, RECOVER]), ...own(['get', 'patch'])]);
    await apply(ordered(cluster.images.vault));
    await kubectl('wait', 'pod/vault-0', '--for=jsonpath={.status.phase}=Running', '--timeout=60s').catch(() => undefined);
    await until('vault-0 runs', async () => (await kubectl('get', 'pod', 'vault-0', '-o', 'jsonpath={.status.phase}').catch(() => '')) === 'Running');
    const { code, err } = await vaultctl(INSTALL, 'install', '--timeout', '60');
    assert.equal(code, 8, err);
    assert.match(err, /get pods\/portforward vault-0 in namespace vault\n[\s\S]*resources: \[pods\/portforward\], verbs: \[get, create\]/);
    await kubectl('delete', 'statefulset', 'vault', '--wait=true');
    await kubectl('delete', 'pvc', '--all', '--wait=true');
    await apply(daily);
  });

  it('install says with these rights why a pod is not there: the last words of a crash, the claim that is not bound', async () => {
    await apply([
      { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data-vault-1', namespace: 'vault' }, spec: { storageClassName: 'absent', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
      ...vaultSet({ image: cluster.images.vault, namespace: 'vault', replicas: 2, probed: true, config: 'storage "nothing" {}\n' }),
    ]);
    await until('vault-0 has crashed', async () => Number(await kubectl('get', 'pod', 'vault-0', '-o', 'jsonpath={.status.containerStatuses[0].restartCount}').catch(() => '')) > 0);
    let err = '';
    // Between two crashes it runs for a moment, and its last words are not the reason then.
    await until('it says why', async () => {
      const ended = await vaultctl(INSTALL, 'install', '--timeout', '3');
      assert.equal(ended.code, 8, ended.err);
      err = ended.err;
      return /vault-0: .*its last words: /.test(err);
    }, 120_000);
    assert.match(err, /vault-1: .*PVC data-vault-1 is Pending \(storage class absent\): .*not found/);
    await kubectl('delete', 'statefulset', 'vault', '--wait=true');
    await kubectl('delete', 'pvc', '--all', '--wait=true');
  });

  it('a manifest of the inventory that may be patched and not created ends the install with that right, the keys being delivered', async () => {
    await apply(ordered(cluster.images.vault));
    await until('the set is seen', async () => (await vaultctl(INSTALL, 'status')).code !== 8);
    const { code, out, err } = await vaultctl(INSTALL, 'install');
    assert.equal(code, 8, `${out}${err}`);
    assert.match(err, /during: bring about what comes after[\s\S]*create serviceaccounts[\s\S]*missing in a Role of namespace default/);
    assert.ok(existsSync(join(scratch, 'keys/vault-unseal.json')));
    await apply(own(['get', 'patch', 'create']));
    const again = await well(INSTALL, 'install');
    assert.match(again.out, /ok +role application: default\/application-sa logs in/);
  });

  it('install uses each right that its manifests give, and no other', () => {
    const granted = grantedBy([...manifestOf('rbac.yaml'), ...manifestOf('rbac-install.yaml'), ...manifestOf('rbac-verify.yaml'), ...own(['get', 'patch'])]);
    const used = distinct(asked(INSTALL).filter(({ allowed }) => allowed));
    assert.deepEqual(used, granted.filter((right) => right !== LATER));
  });

  it('status, rotate, unseal, distribute, verify and configure do with rbac.yaml, and rbac-verify.yaml for the login; each right is used', async () => {
    await kubectl('delete', 'lease', 'vaultctl-vault');
    await well(DAILY, 'rotate');
    await kubectl('delete', 'pod', 'vault-1', '--wait=true');
    await until('vault-1 answers, sealed', async () => (await vaultctl(DAILY, 'status')).code === 4);
    await well(DAILY, 'unseal');
    await until('the standby has caught up', async () => (await vaultctl(DAILY, 'status')).code === 0);
    await well(DAILY, 'distribute');
    assert.match((await well(DAILY, 'verify')).out, /ok +role application: default\/default is refused/);
    await well(DAILY, 'configure');
    assert.match((await well(DAILY, 'status')).out, /PVC data-vault-1 +Bound/);
    const seen = asked(DAILY);
    assert.deepEqual(seen.filter(({ allowed }) => !allowed), []);
    assert.deepEqual(distinct(seen), grantedBy([...manifestOf('rbac.yaml'), ...manifestOf('rbac-verify.yaml')]).filter((right) => right !== LATER));
  });

  it('without a Role for the token of a service account, verify names it', async () => {
    await cluster.kubectlDo(['-n', 'default', 'delete', 'rolebinding', 'vaultctl-verify']);
    const { code, err } = await vaultctl(DAILY, 'verify');
    assert.equal(code, 8, err);
    assert.match(err, /create serviceaccounts\/token application-sa in namespace default[\s\S]*rbac-verify\.yaml/);
    await apply(manifestOf('rbac-verify.yaml', [DAILY, INSTALL, RECOVER]));
  });

  it('unseal --watch with the account of its manifest opens a pod that was deleted, and uses each of its rights', async () => {
    const watch = start(WATCH, 'unseal', '--watch', '-e', '{"vault_reach": "pod-ip", "vault_allow_http": true}');
    await until('it watches', () => watch.told.out.includes('vaultctl: watching'));
    await kubectl('delete', 'pod', 'vault-1', '--wait=true');
    await until('vault-1 is unsealed', () => watch.told.out.includes('vault-1: unsealed\n') && watch.told.out.split('vault-1: unsealed').length > 2);
    watch.child.kill('SIGTERM');
    assert.equal((await watch.ended).code, 143);
    const seen = asked(WATCH);
    assert.deepEqual(seen.filter(({ allowed }) => !allowed), []);
    assert.deepEqual(distinct(seen), grantedBy(manifestOf('unseal-watch.yaml')));
  });

  it('recover --reinitialise without its Role names every right that it lacks before it touches anything', async () => {
    renameSync(join(scratch, 'keys'), join(scratch, 'lost-keys'));
    mkdirSync(join(scratch, 'keys'), { mode: 0o700 });
    for (const pod of ['vault-0', 'vault-1']) await kubectl('exec', pod, '--', 'sh', '-c', 'kill 1');
    await until('both are up again, sealed', async () => {
      const { nodes } = JSON.parse((await vaultctl(DAILY, 'status', '--json')).out) as { nodes: { reached: boolean; sealed?: boolean }[] };
      return nodes.length === 2 && nodes.every(({ reached, sealed }) => reached && sealed === true);
    });
    const before_ = await standing();
    const from = auditLines(cluster.auditLog).length;
    const { code, err } = await vaultctl(DAILY, 'recover', '--reinitialise', '--confirm', 'bench');
    assert.equal(code, 8, err);
    for (const right of ['patch statefulsets.apps vault', 'delete pods vault-0', 'delete pods vault-1', 'delete persistentvolumeclaims data-vault-0', 'delete persistentvolumeclaims data-vault-1']) assert.ok(err.includes(`${right} in namespace vault\n`), `${right}: ${err}`);
    assert.match(err, /Nothing was touched[\s\S]*kubectl apply -f deploy\/kubernetes\/rbac-recover\.yaml/);
    assert.equal(await standing(), before_);
    assert.deepEqual(usedBy(cluster.auditLog, DAILY, from).filter(({ right }) => /patch|delete/.test(right)), []);
  });

  it('recover --reinitialise goes through with its Role, and uses each right of it', async () => {
    const recovering = manifestOf('rbac-recover.yaml', [RECOVER]);
    await apply(recovering);
    const { out } = await well(RECOVER, 'recover', '--reinitialise', '--confirm', 'bench');
    assert.match(out, /delete the PVCs and wait until they are gone/);
    const seen = asked(RECOVER);
    assert.deepEqual(seen.filter(({ allowed }) => !allowed), []);
    const others = grantedBy([...manifestOf('rbac.yaml'), ...manifestOf('rbac-install.yaml'), ...manifestOf('rbac-verify.yaml'), ...own(['get', 'patch'])]);
    assert.deepEqual(distinct(seen).filter((right) => !others.includes(right)), grantedBy(recovering));
  });

  it('recover --restore-snapshot goes through with that Role and rbac.yaml alone, and uses each right of them but one; without it, it touches nothing', async () => {
    const keys = () => readFileSync(join(scratch, 'keys/vault-unseal.json'), 'utf8');
    const snapped = keys();
    await well(DAILY, 'rotate');
    assert.notEqual(keys(), snapped);
    // Somebody has made another Vault in its place.
    await kubectl('delete', 'statefulset', 'vault', '--wait=true');
    await kubectl('delete', 'pvc', '--all', '--wait=true');
    await apply(ordered(cluster.images.vault));
    await until('both pods are there, empty', async () => (await kubectl('get', 'pod', 'vault-1', '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}').catch(() => '')) === 'True');
    assert.match(await kubectl('exec', 'vault-0', '--', 'vault', 'operator', 'init', '-key-shares=1', '-key-threshold=1'), /Initial Root Token/);
    await kubectl('delete', 'lease', 'vaultctl-vault');
    const before_ = await standing();
    const refused = await vaultctl(RESTORE, 'recover', '--restore-snapshot', '--confirm', 'bench');
    assert.equal(refused.code, 8, refused.err);
    for (const right of ['patch statefulsets.apps vault', 'delete pods vault-1', 'delete persistentvolumeclaims data-vault-1']) assert.ok(refused.err.includes(`${right} in namespace vault\n`), `${right}: ${refused.err}`);
    assert.equal(await standing(), before_);

    const recovering = manifestOf('rbac-recover.yaml', [RESTORE]);
    await apply(recovering);
    assert.match((await well(RESTORE, 'recover', '--restore-snapshot', '--confirm', 'bench')).out, /restore it into the empty server/);
    const seen = asked(RESTORE);
    assert.deepEqual(seen.filter(({ allowed }) => !allowed), []);
    // A pod that never joined is Ready, and so both are taken down without help, unlike two that are sealed (above).
    assert.deepEqual(distinct(seen), grantedBy([...manifestOf('rbac.yaml'), ...recovering]).filter((right) => ![LATER, 'vault: delete pods'].includes(right)));
    assert.equal(keys(), snapped);
    assert.equal((await vaultctl(DAILY, 'status')).code, 0);
  });

  it('whatever is bound to names was used on nothing else', () => {
    const all = ['rbac.yaml', 'rbac-verify.yaml', 'rbac-recover.yaml'].flatMap((file) => manifestOf(file));
    let bound = 0;
    for (const { right, name } of [DAILY, INSTALL, RECOVER, RESTORE].flatMap(asked).filter(({ allowed }) => allowed)) {
      const names = namesFor(all, right);
      if (names === undefined || names.length === 0) continue;
      assert.ok(name !== undefined && names.includes(name), `${right}: ${name}`);
      bound += 1;
    }
    assert.ok(bound > 10, String(bound));
  });
}

describe('the least rights in Kubernetes', { timeout: 900_000 }, () => {
  if (why === undefined) rbacTests();
  else it('cannot be tried here', () => { notRun('vaultctl with the least rights of deploy/kubernetes, on a real Kubernetes', why); });
});
