import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/adapters/clock.ts';
import { LocalShell } from '../../src/adapters/local-shell.ts';
import { NodeDisk } from '../../src/adapters/node-disk.ts';
import { DiskHost } from '../../src/hosts/disk-host.ts';
import { ShellHost } from '../../src/hosts/shell-host.ts';
import { notRun } from '../not-run.ts';
import { realBench, simBench, sshBench } from './host-benches.ts';
import { hostsContract } from './hosts-contract.ts';

const clock = systemClock;
const shellHost = (parts: { shell?: readonly string[]; env?: Record<string, string> } = {}) => () =>
  new ShellHost({ name: 'm1', shell: new LocalShell({ name: 'm1', ...parts }), clock, local: true });

hostsContract('the simulated disk', async () => simBench());
hostsContract('the simulated manager behind its network', async () => simBench(true));
hostsContract('the disk of this machine', async () => realBench(() => new DiskHost({ name: 'm1', disk: new NodeDisk(), clock, local: true })));
hostsContract('sh of this machine', async () => realBench(shellHost()));

const busybox = ['/usr/bin/busybox', '/bin/busybox'].find((path) => existsSync(path));
if (busybox === undefined) notRun('the hosts contract on busybox', 'busybox is missing: apt-get install busybox-static');
else {
  hostsContract('busybox and its applets', async () => {
    const base = mkdtempSync(join(tmpdir(), 'vaultctl-busybox-'));
    const bin = join(base, 'bin');
    mkdirSync(bin);
    for (const applet of execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n')) symlinkSync(busybox, join(bin, applet));
    return realBench(shellHost({ shell: [join(bin, 'sh')], env: { PATH: bin } }), base);
  });
}

if (!existsSync('/bin/bash')) notRun('the hosts contract on bash as sh', 'there is no /bin/bash');
else {
  hostsContract('bash under the name of sh', async () => {
    const base = mkdtempSync(join(tmpdir(), 'vaultctl-bash-'));
    symlinkSync('/bin/bash', join(base, 'sh'));
    return realBench(shellHost({ shell: [join(base, 'sh')] }), base);
  });
}

hostsContract('a real sshd', () => sshBench({ net: 71 }));
hostsContract('a real sshd without sftp and with one session a connection', () => sshBench({ net: 72, sftp: false, config: ['MaxSessions 1'] }));
hostsContract('the system\'s ssh and a real sshd', () => sshBench({ net: 171, transport: 'openssh' }));
hostsContract('the system\'s ssh and a real sshd with one session a connection', () => sshBench({ net: 172, sftp: false, config: ['MaxSessions 1'], transport: 'openssh' }));

if (userInfo().shell?.endsWith('/bash') !== true) notRun('the hosts contract behind a login shell that prints a banner', 'the banner is made with BASH_ENV, and the login shell here is not bash');
else {
  hostsContract('a real sshd whose login shell prints a banner', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vaultctl-banner-'));
    const banner = join(folder, 'banner.sh');
    writeFileSync(banner, 'echo "*** Welcome to node1 ***"; echo held by the law; echo; echo 7\n');
    // SHLVL: bash reads ~/.bashrc too where it thinks that sshd began it.
    const bench = await sshBench({ net: 79, config: [`SetEnv BASH_ENV=${banner} SHLVL=5`] });
    return { ...bench, close: async () => { await bench.close(); rmSync(folder, { recursive: true }); } };
  });
}
