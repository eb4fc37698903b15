import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refusal, settings } from './inventory-world.ts';

const cluster = (vars: string) => `managers:\n  vars:\n    vault_namespace: vault\n${vars.split('\n').map((each) => `    ${each}`).join('\n')}\n  hosts: {m1: , m2: }\n`;
const deployment = async (vars: string, files: Record<string, string> = {}) => (await settings(cluster(vars), {}, { files })).deployment;

describe('the chart in an inventory', () => {
  it('is none where none is named, or where somebody else runs helm', async () => {
    assert.deepEqual(await deployment('vault_helm_release: prod'), { helm: undefined, pre: [], post: [] });
    assert.equal((await deployment('vault_helm_chart: hashicorp/vault\nvault_helm: false')).helm, undefined);
  });

  it('is one of a repository, of an OCI registry, a folder or an archive', async () => {
    const chart = async (vars: string, files = {}) => (await deployment(vars, files)).helm?.chart;
    assert.equal(await chart('vault_helm_chart: hashicorp/vault'), 'hashicorp/vault');
    assert.equal(await chart('vault_helm_chart: vault\nvault_helm_repo: https://helm.releases.hashicorp.com'), 'vault');
    assert.equal(await chart('vault_helm_chart: oci://registry.example.com/charts/vault'), 'oci://registry.example.com/charts/vault');
    assert.equal(await chart('vault_helm_chart: "{{ inventory_dir }}/charts/vault"', { '/w/charts/vault/Chart.yaml': 'name: vault' }), '/w/charts/vault');
    assert.equal(await chart('vault_helm_chart: charts/vault', { '/w/charts/vault/Chart.yaml': 'name: vault' }), '/w/charts/vault');
    assert.equal(await chart('vault_helm_chart: vault-0.30.0.tgz', { '/w/vault-0.30.0.tgz': 'x' }), '/w/vault-0.30.0.tgz');
  });

  it('of a registry has its version in its tag, or beside it', async () => {
    const helm = async (vars: string) => { const { helm: found } = await deployment(vars); return [found?.chart, found?.version]; };
    assert.deepEqual(await helm('vault_helm_chart: oci://r.example.com:5000/charts/vault'), ['oci://r.example.com:5000/charts/vault', undefined]);
    assert.deepEqual(await helm('vault_helm_chart: oci://r.example.com:5000/charts/vault:0.30.0_mine'), ['oci://r.example.com:5000/charts/vault:0.30.0_mine', '0.30.0+mine']);
    assert.deepEqual(await helm('vault_helm_chart: oci://r.example.com/vault\nvault_helm_version: 0.30.0'), ['oci://r.example.com/vault', '0.30.0']);
    assert.deepEqual(await helm('vault_helm_chart: "oci://r.example.com/vault:0.30.0@sha256:ab"\nvault_helm_version: 0.30.0'), ['oci://r.example.com/vault:0.30.0@sha256:ab', '0.30.0']);
  });

  it('of a repository is not taken from a folder of its name, as helm 3 would', async () => {
    const { what } = await refusal(deployment('vault_helm_chart: vault\nvault_helm_repo: https://helm.releases.hashicorp.com', { '/w/vault/Chart.yaml': 'name: vault' }));
    assert.match(what, /\/w\/vault is there, and helm 3 would take it/);
  });

  it('has values from files and mappings, the later over the earlier', async () => {
    const { helm } = await deployment('vault_helm_values: [values.yaml, {server: {ha: {replicas: 5}}, ui: "{{ \'on\' }}"}]\nvault_helm_chart: hashicorp/vault', { '/w/values.yaml': 'server:\n  ha: {enabled: true, replicas: 3}\n  text: "{{ not ours }}"\n' });
    assert.deepEqual(helm?.values, { server: { ha: { enabled: true, replicas: 5 }, text: '{{ not ours }}' }, ui: 'on' });
  });

  const wrong: Record<string, [string, RegExp]> = {
    'values without a chart': ['vault_helm_values: {a: 1}', /vault_helm_values is set, and vault_helm_chart is not/],
    'a range in place of a version': ['vault_helm_chart: hashicorp/vault\nvault_helm_version: ~0.30', /vault_helm_version must be one version/],
    'a tag that moves': ['vault_helm_chart: oci://r.example.com/vault:latest', /must name one version, not "latest"/],
    'two versions': ['vault_helm_chart: oci://r.example.com/vault:0.30.0\nvault_helm_version: 0.31.0', /vault_helm_version is 0\.31\.0, and vault_helm_chart names 0\.30\.0/],
    'a digest alone': ['vault_helm_chart: "oci://r.example.com/vault@sha256:ab"', /has a digest and no version/],
    'a password for a registry': ['vault_helm_chart: "oci://u:p@r.example.com/vault"', /holds a user or a password/],
    'a chart of no repository': ['vault_helm_chart: vault', /names no repository/],
    'a folder that is not there': ['vault_helm_chart: ./vault', /there is no chart at \/w\/\.\/vault/],
    'a chart that helm would take for a flag': ['vault_helm_chart: --post-renderer=sh', /is no chart/],
    'a repository that is no URL': ['vault_helm_chart: vault\nvault_helm_repo: hashicorp', /must be the URL of a chart repository/],
    'a password where every user could see it': ['vault_helm_chart: vault\nvault_helm_repo: https://u:p@charts.example.com', /every user of this machine would see it/],
    'values that are a list of numbers': ['vault_helm_chart: hashicorp/vault\nvault_helm_values: [1]', /must be a mapping, a file, or a list of them/],
    'a file of values that is not there': ['vault_helm_chart: hashicorp/vault\nvault_helm_values: nothing.yaml', /there is no file \/w\/nothing\.yaml/],
  };
  for (const [what, [vars, words]] of Object.entries(wrong)) {
    it(`${what}: exit 2 with its line`, async () => {
      const { what: said, exit } = await refusal(deployment(vars));
      assert.match(said, words);
      assert.match(said, /^\/w\/hosts\.yaml:\d+: /);
      assert.doesNotMatch(said, /u:p@/);
      assert.equal(exit, 2);
    });
  }

  it('needs a Kubernetes that the inventory speaks of', async () => {
    const { what } = await refusal(settings('managers:\n  vars: {vault_addresses: ["https://a:8200"], vault_install_pre: []}\n  hosts: {m1: }\n'));
    assert.match(what, /vault_install_pre is set, and nothing says where Vault is in Kubernetes/);
  });
});

