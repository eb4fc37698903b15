import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { NodeDisk } from '../../src/adapters/node-disk.ts';
import { SimDisk, SimMachine } from '../sim/disk.ts';
import { diskContract } from './disk-contract.ts';

diskContract('simulated', async () => {
  const machine = new SimMachine();
  machine.folder('/etc/kubernetes');
  return {
    disk: new SimDisk({ machine }), other: new SimDisk({ machine }), folder: '/etc/kubernetes',
    link: (path, target) => machine.link(path, target),
    close: () => Promise.resolve(),
  };
});

diskContract('this machine', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vaultctl-disk-'));
  return {
    disk: new NodeDisk(), other: new NodeDisk(), folder,
    link: (path, target) => symlinkSync(target, path),
    close: async () => rmSync(folder, { recursive: true, force: true }),
  };
});

it('a name of this machine that cannot be looked at is an error, and not absent', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vaultctl-disk-'));
  try {
    const loop = join(folder, 'loop');
    symlinkSync(loop, loop);
    const disk = new NodeDisk();
    for (const [path, code] of [[join(loop, 'main.json'), 'ELOOP'], [join(folder, 'x'.repeat(300)), 'ENAMETOOLONG']] as const) {
      await assert.rejects(disk.stat(path), (error) => (error as { code?: string }).code === code);
      await assert.rejects(disk.target(path), (error) => (error as { code?: string }).code === code);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
