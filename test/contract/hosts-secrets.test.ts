import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import { systemClock } from '../../src/adapters/clock.ts';
import { LocalShell } from '../../src/adapters/local-shell.ts';
import { ShellHost } from '../../src/hosts/shell-host.ts';
import { HostError } from '../../src/ports/hosts.ts';
import { notRun } from '../not-run.ts';

const secret = 'hvs.ThisMustNeverBeSeenInAnyProcess0123456789';
const content = new TextEncoder().encode(JSON.stringify({ root_token: secret, unseal_keys: ['a', 'b'], key_threshold: 1 }));
const lockLine = '{"operation":"op1","flow":"install","holder":"h","host":"h","pid":1,"sinceMs":1}\n';

describe('what is written by a shell', () => {
  const base = mkdtempSync(join(tmpdir(), 'vaultctl-secrets-'));
  chmodSync(base, 0o755);
  const open: ShellHost[] = [];
  after(async () => {
    await Promise.all(open.map((hands) => hands.close()));
    rmSync(base, { recursive: true });
  });
  let rooms = 0;
  const opened: ShellHost[] = [];
  afterEach(async () => { await Promise.all(opened.splice(0).map((one) => one.close())); });

  /** A host whose PATH begins with tools of ours. */
  function host(tools: Record<string, string>, shell?: readonly string[]) {
    const room = join(base, `room-${rooms += 1}`);
    const bin = join(room, 'bin');
    const folder = join(room, 'etc');
    for (const made of [room, bin, folder]) mkdirSync(made, { mode: 0o755 });
    for (const [name, text] of Object.entries(tools)) writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    writeFileSync(join(folder, '.vaultctl.lock'), lockLine);
    const hands = new ShellHost({ name: 'm1', clock: systemClock, local: true, shell: new LocalShell({ name: 'm1', env: { PATH: `${bin}:/usr/bin:/bin` }, ...(shell === undefined ? {} : { shell }) }) });
    opened.push(hands);
    open.push(hands);
    return { hands, folder, fence: { lockPath: join(folder, '.vaultctl.lock'), operation: 'op1' } };
  }

  function processesWith(text: string): string[] {
    return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).flatMap((pid) => ['cmdline', 'environ'].flatMap((file) => {
      try { return readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(text) ? [`${pid}/${file}`] : []; } catch { return []; }
    }));
  }

  it('is in no command line and no environment while a slow write is under way, and nobody else can read it', async () => {
    const { hands, folder, fence } = host({ dd: 'sleep 1; exec /usr/bin/dd "$@"', sync: 'sleep 0.5; exec /usr/bin/sync "$@"' });
    let done = false;
    const write = hands.apply([{ do: 'write', path: join(folder, 'main'), bytes: content, purpose: 'keys' }], fence).finally(() => { done = true; });
    let looks = 0;
    const seen = new Set<number>();
    while (!done) {
      assert.deepEqual(processesWith(secret), []);
      // Between the list and the look it may have taken its name.
      for (const name of readdirSync(folder)) if (name.endsWith('.keys')) { const found = lstatSync(join(folder, name), { throwIfNoEntry: false }); if (found !== undefined) seen.add(found.mode & 0o777); }
      looks += 1;
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    await write;
    assert.ok(looks > 10, `${looks} looks`);
    assert.deepEqual([...seen], [0o600]);
    const prepared = await hands.prepare(join(folder, 'main'), 1000, fence);
    const commit = prepared.commit(content);
    await new Promise((resolve) => { setTimeout(resolve, 500); });
    assert.deepEqual(processesWith(secret), []);
    await commit;
    await hands.close();
  });

  it('never replaces a good file by less than all of it, whatever the tools say', async () => {
    const { hands, folder, fence } = host({ sync: 'case $1 in *.keys) truncate -s 5 "$1";; esac' });
    writeFileSync(join(folder, 'main'), 'good');
    await assert.rejects(hands.apply([{ do: 'write', path: join(folder, 'main'), bytes: content, purpose: 'keys' }], fence), (error) => error instanceof HostError && error.kind === 'full');
    assert.equal(readFileSync(join(folder, 'main'), 'utf8'), 'good');
    assert.deepEqual(readdirSync(folder).toSorted(), ['.vaultctl.lock', 'main']);
    await hands.close();
  });

  it('is synced before it takes the name, and its folder before it is read back', async () => {
    const log = join(base, 'calls');
    const noted = (name: string) => `printf '%s\\n' "${name} $*" >> ${log}; exec /usr/bin/${name} "$@"`;
    const { hands, folder, fence } = host(Object.fromEntries(['flock', 'dd', 'mv', 'sync', 'cat', 'truncate', 'rm'].map((name) => [name, noted(name)])));
    const calls = async (work: () => Promise<unknown>) => {
      writeFileSync(log, '');
      await work();
      return readFileSync(log, 'utf8').trim().split('\n').map((line) => line.replaceAll(`${folder}/`, '').replace(/\.main\.[0-9a-f]+\./, 'SIBLING.').replace(folder, 'FOLDER'));
    };
    const path = join(folder, 'main');
    assert.deepEqual(await calls(() => hands.apply([{ do: 'write', path, bytes: content, purpose: 'keys' }], fence)),
      ['flock -n 8', 'sync SIBLING.keys', 'mv -f -- SIBLING.keys main', 'sync FOLDER', 'cat -- main']);
    const prepared = await hands.prepare(path, 1000, fence);
    assert.deepEqual(await calls(() => prepared.commit(content)),
      [`truncate -s ${content.length} -- SIBLING.keys`, 'dd of=SIBLING.keys bs=65536 conv=notrunc,fsync', 'flock -n 8', 'mv -f -- SIBLING.keys main', 'sync FOLDER', 'cat -- main']);
    assert.deepEqual(await calls(() => hands.apply([{ do: 'move', path, to: join(folder, 'b') }, { do: 'remove', path: join(folder, 'b') }], fence)),
      ['flock -n 8', 'mv -f -- main b', 'sync FOLDER', 'rm -f -- b', 'sync FOLDER']);
    await hands.close();
  });

  it('is written by no shell whose printf is a program', async () => {
    const { hands, folder, fence } = host({ mksh: 'exec /bin/sh -c \'printf() { [ "$PATH" != /nonexistent ] && /usr/bin/printf "$@"; }; eval "$2"\' sh "$@"' }, ['mksh']);
    await assert.rejects(hands.apply([{ do: 'write', path: join(folder, 'main'), bytes: content, purpose: 'keys' }], fence), (error) => error instanceof HostError && error.kind === 'tool' && /printf/.test(error.message));
    await hands.close();
  });

  it('keys that a failing disk would not sync replace nothing and stay as evidence, a part of them does not', async () => {
    const { hands, folder, fence } = host({ sync: 'case $1 in *.keys|*.plain) echo "sync: error syncing $1: Input/output error" >&2; exit 1;; esac' });
    writeFileSync(join(folder, 'main'), 'good');
    const write = (purpose: 'keys' | 'plain') => hands.apply([{ do: 'write', path: join(folder, 'main'), bytes: content, purpose }], fence);
    await assert.rejects(write('plain'), (error) => error instanceof HostError && error.kind === 'io' && /error syncing/.test(error.message));
    assert.deepEqual(readdirSync(folder).toSorted(), ['.vaultctl.lock', 'main']);
    await assert.rejects(write('keys'), (error) => error instanceof HostError && error.kind === 'io');
    assert.equal(readdirSync(folder).filter((name) => name.endsWith('.keys')).length, 1);
    assert.equal(readFileSync(join(folder, 'main'), 'utf8'), 'good');
    await hands.close();
  });

  it('is shown by no page when a disk gives only a part of it', async () => {
    const { hands, folder } = host({ head: 'for last; do :; done; dd if="$last" bs=60 count=1 2>/dev/null; echo "head: error reading \'$last\': Input/output error" >&2; exit 1' });
    const path = join(folder, 'main');
    writeFileSync(path, content);
    const file = (await hands.look({ files: [path], folders: [folder], limitBytes: 4096 })).files.get(path);
    assert.ok(file?.is === 'unreadable');
    assert.equal(file.why, `head: error reading '${path}': Input/output error`);
    await hands.close();
  });

  it('takes no name where the lock went while it was written: moved, removed and prepared neither', async () => {
    const { hands, folder, fence } = host({ sync: 'case $1 in *.keys) : > "${1%/*}/.vaultctl.lock";; esac; exec /usr/bin/sync "$@"' });
    writeFileSync(join(folder, 'main'), 'good');
    const write = { do: 'write', path: join(folder, 'main'), bytes: content, purpose: 'keys' } as const;
    const isFenced = (error: unknown) => error instanceof HostError && error.kind === 'fenced';
    await assert.rejects(hands.apply([write], fence), isFenced);
    for (const operation of [{ do: 'move', path: join(folder, 'main'), to: join(folder, 'b') }, { do: 'remove', path: join(folder, 'main') }] as const) {
      writeFileSync(join(folder, '.vaultctl.lock'), lockLine);
      await assert.rejects(hands.apply([{ ...write, path: join(folder, 'other') }, operation], fence), isFenced);
    }
    assert.equal(readFileSync(join(folder, 'main'), 'utf8'), 'good');
    await hands.close();
  });

  it('goes into no file that somebody planted under the name, and through no link', async () => {
    for (const plant of [(path: string) => writeFileSync(path, 'planted', { mode: 0o666 }), (path: string) => symlinkSync('/dev/null', path), (path: string) => symlinkSync('/nowhere/at/all', path)]) {
      const { folder, fence } = host({});
      const hex = '0123456789abcdef';
      const guessed = join(folder, `.main.${hex}.keys`);
      const hands = new ShellHost({ name: 'm1', local: true, clock: { ...systemClock, random: () => hex }, shell: new LocalShell({ name: 'm1', env: { PATH: '/usr/bin:/bin' } }) });
      opened.push(hands);
      plant(guessed);
      const before = lstatSync(guessed).size;
      await assert.rejects(hands.apply([{ do: 'write', path: join(folder, 'main'), bytes: content, purpose: 'keys' }], fence), HostError);
      await assert.rejects(hands.prepare(join(folder, 'main'), 1000, fence), HostError);
      assert.equal(lstatSync(guessed).size, before);
      assert.equal(existsSync(join(folder, 'main')), false);
      await hands.close();
    }
  });

  it('that reads back different is an error', async () => {
    const { hands, folder, fence } = host({ cat: '/usr/bin/cat "$@" | tr k K' });
    const differs = (error: unknown) => error instanceof HostError && error.kind === 'io' && /reads back different/.test(error.message);
    await assert.rejects(hands.apply([{ do: 'write', path: join(folder, 'main'), bytes: content, purpose: 'keys' }], fence), differs);
    const prepared = await hands.prepare(join(folder, 'main'), 1000, fence);
    await assert.rejects(prepared.commit(content), differs);
    await hands.close();
  });

  it('is no snapshot where a part of it went between its end and its name', async () => {
    const { hands, folder, fence } = host({ stat: 'case "$*" in *.plain) /usr/bin/stat "$@"; for f; do :; done; truncate -s 5 "$f";; *) exec /usr/bin/stat "$@";; esac' });
    const source = async function* () { yield content; };
    await assert.rejects(hands.store(join(folder, 'one.snap'), source(), fence), (error) => error instanceof HostError && error.kind === 'io' && /only a part/.test(error.message));
    assert.deepEqual(readdirSync(folder), ['.vaultctl.lock']);
  });

  it('is not run as a script when the script before it failed', async () => {
    const { hands, folder, fence } = host({});
    const evil = new TextEncoder().encode(`S x touch ${folder}/run\ntouch ${folder}/run\n`);
    await assert.rejects(hands.apply([{ do: 'write', path: join(folder, 'main'), bytes: evil, purpose: 'keys' }], { ...fence, operation: 'other' }), (error) => error instanceof HostError && error.kind === 'fenced');
    await hands.apply([{ do: 'write', path: join(folder, 'main'), bytes: content, purpose: 'keys' }], fence);
    assert.deepEqual(readdirSync(folder).toSorted(), ['.vaultctl.lock', 'main']);
    await hands.close();
  });

  it('a host that does not answer is unreachable within the time given, and is asked afresh after it', async () => {
    const { hands, folder } = host({ date: `[ -e ${base}/quick ] || sleep 30` });
    const slow = new ShellHost({ name: 'm1', clock: systemClock, local: true, times: { lookMs: 300 }, shell: new LocalShell({ name: 'm1', env: { PATH: `${join(folder, '../bin')}:/usr/bin:/bin` } }) });
    const question = { files: [join(folder, 'main')], folders: [folder], limitBytes: 100 };
    await assert.rejects(slow.look(question), (error) => error instanceof HostError && error.kind === 'unreachable' && /0.3 s/.test(error.message));
    writeFileSync(join(base, 'quick'), '');
    assert.equal((await slow.look(question)).files.get(join(folder, 'main'))?.is, 'absent');
    await Promise.all([slow.close(), hands.close()]);
  });

  it('a full disk, a read-only one and a failing one each have their own name, and keep the good file', async () => {
    if (userInfo().uid !== 0) { notRun('a really full and a really read-only file system', 'needs root to mount one'); return; }
    const { hands, folder } = host({});
    const mounted = join(folder, 'mounted');
    mkdirSync(mounted);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k,mode=755', 'none', mounted]);
    try {
      const lockPath = join(mounted, '.vaultctl.lock');
      writeFileSync(lockPath, lockLine);
      writeFileSync(join(mounted, 'main'), 'good');
      const write = (bytes: Uint8Array) => hands.apply([{ do: 'write', path: join(mounted, 'main'), bytes, purpose: 'keys' }], { lockPath, operation: 'op1' });
      await assert.rejects(write(new Uint8Array(30_000)), (error) => error instanceof HostError && error.kind === 'full');
      await assert.rejects(hands.prepare(join(mounted, 'main'), 30_000, { lockPath, operation: 'op1' }), (error) => error instanceof HostError && error.kind === 'full');
      execFileSync('mount', ['-o', 'remount,ro', mounted]);
      await assert.rejects(write(content), (error) => error instanceof HostError && error.kind === 'readonly');
      const sight = await hands.look({ files: [], folders: [mounted], limitBytes: 1 });
      assert.equal(sight.folders.get(mounted)?.writable, false);
      assert.deepEqual([readFileSync(join(mounted, 'main'), 'utf8'), readdirSync(mounted).toSorted()], ['good', ['.vaultctl.lock', 'main']]);
    } finally {
      execFileSync('umount', [mounted]);
    }
    await hands.close();
  });
});
