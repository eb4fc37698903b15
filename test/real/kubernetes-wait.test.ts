import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { whyNoCluster } from '../cluster/parts.ts';
import { type Cluster, startCluster, stopCluster } from '../cluster/start.ts';
import { notRun } from '../not-run.ts';
import { apply, namespaceNamed, type SetOptions, vaultSet } from './vault-set.ts';

const why = whyNoCluster();
const program = resolve(import.meta.dirname, '../../bin/vaultctl.js');
const GIVES_UP_AFTER_S = 10;
/** Made up, in the forms that a program may print them in. */
const TOKEN = 'hvs.CAESIJlmWnoSecretThatNobodyMaySee0123456789';
const PASSWORD = 'correct-horse-battery';

interface Ended { readonly code: number | null; readonly out: string; readonly err: string }
interface PodSpec { nodeSelector?: object; readonly containers: { image: string; imagePullPolicy: string; args: string[] }[] }

function waitTests(): void {
  let cluster: Cluster;
  let scratch: string;
  const children = new Set<ChildProcess>();
  const keys = (namespace: string) => join(scratch, namespace, 'vault-unseal.json');
  const inventory = (namespace: string) => join(scratch, namespace, 'hosts.json');
  const kubectl = (namespace: string, ...args: string[]) => cluster.kubectlDo(['-n', namespace, ...args]);

  const install = (namespace: string, timeoutS: number) => {
    const [first, ...args] = [...cluster.nsenter, process.execPath, program, 'install', '-i', inventory(namespace), '--kubeconfig', cluster.kubeconfig, '--timeout', String(timeoutS)];
    const child = spawn(first!, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '', HOME: scratch } });
    children.add(child);
    const told = { out: '', err: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => { told.out += text; });
    child.stderr.setEncoding('utf8').on('data', (text: string) => { told.err += text; });
    const ended = once(child, 'close').then(([code]): Ended => { children.delete(child); return { code: code as number | null, ...told }; });
    return { told, ended };
  };

  /** A namespace with its own managers' folder, and in it a set in which one thing is changed. */
  const world = async (namespace: string, options: Partial<SetOptions> | undefined, change: (spec: PodSpec) => void = () => undefined): Promise<void> => {
    mkdirSync(join(scratch, namespace), { mode: 0o700 });
    const at = (name: string) => join(scratch, namespace, name);
    writeFileSync(inventory(namespace), JSON.stringify({ managers: {
      vars: { ansible_connection: 'local', vault_namespace: namespace, vault_helm: false, vault_key_shares: 1, vault_key_threshold: 1, vault_creds_host_path: keys(namespace), vault_creds_init_tmp_path: at('init.tmp'), vault_creds_rotate_tmp_path: at('rotate.tmp'), vault_snapshot_dir: at('snapshots') },
      hosts: { here: {} },
    } }));
    const objects = options === undefined ? [] : vaultSet({ image: cluster.images.vault, namespace, replicas: 1, ...options });
    const set = objects[1] as { spec: { template: { spec: PodSpec } } } | undefined;
    if (set !== undefined) change(set.spec.template.spec);
    await apply(cluster, [namespaceNamed(namespace), ...objects]);
  };

  /** The line while it waits and the page at the end say why; what was not done, what comes next; and no key was made. */
  const givesUp = async (namespace: string, reason: RegExp, ask = `kubectl -n ${namespace} describe pod vault-0\n`): Promise<string> => {
    const { code, out, err } = await install(namespace, GIVES_UP_AFTER_S).ended;
    assert.equal(code, 8, `${out}${err}`);
    assert.match(out, new RegExp(`waiting: .*${reason.source}`), out);
    const page = /^Not every Vault pod answers within (\d+) s\n([\s\S]*?)\n\nSafe:\n([\s\S]*?)\n\nNot done:\n([\s\S]*?)\n\nNext:\n([\s\S]*)$/.exec(err);
    assert.ok(page !== null, err);
    const [, seconds, details = '', safe = '', notDone = '', next = ''] = page;
    assert.ok(Number(seconds) >= GIVES_UP_AFTER_S && Number(seconds) < GIVES_UP_AFTER_S + 20, seconds);
    assert.match(details, reason);
    assert.match(safe, /no keys are at stake/);
    assert.ok(next.startsWith(`  ${ask}`), next);
    assert.match(notDone, /Vault was not initialised/);
    assert.ok(next.includes(`vaultctl install -i ${inventory(namespace)} --kubeconfig ${cluster.kubeconfig}   (--timeout SECONDS waits longer`), next);
    assert.ok(!existsSync(keys(namespace)));
    return `${out}${err}`;
  };
  /** It waits and says why; what stands in its way is taken away; it goes on to its end. */
  const goesOn = async (namespace: string, reason: RegExp, mend: () => Promise<unknown>): Promise<void> => {
    const { told, ended } = install(namespace, 120);
    for (const end = Date.now() + 60_000; !reason.test(told.out); await sleep(100)) assert.ok(Date.now() < end, `it does not say why: ${told.out}${told.err}`);
    assert.ok(!existsSync(keys(namespace)));
    await mend();
    const { code, out, err } = await ended;
    assert.equal(code, 0, `${out}${err}`);
    assert.ok(existsSync(keys(namespace)));
  };

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'vaultctl-wait-'));
    cluster = await startCluster({ folder: join(scratch, 'cluster') });
    await Promise.all([
      world('nowhere', {}, (spec) => { spec.nodeSelector = { disk: 'fast' }; }),
      world('pulled', {}, (spec) => { Object.assign(spec.containers[0]!, { image: 'registry.invalid/vault:9', imagePullPolicy: 'IfNotPresent' }); }),
      world('never-pulled', { image: 'vaultctl.test/not-loaded:1' }),
      world('unbound', { storageClass: 'absent' }),
      world('crashing', {}, (spec) => { spec.containers[0]!.args = [`echo starting; echo 'cannot log in at https://me:${PASSWORD}@db:5432 with token=${TOKEN} and password: "${PASSWORD}"'; exit 3`]; }),
      world('scaled-down', { replicas: 0 }),
      world('empty', undefined),
    ]);
  });

  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await stopCluster(join(scratch, 'cluster'));
    rmSync(scratch, { recursive: true, force: true });
  });

  it('each reason why no Vault answers is said while install waits, and on the page with which it gives up: exit 8', async () => {
    const told = await Promise.all([
      givesUp('nowhere', /vault-0: unschedulable: 0\/1 nodes are available: .*node affinity\/selector/),
      givesUp('pulled', /vault-0: container vault: (?:ErrImagePull|ImagePullBackOff): .*registry\.invalid\/vault:9/),
      givesUp('never-pulled', /vault-0: container vault: ErrImageNeverPull: .*vaultctl\.test\/not-loaded:1/),
      givesUp('unbound', /vault-0: unschedulable: .*; PVC data-vault-0 is Pending \(storage class absent\): storageclass\S* "absent" not found/),
      givesUp('crashing', /vault-0: .*its last words: cannot log in at https:\/\/\[redacted\]@db:5432 with token=\[redacted\] and password: \[redacted\]/),
      givesUp('scaled-down', /vault: StatefulSet scaled-down\/vault is scaled to 0/, 'kubectl -n scaled-down scale statefulset vault --replicas=1'),
      givesUp('empty', /vault: no StatefulSet in namespace empty has pods with app\.kubernetes\.io\/instance=vault,component=server/, 'kubectl -n empty get statefulsets --show-labels'),
    ]);
    for (const text of told) assert.ok(!text.includes(TOKEN) && !text.includes(TOKEN.slice(4)) && !text.includes(PASSWORD), text);
  });

  it('where the reason goes away while it waits, install goes on to its end', async () => {
    await Promise.all([
      goesOn('nowhere', /unschedulable/, () => cluster.kubectlDo(['label', 'node', '--all', 'disk=fast'])),
      goesOn('never-pulled', /ErrImageNeverPull/, async () => {
        await kubectl('never-pulled', 'set', 'image', 'statefulset/vault', `vault=${cluster.images.vault}`);
        await kubectl('never-pulled', 'delete', 'pod', 'vault-0', '--wait=false');
      }),
      goesOn('unbound', /PVC data-vault-0 is Pending/, () => cluster.kubectlDo(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'absent' }, provisioner: 'kubernetes.io/host-path' }))),
      goesOn('scaled-down', /scaled to 0/, () => kubectl('scaled-down', 'scale', 'statefulset/vault', '--replicas=1')),
      goesOn('empty', /no StatefulSet in namespace empty/, () => apply(cluster, vaultSet({ image: cluster.images.vault, namespace: 'empty', replicas: 1 }))),
    ]);
  });
}

describe('waiting for pods that do not come, on a real Kubernetes', { timeout: 300_000 }, () => {
  if (why === undefined) waitTests();
  else it('cannot be tried here', () => { notRun('the reasons why a pod is not there, on a real Kubernetes', why); });
});
