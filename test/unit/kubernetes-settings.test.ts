import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refusal, settings } from './inventory-world.ts';

const cluster = (vars: string) => `managers:\n  vars:\n${vars.split('\n').map((each) => `    ${each}`).join('\n')}\n  hosts: {m1: , m2: }\n`;

describe('Kubernetes in an inventory', () => {
  it('needs no addresses: the pods of the release are found, each through the API server', async () => {
    const { kubernetes, vault } = await settings(cluster('vault_namespace: secrets'));
    assert.deepEqual(vault.addresses, []);
    assert.deepEqual(kubernetes, {
      reach: 'port-forward', release: 'vault', namespace: 'secrets', podSelector: 'app.kubernetes.io/instance=vault,component=server',
      kubeconfig: undefined, context: undefined, port: 8200, scheme: undefined, caSecret: undefined, allowHttp: false,
    });
  });

  it('with addresses is asked for everything but the way to Vault', async () => {
    const { kubernetes, vault } = await settings(cluster('vault_namespace: vault\nvault_addresses: [https://a:8200]'));
    assert.equal(kubernetes?.reach, 'address');
    assert.deepEqual(vault.addresses, ['https://a:8200']);
  });

  it('is where the inventory or the flags say; the flags win', async () => {
    const text = cluster('vault_namespace: vault\nvault_helm_release: prod\nvault_kubeconfig: ~/kc\nvault_kube_context: a\nvault_ca_secret: tls\nvault_reach: pod-ip');
    const { kubernetes, clusterName } = await settings(text);
    assert.equal(clusterName, 'prod');
    assert.deepEqual([kubernetes?.kubeconfig, kubernetes?.context, kubernetes?.caSecret, kubernetes?.reach], ['/home/op/kc', 'a', { name: 'tls', key: 'ca.crt' }, 'pod-ip']);
    const flagged = await settings(text, { kubernetes: { kubeconfig: 'other', context: 'b' } });
    assert.deepEqual([flagged.kubernetes?.kubeconfig, flagged.kubernetes?.context], ['/w/other', 'b']);
  });

  it('has the CA of a Secret where it names one, whatever VAULT_CACERT is', async () => {
    const ca = async (vars: string) => (await settings(cluster(vars), { fallbacks: { caFile: '/w/env.pem' } }, { files: { '/w/env.pem': '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----', '/w/own.pem': '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----' } })).vault.caFile;
    assert.equal(await ca('vault_namespace: vault'), '/w/env.pem');
    assert.equal(await ca('vault_namespace: vault\nvault_ca_secret: tls'), undefined);
    assert.equal(await ca('vault_namespace: vault\nvault_ca_secret: tls\nvault_cacert: own.pem'), '/w/own.pem');
  });

  const wrong: Record<string, [string, RegExp]> = {
    'a reach that there is not': ['vault_reach: service', /vault_reach must be one of port-forward, pod-ip, address, not "service"/],
    'a way by address without one': ['vault_reach: address', /vault_reach is address, and vault_addresses is missing/],
    'two ways at once': ['vault_reach: pod-ip\nvault_addresses: [https://a:8200]', /vault_reach is pod-ip, and vault_addresses is set/],
    'a namespace that is no name': ['vault_namespace: Vault_1', /vault_namespace must be a Kubernetes name/],
    'a Secret with two slashes': ['vault_namespace: vault\nvault_ca_secret: a/b/c', /vault_ca_secret must be NAME or NAME\/KEY/],
    'another scheme': ['vault_namespace: vault\nvault_scheme: tcp', /vault_scheme must be http or https/],
  };
  for (const [what, [vars, words]] of Object.entries(wrong)) {
    it(`${what}: exit 2 with its line`, async () => {
      const { what: said, exit } = await refusal(settings(cluster(vars)));
      assert.match(said, words);
      assert.match(said, /^\/w\/hosts\.yaml:\d+: /);
      assert.equal(exit, 2);
    });
  }
});

describe("what Vault shall hold, in Vault's own field names", () => {
  it('as lists, or as mappings by name', async () => {
    const listed = await settings(cluster(`vault_namespace: vault
vault_secrets_engines: [{path: secret/, type: kv, options: {version: 2}}]
vault_policies: [{name: app, policy: 'path "secret/*" {}'}]
vault_k8s_roles: [{name: application, bound_service_account_names: application-sa, bound_service_account_namespaces: default, token_policies: [app]}]`));
    const mapped = await settings(cluster(`vault_namespace: vault
vault_secrets_engines: {secret: {type: kv, version: 2}}
vault_policies: {app: 'path "secret/*" {}'}
vault_k8s_roles: {application: {bound_service_account_names: application-sa, bound_service_account_namespaces: default, token_policies: [app]}}`));
    assert.deepEqual(listed.configuration, mapped.configuration);
    assert.deepEqual(listed.configuration, {
      engines: [{ path: 'secret', type: 'kv', description: undefined, options: { version: '2' }, config: {} }],
      policies: [{ name: 'app', text: 'path "secret/*" {}' }],
      auth: { path: 'kubernetes', description: undefined, config: { kubernetes_host: 'https://kubernetes.default.svc:443' } },
      roles: [{ name: 'application', fields: { bound_service_account_names: 'application-sa', bound_service_account_namespaces: 'default', token_policies: ['app'] } }],
    });
  });

  it('with templates, and policies from files', async () => {
    const { configuration } = await settings(cluster('vault_namespace: vault\nteam: blue\nvault_policies: [{name: "{{ team }}-reader", file: reader.hcl}]'), {}, { files: { '/w/reader.hcl': 'path "x" {}' } });
    assert.deepEqual(configuration.policies, [{ name: 'blue-reader', text: 'path "x" {}' }]);
  });

  const wrong: Record<string, [string, RegExp]> = {
    'a text where mappings belong': ['vault_policies: reader', /vault_policies must be a list of mappings, or a mapping by name/],
    'the same policy twice': ['vault_policies: [{name: a, policy: x}, {name: a, policy: y}]', /vault_policies names "a" twice/],
    'a role that binds nobody': ['vault_k8s_roles: [{name: a}]', /lacks bound_service_account_names/],
    'the policy root': ['vault_policies: {root: "path x"}', /the policy root cannot be changed/],
    'a field that no engine has': ['vault_secrets_engines: [{path: a, type: kv, sealed: true}]', /has the field sealed/],
    'a policy file that is not there': ['vault_policies: [{name: a, file: none.hcl}]', /the policy file \/w\/none\.hcl is not there/],
    'a path that leads out': ['vault_secrets_engines: [{path: ../sys, type: kv}]', /is no path of a mount/],
  };
  for (const [what, [vars, words]] of Object.entries(wrong)) {
    it(`${what}: exit 2 with its line`, async () => {
      const { what: said, exit } = await refusal(settings(cluster(`vault_namespace: vault\n${vars}`)));
      assert.match(said, words);
      assert.match(said, /^\/w\/hosts\.yaml:\d+: /);
      assert.equal(exit, 2);
    });
  }
});