describe('what comes before and after', () => {
  it('is manifests from files, each document and each item of a list, inline manifests, and commands', async () => {
    const { pre, post } = await deployment(`vault_install_pre:
  - all.yaml
  - {apiVersion: v1, kind: Namespace, metadata: {name: vault}}
vault_install_post:
  - {name: label it, command: [kubectl, label, ns, vault, a=b], unless: "kubectl get ns -l a=b | grep vault"}
  - {name: write, command: echo x > y, creates: y}`, {
      '/w/all.yaml': 'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n---\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n',
    });
    assert.deepEqual(pre.map((each) => (each.is === 'manifest' ? [each.from, each.object.kind, each.object.metadata.name] : each.name)), [
      ['all.yaml', 'Secret', 'a'], ['all.yaml', 'ConfigMap', 'b'], ['all.yaml', 'ConfigMap', 'c'], ['vault_install_pre[1]', 'Namespace', 'vault'],
    ]);
    assert.deepEqual(post, [
      { is: 'command', name: 'label it', argv: ['kubectl', 'label', 'ns', 'vault', 'a=b'], creates: undefined, unless: ['sh', '-c', 'kubectl get ns -l a=b | grep vault'] },
      { is: 'command', name: 'write', argv: ['sh', '-c', 'echo x > y'], creates: '/w/y', unless: undefined },
    ]);
  });

  const wrong: Record<string, [string, RegExp]> = {
    'a command that nothing checks': ['vault_install_pre: [{name: x, command: [a]}]', /has neither creates nor unless/],
    'a command without a name': ['vault_install_pre: [{command: [a], creates: b}]', /a command must have a name/],
    'a field that is not known': ['vault_install_pre: [{name: x, command: [a], creates: b, env: {}}]', /has the field env/],
    'a manifest without a name': ['vault_install_post: [{apiVersion: v1, kind: Pod, metadata: {generateName: a-}}]', /lacks apiVersion, kind or metadata\.name/],
    'a mapping in place of the list': ['vault_install_post: {a: b}', /vault_install_post must be a list/],
    'a file that is not there': ['vault_install_post: [a.yaml]', /there is no file \/w\/a\.yaml/],
  };
  for (const [what, [vars, words]] of Object.entries(wrong)) {
    it(`${what}: exit 2`, async () => {
      const { what: said, exit } = await refusal(deployment(vars));
      assert.match(said, words);
      assert.equal(exit, 2);
    });
  }
});
