import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { whyNoCluster } from '../cluster/parts.ts';
import { type Cluster, startCluster, stopCluster } from '../cluster/start.ts';
import { notRun } from '../not-run.ts';
import { startProxy } from './connect-proxy.ts';
import { apply, vaultSet } from './vault-set.ts';

const why = whyNoCluster();
const program = resolve(import.meta.dirname, '../../bin/vaultctl.js');
const DIRECT = 'https://127.0.0.1:6443';
/** In the API server's certificate, and known to no resolver: who reaches it went through a proxy that knows it. */
const BEHIND = 'https://kubernetes:6443';
const RUN_WITHIN_MS = 60_000;
const V1 = 'client.authentication.k8s.io/v1';

/** What a program said that was asked something and given `answer`. */
async function answered(words: readonly string[], question: string, answer: string, env: NodeJS.ProcessEnv): Promise<string> {
  const [first, ...args] = words;
  const child = spawn(first!, args, { stdio: ['pipe', 'pipe', 'pipe'], env, timeout: RUN_WITHIN_MS, killSignal: 'SIGKILL' });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const before = said;
    said += text;
    if (!before.includes(question) && said.includes(question)) child.stdin.write(answer);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said += text; });
  child.stdin.on('error', () => undefined);
  await once(child, 'close');
  return said;
}

interface Ended { readonly code: number | null; readonly out: string; readonly err: string }
interface Seen extends Ended { readonly api: boolean; readonly vault: boolean; readonly text: string }
type Env = Readonly<Record<string, string>>;
interface Parts { readonly cluster?: object; readonly user?: object; readonly context?: object; readonly current?: string }

