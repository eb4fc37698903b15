import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseKeyFile } from '../../src/credentials/key-file.ts';
import type { Hands, Prover } from '../../src/engine/world.ts';
import { install } from '../../src/flows/install.ts';
import { rotate } from '../../src/flows/rotate.ts';
import { Halt } from '../../src/model/halt.ts';
import type { KeySet } from '../../src/model/keys.ts';
import { Secret } from '../../src/model/secret.ts';
import { waitUntilCaughtUp } from '../../src/steps/caught-up.ts';
import { proveLive } from '../../src/steps/prove-live.ts';
import type { Staged } from '../../src/steps/records.ts';
import { verifyRekey } from '../../src/steps/verify-rekey.ts';
import { VaultError } from '../../src/vault/answers.ts';
import { PATHS, World } from '../sim/world.ts';
import { endOf, handsIn, saying } from './hands-in.ts';
import { healthy, keys } from './survey-world.ts';

async function installed(managers = 1): Promise<{ world: World; set: KeySet }> {
  const world = new World({ managers, nodes: 1 });
  assert.equal((await world.run(install)).ending.is, 'done');
  return { world, set: mainOn(world) };
}

function mainOn(world: World): KeySet {
  const parsed = parseKeyFile(world.machines.get('m1')!.files().get(PATHS.main)!);
  return parsed.is === 'set' ? parsed.set : assert.fail(parsed.why);
}

/** Nothing changed: the old keys open Vault, are main, and no rekey is left on the server. */
async function nothingChanged(world: World, set: KeySet): Promise<void> {
  assert.ok(world.vault.opens(set));
  assert.deepEqual(mainOn(world), set);
  const { hands } = await handsIn(world);
  assert.equal((await hands.vault.rekeyStatus(world.vault.addresses[0]!, undefined)).started, false);
  await hands.lock.release();
}

describe('a rotation on a strange server', () => {
  it('does not begin where the server sends an empty snapshot', async () => {
    const { world, set } = await installed(2);
    const { hands } = await handsIn(world, saying(world.vault.wire(), () => undefined, []));
    assert.equal(await endOf(rotate, hands), 'snapshot-failed');
    await nothingChanged(world, set);
  });

  it('gives no share to a server that would not wait for the new ones', async () => {
    const { world, set } = await installed();
    const shares: unknown[] = [];
    const { hands } = await handsIn(world, saying(world.vault.wire(), (request, answer) => {
      if (request.path === 'sys/rekey/update') shares.push(request.body);
      return request.method === 'PUT' && request.path === 'sys/rekey/init' ? { ...answer, body: { ...answer.body as object, verification_required: false } } : undefined;
    }));
    assert.equal(await endOf(rotate, hands), 'no-verification');
    assert.deepEqual(shares, []);
    await nothingChanged(world, set);
  });

  it('keeps the old keys where the new shares do not all combine to one key', async () => {
    const { world, set } = await installed();
    const { hands } = await handsIn(world, saying(world.vault.wire(), (request, answer) => {
      const given = request.path === 'sys/rekey/update' ? (answer.body as { keys_base64?: string[] }).keys_base64 : undefined;
      return given === undefined ? undefined : { ...answer, body: { ...answer.body as object, keys_base64: [...given.slice(0, -1), Buffer.alloc(33, 7).toString('base64')] } };
    }));
    assert.equal(await endOf(rotate, hands), 'rekey-interrupted');
    await nothingChanged(world, set);
    assert.equal((await world.run(rotate)).ending.is, 'done');
  });
});

describe('a server that opens with the old keys, and rejects them once it is open', () => {
  it('is asked again while it is open, where a rotation was cut short: opening was no proof', async () => {
    const { world, set } = await installed();
    world.vault.sealNode('v1');
    const { hands } = await handsIn(world, saying(world.vault.wire(), ({ path }) => (path === 'sys/rekey/update' ? { status: 500, body: { errors: ['failed to read root key: invalid key'] } } : undefined)));
    const candidate = (role: 'main' | 'rotate') => ({ set, sources: [{ host: 'm1', path: role === 'main' ? PATHS.main : PATHS.rotateCheckpoint, role, part: role === 'main' ? 'whole' as const : 'old' as const }] });
    assert.equal((await proveLive(hands, [candidate('rotate')])).is, 'none');
    world.vault.sealNode('v1');
    assert.equal((await proveLive(hands, [candidate('main')])).is, 'live', 'without a rotation one node that opened has answered');
    await hands.lock.release();
  });
});

