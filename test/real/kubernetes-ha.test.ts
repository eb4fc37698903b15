import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { whyNoCluster } from '../cluster/parts.ts';
import { type Cluster, startCluster, stopCluster } from '../cluster/start.ts';
import { notRun } from '../not-run.ts';
import { makeCertificates } from './vault.ts';
import { apply, namespaceNamed, vaultSet } from './vault-set.ts';

const why = whyNoCluster();
/** Replicas that joined an instant ago do not vote for some ten seconds, and a busy machine adds to it. */
const TRIES = 180;
/** Who joined votes after a leader has seen it well for ten seconds, and looked again ten later; each new leader begins to count anew. */
const VOTES_AFTER_MS = 22_000;
const launcher = fileURLToPath(new URL('../../bin/vaultctl.js', import.meta.url));

interface Report {
  readonly exit: number; readonly verdict: string; readonly nodes: readonly { readonly name: string; readonly reached: boolean; readonly initialized?: boolean; readonly sealed?: boolean; readonly health?: string; readonly cluster_id?: string; readonly error?: string }[];
  readonly managers: readonly { readonly files: readonly { readonly role: string; readonly fingerprint?: string }[] }[];
}

function haTests(): void {
  let cluster: Cluster;
  let scratch: string;
  let ca: { readonly right: string; readonly wrong: string };

  /** Words of a command line: an inventory for the set in `namespace`, with its own folder of keys. */
  const inventory = (namespace: string, vars: object = {}) => {
    const keys = join(scratch, `keys-${namespace}`);
    mkdirSync(keys, { recursive: true, mode: 0o700 });
    const at = (name: string) => join(keys, name);
    const path = join(scratch, `${namespace}.json`);
    writeFileSync(path, JSON.stringify({ managers: { hosts: { localhost: { ansible_connection: 'local' } }, vars: {
      vault_namespace: namespace, vault_kubeconfig: cluster.kubeconfig, vault_cluster_name: namespace,
      vault_creds_host_path: at('main.json'), vault_creds_init_tmp_path: at('init.tmp'), vault_creds_rotate_tmp_path: at('rotate.tmp'), vault_snapshot_dir: at('snapshots'), ...vars,
    } } }));
    return ['-i', path];
  };
  const vaultctl = (words: readonly string[], env: NodeJS.ProcessEnv = {}) => new Promise<{ code: number | null; text: string; out: string }>((resolve, reject) => {
    const [program, ...inside] = [...cluster.nsenter, process.execPath, launcher, ...words];
    const child = spawn(program!, inside, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '', HOME: scratch, ...env }, timeout: 180_000 });
    const said = { text: '', out: '' };
    child.stdout.setEncoding('utf8').on('data', (part: string) => { said.text += part; said.out += part; });
    child.stderr.setEncoding('utf8').on('data', (part: string) => { said.text += part; });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...said }));
  });
  const well = async (...words: string[]) => { const ended = await vaultctl(words); assert.equal(ended.code, 0, ended.text); return ended; };
  const look = async (words: readonly string[], env: NodeJS.ProcessEnv = {}) => JSON.parse((await vaultctl(['status', '--json', ...words], env)).out) as Report;
  const until = async (what: string, words: readonly string[], holds: (seen: Report) => boolean) => {
    for (let tries = 0; ; tries += 1) {
      const seen = await look(words);
      if (holds(seen)) return seen;
      assert.ok(tries < TRIES, `never: ${what}: ${JSON.stringify(seen.nodes)}`);
      await sleep(500);
    }
  };
  const states = ({ nodes }: Report) => nodes.map(({ health }) => String(health)).toSorted((a, b) => (a < b ? -1 : 1));
  const leaderOf = ({ nodes }: Report) => nodes.find(({ health }) => health === 'active')?.name;
  const answering = (count: number) => ({ nodes }: Report) => nodes.length === count && nodes.every(({ reached }) => reached);

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'vaultctl-ha-'));
    cluster = await startCluster({ folder: join(scratch, 'cluster') });
    const files = makeCertificates(join(scratch, 'tls'), ['*.vault-internal']);
    ca = { right: files.ca, wrong: makeCertificates(join(scratch, 'other-tls')).ca };
    const [cert, key, authority] = [files.cert, files.key, files.ca].map((path) => readFileSync(path, 'utf8'));
    const image = cluster.images.vault;
    await apply(cluster, [
      namespaceNamed('tls'), namespaceNamed('join'),
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'vault-tls', namespace: 'tls' }, stringData: { 'tls.crt': cert, 'tls.key': key, 'ca.crt': authority } },
      ...vaultSet({ image, namespace: 'tls', replicas: 3, tlsSecret: 'vault-tls' }), ...vaultSet({ image, namespace: 'join', replicas: 3, retryJoin: true }),
    ]);
  });
  after(async () => {
    await stopCluster(join(scratch, 'cluster'));
    rmSync(scratch, { recursive: true, force: true });
  });

  it('a Vault with TLS is known by the authorities of the machine, and by a name that its certificate is for', async () => {
    await until('its pods answer', inventory('tls', { vault_cacert: ca.right }), answering(3));
    const seen = await look(inventory('tls'), { SSL_CERT_FILE: ca.right });
    assert.deepEqual(states(seen), ['uninitialised', 'uninitialised', 'uninitialised']);
  });

  it('another CA, none, and another name are clear errors with exit 8, and nothing is sent', async () => {
    for (const [vars, words] of [
      [{ vault_cacert: ca.wrong }, /its certificate (?:is from an unknown authority|was not signed by the CA)/], [{}, /unknown authority: set vault_cacert .* or vault_ca_secret/],
      [{ vault_cacert: ca.right, vault_tls_server_name: 'vault.example' }, /its certificate is for 127\.0\.0\.1, \*\.vault-internal: set vault_tls_server_name/],
    ] as const) {
      const { exit, nodes } = await look(inventory('tls', vars));
      assert.equal(exit, 8);
      for (const { error } of nodes) assert.match(error ?? '', words);
    }
    const missing = await look(inventory('tls', { vault_ca_secret: 'nothing' }));
    assert.equal(missing.exit, 8);
    assert.match(missing.nodes[0]?.error ?? '', /secrets "nothing" not found/);
    const keyless = await vaultctl(['status', ...inventory('tls', { vault_ca_secret: 'vault-tls/root.pem' })]);
    assert.deepEqual([keyless.code, /the Secret tls\/vault-tls has no key root\.pem[\s\S]*it has: ca\.crt, tls\.crt, tls\.key/.test(keyless.text)], [2, true], keyless.text);
  });

  it('an install by the CA of a Secret initialises one replica, and has the others join it over TLS', async () => {
    const words = inventory('tls', { vault_ca_secret: 'vault-tls' });
    await well('install', ...words);
    const seen = await look(words);
    assert.deepEqual([seen.exit, states(seen)], [0, ['active', 'standby', 'standby']]);
    assert.equal(new Set(seen.nodes.map(({ cluster_id: id }) => id)).size, 1);
  });

  it('a pod that was rescheduled, the leader too, and one that was added are open after unseal', async () => {
    const words = inventory('tls', { vault_ca_secret: 'vault-tls' });
    // The others may not vote yet, seconds after they joined: then nobody leads until this one is open again.
    await cluster.kubectlDo(['-n', 'tls', 'delete', 'pod', leaderOf(await look(words))!, '--wait=true']);
    await cluster.kubectlDo(['-n', 'tls', 'scale', 'statefulset', 'vault', '--replicas=4']);
    await until('four pods answer', words, answering(4));
    await well('unseal', ...words);
    const seen = await look(words);
    assert.deepEqual([seen.exit, states(seen)], [0, ['active', 'standby', 'standby', 'standby']]);
  });

  it('rotate goes to the leader, whichever pod that is, and verify proves the new keys on it', async () => {
    const words = inventory('tls', { vault_cacert: ca.right });
    const mark = ({ managers }: Report) => managers[0]?.files.find(({ role }) => role === 'main')?.fingerprint;
    const { root_token: token } = JSON.parse(readFileSync(join(scratch, 'keys-tls/main.json'), 'utf8')) as { root_token: string };
    // Until the others vote the same one leads again.
    let steppedMs = Date.now();
    const before0 = await until('another pod than the first leads', words, (seen) => {
      const leader = leaderOf(seen);
      const due = leader === 'vault-0' && Date.now() > steppedMs + VOTES_AFTER_MS;
      // Ten seconds away, and the others count anew from then on.
      if (due) steppedMs = Date.now() + 10_000;
      if (due) void cluster.kubectlDo(['-n', 'tls', 'exec', '-i', leader, '--', 'sh', '-euc', 'read VAULT_TOKEN; export VAULT_TOKEN; vault operator step-down -tls-skip-verify'], `${token}\n`).catch(() => undefined);
      return leader !== undefined && leader !== 'vault-0';
    });
    await well('rotate', ...words);
    const seen = await look(words);
    assert.notEqual(leaderOf(seen), 'vault-0');
    assert.notEqual(mark(seen), mark(before0));
    await well('verify', ...words);
  });

  it('replicas that find their leader by retry_join are joined and open after an install, without TLS', async () => {
    const words = inventory('join');
    await until('its pods answer', words, answering(3));
    await well('install', ...words);
    const seen = await look(words);
    assert.deepEqual([seen.exit, states(seen)], [0, ['active', 'standby', 'standby']]);
    assert.equal(new Set(seen.nodes.map(({ cluster_id: id }) => id)).size, 1);
  });

  it('without its API server status, verify and plan show what the managers hold, and end with 8', async () => {
    const words = inventory('join');
    await cluster.killComponent('kube-apiserver');
    const shown = await vaultctl(['status', ...words]);
    assert.equal(shown.code, 8, shown.text);
    assert.match(shown.text, /Kubernetes\n {2}not reached: the API server .* does not answer: ECONNREFUSED[\s\S]*localhost {2}[0-9a-f]{8} {2}2 of 3[\s\S]*Verdict: Kubernetes cannot be reached/);
    for (const command of [['verify'], ['plan', 'rotate'], ['unseal']]) {
      const ended = await vaultctl([...command, ...words]);
      assert.equal(ended.code, 8, ended.text);
      assert.match(ended.text, /ECONNREFUSED\n {2}the managers, looked at all the same:\n {4}localhost {2}[0-9a-f]{8} {2}2 of 3/);
    }
  });
}

if (why === undefined) describe('several replicas, and TLS, on a real Kubernetes', haTests);
else notRun('several replicas, and TLS, on a real Kubernetes', why);
