import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Eyes } from '../../src/engine/world.ts';
import { closedNode } from '../../src/steps/unseal-vault.ts';

/** As Vault 1.21 answers the last share of a node that was killed while it joined. */
const SAID = 'unseal: https://10.0.0.12:8200 answered 500: error bootstrapping cluster: cluster already has state';
const eyes = (namespace?: string) => ({ settings: { kubernetes: namespace === undefined ? undefined : { namespace } } }) as unknown as Eyes;

describe('a node that was cut off while it joined', () => {
  it('is begun afresh, on hosts and in Kubernetes, and only where the others have what it has', () => {
    const { why, mend = '' } = closedNode(eyes(), 'https://10.0.0.12:8200', SAID);
    assert.match(why, /cut off while it joined/);
    assert.match(mend, /only where the other nodes are open.*MOVE its storage folder away/);
    assert.match(closedNode(eyes('vault'), 'vault-1', SAID).mend ?? '', /kubectl -n vault delete pvc data-vault-1 .* delete pod vault-1/);
  });

  it('is nothing else that keeps a node sealed', () => {
    const why = 'it did not open within 30 s of its last share';
    assert.deepEqual(closedNode(eyes(), 'v1', why), { host: 'v1', why });
  });
});
