import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { loadInventory } from '../../src/inventory/load.ts';
import { settingsFrom } from '../../src/inventory/settings.ts';
import { findVaultPods } from '../../src/kubernetes/vault-pods.ts';
import { SimKube } from '../sim/kube.ts';
import { notRun } from '../not-run.ts';
import { filesOf } from './inventory-world.ts';

const deploy = fileURLToPath(new URL('../../deploy', import.meta.url));
interface Applied {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly rules: readonly { readonly apiGroups: string[]; readonly resources: string[]; readonly verbs: string[] }[];
  readonly data: Readonly<Record<string, string>>;
  readonly spec: { readonly template: { readonly spec: { readonly serviceAccountName: string; readonly containers: readonly { readonly args: readonly string[] }[] } } };
}
const manifest = parseAllDocuments(readFileSync(join(deploy, 'kubernetes/unseal-watch.yaml'), 'utf8')).map((document) => document.toJS() as Applied);
const unit = readFileSync(join(deploy, 'systemd/vaultctl-unseal.service'), 'utf8');
const of = (kind: string): Applied => {
  const found = manifest.find((object) => object.kind === kind);
  assert.ok(found !== undefined, kind);
  return found;
};

async function settings() {
  const files = filesOf({ '/etc/vaultctl/hosts.yaml': of('ConfigMap').data['hosts.yaml']! });
  const inventory = await loadInventory(files, { sources: ['/etc/vaultctl/hosts.yaml'], cwd: '/', extraVars: [] });
  return { inventory, settings: await settingsFrom(inventory, { localNames: [], home: '/tmp' }) };
}

describe('the manifest that keeps Vault unsealed in Kubernetes', () => {
  it('has an inventory that vaultctl reads without a warning, of this node alone', async () => {
    const { inventory, settings: read } = await settings();
    assert.deepEqual(inventory.warnings, []);
    assert.deepEqual(read.managers.map(({ connection }) => connection), ['local']);
    assert.deepEqual([read.kubernetes?.namespace, read.kubernetes?.release, read.kubernetes?.reach], [of('Role').metadata.namespace, 'vault', 'pod-ip']);
  });

  it('gives the rights that looking for the pods needs, and not one more', async () => {
    const { settings: read } = await settings();
    const asked = new Set<string>();
    const kube = new SimKube({ now: () => 0 });
    await findVaultPods(kube.wire(({ when, method, path }) => { if (when === 'before') asked.add(`${method} ${path}`); }), read.kubernetes!);
    const given = of('Role').rules.flatMap(({ apiGroups, resources, verbs }) => apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => {
      assert.equal(verb, 'list');
      return `GET ${group === '' ? '/api/v1' : `/apis/${group}/v1`}/namespaces/vault/${resource}`;
    }))));
    assert.deepEqual([...asked].toSorted(), given.toSorted());
    assert.deepEqual(manifest.filter(({ kind }) => kind.startsWith('Cluster')), []);
  });

  it('runs the watch, as the account that has them', () => {
    const { serviceAccountName, containers } = of('Deployment').spec.template.spec;
    assert.equal(serviceAccountName, of('ServiceAccount').metadata.name);
    assert.deepEqual(containers[0]!.args.slice(0, 2), ['unseal', '--watch']);
  });
});

describe('the systemd unit that keeps Vault unsealed', () => {
  it('runs the watch, takes 143 for a good end, and gives up no privilege check', () => {
    assert.match(unit, /^ExecStart=\/usr\/bin\/vaultctl unseal --watch /m);
    assert.match(unit, /^SuccessExitStatus=143$/m);
    assert.match(unit, /^CapabilityBoundingSet=$/m);
    assert.match(unit, /^LimitCORE=0$/m);
  });

  it('is one that systemd understands', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vaultctl-unit-'));
    try {
      const path = join(folder, 'vaultctl-unseal.service');
      // The program is not installed here; everything else is looked at as it is.
      writeFileSync(path, unit.replace('/usr/bin/vaultctl', '/bin/sh'));
      const { error, stdout, stderr, status } = spawnSync('systemd-analyze', ['verify', '--man=no', path], { encoding: 'utf8' });
      if (error !== undefined) { notRun('systemd-analyze verify of the unit', 'there is no systemd-analyze here'); return; }
      const about = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('vaultctl-unseal'));
      assert.deepEqual([about, status], [[], 0], stderr);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
