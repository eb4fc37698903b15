import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/adapters/clock.ts';
import { NodeDisk } from '../../src/adapters/node-disk.ts';
import { openHosts } from '../../src/adapters/open-hosts.ts';
import { DiskHost } from '../../src/hosts/disk-host.ts';
import { formatWords, parseWords } from '../../src/hosts/lock-words.ts';
import { library, lockScript } from '../../src/hosts/remote-script.ts';
import { quoted } from '../../src/model/shell-word.ts';
import type { LockAnswer, LockWords } from '../../src/ports/hosts.ts';
import { notRun } from '../not-run.ts';
import { type SshdWorld, startSshd } from '../real/sshd.ts';
import { manager, openDeps } from './host-benches.ts';

const words = (operation: string): LockWords => ({ operation, flow: 'rotate', holder: 'ada', host: 'desk', pid: 1, sinceMs: 1 });
/** Short, so that what takes half a minute takes seconds here. */
const times = { silenceS: 3, beatMs: 500 };

describe('a lock and the death of its holder', () => {
  const base = mkdtempSync(join(tmpdir(), 'vaultctl-lock-'));
  const children: ChildProcess[] = [];
  let world: SshdWorld;
  let room = 0;
  before(async () => { world = await startSshd({ world: base, names: ['m1'], net: 73 }); });
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await world.stop();
    rmSync(base, { recursive: true });
  });

  const reach = () => manager({ address: world.managers[0]!.address, port: world.managers[0]!.port, user: world.managers[0]!.user, key: world.key, knownHosts: world.knownHosts });
  const fresh = () => { const folder = join(base, `room-${room += 1}`); mkdirSync(folder); return join(folder, '.vaultctl.lock'); };
  const overSsh = () => openHosts([reach()], { ...openDeps, times })[0]!;
  const here = () => new DiskHost({ name: 'm1', disk: new NodeDisk(), clock: systemClock, local: true });

  /** Another vaultctl, which takes the lock and stays. */
  async function holder(lock: string, how: 'ssh' | 'local'): Promise<ChildProcess> {
    const script = join(base, `holder-${room}.ts`);
    const src = new URL('../../src/', import.meta.url).pathname;
    writeFileSync(script, `
import { openHosts } from '${src}adapters/open-hosts.ts';
import { systemClock } from '${src}adapters/clock.ts';
const host = openHosts([${JSON.stringify(how === 'ssh' ? reach() : { ...reach(), connection: 'local' })}], { clock: systemClock, askSecret: async () => undefined, warn: () => undefined, times: ${JSON.stringify(times)} })[0];
const answer = await host.lock(${JSON.stringify(lock)}, ${JSON.stringify(words('first'))});
console.log(answer.is);
setInterval(() => undefined, 1000);
`);
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    const [said] = await new Promise<string[]>((resolve) => { child.stdout!.once('data', (chunk: Buffer) => resolve(chunk.toString().trim().split('\n'))); });
    assert.equal(said, 'held');
    return child;
  }

  async function takenWithin(lock: string, ms: number): Promise<{ answer: LockAnswer; waitedMs: number }> {
    const host = here();
    const start = Date.now();
    for (;;) {
      const answer = await host.lock(lock, words('second'));
      const waitedMs = Date.now() - start;
      if (answer.is === 'held') { await answer.lock.release(); return { answer, waitedMs }; }
      assert.deepEqual(answer.by?.operation, 'first');
      assert.ok(waitedMs < ms, `still taken after ${waitedMs} ms`);
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  }

  for (const how of ['ssh', 'local'] as const) {
    it(`${how}: a killed holder's lock is free at once, and its words are shown`, async () => {
      const lock = fresh();
      const child = await holder(lock, how);
      child.kill('SIGKILL');
      const { answer, waitedMs } = await takenWithin(lock, 5000);
      assert.ok(waitedMs < 2000, `${waitedMs} ms`);
      assert.deepEqual(answer.is === 'held' && answer.before, words('first'));
    });
  }

  it('a holder that is stopped, as one behind a half-open connection, is let go when it has been silent too long', async () => {
    const lock = fresh();
    const child = await holder(lock, 'ssh');
    child.kill('SIGSTOP');
    const { waitedMs } = await takenWithin(lock, times.silenceS * 1000 + 3000);
    assert.ok(waitedMs > 1000, `freed after ${waitedMs} ms: heartbeats of a living holder would not keep it either`);
    child.kill('SIGKILL');
  });

  it('a living holder keeps it for longer than the silence that ends it', async () => {
    const lock = fresh();
    const host = overSsh();
    const mine = await host.lock(lock, words('first'));
    assert.equal(mine.is, 'held');
    await new Promise((resolve) => { setTimeout(resolve, times.silenceS * 1000 + 1500); });
    assert.equal((await here().lock(lock, words('second'))).is, 'taken');
    if (mine.is === 'held') await mine.lock.release();
    await host.close();
  });

  it('a holder whose connection is cut hears that it lost the lock', async () => {
    const lock = fresh();
    const host = overSsh();
    const mine = await host.lock(lock, words('first'));
    assert.ok(mine.is === 'held');
    await world.managers[0]!.stop();
    const why = await Promise.race([mine.lock.lost, new Promise<string>((resolve) => { setTimeout(() => resolve('never'), times.silenceS * 1000 + 2000).unref(); })]);
    assert.match(why, /connection/);
    await assert.rejects(mine.lock.rewrite(words('first')), /connection/);
    await mine.lock.release();
    await host.close();
    await world.managers[0]!.start();
    assert.equal((await takenWithin(lock, 5000)).answer.is, 'held');
  });

  it('over ssh and on the machine itself it is the same lock', async () => {
    const lock = fresh();
    const local = here();
    const mine = await local.lock(lock, words('first'));
    assert.equal(mine.is, 'held');
    const host = overSsh();
    assert.deepEqual(await host.lock(lock, words('second')), { is: 'taken', by: words('first') });
    if (mine.is === 'held') await mine.lock.release();
    const theirs = await host.lock(lock, words('second'));
    assert.equal(theirs.is, 'held');
    assert.match(readFileSync(lock, 'utf8'), /^\{"operation":"second",/);
    assert.equal((await local.lock(lock, words('first'))).is, 'taken');
    if (theirs.is === 'held') await theirs.lock.release();
    await host.close();
  });

  for (const shell of ['sh', '/bin/busybox sh']) {
    if (shell !== 'sh' && !existsSync('/bin/busybox')) { notRun('the words of a dead holder on busybox', 'busybox is missing: apt-get install busybox-static'); continue; }
    it(`${shell}: a dead holder's words are told as they were found, however late they are read`, () => {
      const lock = fresh();
      const dead: LockWords = { ...words('dead'), proof: { shares: 5, threshold: 3 } };
      for (const found of [formatWords(dead), formatWords(words('later')) + formatWords(dead)]) {
        writeFileSync(lock, `${found}\n`);
        const script = join(base, `script-${room}`);
        writeFileSync(script, library(5) + lockScript(lock, words('mine'), { mark: 'MARK', silenceS: 1 }));
        const said = execFileSync('sh', ['-c', `{ sleep 0.4; echo .; } | ${shell} ${quoted(script)} 2>/dev/null | { sleep 1; cat; }`], { encoding: 'utf8' });
        const told = said.slice(said.indexOf('\n') + 1, said.indexOf('\nMARK\n'));
        assert.deepEqual(parseWords(new TextEncoder().encode(told)), parseWords(new TextEncoder().encode(found)));
        assert.deepEqual(parseWords(readFileSync(lock)), { ...words('mine'), proof: dead.proof }, 'the proof goes on to the next holder');
      }
    });
  }
});
