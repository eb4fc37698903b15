import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type About, describeSet } from '../../src/credentials/about.ts';
import { isUnproven } from '../../src/engine/flow.ts';
import type { Eyes } from '../../src/engine/world.ts';
import { whichKeysLive } from '../../src/steps/which-keys-live.ts';
import { healthy, keys, manager, node, paper, reachedManager } from './survey-world.ts';

const eyes = { nodes: [], flags: { acceptRestored: false }, settings: { allowMissing: [], inventory: 'hosts.yaml', managers: [manager('node1')] } } as unknown as Eyes;

/** What looking alone says of three managers with equal mains and this about. */
async function looked(change: Partial<About> = {}, of = keys(1)): Promise<string> {
  const about: About = { format: 1, clusterId: 'c0ffee', generation: 1, ...await describeSet(of, 'salt'), operation: 'op', at: '', owed: [], ancestors: [], ...change };
  const managers = ['node1', 'node2', 'node3'].map((name) => reachedManager(name, [paper('main', { set: keys(1) })], about));
  const sight = await whichKeysLive.look(eyes, { survey: healthy({ managers }) });
  return isUnproven(sight) ? 'unproven' : sight.to;
}

describe('equal files on an open server', () => {
  it('that are bound to this very cluster need no proof', async () => {
    assert.equal(await looked(), 'keysReplicated');
  });

  it('are proven where Vault has rejected them since, they are of another cluster, or their about names other keys', async () => {
    assert.equal(await looked({ rejectedAt: '2026-11-22T03:00:00.000Z' }), 'unproven');
    assert.equal(await looked({ clusterId: 'another' }), 'unproven');
    assert.equal(await looked({}, keys(2)), 'unproven');
  });

  it('are proven for whoever says that Vault was restored', async () => {
    assert.ok(isUnproven(await whichKeysLive.look({ ...eyes, flags: { ...eyes.flags, acceptRestored: true } }, { survey: healthy() })));
  });

  it('are proven where no node is active, where they differ, and beside a checkpoint', async () => {
    const [bound] = healthy().managers;
    assert.ok(bound?.reached === true);
    for (const survey of [
      healthy({ nodes: [node(1, 'sealed')] }),
      healthy({ managers: [reachedManager('node1', [paper('main', { set: keys(1) })]), reachedManager('node2', [paper('main', { set: keys(2) })])] }),
      healthy({ managers: [reachedManager('node1', [paper('main', { set: keys(1) }), paper('install', { checkpoint: { top: keys(1) } })])] }),
    ]) assert.ok(isUnproven(await whichKeysLive.look(eyes, { survey })));
  });
});
