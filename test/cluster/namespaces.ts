// The namespaces that a cluster lives in: network, mounts and processes of its own. Their first process is `pause`
// with the cluster's folder as its only argument, and the kernel ends every process and takes every mount of the
// cluster with it: so nothing has to be remembered, and a cluster whose maker was killed is found in the process table.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

const OPEN_WITHIN_MS = 15_000;
const GONE_WITHIN_MS = 20_000;
const LEFT_BEHIND_AFTER_MS = 600_000;

/** The bridge's address, which is the node's, too. */
export const NODE_ADDRESS = '10.89.0.1';
const PODS = '10.89.0.0/16';
const SERVICES = '10.96.0.0/24';

/** What components have by heart, though it is the machine's: each is a folder of the cluster's instead. */
const OWN_PLACES = {
  '/run': 'run', '/var/log': 'log', '/var/lib/kubelet': 'kubelet', '/var/lib/cni': 'cni-results', '/tmp/hostpath_pv': 'volumes',
};

/** The kubelet sets these for the whole machine; it finds them as it wants them, in files of the cluster's. */
const KERNEL_SETTINGS = {
  'vm/overcommit_memory': '1', 'vm/panic_on_oom': '0', 'kernel/panic': '10', 'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000', 'kernel/keys/root_maxbytes': '25000000',
};

const MADE_PLACES = 'made-places.json';

export interface Namespaces {
  /** Their first process, as the machine numbers it. */
  readonly pid: number;
  /** Put before a program, it is run in the cluster's network and otherwise as it would be here. */
  readonly nsenter: readonly string[];
  /** Put before a program, it is run as a part of the cluster, and ends with it. */
  readonly inside: readonly string[];
  /** The cgroup below which all pods are: "/vaultctl-1a2b3c4d". */
  readonly cgroup: string;
}

/** Opens them. `folder` is absolute and the cluster's own; `pause` is the program. */
export async function openNamespaces(folder: string, pause: string, options: { readonly outlivesUs: boolean }): Promise<Namespaces> {
  const hidden = Object.keys(OWN_PLACES).find((place) => `${folder}/`.startsWith(`${place}/`) || pause.startsWith(`${place}/`));
  if (hidden !== undefined) throw new Error(`a cluster cannot be in ${folder} with its programs at ${pause}: it has a ${hidden} of its own`);
  return alone(() => opened(folder, pause, options));
}

async function opened(folder: string, pause: string, options: { readonly outlivesUs: boolean }): Promise<Namespaces> {
  const cgroup = cgroupOf(folder);
  const made = Object.keys(OWN_PLACES).filter((place) => !existsSync(place));
  writeFileSync(join(folder, MADE_PLACES), JSON.stringify(made));
  for (const place of made) mkdirSync(place, { recursive: true });
  for (const own of Object.values(OWN_PLACES)) mkdirSync(join(folder, own), { recursive: true });
  for (const [setting, value] of Object.entries(KERNEL_SETTINGS)) writeFileSync(join(folder, setting.replaceAll('/', '.')), `${value}\n`);
  sweepCgroups();
  makeCgroup(cgroup);

  const unshare = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc', '--propagation', 'slave'];
  const [program = '', ...args] = [
    // When whoever starts it is killed, `unshare` is, and with it the first process and all the others.
    ...(options.outlivesUs ? [] : ['setpriv', '--pdeathsig', 'KILL']),
    ...unshare, 'sh', '-euc', openingScript(folder), 'sh', pause, folder, ...foreignMounts(folder),
  ];
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said += text; });
  child.on('error', (cause) => { said += String(cause); });
  for (let waitedMs = 0; waitedMs < OPEN_WITHIN_MS; waitedMs += 20) {
    const pid = firstProcess(folder);
    if (pid !== undefined) {
      child.stderr.destroy();
      child.unref();
      return namespacesOf(folder, pid);
    }
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) break;
    await sleep(20);
  }
  child.kill('SIGKILL');
  throw new Error(`the namespaces of a cluster could not be opened: ${said.trim() || `nothing said within ${OPEN_WITHIN_MS} ms`}`);
}

/** Those of the cluster in `folder`, if it runs. */
export function findNamespaces(folder: string): Namespaces | undefined {
  const pid = firstProcess(folder);
  return pid === undefined ? undefined : namespacesOf(folder, pid);
}

