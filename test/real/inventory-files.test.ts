import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { nodeInventoryFiles as files } from '../../src/adapters/node-inventory-files.ts';

const home = mkdtempSync(join(tmpdir(), 'vaultctl-inventory-files-'));
after(() => rmSync(home, { recursive: true, force: true }));
const at = (name: string) => join(home, name);

describe('the inventory\'s files on a real disk', () => {
  it('kinds are told apart, links are followed, a dangling link is absent', () => {
    writeFileSync(at('file'), 'x');
    mkdirSync(at('folder'));
    symlinkSync('file', at('link'));
    symlinkSync('gone', at('dangling'));
    assert.deepEqual(['file', 'folder', 'link', 'dangling', 'nothing'].map((name) => files.kind(at(name))), ['file', 'folder', 'file', 'absent', 'absent']);
    assert.equal(files.kind('/dev/null'), 'other');
    assert.deepEqual(files.list(home).toSorted(), ['dangling', 'file', 'folder', 'link']);
  });

  it('executable is the x bit', () => {
    writeFileSync(at('plain'), '');
    writeFileSync(at('program'), '');
    chmodSync(at('program'), 0o755);
    assert.deepEqual([files.executable(at('plain')), files.executable(at('program'))], [false, true]);
  });

  it('a folder into which everybody may write is told from others', () => {
    mkdirSync(at('shared'));
    chmodSync(at('shared'), 0o777);
    assert.deepEqual(['shared', 'folder', 'nothing'].map((name) => files.worldWritable(at(name))), [true, false, false]);
  });

  it('reading has a limit, also where the size is not known before', () => {
    writeFileSync(at('large'), 'x'.repeat(2000));
    assert.equal(files.read(at('large'), 2000).length, 2000);
    assert.throws(() => files.read(at('large'), 1999), { code: 'EFBIG' });
    assert.throws(() => files.read('/dev/zero', 1_000_000), { code: 'EFBIG' });
    assert.throws(() => files.read(at('none'), 10), { code: 'ENOENT' });
    assert.throws(() => files.read(at('folder'), 10), { code: 'EISDIR' });
  });

  it('a pipe that nobody fills does not hang', () => {
    execFileSync('mkfifo', [at('pipe')]);
    assert.equal(files.read(at('pipe'), 10).length, 0);
  });

  it('an inventory, and more of it, may come through pipes of the shell', () => {
    const at = (path: string) => JSON.stringify(join(import.meta.dirname, '../../src', path));
    const code = `const { nodeInventoryFiles } = await import(${at('adapters/node-inventory-files.ts')}); const { loadInventory } = await import(${at('inventory/load.ts')});
      const inventory = await loadInventory(nodeInventoryFiles, { sources: process.argv.slice(1), cwd: '/', extraVars: [] }); process.stdout.write([...inventory.topology.hosts.keys()].join());`;
    const script = `"$0" --input-type=module -e "$1" <(printf '[a]\\nn1\\n') <(printf 'all: {hosts: {n2: }}\\n')`;
    assert.equal(execFileSync('bash', ['-c', script, process.execPath, code], { encoding: 'utf8' }), 'n1,n2');
  });

  it('a slow pipe of the shell is read to its end', () => {
    const code = `const { nodeInventoryFiles } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/adapters/node-inventory-files.ts'))}); process.stdout.write(nodeInventoryFiles.read(process.argv[1], 100));`;
    const script = '"$0" --input-type=module -e "$1" <(sleep 0.2; printf one; sleep 0.2; printf two)';
    assert.equal(execFileSync('bash', ['-c', script, process.execPath, code], { encoding: 'utf8' }), 'onetwo');
  });
});
