import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import { type KubeUser, readKubeconfig } from '../../src/adapters/kubeconfig.ts';
import { Halt } from '../../src/model/halt.ts';

const folder = mkdtempSync(join(tmpdir(), 'vaultctl-kubeconfig-'));
after(() => { rmSync(folder, { recursive: true }); });
writeFileSync(join(folder, 'ca.pem'), '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n');
const env = { KUBECONFIG: process.env['KUBECONFIG'], HOME: process.env['HOME'], KUBERNETES_SERVICE_HOST: process.env['KUBERNETES_SERVICE_HOST'] };
afterEach(() => { for (const [name, value] of Object.entries(env)) if (value === undefined) delete process.env[name]; else process.env[name] = value; });

function file(name: string, parts: { current?: string; server?: string; context?: string; user?: string } = {}): string {
  const { current = 'a', server = 'https://10.0.0.1:6443', context = 'a', user = 'u' } = parts;
  const path = join(folder, name);
  writeFileSync(path, `apiVersion: v1\nkind: Config\n${current === '' ? '' : `current-context: ${current}\n`}contexts: [{name: ${context}, context: {cluster: c, user: ${user}}}]\nclusters: [{name: c, cluster: {server: "${server}", certificate-authority: ca.pem}}]\nusers: [{name: u, user: {token: x}}]\n`);
  return path;
}
function refused(choice: { kubeconfig?: string; context?: string }): string {
  try {
    readKubeconfig({ kubeconfig: choice.kubeconfig, context: choice.context });
  } catch (error) {
    assert.ok(error instanceof Halt);
    assert.equal(error.exitCode, 2);
    return [error.text.what, ...error.text.next ?? []].join('\n');
  }
  throw new Error('it was taken');
}

