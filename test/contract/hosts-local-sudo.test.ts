import assert from 'node:assert/strict';
import { chownSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openHosts } from '../../src/adapters/open-hosts.ts';
import { notRun } from '../not-run.ts';
import { makeSudoUser } from '../real/sudo-user.ts';
import { manager, openDeps } from './host-benches.ts';

describe('the manager that vaultctl runs on', () => {
  it('is written as the user who owns the files, through sudo where that is another', async () => {
    if (userInfo().uid !== 0) { notRun('the local manager through sudo', 'needs root to make the user'); return; }
    const user = makeSudoUser('none');
    const folder = mkdtempSync(join(tmpdir(), 'vaultctl-local-'));
    try {
      const uid = statSync(folder).uid;
      assert.equal(uid, 0);
      const ids = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':')).find(([name]) => name === user.name)!;
      chownSync(folder, Number(ids[2]), Number(ids[3]));
      const [host] = openHosts([manager({ connection: 'local', become: true, becomeUser: user.name })], openDeps);
      assert.equal(host!.local, true);
      const answer = await host!.lock(join(folder, '.vaultctl.lock'), { operation: 'op1', flow: 'x', holder: 'x', host: 'x', pid: 1, sinceMs: 1 });
      await host!.apply([{ do: 'write', path: join(folder, 'main'), bytes: new Uint8Array([1]), purpose: 'keys' }], { lockPath: join(folder, '.vaultctl.lock'), operation: 'op1' });
      const { uid: owner, mode } = statSync(join(folder, 'main'));
      assert.deepEqual([owner, mode & 0o777], [Number(ids[2]), 0o600]);
      if (answer.is === 'held') await answer.lock.release();
      await host!.close();
    } finally {
      rmSync(folder, { recursive: true });
      user.remove();
    }
  });

  it('is written without any child but flock where it is ours, and with sudo to ourselves never asked', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vaultctl-local-'));
    try {
      const [host] = openHosts([manager({ connection: 'local', become: true, becomeUser: userInfo().username })], openDeps);
      assert.equal((await host!.look({ files: [], folders: [folder], limitBytes: 1 })).user.uid, userInfo().uid);
      await host!.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
