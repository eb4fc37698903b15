import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { type Fence, HostError, type HostErrorKind, type HostHands, type LockWords } from '../../src/ports/hosts.ts';

/** The manager's own files, as somebody on its console has them. */
export interface Console {
  put(path: string, content: Uint8Array | string, mode?: number): void;
  folder(path: string, mode?: number, uid?: number): void;
  link(path: string, target: string): void;
  get(path: string): Uint8Array | undefined;
  mode(path: string): number | undefined;
  names(folder: string): string[];
}

export interface HostBench {
  readonly console: Console;
  /** An empty folder for one test, `0755` and ours. */
  room(): string;
  /** Hands of a process of its own. */
  hands(): HostHands;
  /** False where files cannot be given to others. */
  readonly chown: boolean;
  close(): Promise<void>;
}

const words = (operation: string): LockWords => ({ operation, flow: 'install', holder: 'ada', host: 'desk', pid: 4711, sinceMs: 1_700_000_000_000 });
const every = Uint8Array.from({ length: 512 }, (_, index) => index % 256);
const kind = (expected: HostErrorKind) => (error: unknown) => { assert.ok(error instanceof HostError, String(error)); assert.equal(error.kind, expected, error.message); return true; };
const text = (found: Uint8Array | undefined) => (found === undefined ? undefined : Buffer.from(found).toString('latin1'));
const bytes = (content: string) => new TextEncoder().encode(content);

