import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { userInfo } from 'node:os';

export interface SshdOptions {
  /** Folder for everything; made where missing. */
  readonly world: string;
  readonly names: readonly string[];
  /** Without it internal-sftp is offered, which vaultctl does not need. */
  readonly sftp?: boolean;
  /** Third octet of 127.0.X.i, so that worlds do not meet. */
  readonly net?: number;
  /** Where they listen instead, one for each name: in a network of their own, where nobody else takes the port. */
  readonly at?: readonly { readonly address: string; readonly port: number }[];
  /** Folders that each manager has to itself in a mount namespace of its own (needs root): absolute path → below its home. */
  readonly mounts?: Readonly<Record<string, string>>;
  /** The program in front of each sshd, which must leave it the process that was started: `['strace', '-D', …]`. */
  readonly under?: readonly string[];
  /** Added to what each sshd finds in its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Lines for each sshd_config. */
  readonly config?: readonly string[];
}

export interface SshdManager {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** Its own /etc/kubernetes. */
  readonly folder: string;
  readonly pid: number;
  readonly hostKey: string;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface SshdWorld {
  readonly managers: readonly SshdManager[];
  /** Private key that every manager takes. */
  readonly key: string;
  readonly knownHosts: string;
  stop(): Promise<void>;
}

/** sshd of Debian's openssh-server; throws with the command that gets it. */
export function sshdPath(): string {
  const found = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/sbin/sshd'].find((path) => existsSync(path));
  if (found === undefined) throw new Error('sshd is missing: apt-get install -y --no-install-recommends openssh-server');
  return found;
}

/** Real managers on loopback: one sshd each, as root or as whoever runs this, each with its own host key and folder. */
export async function startSshd(options: SshdOptions): Promise<SshdWorld> {
  const { world, names, net = 7 } = options;
  mkdirSync(world, { recursive: true, mode: 0o755 });
  const root = userInfo().uid === 0;
  if (root) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const key = join(world, 'id_ed25519');
  if (!existsSync(key)) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const knownHosts = join(world, 'known_hosts');
  writeFileSync(knownHosts, '');
  const managers = await Promise.all(names.map((name, index) => startOne(options, { name, address: options.at?.[index]?.address ?? `127.0.${net}.${index + 1}`, taken: options.at?.[index]?.port, key, knownHosts })));
  for (const { address, port, hostKey } of managers) appendFileSync(knownHosts, `[${address}]:${port} ${hostKey}\n`);
  return { managers, key, knownHosts, stop: async () => { await Promise.all(managers.map((manager) => manager.stop())); } };
}

async function startOne(options: SshdOptions, { name, address, taken, key }: { name: string; address: string; taken: number | undefined; key: string; knownHosts: string }): Promise<SshdManager> {
  const home = join(options.world, name);
  const folder = join(home, 'etc/kubernetes');
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const hostKeyFile = join(home, 'ssh_host_ed25519_key');
  rmSync(hostKeyFile, { force: true });
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKeyFile]);
  copyFileSync(`${key}.pub`, join(home, 'authorized_keys'));
  const port = taken ?? await freePort(address);
  const config = join(home, 'sshd_config');
  // Of two lines that say the same, sshd takes the first.
  writeFileSync(config, [
    ...(options.config ?? []), `Port ${port}`, `ListenAddress ${address}`, `HostKey ${hostKeyFile}`, `AuthorizedKeysFile ${join(home, 'authorized_keys')}`, 'StrictModes no', 'UsePAM no',
    // A bash below another bash does not read ~/.bashrc, which costs 0.2 s on some machines and has no place in a test.
    'SetEnv SHLVL=5', 'PasswordAuthentication no', 'PermitRootLogin yes', 'MaxStartups 200:30:400', `PidFile ${join(home, 'sshd.pid')}`, 'LogLevel ERROR',
    ...(options.sftp === false ? [] : ['Subsystem sftp internal-sftp']), '',
  ].join('\n'));
  let child: ChildProcess;
  const start = async () => {
    const [program, ...args] = underMounts(options, home, [...(options.under ?? []), sshdPath(), '-D', '-e', '-f', config]);
    child = spawn(program!, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true, env: { ...process.env, ...options.env } });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => { said = (said + chunk.toString()).slice(-2000); });
    await answers(address, port, () => (child.exitCode === null ? undefined : `sshd of ${name} ended with ${child.exitCode}: ${said}`));
  };
  await start();
  return {
    name, address, port, user: userInfo().username, folder, hostKey: readFileSync(`${hostKeyFile}.pub`, 'utf8').trim().split(' ').slice(0, 2).join(' '),
    get pid() { return child.pid ?? 0; },
    start,
    stop: () => endGroup(child),
  };
}

/** `exec` twice: the sshd is the very process that was started, and ends by its pid. */
function underMounts({ mounts }: SshdOptions, home: string, command: readonly string[]): readonly string[] {
  if (mounts === undefined) return command;
  const script = Object.entries(mounts).map(([path, below]) => `mkdir -p '${home}/${below}' && mount --bind '${home}/${below}' '${path}'`).join(' && ');
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', `${script} && exec "$@"`, 'sh', ...command];
}

/** The listener and the sessions that it serves: a process group of their own. */
async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  child.stderr?.destroy();
  for (const pid of [...sessionsOf(child.pid), child.pid]) { try { process.kill(pid, 'SIGTERM'); } catch { /* it ended by itself */ } }
  await ended;
}

/** Sessions run in sessions of their own; they are found as children of the listener. */
function sessionsOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter((word) => word !== '').map(Number);
  } catch {
    return [];
  }
}

export function freePort(address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, address, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function answers(address: string, port: number, ended: () => string | undefined): Promise<void> {
  for (let round = 0; round < 200; round += 1) {
    const why = ended();
    if (why !== undefined) throw new Error(why);
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: address, port });
      socket.once('data', () => { socket.destroy(); resolve(true); });
      socket.once('error', () => resolve(false));
      socket.setTimeout(1000, () => { socket.destroy(); resolve(false); });
    });
    if (open) return;
    await new Promise((resolve) => { setTimeout(resolve, 25); });
  }
  throw new Error(`nothing answers on ${address}:${port}`);
}