function namespacesOf(folder: string, pid: number): Namespaces {
  return {
    pid,
    nsenter: ['nsenter', `--net=/proc/${pid}/ns/net`, '--'],
    inside: ['nsenter', `--target=${pid}`, '--net', '--mount', '--pid', '--'],
    cgroup: cgroupOf(folder),
  };
}

/** Ends all that the cluster in `folder` is, whatever state it is in, and its folder last. Twice does no harm. */
export async function closeNamespaces(folder: string): Promise<void> {
  const pid = firstProcess(folder);
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
  for (let waitedMs = 0; firstProcess(folder) !== undefined || cgroupsBelow(cgroupOf(folder)).some((path) => !removed(path)); waitedMs += 50) {
    if (waitedMs >= GONE_WITHIN_MS) throw new Error(`the cluster in ${folder} is not gone after ${GONE_WITHIN_MS} ms: ${pid === undefined ? '' : `process ${pid}, `}cgroups ${cgroupsBelow(cgroupOf(folder)).join(', ')}`);
    await sleep(50);
  }
  if (!existsSync(folder)) return;
  const mounted = mounts().filter((path) => path.startsWith(`${folder}/`));
  // Nothing of the cluster's is ever mounted outside of its namespaces; what is, is somebody's data.
  if (mounted.length > 0) throw new Error(`${folder} is left as it is: ${mounted.join(', ')} is mounted there`);
  await alone(() => { leavePlaces(folder); });
  rmSync(folder, { recursive: true, force: true });
}

/** Removes the folders that were made for mounting on them, or hands that on: removed, a folder is unmounted everywhere. */
function leavePlaces(folder: string): void {
  const heir = runningFolders().find((other) => existsSync(join(other, MADE_PLACES)));
  const made = madePlaces(folder);
  if (heir === undefined) for (const place of made) removed(place);
  else writeFileSync(join(heir, MADE_PLACES), JSON.stringify([...new Set([...madePlaces(heir), ...made])]));
}

/**
 * One cluster at a time on this machine: between its look at the places and its first process nobody could see that it
 * needs them. A socket without a file is the lock: the kernel takes it back from the dead.
 */
async function alone<T>(work: () => T | Promise<T>): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += 20) {
    const lock = createServer();
    const isOurs = await new Promise<boolean>((resolve) => { lock.once('error', () => resolve(false)).listen('\0vaultctl-cluster-places', () => resolve(true)); });
    if (isOurs) {
      try {
        return await work();
      } finally {
        lock.close();
      }
    }
    if (waitedMs >= 2 * OPEN_WITHIN_MS) throw new Error(`another cluster was being started or ended for ${waitedMs} ms`);
    await sleep(20);
  }
}

/** The folders of all clusters that run. */
function runningFolders(): string[] {
  return processes().filter(({ argv }) => argv.length === 2 && argv[0]?.endsWith('/pause') === true).map(({ argv }) => argv[1] ?? '');
}

function madePlaces(folder: string): string[] {
  const path = join(folder, MADE_PLACES);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) as string[] : [];
}

/** True when the folder is gone: it was empty, or was not there. */
function removed(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

/** The process whose command line is `pause FOLDER`. */
function firstProcess(folder: string): number | undefined {
  return processes().find(({ argv }) => argv.length === 2 && argv[0]?.endsWith('/pause') === true && argv[1] === folder)?.pid;
}

/** Every process of the machine that has a command line. */
function processes(): { readonly pid: number; readonly argv: readonly string[] }[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    const text = readIfThere(`/proc/${name}/cmdline`);
    return text === undefined || text === '' ? [] : [{ pid: Number(name), argv: text.replace(/\0$/, '').split('\0') }];
  });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It ended between the listing and the look.
    return undefined;
  }
}

/** Where something is mounted in our own namespace. */
function mounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))));
}

/** Disks that others mounted for a while: a copy of theirs in our namespace would keep them busy. */
function foreignMounts(folder: string): string[] {
  return mounts().filter((path) => path.startsWith('/tmp/') && !`${folder}/`.startsWith(`${path}/`)).reverse();
}