/** What every pair of hands promises, whatever lies between it and the disk. */
export function hostsContract(name: string, make: () => Promise<HostBench>): void {
  describe(`the hosts contract: ${name}`, () => {
    let bench: HostBench;
    let host: HostHands;
    let room: string;
    let fence: Fence;
    const opened: HostHands[] = [];
    const hands = () => { const made = bench.hands(); opened.push(made); return made; };
    const at = (file: string) => `${room}/${file}`;
    const lockWith = async (by: HostHands, operation = 'op1') => {
      const answer = await by.lock(at('.vaultctl.lock'), words(operation));
      assert.equal(answer.is, 'held');
      return answer.is === 'held' ? answer : assert.fail();
    };
    /** The words alone are the fence; the flock is tested by itself. */
    const fenced = () => { bench.console.put(at('.vaultctl.lock'), `${JSON.stringify(words('op1'))}\n`); };

    before(async () => { bench = await make(); });
    beforeEach(() => {
      host = hands();
      room = bench.room();
      fence = { lockPath: at('.vaultctl.lock'), operation: 'op1' };
    });
    afterEach(async () => { await Promise.all(opened.splice(0).map((one) => one.close())); });
    after(() => bench.close());

    it('looks at everything at once: bytes exactly, mode, owner, what is absent and what is unreadable', async () => {
      bench.console.put(at('all'), every, 0o644);
      bench.console.link(at('link'), at('all'));
      bench.console.link(at('nowhere'), at('none'));
      bench.console.folder(at('folder'));
      bench.console.put(at('large'), new Uint8Array(1001));
      bench.console.put(at('empty'), '');
      const files = ['all', 'link', 'nowhere', 'folder', 'large', 'empty', 'absent'].map(at);
      const sight = await host.look({ files: [...files, at('gone/with/its/folder')], folders: [room, at('gone')], limitBytes: 1000 });
      const file = (wanted: string) => sight.files.get(at(wanted));
      const all = file('all');
      assert.ok(all?.is === 'file');
      assert.deepEqual([text(all.bytes), all.mode, all.size, all.throughLink], [text(every), 0o644, 512, false]);
      const link = file('link');
      assert.ok(link?.is === 'file' && link.throughLink && link.mode === 0o644);
      assert.deepEqual(['nowhere', 'folder', 'large', 'absent', 'gone/with/its/folder'].map((one) => file(one)?.is), ['unreadable', 'unreadable', 'unreadable', 'absent', 'absent']);
      const large = file('large');
      assert.ok(large?.is === 'unreadable' && /too large/.test(large.why) && large.size === 1001);
      const empty = file('empty');
      assert.ok(empty?.is === 'file' && empty.size === 0);
      const folder = sight.folders.get(room);
      assert.deepEqual([folder?.is, folder?.mode, folder?.writable, folder?.link], ['folder', 0o755, true, false]);
      assert.ok(folder!.spaceBytes > 0);
      assert.deepEqual(folder?.names.map((entry) => entry.name).toSorted(), ['all', 'empty', 'folder', 'large', 'link', 'nowhere']);
      assert.equal(folder?.names.find((entry) => entry.name === 'large')?.size, 1001);
      assert.equal(sight.folders.get(at('gone'))?.is, 'absent');
      assert.ok(sight.hostname.length > 0 && sight.user.uid >= 0);
    });

    it('reads the siblings that a crash left, and takes nothing else for one', async () => {
      const hex = '0123456789abcdef';
      for (const left of [`.main.json.${hex}.keys`, `.main.json.${hex}.intent`, '.main.json.xyz.keys', `.main.json.old.${hex}.keys`, `.other.${hex}.keys`, `main.json.archived-1`]) bench.console.put(at(left), left);
      const sight = await host.look({ files: [at('main.json')], folders: [room], limitBytes: 1000 });
      assert.deepEqual([...sight.siblings.keys()].toSorted(), [at(`.main.json.${hex}.intent`), at(`.main.json.${hex}.keys`)]);
      const keys = sight.siblings.get(at(`.main.json.${hex}.keys`));
      assert.equal(keys?.is === 'file' && text(keys.bytes), `.main.json.${hex}.keys`);
      assert.ok(sight.folders.get(room)?.names.some((entry) => entry.name === 'main.json.archived-1'));
    });

    it('writes exactly the bytes, 0600, in place of what was there, and leaves nothing beside it', async () => {
      fenced();
      bench.console.put(at('main'), 'old', 0o644);
      const answer = await host.apply([
        { do: 'write', path: at('main'), bytes: every, purpose: 'keys' }, { do: 'write', path: at('b'), bytes: bytes('-n %s \\n\n'), purpose: 'plain' }, { do: 'write', path: at('c'), bytes: new Uint8Array(), purpose: 'intent' },
      ], fence);
      assert.deepEqual([...answer.readBack].map(([path, back]) => [path, text(back)]), [[at('main'), text(every)], [at('b'), '-n %s \\n\n'], [at('c'), '']]);
      assert.equal(text(bench.console.get(at('main'))), text(every));
      assert.equal(text(bench.console.get(at('b'))), '-n %s \\n\n');
      assert.deepEqual(['main', 'b', 'c'].map((file) => bench.console.mode(at(file))), [0o600, 0o600, 0o600]);
      assert.deepEqual(bench.console.names(room).toSorted(), ['.vaultctl.lock', 'b', 'c', 'main']);
    });

    it('a fenced host writes, moves and removes nothing', async () => {
      bench.console.put(at('main'), 'old');
      const operations = [{ do: 'write', path: at('main'), bytes: bytes('new'), purpose: 'keys' }, { do: 'remove', path: at('main') }] as const;
      const before = ['main'];
      await assert.rejects(host.apply(operations, fence), kind('fenced'));
      assert.deepEqual(bench.console.names(room).filter((one) => one !== '.vaultctl.lock'), before);
      bench.console.put(at('.vaultctl.lock'), `${JSON.stringify(words('op12'))}\n`);
      await assert.rejects(host.apply(operations, fence), kind('fenced'));
      await assert.rejects(host.apply([{ do: 'move', path: at('main'), to: at('moved') }], fence), kind('fenced'));
      await assert.rejects(host.prepare(at('main'), 100, fence), kind('fenced'));
      await assert.rejects(host.store(at('main'), chunks(10), fence), kind('fenced'));
      bench.console.put(at('.vaultctl.lock'), '{"operation":"op1","torn');
      assert.equal(text(bench.console.get(at('main'))), 'old');
      assert.deepEqual(bench.console.names(room).toSorted(), ['.vaultctl.lock', 'main']);
    });

    it('stops at the first operation that fails', async () => {
      fenced();
      bench.console.folder(at('folder'));
      await assert.rejects(host.apply([
        { do: 'write', path: at('first'), bytes: bytes('1'), purpose: 'plain' }, { do: 'write', path: at('folder'), bytes: bytes('2'), purpose: 'plain' }, { do: 'write', path: at('third'), bytes: bytes('3'), purpose: 'plain' },
      ], fence), kind('refused'));
      assert.deepEqual(bench.console.names(room).toSorted(), ['.vaultctl.lock', 'first', 'folder']);
    });

    it('refuses to write through a link, into a linked folder, and where others may write', async () => {
      fenced();
      const write = (path: string) => host.apply([{ do: 'write', path, bytes: bytes('x'), purpose: 'keys' }], fence);
      bench.console.put(at('target'), 'kept');
      bench.console.link(at('link'), at('target'));
      bench.console.folder(at('real'));
      bench.console.link(at('linked'), at('real'));
      bench.console.folder(at('open'), 0o777);
      bench.console.folder(at('group'), 0o775);
      bench.console.folder(at('sticky'), 0o1777);
      for (const path of ['link', 'linked/f', 'open/f', 'group/f']) await assert.rejects(write(at(path)), kind('refused'), path);
      assert.equal(text(bench.console.get(at('target'))), 'kept');
      await write(at('sticky/f'));
      assert.equal(text(bench.console.get(at('sticky/f'))), 'x');
      await assert.rejects(write(at('missing/f')), kind('io'));
      if (!bench.chown) return;
      bench.console.folder(at('foreign'), 0o755, 4242);
      await assert.rejects(write(at('foreign/f')), kind('refused'));
    });

    it('moves without ever replacing, removes and moves what is absent without complaint', async () => {
      fenced();
      bench.console.put(at('a'), 'a');
      bench.console.put(at('b'), 'b');
      await assert.rejects(host.apply([{ do: 'move', path: at('a'), to: at('b') }], fence), kind('refused'));
      await host.apply([{ do: 'move', path: at('a'), to: at('c') }, { do: 'move', path: at('a'), to: at('b') }, { do: 'remove', path: at('b') }, { do: 'remove', path: at('b') }], fence);
      assert.deepEqual(bench.console.names(room).toSorted(), ['.vaultctl.lock', 'c']);
      bench.console.folder(at('folder'));
      await assert.rejects(host.apply([{ do: 'remove', path: at('folder') }], fence), kind('refused'));
    });

    it('keeps a file under a second name while it is written over, and never replaces with it', async () => {
      fenced();
      bench.console.put(at('a'), 'old', 0o600);
      bench.console.put(at('b'), 'b', 0o600);
      await assert.rejects(host.apply([{ do: 'keep', path: at('a'), to: at('b') }], fence), kind('refused'));
      await host.apply([{ do: 'keep', path: at('a'), to: at('c') }, { do: 'write', path: at('a'), bytes: bytes('new'), purpose: 'keys' }, { do: 'keep', path: at('absent'), to: at('d') }], fence);
      assert.deepEqual(['a', 'b', 'c', 'd'].map((file) => text(bench.console.get(at(file)))), ['new', 'b', 'old', undefined]);
      bench.console.put(at('.vaultctl.lock'), `${JSON.stringify(words('other'))}\n`);
      await assert.rejects(host.apply([{ do: 'keep', path: at('a'), to: at('e') }], fence), kind('fenced'));
    });

    it('tightens a file that is too open, and leaves its content', async () => {
      fenced();
      bench.console.put(at('open'), 'same', 0o666);
      bench.console.link(at('link'), at('open'));
      await host.apply([{ do: 'tighten', path: at('open') }, { do: 'tighten', path: at('absent') }], fence);
      assert.deepEqual([bench.console.mode(at('open')), text(bench.console.get(at('open')))], [0o600, 'same']);
      await assert.rejects(host.apply([{ do: 'tighten', path: at('link') }], fence), kind('refused'));
    });

    it('a prepared write takes its space first and the name at once', async () => {
      fenced();
      bench.console.put(at('main'), 'old');
      const prepared = await host.prepare(at('main'), 2000, fence);
      const waiting = await host.look({ files: [at('main')], folders: [], limitBytes: 10_000 });
      const [sibling] = waiting.siblings.values();
      assert.ok(sibling?.is === 'file' && sibling.size === 2000 && sibling.bytes.every((byte) => byte === 0));
      assert.equal(text(await prepared.commit(every)), text(every));
      assert.equal(text(bench.console.get(at('main'))), text(every));
      assert.deepEqual([bench.console.mode(at('main')), bench.console.names(room).toSorted()], [0o600, ['.vaultctl.lock', 'main']]);
      const longer = await host.prepare(at('main'), 10, fence);
      assert.equal(text(await longer.commit(every)), text(every));
    });

    it('an abandoned prepared write leaves nothing, and others can write meanwhile', async () => {
      fenced();
      const prepared = await host.prepare(at('main'), 2000, fence);
      await host.apply([{ do: 'write', path: at('meanwhile'), bytes: bytes('x'), purpose: 'plain' }], fence);
      await prepared.abandon();
      assert.deepEqual(bench.console.names(room).toSorted(), ['.vaultctl.lock', 'meanwhile']);
    });

    it('a prepared write whose lock went keeps the old file, and its keys in the sibling', async () => {
      fenced();
      bench.console.put(at('main'), 'old');
      const prepared = await host.prepare(at('main'), 100, fence);
      bench.console.put(at('.vaultctl.lock'), '');
      await assert.rejects(prepared.commit(bytes('new keys')), kind('fenced'));
      assert.equal(text(bench.console.get(at('main'))), 'old');
      const sight = await host.look({ files: [at('main')], folders: [], limitBytes: 1000 });
      assert.deepEqual([...sight.siblings.values()].map((left) => left.is === 'file' && text(left.bytes)), ['new keys']);
    });

    it('stores and fetches a large file through, in a folder of its own', async () => {
      fenced();
      assert.deepEqual(await host.store(at('deep/snapshots/one.snap'), chunks(1_500_000), fence), { bytes: 1_500_000 });
      assert.deepEqual([bench.console.mode(at('deep/snapshots')), bench.console.mode(at('deep/snapshots/one.snap'))], [0o700, 0o600]);
      let seen = 0;
      for await (const chunk of host.fetch(at('deep/snapshots/one.snap'))) {
        assert.ok(chunk.every((byte, index) => byte === (seen + index) % 251));
        seen += chunk.length;
      }
      assert.equal(seen, 1_500_000);
      await assert.rejects(async () => { for await (const _ of host.fetch(at('deep/none'))) assert.fail(); }, kind('io'));
    });

    it('a source that breaks off leaves no file and no sibling', async () => {
      fenced();
      const broken = async function* () { yield new Uint8Array(1000); throw new Error('the server went away'); };
      await assert.rejects(host.store(at('one.snap'), broken(), fence), /the server went away/);
      assert.deepEqual(bench.console.names(room), ['.vaultctl.lock']);
    });

    it('a lock tells who has it, and is free again after its release', async () => {
      const { lock, before } = await lockWith(host);
      assert.equal(before, undefined);
      const other = hands();
      assert.deepEqual(await other.lock(at('.vaultctl.lock'), words('op2')), { is: 'taken', by: words('op1') });
      await host.apply([{ do: 'write', path: at('main'), bytes: bytes('x'), purpose: 'keys' }], fence);
      const proof = { nonce: 'n', shares: 5, threshold: 3 };
      await lock.rewrite({ ...words('op1'), proof });
      assert.deepEqual(await other.lock(at('.vaultctl.lock'), words('op2')), { is: 'taken', by: { ...words('op1'), proof } });
      await lock.release();
      const next = await lockWith(other, 'op2');
      assert.equal(next.before, undefined);
      await assert.rejects(host.apply([], fence), kind('fenced'));
      await next.lock.release();
      assert.equal(bench.console.mode(at('.vaultctl.lock')), 0o600);
    });

    it('of several who reach for it at once, one at most has it', async () => {
      const answers = await Promise.all(Array.from({ length: 4 }, (_, index) => hands().lock(at('.vaultctl.lock'), words(`op${index}`))));
      const held = answers.filter(({ is }) => is === 'held');
      assert.ok(held.length <= 1, `${held.length} hold it`);
      for (const answer of held) if (answer.is === 'held') await answer.lock.release();
      const { lock } = await lockWith(host);
      await lock.release();
    });

    it('words that a dead holder left are shown to the next', async () => {
      const proof = { shares: 3, threshold: 2 };
      bench.console.put(at('.vaultctl.lock'), `${JSON.stringify({ ...words('dead'), proof })}\n`);
      const { lock, before } = await lockWith(host);
      assert.deepEqual(before, { ...words('dead'), proof });
      await lock.release();
    });

    it('a broken lock fences its holder and is free for the next', async () => {
      const { lock } = await lockWith(host);
      const other = hands();
      await other.breakLock(at('.vaultctl.lock'));
      await assert.rejects(host.apply([{ do: 'write', path: at('main'), bytes: bytes('x'), purpose: 'keys' }], fence), kind('fenced'));
      const next = await lockWith(other, 'op2');
      await assert.rejects(lock.rewrite(words('op1')), kind('fenced'));
      await lock.release();
      await other.apply([{ do: 'write', path: at('main'), bytes: bytes('y'), purpose: 'keys' }], { ...fence, operation: 'op2' });
      await next.lock.release();
    });

    it('a broken lock still names the proof that its holder left open, or carried on for another', async () => {
      const proof = { shares: 3, threshold: 2, nonce: 'n-1' };
      const dead = `${JSON.stringify({ ...words('dead'), holder: 'né 100% \\ "x"', proof })}\n`;
      const heir = `${JSON.stringify(words('heir'))}\n`;
      for (const [found, from] of [[`${dead}\n`, 'dead'], [`${heir}${dead}\n`, 'heir'], [`${heir}\n${dead}`, undefined], ['', undefined], [`\n${dead}`, undefined], ['{"proof":', undefined]] as const) {
        bench.console.put(at('.vaultctl.lock'), found);
        // Twice: whoever breaks it again forgets nothing either.
        await host.breakLock(at('.vaultctl.lock'));
        await host.breakLock(at('.vaultctl.lock'));
        await assert.rejects(host.apply([{ do: 'write', path: at('main'), bytes: bytes('x'), purpose: 'keys' }], { ...fence, operation: from ?? 'dead' }), kind('fenced'));
        const { lock, before } = await lockWith(host);
        assert.deepEqual(before?.proof, from === undefined ? undefined : proof, JSON.stringify(found));
        await lock.release();
      }
    });

    it('a lock file that is a link, or a folder that is missing, is refused', async () => {
      bench.console.link(at('.vaultctl.lock'), at('elsewhere'));
      await assert.rejects(host.lock(at('.vaultctl.lock'), words('op1')), kind('refused'));
      await assert.rejects(host.lock(at('missing/.vaultctl.lock'), words('op1')), kind('io'));
      assert.deepEqual(bench.console.names(room), ['.vaultctl.lock']);
    });
  });
}

async function* chunks(size: number): AsyncIterable<Uint8Array> {
  for (let done = 0; done < size; done += 100_000) {
    yield Uint8Array.from({ length: Math.min(100_000, size - done) }, (_, index) => (done + index) % 251);
  }
}
