import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { askPlugin, PluginError } from '../../src/adapters/kube-exec.ts';
import { KubeLogin } from '../../src/adapters/kube-login.ts';
import type { ExecConfig } from '../../src/adapters/kubeconfig-check.ts';
import { redact } from '../../src/model/secret.ts';

const folder = mkdtempSync(join(tmpdir(), 'vaultctl-plugin-'));
after(() => { rmSync(folder, { recursive: true }); });
const V1 = 'client.authentication.k8s.io/v1';
const cluster = { name: 'c', server: 'https://10.0.0.1:6443', skipTLSVerify: false, caData: 'Q0E=', execConfig: { audience: 'x' } };
const plugin = (script: string, more: Partial<ExecConfig> = {}): ExecConfig => ({ command: '/bin/sh', args: ['-c', script, 'plugin'], apiVersion: V1, interactiveMode: 'Never', ...more });
const says = (status: object, apiVersion = V1) => `printf '%s' '${JSON.stringify({ kind: 'ExecCredential', apiVersion, status })}'`;
const failed = async (exec: ExecConfig, patienceMs = 10_000): Promise<PluginError> => {
  try { await askPlugin(exec, cluster, patienceMs); } catch (error) { if (error instanceof PluginError) return error; throw error; }
  throw new Error('it was taken');
};

describe('an exec plug-in of a kubeconfig', () => {
  it('gives a token, which is in nobody\'s output from then on', async () => {
    assert.deepEqual(await askPlugin(plugin(says({ token: 'plug-in-token-1' })), cluster, 10_000), { token: 'plug-in-token-1' });
    assert.equal(redact('Bearer plug-in-token-1'), 'Bearer [redacted]');
  });

  it('is told what client-go tells it: version, no terminal, the cluster where it wants that; its own environment over ours, none of Vault\'s', async () => {
    const seen = join(folder, 'seen');
    process.env['VAULT_TOKEN'] = 'hvs.not-for-plugins';
    try {
      await askPlugin(plugin(`cat > '${seen}.stdin'; env > '${seen}.env'; printf '%s' "$KUBERNETES_EXEC_INFO" > '${seen}'; ${says({ token: 'x' })}`, { provideClusterInfo: true, env: [{ name: 'OWN', value: 'a b' }] }), cluster, 10_000);
    } finally { delete process.env['VAULT_TOKEN']; }
    assert.deepEqual(JSON.parse(readFileSync(seen, 'utf8')), { kind: 'ExecCredential', apiVersion: V1, spec: { interactive: false, cluster: { server: cluster.server, 'certificate-authority-data': 'Q0E=', config: { audience: 'x' } } } });
    assert.equal(readFileSync(`${seen}.stdin`, 'utf8'), '');
    assert.match(readFileSync(`${seen}.env`, 'utf8'), /^OWN=a b$/m);
    assert.doesNotMatch(readFileSync(`${seen}.env`, 'utf8'), /not-for-plugins/);
  });

  const wrong: Record<string, [ExecConfig, RegExp, boolean]> = {
    'is not there': [plugin('', { command: 'no-such-plugin', installHint: 'get it from example.com' }), /no-such-plugin is not there; get it from example\.com/, true],
    'fails': [plugin('echo "login expired, password=hush" >&2; exit 3'), /failed \(exit code 3\): login expired, password=\[redacted\]$/, false],
    'says nothing': [plugin('true'), /did not answer with JSON/, true],
    'answers in another version': [plugin(says({ token: 'x' }, 'client.authentication.k8s.io/v1beta1')), /answered in client\.authentication\.k8s\.io\/v1beta1, and the kubeconfig asks for/, true],
    'gives nothing': [plugin(says({})), /neither a token nor a client certificate/, true],
    'gives half a certificate': [plugin(says({ clientCertificateData: 'x' })), /and not both/, true],
    'wants a person': [plugin('', { interactiveMode: 'Always' }), /no terminal/, true],
  };
  for (const [what, [exec, words, always]] of Object.entries(wrong)) {
    it(`that ${what} is told as that`, async () => {
      const error = await failed(exec);
      assert.match(error.message, words);
      assert.equal(error.wrong, always);
    });
  }

  it('that hangs is ended with all that it started, in the time that is given', async () => {
    const start = performance.now();
    const error = await failed(plugin(`sleep 15 & echo $! > '${join(folder, 'pid')}'; wait`), 500);
    assert.match(error.message, /gave no answer within 0\.5 s, and was ended/);
    assert.ok(performance.now() - start < 5000);
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
    for (let tries = 0; tries < 100 && alive(pid); tries += 1) await new Promise((resolve) => { setTimeout(resolve, 20); });
    assert.ok(!alive(pid));
  });

  it('is asked once for many requests, again when its token has run out, and again after it was refused', async () => {
    const count = join(folder, 'count');
    const asked = () => readFileSync(count, 'utf8').length;
    const soon = new Date(Date.now() + 6000).toISOString();
    const late = new Date(Date.now() + 600_000).toISOString();
    const script = `printf x >> '${count}'; if [ -e '${count}.late' ]; then ${says({ token: 'second', expirationTimestamp: late })}; else : > '${count}.late'; ${says({ token: 'first', expirationTimestamp: soon })}; fi`;
    const login = new KubeLogin(cluster, { name: 'u', exec: plugin(script) }, 10_000);
    const tokens = await Promise.all([login.now(), login.now(), login.now()]);
    assert.deepEqual(tokens.map(({ headers }) => headers['authorization']), ['Bearer first', 'Bearer first', 'Bearer first']);
    assert.equal(asked(), 1);
    await new Promise((resolve) => { setTimeout(resolve, 1500); });
    assert.deepEqual((await Promise.all([login.now(), login.now()])).map(({ headers }) => headers['authorization']), ['Bearer second', 'Bearer second']);
    assert.equal(asked(), 2);
    assert.ok(login.refused());
    await login.now();
    assert.equal(asked(), 3);
  });

  it('is not asked where the kubeconfig has a token of its own', async () => {
    const { headers } = await new KubeLogin(cluster, { name: 'u', token: 'own', exec: plugin('exit 1') }, 10_000).now();
    assert.equal(headers['authorization'], 'Bearer own');
  });
});