/** What a kubeconfig is worth: vaultctl reads it as kubectl does, on a real API server with a real Vault behind it. */
function kubeconfigTests(): void {
  let cluster: Cluster;
  let scratch: string;
  let token: string;
  const at = (...path: string[]) => join(scratch, ...path);
  const pki = (name: string) => readFileSync(join(cluster.folder, 'pki', name));
  const data = (name: string) => pki(name).toString('base64');
  const trusted = () => ({ server: DIRECT, 'certificate-authority-data': data('ca.crt') });
  const admin = () => ({ 'client-certificate-data': data('admin.crt'), 'client-key-data': data('admin.key') });

  const kubeconfig = (name: string, { cluster: said = trusted(), user = admin(), context = { cluster: 'c', user: 'u' }, current = 'it' }: Parts = {}): string => {
    mkdirSync(join(at(name), '..'), { recursive: true });
    writeFileSync(at(name), JSON.stringify({ apiVersion: 'v1', kind: 'Config', 'current-context': current, clusters: [{ name: 'c', cluster: said }], users: [{ name: 'u', user }], contexts: [{ name: 'it', context }] }));
    return at(name);
  };
  /** @param input `held`: an input that never ends, as a program has it that is run by another */
  const run = async (words: readonly string[], env: Env, around: readonly string[], input: 'held' | 'none'): Promise<Ended> => {
    const [first, ...args] = [...cluster.nsenter, ...around, ...words];
    const child = spawn(first!, args, { stdio: [input === 'held' ? 'pipe' : 'ignore', 'pipe', 'pipe'], timeout: RUN_WITHIN_MS, killSignal: 'SIGKILL', env: { PATH: process.env['PATH'] ?? '', HOME: at('home'), ...env } });
    const said = { out: '', err: '' };
    child.stdout!.setEncoding('utf8').on('data', (text: string) => { said.out += text; });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => { said.err += text; });
    const [code] = await once(child, 'close') as [number | null];
    return { code, ...said };
  };
  const status = async (args: readonly string[], env: Env = {}, around: readonly string[] = []): Promise<Seen> => {
    const ended = await run([process.execPath, program, 'status', '--json', '-i', at('hosts.json'), ...args], env, around, 'held');
    const found = ended.out.startsWith('{') ? JSON.parse(ended.out) as { kubernetes?: { reached?: boolean }; nodes?: { reached?: boolean }[] } : {};
    return { ...ended, text: ended.out + ended.err, api: found.kubernetes?.reached === true, vault: found.nodes?.length === 1 && found.nodes[0]?.reached === true };
  };
  // Without a login it would ask for one.
  const kubectl = (args: readonly string[], env: Env = {}, around: readonly string[] = []) => run([cluster.kubectl, 'get', 'statefulsets', '-n', 'vault', ...args], { KUBECACHEDIR: at('cache'), ...env }, around, 'none');
  /** vaultctl sees its Vault in the pod, and kubectl the same API server. */
  const bothTake = async (args: readonly string[], env: Env = {}, around: readonly string[] = []): Promise<Seen> => {
    const [ours, theirs] = await Promise.all([status(args, env, around), kubectl(args, env, around)]);
    assert.equal(theirs.code, 0, `kubectl: ${theirs.out}${theirs.err}`);
    assert.ok(ours.api && ours.vault, ours.text);
    return ours;
  };
  const bothRefuse = async (args: readonly string[], words: RegExp, code: number, env: Env = {}): Promise<void> => {
    const [ours, theirs] = await Promise.all([status(args, env), kubectl(args, env)]);
    assert.notEqual(theirs.code, 0, `kubectl took it: ${theirs.out}`);
    assert.match(ours.text, words);
    assert.equal(ours.code, code, ours.text);
    assert.doesNotMatch(ours.text, /localhost|8080/);
  };
  const plugin = (name: string, script: string): string => {
    writeFileSync(at(name), `#!/bin/sh\n${script}\n`);
    chmodSync(at(name), 0o755);
    return at(name);
  };
  const gives = (status_: object) => `printf '%s' '${JSON.stringify({ kind: 'ExecCredential', apiVersion: V1, status: status_ })}'`;
  const execUser = (command: string, more: object = {}) => ({ exec: { apiVersion: V1, command, interactiveMode: 'Never', ...more } });

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'vaultctl-kubeconfig-'));
    cluster = await startCluster({ folder: join(scratch, 'cluster') });
    mkdirSync(at('home'));
    mkdirSync(at('keys'), { mode: 0o700 });
    writeFileSync(at('hosts.json'), JSON.stringify({ managers: {
      vars: { ansible_connection: 'local', vault_namespace: 'vault', vault_helm: false, vault_creds_host_path: at('keys/vault-unseal.json'), vault_creds_init_tmp_path: at('keys/init.tmp'), vault_creds_rotate_tmp_path: at('keys/rotate.tmp'), vault_snapshot_dir: at('keys/snapshots') },
      hosts: { here: {} },
    } }));
    await cluster.kubectlDo(['create', 'namespace', 'vault']);
    await apply(cluster, vaultSet({ image: cluster.images.vault, namespace: 'vault', replicas: 1 }));
    await cluster.kubectlDo(['-n', 'vault', 'create', 'serviceaccount', 'operator']);
    await cluster.kubectlDo(['create', 'clusterrolebinding', 'operator', '--clusterrole=cluster-admin', '--serviceaccount=vault:operator']);
    token = (await cluster.kubectlDo(['-n', 'vault', 'create', 'token', 'operator'])).trim();
    const usual = kubeconfig('usual');
    for (const end = Date.now() + 90_000; !(await status(['--kubeconfig', usual])).vault;) assert.ok(Date.now() < end, 'Vault does not answer in its pod');
  });

  after(async () => {
    await stopCluster(join(scratch, 'cluster'));
    rmSync(scratch, { recursive: true, force: true });
  });

  it('client certificates count as data and as files, whose relative paths begin at the kubeconfig; so do a token and a tokenFile', async () => {
    mkdirSync(at('files/pki'), { recursive: true });
    for (const name of ['ca.crt', 'admin.crt', 'admin.key']) copyFileSync(join(cluster.folder, 'pki', name), at('files/pki', name));
    writeFileSync(at('files/token'), `${token}\n`);
    const files = { server: DIRECT, 'certificate-authority': 'pki/ca.crt' };
    await Promise.all([
      bothTake(['--kubeconfig', kubeconfig('files/certificates', { cluster: files, user: { 'client-certificate': 'pki/admin.crt', 'client-key': './pki/admin.key' } })]),
      bothTake(['--kubeconfig', kubeconfig('token', { user: { token } })]),
      bothTake(['--kubeconfig', kubeconfig('files/token-file', { cluster: files, user: { tokenFile: 'token' } })]),
      bothRefuse(['--kubeconfig', kubeconfig('nobody', { user: {} })], /system:anonymous/, 8),
      bothRefuse(['--kubeconfig', kubeconfig('old-token', { user: { token: 'not-a-token' } })], /Unauthorized[\s\S]*(?:run out|whoami)/, 8),
      bothRefuse(['--kubeconfig', kubeconfig('files/as', { cluster: files, user: { ...admin(), as: 'jane', 'as-groups': ['nobody'] } })], /jane/, 8),
      bothTake(['--kubeconfig', kubeconfig('files/as-master', { cluster: files, user: { ...admin(), as: 'jane', 'as-groups': ['nobody', 'system:masters'] } })]),
    ]);
  });

  it('an exec plug-in gives a token or a certificate, reads an input that is empty, and is told just what kubectl tells it', async () => {
    const told = plugin('told', `cat; printf '%s' "$KUBERNETES_EXEC_INFO" > "$0.$WHO"; env > "$0.$WHO.env"; ${gives({ token })}`);
    const extensions = [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'bench' } }];
    const config = kubeconfig('exec/told', { cluster: { ...trusted(), extensions, 'tls-server-name': 'kubernetes' }, user: execUser('../told', { provideClusterInfo: true, env: [{ name: 'OWN', value: 'said in the kubeconfig' }] }) });
    const certificates = kubeconfig('exec/certificates', { user: execUser(plugin('certificates', gives({ clientCertificateData: pki('admin.crt').toString(), clientKeyData: pki('admin.key').toString() }))) });
    const [ours, theirs] = await Promise.all([status(['--kubeconfig', config], { WHO: 'us', VAULT_TOKEN: 'hvs.for-vault-alone' }), kubectl(['--kubeconfig', config], { WHO: 'kubectl' })]);
    assert.ok(ours.vault, ours.text);
    assert.equal(theirs.code, 0, theirs.err);
    const info = (who: string) => JSON.parse(readFileSync(`${told}.${who}`, 'utf8')) as { spec: { cluster: { config: object } } };
    assert.deepEqual(info('us'), info('kubectl'));
    assert.deepEqual(info('us').spec.cluster.config, { audience: 'bench' });
    assert.match(readFileSync(`${told}.us.env`, 'utf8'), /^OWN=said in the kubeconfig$/m);
    assert.doesNotMatch(readFileSync(`${told}.us.env`, 'utf8'), /for-vault-alone/);
    await bothTake(['--kubeconfig', certificates]);
  });

  it('an exec plug-in that asks a person has the terminal, as with kubectl', async () => {
    const config = kubeconfig('exec/person', { user: execUser(plugin('person', `printf 'the word? ' >&2; read word; [ "$word" = sesame ] && ${gives({ token })}`), { interactiveMode: 'IfAvailable' }) });
    const atTerminal = (words: readonly string[]) => answered([...cluster.nsenter, 'script', '-qefc', words.map((word) => `'${word}'`).join(' '), '/dev/null'], 'the word?', 'sesame\n', { PATH: process.env['PATH'] ?? '', HOME: at('home') });
    const [ours, theirs] = await Promise.all([
      atTerminal([process.execPath, program, 'status', '-i', at('hosts.json'), '--kubeconfig', config]),
      atTerminal([cluster.kubectl, 'get', 'statefulsets', '-n', 'vault', '--kubeconfig', config]),
    ]);
    assert.match(theirs, /the word\?[\s\S]*vault +\d\/1/);
    assert.match(ours, /the word\?[\s\S]*vault-0 +(?:uninitialised|active)/);
  });

  it('an exec plug-in whose token is refused is asked once more, and its new one is taken', async () => {
    const command = plugin('second', `if [ -e "$0.asked" ]; then ${gives({ token })}; else : > "$0.asked"; ${gives({ token: 'revoked-in-the-meantime' })}; fi`);
    const seen = await status(['--kubeconfig', kubeconfig('exec/second', { user: execUser(command) })]);
    assert.ok(seen.vault, seen.text);
  });

  it('an exec plug-in that fails, is missing, answers nonsense or hangs is named with what it said: exit 8, in the time that is given', async () => {
    const config = (name: string, script: string | undefined, more: object = {}) => ['--kubeconfig', kubeconfig(`exec/${name}`, { user: execUser(script === undefined ? 'no-such-plugin' : plugin(name, script), more) })];
    const startMs = performance.now();
    const hanging = status([...config('hanging', 'sleep 600'), '--timeout', '3']).then((seen) => ({ ...seen, tookMs: performance.now() - startMs }));
    await Promise.all([
      bothRefuse(config('failing', `echo "the login has expired: run 'cloud login'; token=${token}" >&2; exit 7`), /exec plug-in \S+failing failed \(exit code 7\): the login has expired: run 'cloud login'; token=\[redacted\]/, 8),
      bothRefuse(config('missing', undefined, { installHint: 'apt-get install no-such-plugin' }), /exec plug-in no-such-plugin is not there; apt-get install no-such-plugin/, 8),
      bothRefuse(config('nonsense', 'echo hello'), /did not answer with JSON/, 8),
      bothRefuse(config('other', gives({ token }).replace(V1, `${V1}beta1`)), /answered in client\.authentication\.k8s\.io\/v1beta1/, 8),
      bothRefuse(config('asks', gives({ token }), { interactiveMode: 'Always' }), /no terminal/, 8),
    ]);
    const { code, text, tookMs } = await hanging;
    assert.match(text, /exec plug-in \S+hanging gave no answer within 3 s, and was ended/);
    assert.equal(code, 8);
    assert.ok(tookMs < 30_000, String(tookMs));
    const flow = await run([process.execPath, program, 'install', '-i', at('hosts.json'), '--timeout', '2', ...config('hanging-again', 'sleep 600')], {}, [], 'held');
    assert.equal(flow.code, 8, flow.err);
    assert.match(flow.err, /gave no answer within 2 s[\s\S]*Not done/);
  });

  it('--context chooses, and several files of KUBECONFIG are merged as kubectl merges them', async () => {
    const closed = { server: 'https://127.0.0.1:1', 'certificate-authority-data': data('ca.crt') };
    const entry = (kind: string, name: string, what: object) => ({ name, [kind]: what });
    const file = (name: string, parts: object) => { writeFileSync(at(name), JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...parts })); return at(name); };
    const first = file('first', { contexts: [entry('context', 'good', { cluster: 'c', user: 'u' }), entry('context', 'bad', { cluster: 'closed', user: 'u' })], clusters: [entry('cluster', 'c', trusted())], users: [] });
    const second = file('second', { 'current-context': 'good', clusters: [entry('cluster', 'c', closed), entry('cluster', 'closed', closed)], users: [entry('user', 'u', admin())] });
    const third = file('third', { 'current-context': 'bad', users: [entry('user', 'u', {})] });
    await Promise.all([
      bothTake([], { KUBECONFIG: [at('not-there'), first, '', second, third].join(':') }),
      bothTake(['--context', 'good'], { KUBECONFIG: [third, first, second].join(':').replace(`${third}:`, '') }),
      bothRefuse(['--context', 'bad'], /127\.0\.0\.1:1 \(context bad\) does not answer: ECONNREFUSED/, 8, { KUBECONFIG: [first, second].join(':') }),
      bothRefuse([], /127\.0\.0\.1:1 \(context good\) does not answer/, 8, { KUBECONFIG: [second, first].join(':') }),
    ]);
  });

  it('what is missing or contradicts itself is said before anybody is asked, and localhost is never the answer', async () => {
    const damaged = at('damaged');
    writeFileSync(damaged, 'clusters: [');
    const cases: [string[], RegExp][] = [
      [['--kubeconfig', at('gone')], /gone cannot be read as a kubeconfig: ENOENT/],
      [['--kubeconfig', damaged], /damaged cannot be read as a kubeconfig/],
      [['--kubeconfig', at('usual'), '--context', 'prod'], /has no context prod[\s\S]*contexts there: it/],
      [['--kubeconfig', kubeconfig('no-cluster', { context: { cluster: 'x', user: 'u' } })], /names a cluster that is not in it/],
      [['--kubeconfig', kubeconfig('no-user', { context: { cluster: 'c', user: 'x' } })], /names a user that is not in it/],
      [['--kubeconfig', kubeconfig('half', { user: { 'client-certificate-data': data('admin.crt') } })], /a client certificate and no client-key/],
      [['--kubeconfig', kubeconfig('both', { cluster: { ...trusted(), 'insecure-skip-tls-verify': true } })], /certificate authority and insecure-skip-tls-verify/],
      [['--kubeconfig', kubeconfig('no-ca', { cluster: { server: DIRECT, 'certificate-authority': 'gone.crt' } })], /certificate-authority \S+gone\.crt cannot be read: ENOENT/],
    ];
    // kubectl refuses them too, some of them by asking localhost:8080 first, and we ask nobody.
    for (const { code, out } of await Promise.all(cases.map(([args]) => kubectl(args)))) assert.notEqual(code, 0, `kubectl took it: ${out}`);
    const localhost = await startProxy(cluster, { port: 8080 });
    try {
      await Promise.all([
        ...cases.map(([args, words]) => status(args).then(({ code, text }) => { assert.match(text, words); assert.equal(code, 2, text); })),
        status([]).then(({ code, text }) => { assert.equal(code, 2, text); assert.match(text, /no kubeconfig: .*\.kube\/config is not there/); }),
        status([], { KUBECONFIG: at('gone') }).then(({ code, text }) => { assert.equal(code, 2, text); assert.match(text, /no file of \$KUBECONFIG is there/); }),
      ]);
      assert.deepEqual(localhost.seen(), []);
    } finally { await localhost.close(); }
  });

  it('the API server is known by its certificate: another CA and another name are refused, tls-server-name and insecure-skip-tls-verify count, with a warning', async () => {
    const other = 'https://127.0.0.2:6443';
    const ca = { 'certificate-authority-data': data('ca.crt') };
    const [, , , insecure] = await Promise.all([
      bothRefuse(['--kubeconfig', kubeconfig('tls/other-ca', { cluster: { server: DIRECT, 'certificate-authority-data': data('front-proxy-ca.crt') } })], /TLS failed \([A-Z_]+\): its certificate and the kubeconfig do not agree/, 8),
      bothRefuse(['--kubeconfig', kubeconfig('tls/other-name', { cluster: { server: other, ...ca } })], /TLS failed \(ERR_TLS_CERT_ALTNAME_INVALID\)/, 8),
      bothTake(['--kubeconfig', kubeconfig('tls/named', { cluster: { server: other, ...ca, 'tls-server-name': 'kubernetes.default' } })]),
      bothTake(['--kubeconfig', kubeconfig('tls/insecure', { cluster: { server: other, 'insecure-skip-tls-verify': true } })]),
      bothRefuse(['--kubeconfig', kubeconfig('tls/machine', { cluster: { server: DIRECT } })], /TLS failed/, 8),
      // What turns Node's verification off turns ours not off.
      status(['--kubeconfig', kubeconfig('tls/environment', { cluster: { server: DIRECT } })], { NODE_TLS_REJECT_UNAUTHORIZED: '0' }).then((seen) => assert.match(seen.text, /TLS failed/)),
    ]);
    assert.match(insecure.err, /insecure-skip-tls-verify: whoever stands between/);
  });

  it('through the proxy of proxy-url, http and socks5, goes everything, the websockets of the port-forward too', async () => {
    const proxy = await startProxy(cluster);
    const guarded = await startProxy(cluster, { login: 'me:let-me-in' });
    const mute = await startProxy(cluster, { mute: true });
    const withTls = (name: string) => startProxy(cluster, { tls: { cert: join(cluster.folder, 'pki', `${name}.crt`), key: join(cluster.folder, 'pki', `${name}.key`) } });
    const [covered, strange] = await Promise.all([withTls('kube-apiserver'), withTls('front-proxy')]);
    try {
      const through = (name: string, url: string) => ['--kubeconfig', kubeconfig(`proxy/${name}`, { cluster: { ...trusted(), server: BEHIND, 'proxy-url': url } })];
      // One that takes the connection and says nothing ends a run with that, and nothing of it stays.
      const startMs = performance.now();
      const silent = status(through('mute', `http://127.0.0.1:${mute.port}`)).then((seen) => ({ ...seen, tookMs: performance.now() - startMs }));
      await bothTake(through('http', `http://127.0.0.1:${proxy.port}`));
      const http = proxy.seen();
      assert.ok(http.length >= 3 && http.every((line) => line === 'connect kubernetes:6443'), http.join('\n'));
      await status(through('http-again', `http://127.0.0.1:${proxy.port}`));
      const alone = proxy.seen();
      assert.ok(alone.length >= 2 && alone.length <= 5, `${alone.length} connections`);
      await bothTake(through('socks', `socks5://127.0.0.1:${proxy.port}`));
      const socks = proxy.seen();
      assert.ok(socks.length >= 3 && socks.every((line) => line === 'socks kubernetes:6443'), socks.join('\n'));
      await bothTake(through('login', `http://me:let-me-in@127.0.0.1:${guarded.port}`));
      await bothRefuse(through('no-login', `http://me:let-me-out@127.0.0.1:${guarded.port}`), /through the proxy http:\/\/127\.0\.0\.1:\d+ \(proxy-url\)\) does not answer: the proxy answers 407/, 8);
      await bothRefuse(through('closed', 'http://127.0.0.1:1'), /through the proxy http:\/\/127\.0\.0\.1:1 \(proxy-url\)\) does not answer: ECONNREFUSED/, 8);
      await bothRefuse(through('strange', 'ftp://127.0.0.1:1'), /the proxy-url of cluster c must be http:\/\/, https:\/\/ or socks5:\/\//, 2);
      // One that is spoken to over TLS is known by the cluster's authority.
      assert.doesNotMatch((await bothTake(through('https', `https://127.0.0.1:${covered.port}`))).err, /Warning/);
      const tls = covered.seen();
      assert.ok(tls.length >= 3 && tls.every((line) => line === 'connect kubernetes:6443'), tls.join('\n'));
      await bothRefuse(through('strange-https', `https://127.0.0.1:${strange.port}`), /TLS failed/, 8);
      const { code, text, tookMs } = await silent;
      assert.match(text, /through the proxy \S+ \(proxy-url\)\) does not answer/);
      assert.equal(code, 8, text);
      assert.ok(tookMs < 40_000, String(tookMs));
    } finally { await Promise.all([proxy, guarded, mute, covered, strange].map((each) => each.close())); }
  });

  it('HTTPS_PROXY and NO_PROXY count as for kubectl, and not where proxy-url is set or the server is on loopback', async () => {
    const [proxy, other] = await Promise.all([startProxy(cluster), startProxy(cluster)]);
    try {
      const behind = ['--kubeconfig', kubeconfig('env/behind', { cluster: { ...trusted(), server: BEHIND } })];
      const own = ['--kubeconfig', kubeconfig('env/own', { cluster: { ...trusted(), server: BEHIND, 'proxy-url': `http://127.0.0.1:${other.port}` } })];
      const address = `127.0.0.1:${proxy.port}`;
      await bothTake(behind, { HTTPS_PROXY: `http://${address}` });
      const seen = proxy.seen();
      assert.ok(seen.length >= 3 && seen.every((line) => line === 'connect kubernetes:6443'), seen.join('\n'));
      await bothTake(behind, { https_proxy: address, NO_PROXY: '127.0.0.1,.kubernetes,kubernetes:443' });
      assert.ok(proxy.seen().length >= 3);
      await bothTake(behind, { HTTPS_PROXY: `socks5://${address}` });
      assert.ok(proxy.seen().every((line) => line.startsWith('socks ')));
      await bothRefuse(behind, /kubernetes:6443 \(context it\) does not answer: (?:ENOTFOUND|EAI_AGAIN)/, 8, { HTTPS_PROXY: `http://${address}`, no_proxy: 'other,kubernetes' });
      await bothRefuse(behind, /does not answer: (?:ENOTFOUND|EAI_AGAIN)/, 8, { HTTP_PROXY: `http://${address}`, ALL_PROXY: `http://${address}` });
      await bothTake(own, { HTTPS_PROXY: 'http://127.0.0.1:1', NO_PROXY: '*' });
      assert.ok(other.seen().length >= 3);
      await bothTake(['--kubeconfig', at('usual')], { HTTPS_PROXY: `http://${address}` });
      await bothTake(['--kubeconfig', kubeconfig('env/bridge', { cluster: { ...trusted(), server: 'https://10.89.0.1:6443' } })], { HTTPS_PROXY: `http://${address}`, NO_PROXY: '10.0.0.0/8' });
      assert.deepEqual(proxy.seen(), []);
      const whole = await run([process.execPath, program, 'install', '-i', at('hosts.json'), ...behind], { HTTPS_PROXY: `http://${address}` }, [], 'held');
      assert.equal(whole.code, 0, `${whole.out}${whole.err}`);
      assert.ok(proxy.seen().length >= 3);
    } finally { await proxy.close(); await other.close(); }
  });

  it('plain http is taken to loopback, where kubectl proxy listens, and nowhere else', async () => {
    const [first, ...args] = [...cluster.nsenter, cluster.kubectl, 'proxy', '--port=0', '--kubeconfig', at('usual')];
    const near = spawn(first!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [line] = await once(near.stdout.setEncoding('utf8'), 'data') as [string];
      const port = /:(\d+)/.exec(line)?.[1];
      await bothTake(['--kubeconfig', kubeconfig('near', { cluster: { server: `http://127.0.0.1:${port}` }, user: {} })]);
      const far = await status(['--kubeconfig', kubeconfig('far', { cluster: { server: 'http://10.89.0.1:8080' }, user: {} })]);
      assert.equal(far.code, 2, far.text);
      assert.match(far.text, /plain http: .*; unseal keys would cross the network in the clear/);
    } finally {
      const gone = once(near, 'exit');
      near.kill('SIGTERM');
      await gone;
    }
  });

  it('in a pod it is the service account that the kubelet mounted there, where no kubeconfig is at hand', async () => {
    const mounted = ['unshare', '--mount', 'sh', '-euc', 'mount -t tmpfs tmpfs /run; mkdir -p /run/secrets/kubernetes.io/serviceaccount; cp "$1" /run/secrets/kubernetes.io/serviceaccount/ca.crt; printf %s "$2" > /run/secrets/kubernetes.io/serviceaccount/token; shift 2; exec "$@"', 'sh', join(cluster.folder, 'pki/ca.crt')];
    const inPod = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };
    await bothTake([], inPod, [...mounted, token]);
    await bothTake(['--kubeconfig', at('usual')], inPod, [...mounted, 'another']);
    const { code, text } = await status([], inPod, [...mounted, 'not-a-token']);
    assert.equal(code, 8, text);
    assert.match(text, /https:\/\/10\.96\.0\.1:443 [\s\S]*Unauthorized/);
  });
}

describe('a kubeconfig, on a real Kubernetes and beside the real kubectl', { timeout: 600_000 }, () => {
  if (why === undefined) kubeconfigTests();
  else it('cannot be tried here', () => { notRun('kubeconfig and proxies, on a real Kubernetes', why); });
});