describe('a server that repeats what it was sent', () => {
  it('puts no share into an error of ours', async () => {
    const { world, set } = await installed();
    world.vault.sealNode('v1');
    const share = set.shares[0]!;
    const { hands } = await handsIn(world, saying(world.vault.wire(), ({ path }) => (path === 'sys/unseal' ? { status: 400, body: { errors: [`this key is odd: ${share.reveal()}`] } } : undefined)));
    await assert.rejects(hands.vault.unsealShare(world.vault.addresses[0]!, share), (error) => {
      assert.ok(error instanceof VaultError);
      for (const text of [error.message, ...error.errors]) assert.ok(!text.includes(share.reveal()) && text.includes('this key is odd: [redacted]'), text);
      return true;
    });
    await hands.lock.release();
  });
});

describe('the shares that verify a rekey', () => {
  it('are the ones read back from the managers, share i from manager i, and not those in memory', async () => {
    const { world } = await installed();
    const sent: string[] = [];
    const { hands } = await handsIn(world, saying(world.vault.wire(), ({ method, path, body }) => {
      if (path === 'sys/rekey/init') return { status: 200, body: { started: true, nonce: 'n', t: 2, n: 3, progress: 0, required: 2, verification_required: true, verification_nonce: 'vn' } };
      if (path !== 'sys/rekey/verify') return undefined;
      if (method === 'PUT' && body?.['key'] instanceof Secret) sent.push(body['key'].reveal());
      return { status: 200, body: { nonce: 'vn', started: true, t: 2, n: 3, progress: 0, complete: sent.length === 2 } };
    }));
    const [memory, first, second, old] = [keys(2), keys(3), keys(4), keys(1)];
    const staged: Staged = {
      survey: healthy(), set: old, fresh: memory, keptAt: [], others: [], generation: 2, fromCheckpoint: true, nonce: 'n', verificationNonce: 'vn', startedAt: '', snapshots: [], staging: new Uint8Array(), mayBeVerifying: false,
      readBack: [{ host: 'node1', set: first }, { host: 'node2', set: second }],
    };
    assert.equal((await verifyRekey.act(hands, staged)).set, memory);
    assert.deepEqual(sent, [first.shares[0]!.reveal(), second.shares[1]!.reveal()]);
  });
});

describe('a follower that still replays its log', () => {
  /** Answers of the follower's log, one a question; the last one stays. */
  async function waits(applied: readonly number[]): Promise<{ slept: number; halt: Halt | undefined }> {
    let slept = 0;
    let nowMs = 0;
    const left = [...applied];
    const vault = { raftIndexes: async (address: string) => (address === 'leader' ? { committed: 50, applied: 50 } : { committed: 50, applied: left.length > 1 ? left.shift()! : left[0]! }) };
    const hands = {
      nodes: [{ name: 'v1', address: 'leader' }, { name: 'v2', address: 'follower' }], vault, settings: { allowMissingNodes: [], inventory: 'hosts.yaml' },
      clock: { now: () => nowMs, sleep: async (ms: number) => { slept += 1; nowMs += ms; }, random: () => '' },
    } as unknown as Hands & Prover;
    const halt = await waitUntilCaughtUp(hands, 'leader').then(() => undefined, (error: unknown) => error);
    assert.ok(halt === undefined || halt instanceof Halt, String(halt));
    return { slept, halt };
  }

  it('is waited for before the rekey begins', async () => {
    assert.deepEqual(await waits([10, 30, 50]), { slept: 2, halt: undefined });
    assert.deepEqual(await waits([50]), { slept: 0, halt: undefined });
  });

  it('that does not catch up stops the rotation, by name', async () => {
    const { halt, slept } = await waits([10]);
    assert.equal(halt?.text.code, 'nodes-behind');
    assert.match(JSON.stringify(halt?.text.details), /v2.*40 raft entries/);
    assert.ok(slept < 100);
  });
});
