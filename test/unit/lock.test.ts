import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { takeLock } from '../../src/engine/lock.ts';
import { Halt } from '../../src/model/halt.ts';
import type { Settings } from '../../src/model/settings.ts';
import { HostError, type HeldLock, type HostHands, type LockWords } from '../../src/ports/hosts.ts';
import { manager } from './survey-world.ts';

const words: LockWords = { operation: 'mine', flow: 'rotate', holder: 'alice', host: 'bastion', pid: 7, sinceMs: 1000 };
const other: LockWords = { operation: 'theirs', flow: 'install', holder: 'bob', host: 'laptop', pid: 9, sinceMs: 0 };

type How = 'free' | 'away' | 'broken' | { readonly takenBy: LockWords | undefined } | { readonly before: LockWords };

/** Managers in the order given, each with its own lock file; `log` is what was asked of them, in order. */
function cluster(hows: Record<string, How>) {
  const log: string[] = [];
  const held = new Map<string, LockWords>();
  const lose = new Map<string, (why: string) => void>();
  const rewriteFails = new Set<string>();
  const hosts = Object.entries(hows).map(([name, how]): HostHands => ({
    name,
    lock: async (path: string, mine: LockWords) => {
      log.push(`lock ${name}`);
      assert.equal(path, '/k/.vaultctl.lock');
      await Promise.resolve();
      if (how === 'away') throw new HostError(name, 'unreachable', 'no answer within 10 s', 'bring it back');
      if (how === 'broken') throw new TypeError('our bug');
      if (typeof how === 'object' && 'takenBy' in how) return { is: 'taken', by: how.takenBy };
      held.set(name, mine);
      const lock: HeldLock = {
        lost: new Promise((resolve) => { lose.set(name, resolve); }),
        rewrite: async (next) => { if (rewriteFails.has(name)) throw new HostError(name, 'io', 'EIO'); held.set(name, next); },
        release: async (options) => { log.push(`release ${name}`); if (options?.keepWords !== true) held.delete(name); },
      };
      return { is: 'held', lock, before: typeof how === 'object' ? how.before : undefined };
    },
  } as unknown as HostHands));
  const settings = (allowMissing: string[] = []) => ({ managers: Object.keys(hows).map(manager), allowMissing, inventory: 'hosts.yaml' } as unknown as Settings);
  return { log, held, lose, rewriteFails, take: (allowMissing?: string[]) => takeLock(settings(allowMissing), hosts, words, 126_000) };
}

const halted = (code: string, exit: number) => (error: unknown) => error instanceof Halt && error.text.code === code && error.exitCode === exit;
const settle = () => new Promise<void>((resolve) => { setImmediate(resolve); });

