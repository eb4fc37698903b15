import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import { library } from '../../src/hosts/remote-script.ts';
import { notRun } from '../not-run.ts';

const adapter = resolve(import.meta.dirname, '../../src/adapters/keep-memory-private.ts');
const scratch = mkdtempSync(join(tmpdir(), 'vaultctl-cores-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim();
/** Only a core in the working folder can be found and looked into. */
const coresLandHere = !/[|/]/.test(pattern) && spawnSync('sh', ['-c', 'ulimit -c unlimited']).status === 0;

/** A child that may dump as much as it likes, holding a secret that stands in no file and no argument; what it printed, and its cores. */
function crash(command: readonly string[], path = process.env['PATH']) {
  const folder = mkdtempSync(join(scratch, 'run-'));
  const { stdout, signal } = spawnSync('sh', ['-c', `ulimit -c unlimited; exec "$@"`, 'sh', ...command], { cwd: folder, encoding: 'utf8', env: { PATH: path, ONE: 'Canary', TWO: 'InMemory' } });
  const cores = readdirSync(folder).map((name) => join(folder, name));
  const telling = cores.filter((core) => spawnSync('grep', ['-qaF', 'CanaryInMemory', core]).status === 0);
  for (const core of cores) rmSync(core);
  return { stdout, signal, cores, telling };
}

/** `before` runs while nothing is held yet, as in main; the secret is made of two words so that it is only in memory. */
const node = (before: string, signal = 'SIGSEGV') => [process.execPath, '--input-type=module', '-e', `
  import { spawnSync } from 'node:child_process'; import { readFileSync } from 'node:fs';
  ${before}
  globalThis.held = [Buffer.from(process.env.ONE + process.env.TWO), process.env.ONE + process.env.TWO];
  console.log(/Max core file size\\s+(\\S+)/.exec(readFileSync('/proc/self/limits', 'utf8'))[1], readFileSync('/proc/self/coredump_filter', 'utf8').trim(), spawnSync('/bin/sh', ['-c', 'ulimit -c']).stdout?.toString().trim());
  process.kill(process.pid, '${signal}'); await new Promise((resolve) => { setTimeout(resolve, 1000); });`];
const kept = `const { keepMemoryPrivate } = await import(${JSON.stringify(adapter)}); await keepMemoryPrivate();`;

describe('what is in memory', () => {
  if (!coresLandHere) notRun('that a crash writes no key to a disk', `core_pattern is ${pattern}, or the limit cannot be raised: a core would not land in the working folder`);
  else {
    it('of a program that does nothing about it is in its core: this test can see one', () => {
      const { signal, telling } = crash(node(''));
      assert.equal(signal, 'SIGSEGV');
      assert.equal(telling.length, 1);
    });

    for (const signal of ['SIGSEGV', 'SIGABRT', 'SIGQUIT']) {
      it(`is written nowhere at ${signal}, and the limit holds for children too`, () => {
        assert.deepEqual(crash(node(kept, signal)), { stdout: '0 00000000 0\n', signal, cores: [], telling: [] });
      });
    }

    it('is in no core where prlimit does not work and a core is written', () => {
      const bin = mkdtempSync(join(scratch, 'bin-'));
      writeFileSync(join(bin, 'prlimit'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
      const { stdout, cores, telling } = crash(node(kept), `${bin}:${process.env['PATH']}`);
      assert.deepEqual([stdout, cores.length, telling], ['unlimited 00000000 unlimited\n', 1, []]);
    });

    it('of the shell on a manager is in no core of it', () => {
      const script = 'c="$ONE$TWO"; kill -SEGV $$';
      const bare = crash(['sh', '-c', script]);
      assert.equal(bare.telling.length, 1);
      assert.deepEqual(crash(['sh', '-c', library(20) + script]), { stdout: '', signal: 'SIGSEGV', cores: [], telling: [] });
    });
  }

  it('is not opened to a debugger by SIGUSR1', () => {
    const said = (before: string) => spawnSync(process.execPath, ['--input-type=module', '-e', `${before} process.kill(process.pid, 'SIGUSR1'); await new Promise((resolve) => { setTimeout(resolve, 500); }); console.log('alive');`], { encoding: 'utf8' });
    assert.match(said('').stderr, /Debugger listening|Starting inspector/);
    assert.deepEqual([said(kept).stderr, said(kept).stdout], ['', 'alive\n']);
  });
});
