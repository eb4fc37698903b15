import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { closeNamespaces, findNamespaces, openNamespaces } from '../cluster/namespaces.ts';
import { clusterParts, whyNoCluster } from '../cluster/parts.ts';
import { type Cluster, startCluster, stopCluster } from '../cluster/start.ts';
import { notRun } from '../not-run.ts';

const run = promisify(execFile);
const why = whyNoCluster();

/** Every process in the network namespace "net:[4026532...]". */
function processesIn(netns: string): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/net`) === netns;
    } catch {
      return false;
    }
  });
}

/** In which hierarchies of cgroups there is that one. */
const cgroupsNamed = (name: string) => ['.', ...readdirSync('/sys/fs/cgroup')].filter((hierarchy) => existsSync(join('/sys/fs/cgroup', hierarchy, name)));

/** Vault with raft on a claimed volume, as the user that HashiCorp's image has. */
function vaultPod(image: string): string {
  const config = 'storage "raft" { path = "/vault/data" performance_multiplier = 1 }\nlistener "tcp" { address = "0.0.0.0:8200" cluster_address = "0.0.0.0:8201" tls_disable = true }\napi_addr = "http://$(POD_IP):8200"\ncluster_addr = "http://$(POD_IP):8201"\ndisable_mlock = true\n';
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [
    { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'application-sa' } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'vault-reviews-tokens' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' }, subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
    },
    {
      apiVersion: 'v1', kind: 'Pod', metadata: { name: 'vault' },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{
          name: 'vault', image, imagePullPolicy: 'Never', args: ['sh', '-c', 'echo "$CONFIG" > /tmp/vault.hcl; exec vault server -config=/tmp/vault.hcl'],
          env: [{ name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }, { name: 'CONFIG', value: config }, { name: 'VAULT_ADDR', value: 'http://127.0.0.1:8200' }],
          volumeMounts: [{ name: 'data', mountPath: '/vault/data' }],
        }],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
      },
    },
  ] });
}

/** "200 {...}": what a GET inside the cluster's network is answered; tried until it is, for at most 30 s. */
async function answerTo(cluster: Cluster, url: string): Promise<string> {
  const [program, ...args] = [...cluster.nsenter, process.execPath, '-e', 'fetch(process.argv[1]).then(async (r) => console.log(r.status, await r.text()))', url];
  for (let tries = 1; ; tries += 1) {
    try {
      return (await run(program, args)).stdout;
    } catch (cause) {
      if (tries === 60) throw cause;
      await sleep(500);
    }
  }
}

function clusterTests(): void {
  let cluster: Cluster;
  let netns: string;
  let scratch: string;

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'vaultctl-cluster-'));
    cluster = await startCluster({ folder: join(scratch, 'cluster') });
    netns = readlinkSync(cluster.netns);
  });

  after(async () => {
    await stopCluster(join(scratch, 'cluster'));
    rmSync(scratch, { recursive: true, force: true });
  });

  it('is of the version that its programs are, and its node is Ready', async () => {
    const { serverVersion, clientVersion } = JSON.parse(await cluster.kubectlDo(['version', '-o', 'json'])) as Record<string, { gitVersion: string }>;
    assert.match(serverVersion?.gitVersion ?? '', /^v1\.34\./);
    assert.equal(clientVersion?.gitVersion, serverVersion?.gitVersion);
    assert.match(await cluster.kubectlDo(['get', 'nodes', '--no-headers']), / Ready /);
  });

  it('runs a pod of Vault on a claimed volume, which answers through a port-forward, and finds names', async () => {
    await cluster.kubectlDo(['apply', '-f', '-'], vaultPod(cluster.images.vault));
    await cluster.kubectlDo(['wait', '--for=condition=Ready', 'pod/vault', '--timeout=60s']);
    const [program, ...args] = [...cluster.nsenter, cluster.kubectl, `--kubeconfig=${cluster.kubeconfig}`, 'port-forward', 'pod/vault', ':8200'];
    const forward = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [line] = await once(forward.stdout.setEncoding('utf8'), 'data') as [string];
      const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      assert.match(await answerTo(cluster, `http://127.0.0.1:${port}/v1/sys/health`), /^501 .*"initialized":false/);
    } finally {
      forward.kill();
    }
    assert.match(await cluster.kubectlDo(['exec', 'vault', '--', 'nslookup', 'kubernetes.default.svc.cluster.local']), /Address.*10\.96\.0\.1\b/);
  });

  it("lets a service account log in to the pod's Vault, and refuses another", async () => {
    const inPod = (script: string, input = '') => cluster.kubectlDo(['exec', '-i', 'vault', '--', 'sh', '-euc', script], input);
    const init = JSON.parse(await inPod('vault operator init -key-shares=1 -key-threshold=1 -format=json')) as { unseal_keys_b64: string[]; root_token: string };
    await inPod(`read key; vault write sys/unseal key="$key" > /dev/null
      read VAULT_TOKEN; export VAULT_TOKEN
      until vault auth enable kubernetes; do sleep 0.5; done
      vault write auth/kubernetes/config kubernetes_host=https://kubernetes.default.svc
      vault write auth/kubernetes/role/application bound_service_account_names=application-sa bound_service_account_namespaces=default audience=vault ttl=1m`, `${init.unseal_keys_b64[0]}\n${init.root_token}\n`);
    const login = async (account: string) => inPod('read jwt; vault write -format=json auth/kubernetes/login role=application jwt="$jwt"', `${await cluster.kubectlDo(['create', 'token', account, '--audience=vault'])}\n`);
    assert.match(await login('application-sa'), /"service_account_name": "application-sa"/);
    await assert.rejects(login('default'), /403/);
  });

  it('has an API server that can be killed and comes back, while the pod lives on', async () => {
    const startOf = () => cluster.kubectlDo(['get', 'pod', 'vault', '-o', 'jsonpath={.status.containerStatuses[0].state.running.startedAt}']);
    const started = await startOf();
    await cluster.killComponent('kube-apiserver');
    await assert.rejects(startOf(), /refused/);
    cluster.startComponent('kube-apiserver');
    for (let tries = 0; await cluster.kubectlDo(['get', '--raw', '/readyz']).catch(() => '') !== 'ok'; tries += 1) {
      assert.ok(tries < 300, 'the API server is not back after 30 s and more');
      await sleep(100);
    }
    assert.equal(await startOf(), started);
  });

  it('goes down and leaves no process, mount, namespace, cgroup or folder', async () => {
    assert.ok(processesIn(netns).length > 8);
    const cgroup = findNamespaces(cluster.folder)?.cgroup ?? '';
    assert.notDeepEqual(cgroupsNamed(cgroup), []);
    await cluster.stop();
    assert.deepEqual(processesIn(netns), []);
    assert.deepEqual(cgroupsNamed(cgroup), []);
    assert.ok(!existsSync(cluster.folder));
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(cluster.folder));
    // Another cluster may run and need the folders; nothing is ever in them here.
    for (const place of ['/var/lib/kubelet', '/var/lib/cni', '/tmp/hostpath_pv']) assert.deepEqual(existsSync(place) ? readdirSync(place) : [], [], place);
    await cluster.stop();
  });
}

