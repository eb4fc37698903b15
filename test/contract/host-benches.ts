import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/adapters/clock.ts';
import { openHosts } from '../../src/adapters/open-hosts.ts';
import type { Secret } from '../../src/model/secret.ts';
import { type Manager, type Paths, plainSsh } from '../../src/model/settings.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { HostHands } from '../../src/ports/hosts.ts';
import { startSshd } from '../real/sshd.ts';
import { SimDisk, SimMachine } from '../sim/disk.ts';
import { DiskHost } from '../../src/hosts/disk-host.ts';
import { SimHost } from '../sim/host.ts';
import { SimProcess } from '../sim/process.ts';
import type { Console, HostBench } from './hosts-contract.ts';

const nodeConsole: Console = {
  put: (path, content, mode = 0o600) => { writeFileSync(path, content); chmodSync(path, mode); },
  folder: (path, mode = 0o755, uid) => { mkdirSync(path); chmodSync(path, mode); if (uid !== undefined) chownSync(path, uid, uid); },
  link: (path, target) => symlinkSync(target, path),
  get: (path) => (existsSync(path) ? readFileSync(path) : undefined),
  mode: (path) => (existsSync(path) ? statSync(path).mode & 0o7777 : undefined),
  names: (folder) => readdirSync(folder),
};

/** Hands on this machine's real files. */
export function realBench(hands: () => HostHands, base = mkdtempSync(join(tmpdir(), 'vaultctl-hosts-')), end: () => Promise<void> = () => Promise.resolve()): HostBench {
  chmodSync(base, 0o755);
  let rooms = 0;
  return {
    console: nodeConsole, hands, chown: userInfo().uid === 0,
    room: () => {
      const room = join(base, `room-${rooms += 1}`);
      nodeConsole.folder(room);
      return room;
    },
    close: async () => { await end(); rmSync(base, { recursive: true, force: true }); },
  };
}

/** A simulated manager: its disk, or with `networked` all that lies between it and us. */
export function simBench(networked = false): HostBench {
  const machine = new SimMachine({ now: () => 1_700_000_000_000 });
  let random = 0;
  const clock: Clock = { now: machine.now, sleep: () => Promise.resolve(), random: (bytes) => (random += 1).toString(16).padStart(bytes * 2, '0') };
  let rooms = 0;
  return {
    chown: true,
    console: {
      put: (path, content, mode = 0o600) => {
        const found = machine.find(path);
        // In place, as a console would: a flock is on the inode.
        if (found?.kind === 'file') { found.content = found.synced = typeof content === 'string' ? new TextEncoder().encode(content) : content; found.mode = mode; } else machine.file(path, content, { mode });
      },
      folder: (path, mode, uid) => machine.folder(path, { ...(mode === undefined ? {} : { mode }), ...(uid === undefined ? {} : { uid }) }),
      link: (path, target) => machine.link(path, target),
      get: (path) => machine.files().get(path),
      mode: (path) => machine.find(path, true)?.mode,
      names: (folder) => [...machine.find(folder)?.names.keys() ?? []],
    },
    room: () => { const room = `/room-${rooms += 1}`; machine.folder(room); return room; },
    hands: () => (networked ? new SimHost({ name: 'm1', local: false, machine, process: new SimProcess(undefined), clock }) : new DiskHost({ name: 'm1', disk: new SimDisk({ machine }), clock, local: false })),
    close: () => Promise.resolve(),
  };
}

const noPaths: Paths = { main: '', installCheckpoint: '', rotateCheckpoint: '', previous: '', about: '', lock: '', snapshots: '', journal: '' };

/** A manager of the inventory that reaches `address`; each test changes what it is about. */
export function manager(parts: Partial<Manager> & { readonly key?: string; readonly knownHosts?: string }): Manager {
  const { key, knownHosts, ...rest } = parts;
  return {
    name: 'm1', paths: noPaths, connection: 'ssh', address: '127.0.0.1', port: 22, user: userInfo().username, password: undefined, privateKeyFile: key,
    become: false, becomeMethod: 'sudo', becomeExe: undefined, becomeFlags: [], becomeUser: 'root', becomePassword: undefined, shell: undefined, transport: 'auto', connectTimeoutMs: 10_000,
    ssh: { ...plainSsh, knownHostsFiles: knownHosts === undefined ? [] : [knownHosts] },
    ...rest,
  };
}

export const openDeps = { clock: systemClock, askSecret: (): Promise<Secret | undefined> => Promise.resolve(undefined), warn: (): void => undefined };

/** Hands through a real sshd, as the current user or another. */
export async function sshBench(options: { sftp?: boolean; net: number; config?: readonly string[]; user?: string; become?: Partial<Manager>; transport?: Manager['transport'] }): Promise<HostBench> {
  const base = mkdtempSync(join(tmpdir(), 'vaultctl-ssh-'));
  chmodSync(base, 0o755);
  const { managers: [one], key, knownHosts, stop } = await startSshd({ world: join(base, 'world'), names: ['m1'], net: options.net, ...(options.sftp === undefined ? {} : { sftp: options.sftp }), ...(options.config === undefined ? {} : { config: options.config }) });
  const reach = manager({ address: one!.address, port: one!.port, user: options.user ?? one!.user, key, knownHosts, ...options.become, transport: options.transport ?? 'auto' });
  return realBench(() => openHosts([reach], openDeps)[0]!, base, stop);
}
