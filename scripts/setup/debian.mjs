// What comes from Debian's packages: real sshd managers, the real ansible-inventory, and small tools.
import { closeSync, existsSync, mkdirSync, openSync, symlinkSync } from 'node:fs';
import { answerOf, onPath, run } from './run.mjs';
import { Missing, spoken, tell } from './tell.mjs';

/** Each: the program looked for, the package that has it, why it is needed, and whether only root's tests use it. */
const tools = {
  sshd: { package: 'openssh-server', why: 'the managers are real sshd servers' },
  ssh: { package: 'openssh-client', why: '~/.ssh/config is read as OpenSSH reads it, and the bench compares with it' },
  sudo: { package: 'sudo', why: 'managers reached as an ordinary user write through sudo', forRoot: true },
  doas: { package: 'opendoas', why: 'managers are reached through doas too', forRoot: true },
  krb5kdc: { package: 'krb5-kdc', why: 'a manager takes Kerberos tickets only', forRoot: true },
  'kadmin.local': { package: 'krb5-admin-server', why: 'a manager takes Kerberos tickets only', forRoot: true },
  kinit: { package: 'krb5-user', why: 'a manager takes Kerberos tickets only', forRoot: true },
  'softhsm2-util': { package: 'softhsm2', why: 'a login key lies in a token', forRoot: true },
  'pkcs11-tool': { package: 'opensc', why: 'a login key lies in a token', forRoot: true },
  'ansible-inventory': { package: 'ansible-core', why: 'the inventory is compared with what Ansible itself says' },
  'ansible-playbook': { package: 'ansible-core', why: 'the bench runs the same flow as a playbook' },
  flock: { package: 'util-linux', why: 'the lock on a manager is flock' },
  strace: { package: 'strace', why: 'a server is killed in the middle of its own writes' },
  ip: { package: 'iproute2', why: "a manager's network is cut in a network namespace", forRoot: true },
  'mkfs.ext4': { package: 'e2fsprogs', why: 'the power of a disk is cut on an ext4 of its own', forRoot: true },
  busybox: { package: 'busybox-static', why: 'a minimal manager has nothing but busybox' },
  etcd: { package: 'etcd-server', why: 'Kubernetes keeps everything in it', forRoot: true },
  containerd: { package: 'containerd', why: 'it runs the pods', forRoot: true },
  runc: { package: 'runc', why: 'it runs the containers of the pods', forRoot: true },
  'host-local': { package: 'containernetworking-plugins', why: 'pods have addresses', forRoot: true },
  iptables: { package: 'iptables', why: 'services of the cluster have addresses', forRoot: true },
  openssl: { package: 'openssl', why: 'certificates are made with it', forRoot: true },
};

/** What a one-node Kubernetes needs of Debian. */
export const clusterTools = ['etcd', 'containerd', 'runc', 'host-local', 'iptables', 'busybox', 'openssl', 'ip', 'flock'];

const systemFolders = ['/usr/sbin', '/sbin', '/usr/local/sbin', '/usr/lib/cni', '/opt/cni/bin'];
export const isRoot = process.getuid?.() === 0;

/** Sees to it that every named tool is there; returns the path of each that is (a tool for root alone may not be). */
export async function debianTools(names) {
  const missing = names.filter((name) => pathOf(name) === undefined && (isRoot || !tools[name].forRoot));
  if (missing.length > 0) await install(missing);
  if (isRoot && names.includes('sshd')) mkdirSync('/run/sshd', { recursive: true });
  return Object.fromEntries(names.map((name) => [name, pathOf(name)]));
}

const pathOf = (name) => onPath(name, systemFolders);

async function install(names) {
  const packages = [...new Set(names.map((name) => tools[name].package))];
  const why = names.map((name) => `${name} (${tools[name].why})`).join(', ');
  const command = `apt-get update -qq && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (onPath('apt-get') === undefined) throw new Missing(`missing: ${why}; install what Debian calls ${packages.join(' ')}`);
  if (!isRoot) throw new Missing(`missing: ${why}; sudo sh -c '${command}'`);
  tell(`installing ${packages.join(' ')} for ${why}; usually 15 s to 1 min`);
  if (packages.includes('openssh-server')) keepSystemSshdOff();
  for (const [name, unit] of [['etcd-server', 'etcd'], ['containerd', 'containerd'], ['krb5-kdc', 'krb5-kdc'], ['krb5-admin-server', 'krb5-admin-server']]) if (packages.includes(name)) keepUnitOff(unit);
  const startedMs = Date.now();
  const code = await run('sh', ['-c', command], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, stdio: ['ignore', 'ignore', 'inherit'] });
  const stillMissing = names.filter((name) => pathOf(name) === undefined);
  if (code !== 0 || stillMissing.length > 0) throw new Missing(`${stillMissing.join(', ') || packages.join(' ')} could not be installed (exit code ${code}); run this and see what it says: ${command}`);
  tell(`${packages.join(' ')} installed in ${spoken(Date.now() - startedMs)}`);
}

/** The package would start a server on port 22 of every address: nobody asked for that by running a test. */
function keepSystemSshdOff() {
  const marker = '/etc/ssh/sshd_not_to_be_run';
  if (existsSync(marker)) return;
  mkdirSync('/etc/ssh', { recursive: true });
  closeSync(openSync(marker, 'a', 0o644));
  tell(`the system's own sshd stays off (${marker}); only ours run, on loopback`);
}

/** As with sshd: ours run in namespaces of their own, and nobody asked for one that runs all the time. */
function keepUnitOff(unit) {
  const path = `/etc/systemd/system/${unit}.service`;
  if (!existsSync('/etc/systemd/system') || existsSync(path)) return;
  symlinkSync('/dev/null', path);
  tell(`the system's own ${unit} stays off (systemctl unmask ${unit} lets it start); only ours run`);
}

/** "OpenSSH_9.2p1", "ansible-inventory 2.14.18" */
export function versionOf(name, path) {
  // sshd knows no option for its version before 9.3, but names it when it complains of a wrong one.
  const said = name === 'sshd' ? answerOf('sh', ['-c', '"$0" -V 2>&1; true', path]) : answerOf(path, ['--version']);
  const found = /OpenSSH_[^\s,]+/.exec(said ?? '')?.[0] ?? /\d+(\.\d+)+/.exec(said ?? '')?.[0] ?? 'of unknown version';
  return found.startsWith('OpenSSH') ? found : `${name} ${found}`;
}