function namespaceTests(): void {
  it('keep their own places while others that needed the same ones begin and end', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'vaultctl-cluster-'));
    const { programs } = await clusterParts();
    const inTurn = async (name: string) => {
      const folder = join(scratch, name);
      for (let round = 0; round < 8; round += 1) {
        mkdirSync(folder);
        const { inside: [program = '', ...args] } = await openNamespaces(folder, programs.pause, { outlivesUs: false });
        await sleep(round * 7);
        const { stdout } = await run(program, [...args, 'cat', '/proc/self/mountinfo']);
        await closeNamespaces(folder);
        for (const place of ['/var/lib/kubelet', '/tmp/hostpath_pv']) assert.ok(stdout.includes(` ${place} `), `${name}, round ${round}: ${place} was taken from under it`);
      }
    };
    try {
      await Promise.all(['one', 'two', 'three'].map(inTurn));
    } finally {
      for (const name of ['one', 'two', 'three']) await stopCluster(join(scratch, name));
      rmSync(scratch, { recursive: true, force: true });
    }
  });

  it('end with a maker that is killed, and what is left of the folder can be cleared', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'vaultctl-cluster-'));
    const folder = join(scratch, 'cluster');
    try {
      mkdirSync(folder);
      const { programs } = await clusterParts();
      const module = new URL('../cluster/namespaces.ts', import.meta.url).href;
      writeFileSync(join(scratch, 'maker.ts'), `import { openNamespaces } from ${JSON.stringify(module)};
        await openNamespaces(${JSON.stringify(folder)}, ${JSON.stringify(programs.pause)}, { outlivesUs: false });
        console.log('open'); setInterval(() => {}, 1000);`);
      const maker = spawn(process.execPath, [join(scratch, 'maker.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(maker.stdout, 'data');
      const netns = readlinkSync(`/proc/${findNamespaces(folder)?.pid}/ns/net`);
      maker.kill('SIGKILL');
      for (let tries = 0; processesIn(netns).length > 0; tries += 1) {
        assert.ok(tries < 100, 'they outlive their maker by 10 s');
        await sleep(100);
      }
      await stopCluster(folder);
      assert.ok(!existsSync(folder));
    } finally {
      await stopCluster(folder);
      rmSync(scratch, { recursive: true, force: true });
    }
  });
}

if (why === undefined) {
  describe('a real one-node Kubernetes', clusterTests);
  describe('the namespaces of a cluster', namespaceTests);
} else {
  notRun('a real one-node Kubernetes, and Vault in its pods', why);
}
