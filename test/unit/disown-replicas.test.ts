import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scaleBack, scaleToNothing } from '../../src/kubernetes/emptying.ts';
import type { StatefulSet } from '../../src/kubernetes/vault-pods.ts';
import type { KubernetesSettings } from '../../src/model/settings.ts';
import type { KubeRequest, KubeWire } from '../../src/ports/kube.ts';

type Fields = { manager: string; operation: string }[];
interface Patch { metadata?: { managedFields?: Fields; annotations?: object }; spec?: { replicas: number } }

/** A server that notes who wrote the number of replicas, as a real one does; `refusals`: how many writes come between. */
function server(refusals = 0) {
  let fields: Fields = [{ manager: 'helm', operation: 'Apply' }, { manager: 'kube-controller-manager', operation: 'Update' }];
  let left = refusals;
  const set = () => ({ metadata: { name: 'vault', uid: 'u', resourceVersion: '1', managedFields: fields }, spec: { replicas: 0, template: { spec: { containers: [] } } } }) as unknown as StatefulSet;
  const kube: KubeWire = {
    server: 'https://test', close: () => undefined,
    request: async ({ method, path, body }: KubeRequest) => {
      const patch = body as Patch;
      if (method === 'GET') return { status: 200, body: set() };
      if (patch.metadata?.managedFields !== undefined) {
        if (left > 0) { left -= 1; return { status: 409, body: { message: 'changed' } }; }
        fields = patch.metadata.managedFields;
      } else {
        const manager = new URL(path, 'https://test').searchParams.get('fieldManager') ?? 'node';
        fields = [...fields.filter((field) => field.manager !== manager), { manager, operation: 'Update' }];
      }
      return { status: 200, body: set() };
    },
  };
  return { kube, set, owners: () => fields.map(({ manager }) => manager) };
}

const settings = { namespace: 'vault' } as KubernetesSettings;

describe('the number of replicas, after a Vault was emptied', () => {
  for (const refusals of [0, 2]) {
    it(`is nobody's of ours: helm 4 may change it again (${refusals} writes of the controllers between)`, async () => {
      const { kube, set, owners } = server(refusals);
      await scaleToNothing(kube, settings, set());
      assert.deepEqual(owners(), ['helm', 'kube-controller-manager', 'vaultctl-emptying']);
      await scaleBack(kube, settings, set(), { replicas: 3 } as Parameters<typeof scaleBack>[3]);
      assert.deepEqual(owners(), ['helm', 'kube-controller-manager']);
    });
  }

  it('comes back also where that cannot be said to the server', async () => {
    const { kube, set } = server(99);
    await scaleBack(kube, settings, set(), { replicas: 3 } as Parameters<typeof scaleBack>[3]);
  });
});
