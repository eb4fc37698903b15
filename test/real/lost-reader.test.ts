import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { KilledWorld } from './killed-world.ts';

const program = fileURLToPath(new URL('../../bin/vaultctl.js', import.meta.url));

/** Node dies where a line of its output is not taken. Whoever reads along, or the disk of a log, must not decide over keys. */
describe('the real program outlives whoever reads its output', { timeout: 300_000 }, () => {
  let world: KilledWorld;
  let initAt: number;
  before(async () => { world = await KilledWorld.start(); });
  after(async () => { await world.end(); });

  it('a pipe that is closed at once: install and rotate go on to their end', async () => {
    for (const flow of ['install', 'rotate']) {
      const { child, ended } = world.begin([flow]);
      child.stdout!.destroy();
      child.stderr!.destroy();
      const { code } = await ended;
      assert.equal(code, 0, flow);
      if (flow === 'install') initAt = world.requests().indexOf('PUT sys/init') + 1;
      assert.deepEqual(world.leftovers(), []);
      assert.equal(new Set(world.files()).size, 1);
    }
  });

  it('no disk takes the keys for a while, and none the warning that says so: they are kept until one does', async () => {
    await world.empty();
    const full = openSync('/dev/full', 'w');
    const { ended } = world.begin(['install'], [], process.env, full);
    closeSync(full);
    const folders = world.names.map((name) => world.keysFolder(name));
    let initialised = false;
    world.front.onRequest(({ method, path }) => {
      if (method !== 'PUT' || path !== 'sys/init') return;
      initialised = true;
      for (const folder of folders) renameSync(folder, `${folder}.gone`);
      void sleep(3000).then(() => { for (const folder of folders) renameSync(`${folder}.gone`, folder); });
    });
    const { code } = await ended;
    assert.ok(initialised);
    assert.equal(new Set(world.files()).size, 1);
    // The write that was cut left its sibling, which the next run clears away.
    assert.equal(code, 5);
    assert.equal((await world.begin(['install']).ended).code, 0);
    assert.deepEqual(world.leftovers(), []);
  });

  it('a terminal that is closed while init is under way: the keys are on disk before it stops, and the next run finishes', async () => {
    await world.empty();
    const left = await world.onTerminal('install', { at: initAt, when: 'before' });
    assert.equal(left.code, 129);
    assert.equal(world.requests().at(-1), 'PUT sys/init');
    assert.deepEqual(world.leftovers(), ['m1/vault-creds-init.json.tmp']);
    assert.equal((await world.begin(['install']).ended).code, 0);
    assert.deepEqual(world.leftovers(), []);
    assert.equal(new Set(world.files()).size, 1);
  });

  it('errors that nobody waits for, at every instant: install and rotate go on to their end, and what is said of them has no secret', async () => {
    await world.empty();
    const strays = join(world.folder, 'strays.mjs');
    writeFileSync(strays, `
      import { readFileSync } from 'node:fs';
      const checkpoint = ${JSON.stringify(join(world.keysFolder('m1'), 'vault-creds-init.json.tmp'))};
      let token = '';
      setInterval(() => {
        try { token ||= /"root_token": ?"([^"]+)"/.exec(readFileSync(checkpoint, 'utf8'))?.[1] ?? ''; } catch {}
        if (token === '') throw new Error('a socket that was closed');
        Promise.reject(new Error('a socket that was given ' + token));
      }, 2).unref();`);
    for (const flow of ['install', 'rotate']) {
      const { code, text } = await world.begin([flow], ['--import', strays]).ended;
      assert.equal(code, 0, text);
      assert.match(text, /an error that nobody waited for, the run goes on: a socket that was closed/);
      if (flow === 'install') assert.match(text, /a socket that was given \[redacted\]/);
      assert.deepEqual(world.leftovers(), []);
    }
  });

  it('output that a disk did not take is exit 1, though all was well; a reader who had enough is no failure', () => {
    const shell = (line: string) => spawnSync('bash', ['-o', 'pipefail', '-c', line, process.execPath, program], { encoding: 'utf8', timeout: 20_000 });
    const full = shell('"$0" "$1" --help >/dev/full');
    assert.equal(full.status, 1);
    assert.match(full.stderr, /^vaultctl: standard output could not be written: ENOSPC[^\n]*\n$/);
    const enough = shell('"$0" "$1" --help | true');
    assert.deepEqual([enough.status, enough.stderr], [0, '']);
  });
});
