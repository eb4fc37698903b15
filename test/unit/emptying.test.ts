import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deleteExactly, heldBy, remaining } from '../../src/kubernetes/emptying.ts';
import type { KubeRequest } from '../../src/ports/kube.ts';
import { SimKube } from '../sim/kube.ts';

const LIST = '/api/v1/namespaces/vault/persistentvolumeclaims';

describe('a claim that is to be deleted', () => {
  it('is this very one: what was made anew under its name stays, and counts as ours being gone', async () => {
    const kube = new SimKube({ now: () => 0 });
    const fresh = kube.put(LIST, { metadata: { name: 'data-vault-0', uid: 'new' } });
    assert.equal(await deleteExactly(kube.wire(), `${LIST}/data-vault-0`, 'old'), true);
    assert.equal(kube.objects.get(`${LIST}/data-vault-0`), fresh);
    assert.deepEqual(remaining([{ name: 'data-vault-0', uid: 'old' }], [{ metadata: { name: 'data-vault-0', uid: 'new' } }]), []);
    await deleteExactly(kube.wire(), `${LIST}/data-vault-0`, 'new');
    assert.equal(kube.objects.has(`${LIST}/data-vault-0`), false);
  });

  it('that we may not delete is said to be so, and one that is gone already is no error', async () => {
    const kube = new SimKube({ now: () => 0 });
    kube.forbid.push({ method: 'DELETE', path: /forbidden/ });
    assert.equal(await deleteExactly(kube.wire(), `${LIST}/forbidden`, 'old'), false);
    assert.equal(await deleteExactly(kube.wire(), `${LIST}/gone`, 'old'), true);
    const failing = kube.wire(({ method }: Pick<KubeRequest, 'method'> | { method: string }) => (method === 'DELETE' ? { status: 500 } : undefined));
    await assert.rejects(deleteExactly(failing, `${LIST}/data-vault-0`, 'old'), /simulated 500/);
  });

  it('and does not go is shown with what holds it', () => {
    const claim = { metadata: { name: 'data-vault-0', uid: '1', deletionTimestamp: 'now', finalizers: ['backup.example/hold'] } };
    assert.equal(heldBy(claim, []), 'data-vault-0: waits for its finalizer backup.example/hold');
    const user = { metadata: { name: 'backup', uid: '2' }, spec: { containers: [], nodeName: 'node-1', volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data-vault-0' } }] } };
    assert.equal(heldBy(claim, [user]), 'data-vault-0: used by pod backup');
  });
});
