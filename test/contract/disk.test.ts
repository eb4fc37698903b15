import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
