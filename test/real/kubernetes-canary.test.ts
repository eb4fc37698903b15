import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { clusterParts, whyNoCluster } from '../cluster/parts.ts';
import { notRun } from '../not-run.ts';
import { Canary, canTrace, sampleProcesses, traced, type Watch } from './canary.ts';
import { KubeWorld } from './kube-world.ts';

const launcher = resolve(import.meta.dirname, '../../bin/vaultctl.js');
const chart = fileURLToPath(new URL('vault-chart', import.meta.url));
const why = whyNoCluster();
const everyDebug = { DEBUG: '*', VAULTCTL_DEBUG: '1', HELM_DEBUG: '1', NODE_DEBUG: 'http,https,net,tls,stream,child_process', NODE_OPTIONS: '--trace-tls' };
/** What the API server keeps of each kind is searched as it is, and Helm's own packed words unpacked. */
const KINDS = 'events,leases,configmaps,secrets,serviceaccounts,statefulsets,pods,services,persistentvolumeclaims,controllerrevisions,endpointslices';

function canaryTests(): void {
  const evidence = mkdtempSync(join(tmpdir(), 'vaultctl-kube-canary-'));
  let world: KubeWorld;
  let canary: Canary;
  let processes: Watch | undefined;
  let runs = 0;
  let passed = '';

  before(async () => {
    const { programs } = await clusterParts();
    mkdirSync(join(evidence, 'searched'));
    canary = new Canary(evidence);
    processes = sampleProcesses(join(evidence, 'searched', 'processes'));
    world = await KubeWorld.start({ deploy: false, audit: true, vars: {
      vault_helm_chart: chart, vault_helm_binary: programs.helm4,
      vault_install_pre: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'vault' } }],
      vault_install_post: [{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'application-sa', namespace: 'default' } }],
      vault_secrets_engines: [{ path: 'secret/', type: 'kv', options: { version: 2 } }],
      vault_policies: [{ name: 'internal-app', policy: 'path "secret/data/internal/*" { capabilities = ["read"] }' }],
      vault_k8s_roles: [{ name: 'application', bound_service_account_names: 'application-sa', bound_service_account_namespaces: 'default', token_policies: ['internal-app'] }],
      vault_helm_values: { server: { image: (await clusterParts()).images.vault.name, replicas: 1 } },
    } });
    world.front.onBytes((frame) => { passed += frame.subarray(1).toString('latin1'); });
  });
  after(async () => {
    await processes?.stop();
    await world?.end();
    rmSync(evidence, { recursive: true, force: true });
  });

  /** What crossed the port-forwards in the clear, and what stands in the files that are there to hold it. */
  function learn(): void {
    for (const [, kind = '', value = ''] of passed.matchAll(/"(key|root_token|client_token)":"([^"]+)"/g)) canary.add(kind, value);
    for (const [, list = ''] of passed.matchAll(/"keys(?:_base64)?":\[([^\]]+)\]/g)) for (const [, share = ''] of list.matchAll(/"([^"]+)"/g)) canary.add('share', share);
    for (const [, token = ''] of passed.matchAll(/x-vault-token: (\S+)/gi)) canary.add('token', token);
    for (const name of world.names) {
      for (const file of readdirSync(world.keysFolder(name)).filter((one) => one.endsWith('.json'))) {
        const { root_token: token, unseal_keys: shares } = JSON.parse(readFileSync(join(world.keysFolder(name), file), 'utf8')) as { root_token?: string; unseal_keys?: string[] };
        for (const secret of [token ?? '', ...shares ?? []]) canary.add('file', secret);
      }
    }
  }

  async function run(argv: readonly string[], env?: Record<string, string>): Promise<string> {
    const name = `run-${runs += 1}-${argv[0]}`;
    const under = env === undefined && canTrace() ? traced(join(evidence, 'searched', `${name}.execs`)) : [];
    const [program, ...args] = [...under, process.execPath, launcher, ...argv, '-i', world.inventory, '-l', 'm1'];
    const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], HOME: world.folder, ...env } });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { said += text; });
    const code = await new Promise((done) => { child.once('close', done); });
    writeFileSync(join(evidence, 'searched', `${name}.said`), said);
    assert.equal(code, 0, said);
    return said;
  }

  /** All that the cluster has kept, into the searched folder. */
  async function keepTheClustersMemory(): Promise<void> {
    const at = (name: string) => join(evidence, 'searched', name);
    writeFileSync(at('objects'), await world.cluster.kubectlDo(['get', KINDS, '--all-namespaces', '-o', 'json', '--show-managed-fields']));
    writeFileSync(at('release'), await helm('get', 'all', 'vault', '-n', 'vault'));
    for (const name of readdirSync(world.cluster.folder).filter((file) => file.endsWith('.log'))) copyFileSync(join(world.cluster.folder, name), at(name));
    for (const name of world.names) if (readdirSync(join(world.folder, name)).includes('journal.ndjson')) copyFileSync(join(world.folder, name, 'journal.ndjson'), at(`${name}.journal`));
  }

  async function helm(...args: string[]): Promise<string> {
    const child = spawn(world.cluster.helm4, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env['PATH'], HOME: world.folder, KUBECONFIG: world.kubeconfig } });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => { said += text; });
    assert.equal(await new Promise((done) => { child.once('close', done); }), 0, said);
    return said;
  }

  it('is in what every verb is started with, says or leaves in the cluster', async () => {
    const installed = await run(['install']);
    assert.match(installed, /application-sa logs in/);
    await run(['rotate', '--json']);
    await world.kubectl('delete', 'pod', 'vault-0', '--wait=true');
    await world.answers((status) => status === 503);
    await run(['unseal', '-vvv'], everyDebug);
    await run(['rotate', '-vvv'], everyDebug);
    await run(['configure', '-vvv'], everyDebug);
    for (const verb of ['verify', 'status']) await run([verb, '--json', '-vvv'], everyDebug);
    learn();
    await processes?.stop();
    await keepTheClustersMemory();
    assert.ok(canary.count >= 14, `${canary.count} secrets were known`);
    if (canTrace()) assert.match(readFileSync(join(evidence, 'searched', 'run-1-install.execs'), 'utf8'), /execve\(.*helm.*"upgrade"/, 'helm was seen');
    else notRun('every execve of vaultctl and helm on the way to Kubernetes', 'strace is missing or not allowed here');
    assert.match(readFileSync(join(evidence, 'searched', 'audit.log'), 'utf8'), /leases\/vaultctl-vault.*"requestObject":\{/, 'bodies are in the audit log');
    assert.match(readFileSync(join(evidence, 'searched', 'objects'), 'utf8'), /vaultctl\.io\/flow/);
    assert.deepEqual(canary.findBelow(join(evidence, 'searched')).map((path) => basename(path)), []);
  });

  it('would go unseen: one that is put into an annotation is found in the object, and in the audit log', async () => {
    const { unseal_keys: [share = ''] } = JSON.parse(world.files()[0]!) as { unseal_keys: string[] };
    await world.kubectl('annotate', 'statefulset', 'vault', `leaked=${share}`);
    await keepTheClustersMemory();
    assert.deepEqual(canary.findBelow(join(evidence, 'searched')).map((path) => basename(path)), ['audit.log', 'objects']);
  });
}

describe('no secret of a real run on Kubernetes', { timeout: 600_000 }, () => {
  if (why === undefined) canaryTests();
  else it('cannot be looked for here', () => { notRun('the search for secrets in helm, the API server\'s objects and its audit log', why); });
});
