import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { Helm } from '../../src/adapters/helm.ts';
import type { Eyes, Hands, Prover } from '../../src/engine/world.ts';
import { laidOver } from '../../src/inventory/deployment-settings.ts';
import { keptVersion, releaseDifferences } from '../../src/kubernetes/release.ts';
import type { HelmSettings } from '../../src/model/deployment.ts';
import { Halt, haltPage } from '../../src/model/halt.ts';
import type { KubernetesSettings } from '../../src/model/settings.ts';
import type { Release } from '../../src/ports/helm.ts';
import { installChart } from '../../src/steps/install-chart.ts';

const kubernetes: KubernetesSettings = {
  reach: 'port-forward', release: 'vault', namespace: 'secrets', podSelector: 'app=vault', kubeconfig: '/kc', context: 'ctx',
  port: 8200, scheme: undefined, caSecret: undefined, allowHttp: false,
};
const wanted: HelmSettings = { chart: 'hashicorp/vault', repo: undefined, version: '0.30.0', values: { server: { ha: { enabled: true, replicas: 3 } } }, binary: 'helm' };
const deployed: Release = { status: 'deployed', revision: 1, chart: 'vault', version: '0.30.0', values: { server: { ha: { replicas: 3, enabled: true } } } };

describe('a release and what the inventory wants of it', () => {
  it('are equal in whatever order the values stand', () => { assert.deepEqual(releaseDifferences(deployed, wanted, undefined), []); });

  it('differ in version, chart, state and single values, each on a line', () => {
    assert.deepEqual(releaseDifferences({ ...deployed, version: '0.29.1', chart: 'openbao', status: 'failed', values: { server: { ha: { enabled: true, replicas: 1 }, debug: true } } }, wanted, undefined), [
      '~ status: failed (to be deployed again)', '~ chart: openbao → vault', '~ version: 0.29.1 → 0.30.0',
      '    - server.debug: true', '    - server.ha.replicas: 1', '    + server.ha.replicas: 3',
    ]);
  });

  it('do not differ where no version is wanted, nor by a v before it', () => {
    assert.deepEqual(releaseDifferences({ ...deployed, version: '9.9.9' }, { ...wanted, version: undefined }, undefined), []);
    assert.deepEqual(releaseDifferences(deployed, { ...wanted, version: 'v0.30.0' }, undefined), []);
  });

  it('do not differ by the registry, the tag or the digest that a chart comes from', () => {
    for (const chart of ['oci://r:5000/charts/vault', 'oci://r:5000/charts/vault:0.30.0', 'oci://r/vault:0.30.0@sha256:abcd', 'oci://r/vault@sha256:abcd']) assert.deepEqual(releaseDifferences(deployed, { ...wanted, chart }, undefined), [], chart);
  });

  it('go by name and version of the chart itself where it lies on this machine', () => {
    assert.deepEqual(releaseDifferences(deployed, { ...wanted, chart: '/charts/mine', version: undefined }, { name: 'vault', version: '0.30.1' }), ['~ version: 0.30.0 → 0.30.1']);
  });

  it('are shown without what is secret in them, wherever it lies', () => {
    const lines = releaseDifferences(deployed, { ...wanted, values: { ...wanted.values, hcl: 'x { token = hvs.CAESIJlU2XyZabcdefghijklmnop }', db: { password: 'hunter2' }, list: [{ token: 'abc', tokenName: 'x' }] } }, undefined).join('\n');
    assert.doesNotMatch(lines, /hunter2|abc|CAESI/);
    assert.match(lines, /\+ db: \{"password":\[redacted\]/);
    assert.match(lines, /"tokenName":"x"/);
  });
});

describe('the version that an upgrade keeps', () => {
  const unversioned = { ...wanted, version: undefined };
  it('is the one that is there, where the inventory names none: helm would take the newest', () => { assert.equal(keptVersion(deployed, unversioned), '0.30.0'); });
  it('is none of ours where there is no release, another chart, a version in the inventory, or a chart on this machine', () => {
    assert.equal(keptVersion(undefined, unversioned), undefined);
    assert.equal(keptVersion({ ...deployed, chart: 'openbao' }, unversioned), undefined);
    assert.equal(keptVersion(deployed, { ...wanted, version: '0.31.0' }), undefined);
    assert.equal(keptVersion(deployed, { ...unversioned, chart: '/charts/vault' }), undefined);
  });
});

describe('values laid over each other', () => {
  it('are merged mapping by mapping; lists and all else are replaced', () => {
    assert.deepEqual(laidOver({ a: { b: 1, c: [1, 2] }, d: 1 }, { a: { c: [3] }, d: { e: 2 } }), { a: { b: 1, c: [3] }, d: { e: 2 } });
  });
});

describe('helm itself', () => {
  let folder: string;
  before(() => { folder = mkdtempSync(join(tmpdir(), 'vaultctl-helm-')); });
  after(() => { rmSync(folder, { recursive: true, force: true }); });

  /** A script in helm's place: it notes what it was given and answers as told. */
  const helmOf = (script: string, version: string | null = wanted.version!) => {
    const binary = join(folder, 'helm');
    writeFileSync(binary, `#!/bin/sh\nprintf '%s\\n' "$*" >> ${folder}/args\nenv > ${folder}/env\n${script}\n`);
    chmodSync(binary, 0o755);
    rmSync(join(folder, 'args'), { force: true });
    return new Helm({ ...wanted, binary, version: version ?? undefined, values: { server: { extra: 'hunter2hunter2' } } }, kubernetes, 5000);
  };
  const args = () => readFileSync(join(folder, 'args'), 'utf8').trim().split('\n');
  const eyesOf = (helm: Helm, told: string[] = []) => ({
    settings: { kubernetes, deployment: { helm: wanted, pre: [], post: [] }, inventory: 'hosts.yaml' }, helm, helmHands: helm,
    tell: (event: { text?: string }) => told.push(event.text ?? ''),
  }) as unknown as Hands & Prover;
  const halted = async (work: Promise<unknown>) => { try { await work; } catch (error) { if (error instanceof Halt) return error; throw error; } throw new Error('it went on'); };

  it('is asked for the release, its chart and its values, with the kubeconfig and context of everything else', async () => {
    const helm = helmOf(`case "$2" in
      metadata) echo '{"name":"vault","chart":"vault","version":"0.30.0","revision":2,"status":"deployed"}';;
      values) echo '{"server":{"ha":{"enabled":true,"replicas":3}}}';; esac`);
    assert.deepEqual(await helm.release(), { ...deployed, revision: 2 });
    assert.deepEqual(args(), ['metadata', 'values'].map((what) => `get ${what} vault -o json --namespace secrets --kubeconfig /kc --kube-context ctx`));
    assert.equal((await installChart.look(eyesOf(helm), undefined)).is, 'done');
  });

  it('is given values over standard input, never as an argument, and waits for no pod', async () => {
    const helm = helmOf(`cat > ${folder}/stdin`);
    await helm.install();
    assert.deepEqual(args(), ['upgrade --install vault hashicorp/vault --create-namespace --timeout 5s --version 0.30.0 --namespace secrets --kubeconfig /kc --kube-context ctx -f -']);
    assert.deepEqual(JSON.parse(readFileSync(join(folder, 'stdin'), 'utf8')), { server: { extra: 'hunter2hunter2' } });
  });

  it('keeps the version of the release where the inventory names none', async () => {
    const helm = helmOf(`case "$1 $2" in
      "get metadata") echo '{"chart":"vault","version":"0.29.1","revision":2,"status":"deployed"}';; "get values") echo null;; *) cat > /dev/null;; esac`, null);
    const hands = eyesOf(helm);
    await installChart.act({ ...hands, settings: { ...hands.settings, deployment: { ...hands.settings.deployment, helm: { ...wanted, version: undefined } } } }, undefined);
    assert.match(args().at(-1) ?? '', /^upgrade --install vault hashicorp\/vault .*--version 0\.29\.1 /);
  });

  it('finds no VAULT_TOKEN in its environment', async () => {
    process.env['VAULT_TOKEN'] = 'hvs.should-not-be-there-at-all';
    try { await helmOf('cat > /dev/null').install(); } finally { delete process.env['VAULT_TOKEN']; }
    assert.ok(existsSync(join(folder, 'env')));
    assert.doesNotMatch(readFileSync(join(folder, 'env'), 'utf8'), /should-not-be-there/);
  });

  it('that knows no such release is no error: everything is to be done, and the plan says what', async () => {
    const told: string[] = [];
    const helm = helmOf('echo "Error: release: not found" >&2; exit 1');
    assert.deepEqual(await installChart.look(eyesOf(helm, told), undefined), { is: 'pending', out: undefined });
    assert.equal(told[0], '+ release of vault 0.30.0');
  });

  it('that fails is quoted with its last lines, without what looks like a secret', async () => {
    const helm = helmOf('cat > /dev/null; echo "Error: failed, token=hvs.CAESIJlU2XyZabcdefghijklmnop" >&2; exit 3');
    const halt = await halted(installChart.act(eyesOf(helm), undefined));
    assert.equal(halt.exitCode, 4);
    assert.match(haltPage(halt.text), /helm upgrade --install ended with 3\n {2}Error: failed, token=\[redacted\]/);
  });

  it('that is refused a right is told which, and which manifest has it', async () => {
    const refused = helmOf(`echo 'Error: query: failed to query with labels: secrets is forbidden: User "system:serviceaccount:vault:ci" cannot list resource "secrets" in API group "" in the namespace "vault"' >&2; exit 1`);
    assert.match(haltPage((await halted(installChart.look(eyesOf(refused) as Eyes, undefined))).text), /system:serviceaccount:vault:ci may not list secrets in namespace vault: add - \{apiGroups: \[""\], resources: \[secrets\], verbs: \[list\]\} +\(deploy\/kubernetes\/rbac-helm\.yaml/);
    const given = helmOf(`cat > /dev/null; echo 'Error: clusterrolebindings "vault-server-binding" is forbidden: user "ci" (groups=[]) is attempting to grant RBAC permissions not currently held:' >&2; exit 1`);
    assert.match(haltPage((await halted(installChart.act(eyesOf(given), undefined))).text), /Next:\n {2}kubectl apply -f deploy\/kubernetes\/rbac-helm\.yaml/);
  });

  it('that is not there is said so', async () => {
    const halt = await halted(installChart.look(eyesOf(new Helm({ ...wanted, binary: join(folder, 'nothing') }, kubernetes, 5000)) as Eyes, undefined));
    assert.match(haltPage(halt.text), /cannot be started on this machine[\s\S]*vault_helm_binary/);
  });

  it('that hangs is ended', async () => {
    const binary = join(folder, 'slow');
    writeFileSync(binary, `#!/bin/sh\necho $$ > ${folder}/pid\nexec sleep 600\n`);
    chmodSync(binary, 0o755);
    const helm = new Helm({ ...wanted, binary }, kubernetes, -14_000);
    await assert.rejects(helm.install(), /did not end within 1 s, and was ended/);
    assert.throws(() => process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 0), { code: 'ESRCH' });
  });

  for (const [status, revision, way] of [['pending-install', 1, /helm uninstall vault -n secrets/], ['pending-upgrade', 4, /helm rollback vault 3 -n secrets/]] as const) {
    it(`that was ended in the middle (${status}) is left alone, and the way out is said`, async () => {
      const helm = helmOf(`case "$2" in metadata) echo '{"chart":"vault","version":"0.30.0","revision":${revision},"status":"${status}"}';; values) echo null;; esac`);
      const sight = await installChart.look(eyesOf(helm), undefined);
      assert.equal(sight.is, 'stuck');
      assert.match(sight.is === 'stuck' ? haltPage(sight.halt.text) : '', way);
    });
  }
});
