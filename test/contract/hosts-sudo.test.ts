import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, chmodSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openHosts } from '../../src/adapters/open-hosts.ts';
import { Secret } from '../../src/model/secret.ts';
import type { Manager } from '../../src/model/settings.ts';
import { HostError } from '../../src/ports/hosts.ts';
import { notRun } from '../not-run.ts';
import { type SshdWorld, startSshd } from '../real/sshd.ts';
import { makeSudoUser, type SudoUser } from '../real/sudo-user.ts';
import { manager, openDeps, sshBench } from './host-benches.ts';
import { hostsContract } from './hosts-contract.ts';

if (userInfo().uid !== 0) notRun('managers reached through sudo, without and with a password', 'needs root to make the users');
else {
  const free = makeSudoUser('nopasswd');
  const asked = makeSudoUser('password');
  const nobody = makeSudoUser('none');
  after(() => { for (const user of [free, asked, nobody]) user.remove(); });

  hostsContract('a real sshd and sudo -n', () => sshBench({ net: 74, user: free.name, become: { become: true } }));
  hostsContract('a real sshd and sudo with a password', () => sshBench({ net: 75, user: asked.name, become: { become: true, becomePassword: new Secret(asked.password) } }));
  refusals({ free, asked, nobody });
}

function refusals({ free, asked, nobody }: { free: SudoUser; asked: SudoUser; nobody: SudoUser }): void {
  describe('sudo', () => {
    const base = mkdtempSync(join(tmpdir(), 'vaultctl-sudo-'));
    chmodSync(base, 0o755);
    let world: SshdWorld;
    before(async () => { world = await startSshd({ world: base, names: ['m1'], net: 76 }); });
    after(async () => { await world.stop(); rmSync(base, { recursive: true }); });
    const reach = (user: SudoUser, parts: Partial<Manager>) => {
      const [one] = world.managers;
      return openHosts([manager({ address: one!.address, port: one!.port, user: user.name, key: world.key, knownHosts: world.knownHosts, ...parts })], openDeps)[0]!;
    };
    const look = async (user: SudoUser, parts: Partial<Manager>) => {
      const host = reach(user, parts);
      try { return await host.look({ files: [], folders: [world.managers[0]!.folder], limitBytes: 1 }); } finally { await host.close(); }
    };
    const denied = (message: RegExp, mend: RegExp) => (error: unknown) => {
      assert.ok(error instanceof HostError && error.kind === 'denied', String(error));
      assert.match(error.message, message);
      assert.match(error.mend ?? '', mend);
      return true;
    };

    it('a password that is wanted and missing, a wrong one, and a user who may not each have their own error', async () => {
      await assert.rejects(look(asked, { become: true }), denied(/asks for a password/, /ansible_become_password/));
      const start = Date.now();
      await assert.rejects(look(asked, { become: true, becomePassword: new Secret('wrong-password') }), denied(/refused the password/, /ansible_become_password/));
      assert.ok(Date.now() - start < 10_000);
      await assert.rejects(look(nobody, { become: true, becomePassword: new Secret(nobody.password) }), denied(/sudo/, /sudoers/));
    });

    it('a password that sudo does not ask for is sent to nobody', async () => {
      const host = reach(free, { become: true, becomePassword: new Secret('touch-it-and-run-it') });
      const folder = world.managers[0]!.folder;
      writeFileSync(join(folder, '.vaultctl.lock'), '{"operation":"op1","flow":"x","holder":"x","host":"x","pid":1,"sinceMs":1}\n');
      await host.apply([{ do: 'write', path: join(folder, 'main'), bytes: new TextEncoder().encode('content'), purpose: 'keys' }], { lockPath: join(folder, '.vaultctl.lock'), operation: 'op1' });
      assert.equal(readFileSync(join(folder, 'main'), 'utf8'), 'content');
      assert.deepEqual([statSync(join(folder, 'main')).uid, readdirSync(folder).toSorted()], [0, ['.vaultctl.lock', 'main']]);
      await host.close();
    });

    it('without sudo a folder of root is seen to be read-only, and cannot be written', async () => {
      const folder = world.managers[0]!.folder;
      const sight = await look(nobody, {});
      assert.equal(sight.folders.get(folder)?.writable, false);
      const host = reach(nobody, {});
      await assert.rejects(host.lock(join(folder, '.other.lock'), { operation: 'a', flow: 'x', holder: 'x', host: 'x', pid: 1, sinceMs: 1 }), denied(/Permission denied/, /ansible_become: true/));
      chmodSync(folder, 0o700);
      await assert.rejects(look(nobody, {}), denied(/cannot be listed/, /ansible_become: true/));
      await host.close();
    });
  });
}
