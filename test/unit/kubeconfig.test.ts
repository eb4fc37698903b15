import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import { readKubeconfig } from '../../src/adapters/kubeconfig.ts';
import { Halt } from '../../src/model/halt.ts';

const folder = mkdtempSync(join(tmpdir(), 'vaultctl-kubeconfig-'));
after(() => { rmSync(folder, { recursive: true }); });
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
    assert.match(refused({ kubeconfig: file('six', { server: 'nonsense' }) }), /names a cluster that is not in it, or has no server/);
    writeFileSync(join(folder, 'seven'), '{{{');
    assert.match(refused({ kubeconfig: join(folder, 'seven') }), /seven cannot be read as a kubeconfig/);
  });
});