describe('a kubeconfig', () => {
  it('is the file that was named, and its relative paths count from it', () => {
    const config = readKubeconfig({ kubeconfig: file('one'), context: undefined });
    assert.equal(config.getCurrentCluster()?.server, 'https://10.0.0.1:6443');
    assert.equal(config.getCurrentCluster()?.caFile, join(folder, 'ca.pem'));
  });

  it('of several in KUBECONFIG gives the first of two entries with one name, and missing files are passed over, as kubectl does', () => {
    process.env['KUBECONFIG'] = [join(folder, 'not-there'), file('first', { server: 'https://first:6443' }), file('second', { server: 'https://second:6443', context: 'b', current: 'b' })].join(':');
    const config = readKubeconfig({ kubeconfig: undefined, context: undefined });
    assert.equal(config.getCurrentContext(), 'a');
    assert.equal(config.getCurrentCluster()?.server, 'https://first:6443');
    assert.equal(readKubeconfig({ kubeconfig: undefined, context: 'b' }).getCurrentCluster()?.server, 'https://first:6443');
  });

  it('that is nowhere is an error, never localhost', () => {
    delete process.env['KUBECONFIG'];
    delete process.env['KUBERNETES_SERVICE_HOST'];
    process.env['HOME'] = folder;
    assert.match(refused({}), /no kubeconfig: .*\.kube\/config is not there/);
    process.env['KUBECONFIG'] = join(folder, 'gone');
    assert.match(refused({}), /no file of \$KUBECONFIG is there: .*gone/);
  });

  it('says what is wrong with it, and which contexts there are', () => {
    assert.match(refused({ kubeconfig: join(folder, 'gone') }), /gone cannot be read as a kubeconfig: ENOENT/);
    assert.match(refused({ kubeconfig: file('two'), context: 'prod' }), /has no context prod\ncontexts there: a/);
    assert.match(refused({ kubeconfig: file('three', { current: '' }) }), /names no current context\nchoose one with --context: a/);
    assert.match(refused({ kubeconfig: file('four', { current: 'zz' }) }), /its current context zz is not in it/);
    assert.match(refused({ kubeconfig: file('five', { user: 'nobody' }) }), /names a user that is not in it/);
    assert.match(refused({ kubeconfig: file('six', { server: 'ftp://nonsense' }) }), /the server of cluster c is no address/);
    assert.match(refused({ kubeconfig: file('no-server', { server: '' }) }), /names a cluster that is not in it, or has no server/);
    writeFileSync(join(folder, 'seven'), '{{{');
    assert.match(refused({ kubeconfig: join(folder, 'seven') }), /seven cannot be read as a kubeconfig/);
  });

  it('that chooses nothing of what is broken in it is taken', () => {
    const path = file('eight');
    writeFileSync(path, `${readFileSync(path, 'utf8').replace('clusters: [', 'clusters: [{name: old, cluster: {}}, ').replace('contexts: [', 'contexts: [{name: older}, ')}`);
    assert.equal(readKubeconfig({ kubeconfig: path, context: undefined }).getCurrentCluster()?.name, 'c');
  });

  const withUser = (name: string, user: string, cluster = '') => {
    const path = file(name);
    writeFileSync(path, readFileSync(path, 'utf8').replace('user: {token: x}', `user: {${user}}`).replace(', certificate-authority: ca.pem', cluster === '' ? '' : `, ${cluster}`));
    return path;
  };

  it('keeps what the library passes over: a token file, a plug-in beside it, whom to act as', () => {
    const path = withUser('nine', "tokenFile: t, as: me, as-uid: '7', as-groups: [a, b], as-user-extra: {scopes: [x]}");
    writeFileSync(join(folder, 't'), 'secret-token');
    const user = readKubeconfig({ kubeconfig: path, context: undefined }).getCurrentUser() as KubeUser;
    assert.equal(user.tokenFile, join(folder, 't'));
    assert.deepEqual([user.impersonateUser, user.impersonateUid, user.impersonateGroups, user.impersonateExtra], ['me', '7', ['a', 'b'], { scopes: ['x'] }]);
    const exec = (command: string) => readKubeconfig({ kubeconfig: withUser('ten', `exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ${command}}`), context: undefined }).getCurrentUser() as KubeUser & { exec: { command: string } };
    assert.deepEqual([exec('./plug').exec.command, exec('plug').exec.command], [join(folder, 'plug'), 'plug']);
  });

  const useless: Record<string, [string, string, RegExp]> = {
    'a certificate without its key': ['client-certificate-data: eA==', '', /has a client certificate and no client-key/],
    'a certificate twice': ['client-certificate-data: eA==, client-certificate: ca.pem, client-key-data: eA==', '', /has both client-certificate and client-certificate-data/],
    'a token and a password': ['token: x, username: y, password: z', '', /a token and a password/],
    'groups to act in and nobody to act as': ['token: x, as-groups: [a]', '', /as-groups or as-user-extra without as/],
    'a token file that is not there': ['tokenFile: gone', '', /tokenFile .*gone cannot be read: ENOENT/],
    'a login that Kubernetes has removed': ['auth-provider: {name: gcp}', '', /auth-provider gcp, which Kubernetes has removed/],
    'a plug-in without a version': ['exec: {command: x}', '', /has the apiVersion \(none\)/],
    'a plug-in of v1 that does not say whom it asks': ['exec: {command: x, apiVersion: client.authentication.k8s.io/v1}', '', /must say interactiveMode: Never, IfAvailable, Always/],
    'a CA file that is not there': ['token: x', 'certificate-authority: gone.pem', /certificate-authority .*gone\.pem cannot be read: ENOENT/],
    'a CA that is none': ['token: x', 'certificate-authority-data: eA==', /holds no certificate/],
    'a CA that shall not count': ['token: x', 'certificate-authority: ca.pem, insecure-skip-tls-verify: true', /certificate authority and insecure-skip-tls-verify/],
    'a proxy of another kind': ['token: x', "proxy-url: 'ftp://p:1'", /proxy-url of cluster c must be http/],
  };
  let number = 0;
  for (const [what, [user, cluster, words]] of Object.entries(useless)) {
    it(`with ${what} is refused before anybody is asked, as kubectl does`, () => {
      assert.match(refused({ kubeconfig: withUser(`useless-${number += 1}`, user, cluster) }), words);
    });
  }

  it('that leads over plain http is for loopback alone, and a bare HOST:PORT is https', () => {
    assert.match(refused({ kubeconfig: file('http', { server: 'http://10.0.0.1:8080' }) }), /plain http.*in the clear/);
    const through = file('http-proxy', { server: 'http://127.0.0.1:8001' });
    writeFileSync(through, readFileSync(through, 'utf8').replace('certificate-authority: ca.pem', "proxy-url: 'http://p:1'"));
    assert.match(refused({ kubeconfig: through }), /plain http, and has a proxy-url/);
    const server = (said: string) => readKubeconfig({ kubeconfig: file('bare', { server: said }), context: undefined }).getCurrentCluster()?.server;
    assert.deepEqual([server('http://127.0.0.1:8001'), server('10.0.0.1:6443'), server('api.example:6443')], ['http://127.0.0.1:8001', 'https://10.0.0.1:6443', 'https://api.example:6443']);
  });

  it('with two entries of one name is refused', () => {
    const path = file('twice');
    writeFileSync(path, readFileSync(path, 'utf8').replace('users: [', 'users: [{name: u, user: {token: y}}, '));
    assert.match(refused({ kubeconfig: path }), /it has two users named u/);
  });

  it('is not looked for in a pod without the files of the kubelet', () => {
    delete process.env['KUBECONFIG'];
    process.env['HOME'] = folder;
    process.env['KUBERNETES_SERVICE_HOST'] = '10.96.0.1';
    assert.match(refused({}), /no kubeconfig/);
  });
});
