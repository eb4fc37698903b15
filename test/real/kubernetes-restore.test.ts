import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { whatIsWrong } from '../../prove/judge.ts';
import { whyNoCluster } from '../cluster/parts.ts';
import { notRun } from '../not-run.ts';
import { KubeWorld } from './kube-world.ts';

const why = whyNoCluster();
const CLAIM = 'data-vault-0';
const HELD = 'vaultctl.test/held';

async function restored(world: KubeWorld): Promise<void> {
  const token = () => (JSON.parse(world.files()[0]!) as { root_token: string }).root_token;
  const finalizers = (patch: string, type = 'json') => world.kubectl('patch', 'pvc', CLAIM, `--type=${type}`, '-p', patch);
  const recover = (...more: string[]) => world.begin(['recover', '--restore-snapshot', '--confirm', 'kill', ...more]);
  for (const verb of ['install', 'rotate']) {
    const { code, text } = await world.run(verb);
    assert.equal(code, 0, text);
    if (verb === 'install') {
      await world.vault('POST', 'sys/mounts/proof', { type: 'kv' }, token());
      await world.vault('PUT', 'proof/data', { kept: 'yes' }, token());
    }
  }
  // Its data are lost, and another's are there.
  await world.wipe();
  assert.equal((await world.vault('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 })).status, 200);
  const volume = await world.kubectl('get', 'pvc', CLAIM, '-o', 'jsonpath={.spec.volumeName}');
  await finalizers(JSON.stringify([{ op: 'add', path: '/metadata/finalizers/-', value: HELD }]));

  const waited = await recover('--timeout', '6').ended;
  assert.equal(waited.code, 4, waited.text);
  assert.match(waited.text, new RegExp(`${CLAIM}: waits for its finalizer ${HELD}`));
  const { child, ended } = recover();
  let said = '';
  child.stdout!.on('data', (text: Buffer) => { said += text.toString(); });
  for (let tries = 0; !said.includes('waiting: PVC') && child.exitCode === null; tries += 1) { assert.ok(tries < 1200, said); await sleep(50); }
  child.kill('SIGKILL');
  assert.equal((await ended).signal, 'SIGKILL', said);
  await finalizers(JSON.stringify({ metadata: { finalizers: null } }), 'merge');

  const last = await recover().ended;
  assert.equal(last.code, 0, last.text);
  assert.ok(last.text.includes(`volume ${volume} (of PVC ${CLAIM}) is retained and still holds the OLD data: kubectl delete pv ${volume}`), last.text);
  assert.notEqual(await world.kubectl('get', 'pvc', CLAIM, '-o', 'jsonpath={.spec.volumeName}'), volume);
  assert.equal(await whatIsWrong(world), undefined);
  assert.match(JSON.stringify((await world.vault('GET', 'proof/data', undefined, token())).body), /"kept":"yes"/);
}

describe('recover --restore-snapshot on a real Kubernetes', { timeout: 600_000 }, () => {
  if (why !== undefined) {
    it('cannot be tried here', () => { notRun('recover --restore-snapshot in a real Kubernetes: a PVC slow to go, a retained volume', why); });
    return;
  }
  it('waits for a claim whose finalizer is held, names it, is killed meanwhile, goes on, names the volume that is retained, and brings the data back', async () => {
    const world = await KubeWorld.start({ storageClass: 'retained' });
    try { await restored(world); } finally { await world.end(); }
  });
});