/** Arguments: the program that stays, the folder, and the mounts that are none of our business. */
function openingScript(folder: string): string {
  const quoted = (path: string) => `'${path.replaceAll("'", `'\\''`)}'`;
  return [
    'pause=$1 folder=$2; shift 2',
    'mount --make-rshared /',
    'for mount in "$@"; do umount -l "$mount" || true; done',
    ...Object.entries(OWN_PLACES).map(([place, own]) => `mount --bind ${quoted(join(folder, own))} ${place}`),
    ...Object.keys(KERNEL_SETTINGS).map((setting) => `mount --bind ${quoted(join(folder, setting.replaceAll('/', '.')))} /proc/sys/${setting}`),
    'ip link set lo up',
    'ip link add vaultctl0 type bridge',
    `ip addr add ${NODE_ADDRESS}/${PODS.split('/')[1]} dev vaultctl0`,
    'ip link set vaultctl0 up',
    `ip route add ${SERVICES} dev vaultctl0`,
    'echo 1 > /proc/sys/net/ipv4/ip_forward',
    'if test -e /proc/sys/net/bridge/bridge-nf-call-iptables; then echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables; fi',
    'iptables -P FORWARD ACCEPT',
    'exec "$pause" "$folder"',
  ].join('\n');
}

const cgroupOf = (folder: string): string => `/vaultctl-${createHash('sha256').update(folder).digest('hex').slice(0, 8)}`;

/** The roots of all hierarchies: one a controller in version 1, a single one in version 2. */
function hierarchies(): string[] {
  const root = '/sys/fs/cgroup';
  if (existsSync(join(root, 'cgroup.controllers'))) return [root];
  return readdirSync(root).map((name) => join(root, name)).filter((path) => lstatSync(path).isDirectory());
}

/** In every hierarchy, since the kubelet demands it; a cpuset without processors would take no process. */
function makeCgroup(cgroup: string): void {
  for (const hierarchy of hierarchies()) {
    const path = join(hierarchy, cgroup);
    mkdirSync(path, { recursive: true });
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (existsSync(join(hierarchy, file)) && existsSync(join(path, file))) writeFileSync(join(path, file), readFileSync(join(hierarchy, file)));
    }
  }
}

/** Those of clusters whose maker was killed: the kernel ended all but these. One that is being started is younger. */
function sweepCgroups(): void {
  const running = new Set(runningFolders().map(cgroupOf));
  const isOld = (path: string) => Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > LEFT_BEHIND_AFTER_MS;
  for (const hierarchy of hierarchies()) {
    const left = readdirSync(hierarchy).filter((name) => /^vaultctl-[0-9a-f]{8}$/.test(name) && !running.has(`/${name}`) && isOld(join(hierarchy, name)));
    for (const path of left.flatMap((name) => below(join(hierarchy, name)))) removed(path);
  }
}

/** The deepest first, as they have to be removed. */
function cgroupsBelow(cgroup: string): string[] {
  return hierarchies().map((hierarchy) => join(hierarchy, cgroup)).filter((path) => existsSync(path)).flatMap(below);
}

/** Itself last; nothing where it is gone already, or goes meanwhile. */
function below(path: string): string[] {
  try {
    return [...readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()).flatMap((entry) => below(join(path, entry.name))), path];
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw cause;
  }
}

/** Why there can be no namespaces of ours here, or undefined when there can. */
export function whyNoNamespaces(): string | undefined {
  if (process.platform !== 'linux') return `it needs Linux, and this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'it needs root';
  if (!existsSync('/sys/fs/cgroup')) return 'it needs cgroups, and there are none at /sys/fs/cgroup';
  try {
    execFileSync('unshare', ['--net', '--mount', '--pid', '--fork', '--mount-proc', 'sh', '-euc', 'ip link add b0 type bridge; mount --bind /proc/version /proc/sys/vm/overcommit_memory'], { stdio: ['ignore', 'ignore', 'pipe'] });
    const probe = hierarchies().map((hierarchy) => join(hierarchy, `/vaultctl-probe-${process.pid}`));
    for (const path of probe) { mkdirSync(path); rmdirSync(path); }
  } catch (cause) {
    const said = String((cause as { stderr?: Buffer }).stderr ?? '').trim();
    return `it needs namespaces and cgroups of its own: ${said || (cause as Error).message}`;
  }
  return undefined;
}