describe('a login', () => {
  it('reads a token file again each time, without the line\'s end, before a token that stands beside it', async () => {
    const tokenFile = join(folder, 'token');
    const login = new KubeLogin(cluster, { name: 'u', token: 'older', tokenFile }, 1000);
    const header = async () => (await login.now()).headers['authorization'];
    assert.equal(await header(), 'Bearer older');
    writeFileSync(tokenFile, 'one\n');
    assert.equal(await header(), 'Bearer one');
    writeFileSync(tokenFile, 'two\n');
    assert.equal(await header(), 'Bearer two');
  });

  it('says itself whether the server is verified: an environment that turns it off turns nothing off', async () => {
    const verified = async (skipTLSVerify: boolean) => (await new KubeLogin({ ...cluster, skipTLSVerify }, { name: 'u', token: 't' }, 1000).now()).tls.rejectUnauthorized;
    assert.deepEqual([await verified(false), await verified(true)], [true, false]);
  });

  it('says as whom it acts, with groups and all', async () => {
    const { headers } = await new KubeLogin(cluster, { name: 'u', token: 't', impersonateUser: 'me', impersonateUid: '7', impersonateGroups: ['a', 'b'], impersonateExtra: { 'x/y': ['z'] } }, 1000).now();
    assert.deepEqual(headers, { authorization: 'Bearer t', 'Impersonate-User': 'me', 'Impersonate-Uid': '7', 'Impersonate-Group': ['a', 'b'], 'Impersonate-Extra-x%2Fy': ['z'] });
  });
});

function alive(pid: number): boolean {
  try { return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')); } catch { return false; }
}
