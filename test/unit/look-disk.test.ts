import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DiskHost } from '../../src/hosts/disk-host.ts';
import { HostError, type HostSight } from '../../src/ports/hosts.ts';
import { type DiskHook, SimDisk, SimMachine } from '../sim/disk.ts';

const FOLDER = '/etc/kubernetes';
const MAIN = `${FOLDER}/main.json`;
const SIBLING = `${FOLDER}/.main.json.0123456789abcdef.keys`;

/** A look at a manager whose disk gives this error at that call. */
async function look(failing?: { readonly op: string; readonly code: string; readonly path?: string }): Promise<HostSight> {
  const machine = new SimMachine();
  machine.folder(FOLDER);
  machine.file(MAIN, 'main');
  machine.file(SIBLING, 'keys');
  const hook: DiskHook = ({ op, when, path }) => {
    if (failing !== undefined && when === 'before' && op === failing.op && (failing.path === undefined || path === failing.path)) throw Object.assign(new Error(`${failing.code}: ${op}`), { code: failing.code });
  };
  const clock = { now: () => 0, sleep: () => Promise.resolve(), random: () => 'ab' };
  return new DiskHost({ name: 'm1', disk: new SimDisk({ machine, hook }), clock, local: true }).look({ files: [MAIN, `${FOLDER}/none`], folders: [FOLDER], limitBytes: 1000 });
}

describe('a look at a disk', () => {
  it('sees the files, what a crash left beside them, and what is not there', async () => {
    const { files, siblings } = await look();
    assert.deepEqual([files.get(MAIN)?.is, files.get(`${FOLDER}/none`)?.is, siblings.get(SIBLING)?.is], ['file', 'absent', 'file']);
  });

  for (const op of ['stat', 'read']) {
    for (const code of ['EIO', 'EACCES', 'ESTALE']) {
      it(`calls a file unreadable, and not absent, where ${op} gives ${code}, and sees the rest`, async () => {
        const found = (await look({ op, code, path: MAIN })).files.get(MAIN);
        assert.ok(found?.is === 'unreadable' && found.why.includes(code), JSON.stringify(found));
        assert.equal((await look({ op, code, path: SIBLING })).siblings.get(SIBLING)?.is, 'unreadable');
      });
    }
  }

  it('is an error where the folder cannot be listed: it may hide keys', async () => {
    for (const code of ['EIO', 'EACCES']) await assert.rejects(look({ op: 'list', code }), (error) => error instanceof HostError && /cannot be listed/.test(error.message));
  });
});
