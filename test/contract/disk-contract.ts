import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Disk } from '../../src/ports/disk.ts';

export interface DiskBench {
  readonly disk: Disk;
  /** The same disk as another process sees it. */
  readonly other: Disk;
  /** An empty folder. */
  readonly folder: string;
  link(path: string, target: string): void;
  close(): Promise<void>;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (found: Uint8Array) => new TextDecoder().decode(found);
const code = (expected: string) => (error: unknown) => (error as { code?: string }).code === expected;

/** What every Disk promises, the simulated one and the real one alike. */
export function diskContract(name: string, make: () => Promise<DiskBench>): void {
  describe(`the disk contract: ${name}`, () => {
    let bench: DiskBench;
    let path: string;
    beforeEach(async () => { bench = await make(); path = `${bench.folder}/a`; });
    afterEach(() => bench.close());

    const write = async (at: string, content: string) => {
      const file = await bench.disk.create(at, 0o600);
      assert.equal(await file.write(bytes(content), 0), content.length);
      await file.sync();
      await file.close();
    };

    it('a created file is 0600 and ours, and creating it again fails', async () => {
      await write(path, 'hello');
      const stat = await bench.disk.stat(path);
      assert.deepEqual([stat?.kind, stat?.mode, stat?.uid, stat?.size], ['file', 0o600, bench.disk.uid, 5]);
      await assert.rejects(bench.disk.create(path, 0o600), code('EEXIST'));
    });

    it('creating never follows a planted link', async () => {
      bench.link(path, `${bench.folder}/elsewhere`);
      await assert.rejects(bench.disk.create(path, 0o600), code('EEXIST'));
      assert.equal(await bench.disk.stat(`${bench.folder}/elsewhere`), undefined);
    });

    it('reading follows links, opening does not', async () => {
      await write(path, 'through');
      bench.link(`${bench.folder}/l`, path);
      assert.equal(text(await bench.disk.read(`${bench.folder}/l`, 100)), 'through');
      assert.equal((await bench.disk.stat(`${bench.folder}/l`))?.kind, 'link');
      assert.equal((await bench.disk.target(`${bench.folder}/l`))?.kind, 'file');
      await assert.rejects(bench.disk.open(`${bench.folder}/l`), code('ELOOP'));
    });

    it('a read is bounded, a missing name is undefined to stat and ENOENT to read', async () => {
      await write(path, 'hello');
      assert.equal(text(await bench.disk.read(path, 2)), 'he');
      assert.equal(await bench.disk.stat(`${bench.folder}/none`), undefined);
      assert.equal(await bench.disk.target(`${bench.folder}/none`), undefined);
      await assert.rejects(bench.disk.read(`${bench.folder}/none`, 1), code('ENOENT'));
      await assert.rejects(bench.disk.open(`${bench.folder}/none`), code('ENOENT'));
      await assert.rejects(bench.disk.list(`${bench.folder}/none`), code('ENOENT'));
    });

    it('writes and reads at positions, and cuts', async () => {
      const file = await bench.disk.create(path, 0o600);
      await file.write(bytes('0123456789'), 0);
      await file.write(bytes('ab'), 2);
      await file.truncate(5);
      assert.equal(text(await file.read(0, 100)), '01ab4');
      assert.equal(text(await file.read(3, 1)), 'b');
      assert.equal((await file.read(5, 10)).length, 0);
      assert.equal((await file.stat()).size, 5);
      await file.setMode(0o640);
      assert.equal((await file.stat()).mode, 0o640);
      await file.close();
    });

    it('a rename replaces, a removed name is gone, folders are made and listed', async () => {
      await write(path, 'old');
      await write(`${bench.folder}/b`, 'new');
      await bench.disk.rename(`${bench.folder}/b`, path);
      assert.equal(text(await bench.disk.read(path, 10)), 'new');
      assert.deepEqual(await bench.disk.list(bench.folder), ['a']);
      await bench.disk.makeFolder(`${bench.folder}/sub`, 0o700);
      assert.equal((await bench.disk.stat(`${bench.folder}/sub`))?.mode, 0o700);
      await assert.rejects(bench.disk.makeFolder(`${bench.folder}/sub`, 0o700), code('EEXIST'));
      await bench.disk.remove(path);
      await bench.disk.syncFolder(bench.folder);
      await assert.rejects(bench.disk.remove(path), code('ENOENT'));
      assert.ok(await bench.disk.space(bench.folder) > 0);
      assert.equal(await bench.disk.writable(bench.folder), true);
    });

    it('a second name is the same file, outlives the first, and never replaces', async () => {
      await write(path, 'kept');
      const second = `${bench.folder}/second`;
      await bench.disk.link(path, second);
      await bench.disk.syncFolder(bench.folder);
      await assert.rejects(bench.disk.link(path, second), code('EEXIST'));
      await write(`${bench.folder}/b`, 'new');
      await bench.disk.rename(`${bench.folder}/b`, path);
      assert.deepEqual([text(await bench.disk.read(path, 10)), text(await bench.disk.read(second, 10))], ['new', 'kept']);
      await assert.rejects(bench.disk.link(`${bench.folder}/absent`, `${bench.folder}/c`), code('ENOENT'));
    });

    it('a flock excludes every other process until it is released', async () => {
      const mine = await bench.disk.flock(path);
      assert.ok(mine);
      assert.equal((await bench.disk.stat(path))?.mode, 0o600);
      assert.equal(await bench.other.flock(path), undefined);
      await mine.file.write(bytes('me'), 0);
      assert.equal(text(await bench.other.read(path, 10)), 'me');
      await mine.release();
      const theirs = await bench.other.flock(path);
      assert.ok(theirs);
      await theirs.release();
    });

    it('a flock is on the file, not on its name', async () => {
      const mine = await bench.disk.flock(path);
      await write(`${bench.folder}/b`, '');
      await bench.disk.rename(`${bench.folder}/b`, path);
      const theirs = await bench.other.flock(path);
      assert.ok(theirs);
      await theirs.release();
      await mine?.release();
    });

    it('a guard makes others wait for its release', async () => {
      const order: string[] = [];
      const mine = await bench.disk.guard(bench.folder);
      const theirs = bench.other.guard(bench.folder).then(async (guard) => { order.push('theirs'); await guard.release(); });
      await new Promise((resolve) => { setTimeout(resolve, 20); });
      order.push('mine released');
      await mine.release();
      await theirs;
      assert.deepEqual(order, ['mine released', 'theirs']);
    });
  });
}
