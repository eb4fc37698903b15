import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openHosts } from '../../src/adapters/open-hosts.ts';
import { Secret } from '../../src/model/secret.ts';
import type { Manager } from '../../src/model/settings.ts';
import { HostError } from '../../src/ports/hosts.ts';
import { notRun } from '../not-run.ts';
import { type SshdWorld, startSshd } from '../real/sshd.ts';
import { allowDoas, makeSudoUser, type SudoUser } from '../real/sudo-user.ts';
import { manager, openDeps, sshBench } from './host-benches.ts';
import { hostsContract } from './hosts-contract.ts';

const doas = ['/usr/bin/doas', '/usr/local/bin/doas'].find((path) => existsSync(path));

if (userInfo().uid !== 0) notRun('managers reached through doas and su', 'needs root to make the users');
else {
  if (doas === undefined) notRun('the hosts contract through doas', 'doas is missing: apt-get install opendoas');
  else {
    const free = makeSudoUser('none');
    const forbid = allowDoas(free.name);
    after(() => { forbid(); free.remove(); });
    hostsContract('a real sshd and doas', () => sshBench({ net: 173, user: free.name, become: { become: true, becomeMethod: 'doas' } }));
    hostsContract("the system's ssh, a real sshd and doas by its path", () => sshBench({ net: 174, transport: 'openssh', user: free.name, become: { become: true, becomeMethod: 'doas', becomeExe: doas } }));
  }
  throughSu();
}

function throughSu(): void {
  describe('su and doas', () => {
    const base = mkdtempSync(join(tmpdir(), 'vaultctl-su-'));
    chmodSync(base, 0o755);
    const here = makeSudoUser('none');
    const owner = makeSudoUser('none');
    let world: SshdWorld;
    before(async () => { world = await startSshd({ world: base, names: ['m1'], net: 175 }); });
    after(async () => {
      await world.stop();
      rmSync(base, { recursive: true });
      for (const user of [here, owner]) user.remove();
    });
    const su: Partial<Manager> = { become: true, becomeMethod: 'su', becomeUser: owner.name };
    const reach = (from: string, parts: Partial<Manager>) => {
      const [one] = world.managers;
      return openHosts([manager({ address: one!.address, port: one!.port, user: from, key: world.key, knownHosts: world.knownHosts, ...parts })], openDeps)[0]!;
    };
    const ids = (user: SudoUser) => ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, user.name], { encoding: 'utf8' }))) as [number, number];
    let rooms = 0;
    async function writes(from: string, parts: Partial<Manager>): Promise<void> {
      const folder = join(base, `room-${rooms += 1}`);
      mkdirSync(folder, { mode: 0o700 });
      chownSync(folder, ...ids(owner));
      const host = reach(from, parts);
      const main = join(folder, 'main');
      const fence = { lockPath: join(folder, '.vaultctl.lock'), operation: 'op1' };
      const answer = await host.lock(fence.lockPath, { operation: 'op1', flow: 'x', holder: 'x', host: 'x', pid: 1, sinceMs: 1 });
      await host.apply([{ do: 'write', path: main, bytes: new TextEncoder().encode('content'), purpose: 'keys' }], fence);
      if (answer.is === 'held') await answer.lock.release();
      await host.close();
      assert.deepEqual([readFileSync(main, 'utf8'), statSync(main).uid, statSync(main).mode & 0o777], ['content', ids(owner)[0], 0o600]);
    }
    const denied = (parts: Partial<Manager>, message: RegExp, mend: RegExp) => async () => {
      const host = reach(here.name, parts);
      await assert.rejects(host.look({ files: [], folders: ['/'], limitBytes: 1 }), (error: unknown) => {
        assert.ok(error instanceof HostError && error.kind === 'denied', String(error));
        assert.match(error.message, message);
        assert.match(error.mend ?? '', mend);
        return true;
      });
      await host.close();
    };

    it('su with the password of the owner writes as the owner, over both transports', async () => {
      await writes(here.name, { ...su, becomePassword: new Secret(owner.password) });
      await writes(here.name, { ...su, becomePassword: new Secret(owner.password), transport: 'openssh' });
    });
    it('su of root is asked for none, and takes flags', () => writes('root', { ...su, becomeFlags: ['-'] }));
    it('a password that su does not ask for is sent to nobody', () => writes('root', { ...su, becomePassword: new Secret('touch-it-and-run-it') }));
    it('su that asks where no password is given is told nothing', denied(su, /su asks for a password, and none is given/, /ansible_become_password/));
    it('su with a wrong password is refused', denied({ ...su, becomePassword: new Secret('wrong-password') }, /su refused the password for/, /ansible_become_password/));
    it('su to nobody that exists says so', denied({ ...su, becomeUser: 'vctl-nobody' }, /su refused: .*vctl-nobody/, /try by hand/));
    if (doas !== undefined) it('doas that does not allow it is refused, and asks nobody', denied({ become: true, becomeMethod: 'doas' }, /doas/, /doas\.conf/));
  });
}