describe('the lock of a cluster', () => {
  it('that somebody broke can be taken anew on one manager, and counts again', async () => {
    const { take, lose, held } = cluster({ node1: 'free' });
    const lock = await take();
    lose.get('node1')!('broken');
    await settle();
    assert.match(lock.lost() ?? '', /broken/);
    held.clear();
    assert.equal(await lock.retake('node1'), true);
    assert.equal(lock.lost(), undefined);
    assert.equal(held.get('node1')?.operation, 'mine');
    assert.equal(await lock.retake('node9'), false);
  });

  it('is taken on every manager, on the first by name alone before the others: of two operators one wins', async () => {
    const { log, held, take } = cluster({ node3: 'free', node1: 'free', node2: 'free' });
    await take();
    assert.equal(log[0], 'lock node1');
    assert.deepEqual([...held.keys()].toSorted(), ['node1', 'node2', 'node3']);

    const raced = cluster({ node2: 'free', node1: { takenBy: other } });
    await assert.rejects(raced.take(), halted('locked', 6));
    assert.deepEqual(raced.log, ['lock node1']);
  });

  it('that somebody holds anywhere is refused, with holder, host, operation and age', async () => {
    for (const taken of ['node1', 'node2', 'node3']) {
      const { take, held } = cluster({ node1: 'free', node2: 'free', node3: 'free', [taken]: { takenBy: other } });
      await assert.rejects(take(), (error) => {
        assert.ok(halted('locked', 6)(error));
        assert.deepEqual((error as Halt).text.details, ['holder:    bob on laptop (pid 9)', 'operation: install theirs', 'since:     2 min 6 s ago', `seen on:   ${taken}`]);
        return true;
      });
      assert.deepEqual([...held.keys()], [], 'what was taken meanwhile is given back');
    }
  });

  it('is refused too where its holder has not written its name yet', async () => {
    await assert.rejects(cluster({ node1: { takenBy: undefined } }).take(), halted('locked', 6));
  });

  it('needs a majority: with fewer it is given back, and the page says who was missing and what mends it', async () => {
    const { take, held } = cluster({ node1: 'free', node2: 'away', node3: 'away' });
    await assert.rejects(take(), (error) => {
      assert.ok(halted('no-majority', 5)(error));
      assert.match((error as Halt).text.details!.join('\n'), /node2: no answer within 10 s\n {2}mend: bring it back\nnode3/);
      return true;
    });
    assert.deepEqual([...held.keys()], []);
    await assert.rejects(cluster({ node1: 'away', node2: 'away' }).take(), halted('no-majority', 5));
    await assert.rejects(cluster({ node1: 'free', node2: 'away' }).take(), halted('no-majority', 5), 'one of two is no majority');
  });

  it('goes on with a majority, and with the first manager away', async () => {
    const { take, log, held } = cluster({ node1: 'away', node2: 'free', node3: 'free' });
    await take();
    assert.deepEqual(log.slice(0, 2), ['lock node1', 'lock node2']);
    assert.deepEqual([...held.keys()].toSorted(), ['node2', 'node3']);
  });

  it('counts the managers that the operator allowed to be missing out of the majority', async () => {
    await cluster({ node1: 'free', node2: 'away', node3: 'away' }).take(['node2', 'node3']);
    await assert.rejects(cluster({ node1: 'free', node2: 'away', node3: 'away' }).take(['node2']), halted('no-majority', 5));
  });

  it('is given back where a manager fails for a reason of ours', async () => {
    const { take, held } = cluster({ node1: 'free', node2: 'broken', node3: 'free' });
    await assert.rejects(take(), TypeError);
    await settle();
    assert.deepEqual([...held.keys()], []);
  });

  it('is lost when no majority of it is left, and not before', async () => {
    const { take, lose } = cluster({ node1: 'free', node2: 'free', node3: 'free' });
    const lock = await take();
    lose.get('node2')!('the connection was cut');
    await settle();
    assert.equal(lock.lost(), undefined);
    lose.get('node3')!('somebody broke it');
    await settle();
    assert.equal(lock.lost(), 'node2: the connection was cut; node3: somebody broke it');
  });

  it('names our operation as the fence of every write', async () => {
    const lock = await cluster({ node1: 'free' }).take();
    assert.deepEqual(lock.fence('/k/.vaultctl.lock'), { lockPath: '/k/.vaultctl.lock', operation: 'mine' });
  });

  it('given back is free everywhere', async () => {
    const { take, held } = cluster({ node1: 'free', node2: 'free', node3: 'free' });
    await (await take()).release();
    assert.deepEqual([...held.keys()], []);
  });
});

describe('a proof under the lock', () => {
  const proof = { nonce: 'n', shares: 3, threshold: 2 };

  it('is recorded on every manager before it begins, and struck out when it is over', async () => {
    const { take, held } = cluster({ node1: 'free', node2: 'free' });
    const lock = await take();
    await lock.proof(proof);
    assert.deepEqual([...held.values()].map((found) => found.proof), [proof, proof]);
    await lock.proof(undefined);
    assert.deepEqual([...held.values()], [words, words]);
  });

  it('that a dead holder left is handed to the next one', async () => {
    const { take } = cluster({ node1: 'free', node2: { before: { ...other, proof } } });
    assert.deepEqual((await take()).orphan, proof);
    assert.equal((await cluster({ node1: 'free' }).take()).orphan, undefined);
  });

  it('does not begin where no manager would record it', async () => {
    const { take, rewriteFails } = cluster({ node1: 'free', node2: 'free' });
    const lock = await take();
    rewriteFails.add('node1');
    await lock.proof(proof);
    rewriteFails.add('node2');
    await assert.rejects(lock.proof(proof), (error: unknown) => error instanceof Halt && error.exitCode === 5 && /node1.*node2/.test((error.text.details ?? []).join(' ')));
  });

  it('left by a dead holder that nobody would record again gives the lock back', async () => {
    const { take, rewriteFails, log } = cluster({ node1: { before: { ...other, proof } } });
    rewriteFails.add('node1');
    await assert.rejects(take(), (error: unknown) => error instanceof Halt && error.exitCode === 5);
    assert.deepEqual(log, ['lock node1', 'release node1']);
  });
});
