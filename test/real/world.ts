import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/adapters/clock.ts';
import { NodeDisk } from '../../src/adapters/node-disk.ts';
import { nodeInventoryFiles } from '../../src/adapters/node-inventory-files.ts';
import type { Machine } from '../../src/commands/context.ts';
import { runCommand } from '../../src/commands/program.ts';
import { formatKeyFile, parseKeyFile } from '../../src/credentials/key-file.ts';
import { parseCheckpoint } from '../../src/credentials/checkpoint.ts';
import { DiskHost } from '../../src/hosts/disk-host.ts';
import { Halt, haltPage, type HaltText } from '../../src/model/halt.ts';
import type { KeySet } from '../../src/model/keys.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { HostError, type HostHands } from '../../src/ports/hosts.ts';
import type { Event, Operator } from '../../src/ports/operator.ts';
import { WireError } from '../../src/ports/vault.ts';
import { VaultEyes } from '../../src/vault/eyes.ts';
import { VaultHands } from '../../src/vault/hands.ts';
import { openNode } from '../../src/vault/unseal.ts';
import { type Hook, Life, MortalDisk, MortalWire } from './mortal.ts';
import { handsOn, plainWire, unseal, until, untilActive } from './opened-vault.ts';
import { type RealNode, type RealServers, startServers } from './vault.ts';

export type Role = 'main' | 'install' | 'rotate' | 'previous' | 'about' | 'lock';
const names: Record<Role, string> = {
  main: 'vault-unseal.json', install: 'vault-creds-init.json.tmp', rotate: 'vault-creds-rotate.json.tmp', previous: 'vault-unseal.previous.json',
  about: 'vault-unseal.about.json', lock: '.vaultctl.lock',
};
export const clusterName = 'matrix';

/** How one command ended. `died`: the hook killed it, and there is no exit code. */
export interface Ran {
  readonly code: number;
  readonly died: boolean;
  readonly halt: HaltText | undefined;
  /** Anything thrown that is no halt. */
  readonly error: unknown;
  /** What `main` would print for the halt. */
  readonly page: string;
  readonly out: string;
  readonly events: readonly Event[];
  readonly said: string;
}

export interface RunOptions {
  readonly hook?: Hook;
  /** Waits and deadlines pass this many times faster. */
  readonly speed?: number;
  /** What `-` reads. */
  readonly input?: string;
  readonly holder?: string;
}

export interface WorldOptions { readonly nodes?: number; readonly managers?: number; readonly shares?: number; readonly threshold?: number }

/**
 * Real Vault nodes and managers that are folders of this machine: the unmodified commands run over the real file
 * system and the real HTTP wire. What is not real here: the way to another machine (ssh has its own tests).
 */
export class World {
  readonly folder: string;
  readonly managers: readonly string[];
  readonly servers: RealServers;
  /** Managers that do not answer. */
  readonly away = new Set<string>();
  /** Instead of the nodes' own addresses, where a test wants others. */
  addresses: readonly string[];
  extra: Readonly<Record<string, unknown>> = {};
  readonly #wire = plainWire();
  readonly vault: VaultHands = handsOn(this.#wire);

  private constructor(folder: string, servers: RealServers, managers: readonly string[]) {
    this.folder = folder;
    this.servers = servers;
    this.managers = managers;
    this.addresses = servers.addresses;
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), 'vaultctl-world-'));
    const servers = await startServers({ folder: join(folder, 'vault'), nodes: options.nodes ?? 1 });
    const managers = Array.from({ length: options.managers ?? 3 }, (_, index) => `m${index + 1}`);
    const world = new World(folder, servers, managers);
    world.#emptyManagers();
    return world;
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.nodes.map((node) => node.kill()));
    this.#wire.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get node(): RealNode { return this.servers.nodes[0]!; }
  get address(): string { return this.node.address; }

  // The managers' disks.

  home(name: string): string { return join(this.folder, 'managers', name, 'k'); }
  snapshots(name: string): string { return join(this.folder, 'managers', name, 'snap'); }
  at(name: string, role: Role): string { return join(this.home(name), names[role]); }
  has(name: string, role: Role): boolean { return existsSync(this.at(name, role)); }
  read(name: string, role: Role): string { return readFileSync(this.at(name, role), 'utf8'); }
  put(name: string, role: Role, content: string | Uint8Array, mode = 0o600): void { this.putAt(name, names[role], content, mode); }
  putAt(name: string, file: string, content: string | Uint8Array, mode = 0o600): void {
    writeFileSync(join(this.home(name), file), content);
    chmodSync(join(this.home(name), file), mode);
  }
  remove(name: string, ...roles: Role[]): void { for (const role of roles) rmSync(this.at(name, role), { recursive: true, force: true }); }
  names(name: string): string[] { return readdirSync(this.home(name)).toSorted(); }
  /** The set in a manager's main file. */
  set(name = 'm1', role: Role = 'main'): KeySet { return keySet(this.read(name, role)); }

  /** One line a file: path, kind, mode, owner, content. The lock file, which every flow writes, only where asked for. */
  tree(options: { lock?: boolean } = {}): string {
    const lines: string[] = [];
    const walk = (path: string) => {
      const stat = lstatSync(path);
      const what = stat.isDirectory() ? 'folder' : stat.isSymbolicLink() ? readlinkSync(path) : stat.size > 1 << 21 ? `large ${stat.size}` : createHash('sha256').update(readFileSync(path)).digest('hex');
      if (options.lock !== true && path.endsWith(names.lock)) return;
      lines.push(`${path.slice(this.folder.length)} ${(stat.mode & 0o7777).toString(8)} ${stat.uid} ${what}`);
      if (stat.isDirectory()) for (const name of readdirSync(path).toSorted()) walk(join(path, name));
    };
    walk(join(this.folder, 'managers'));
    return lines.join('\n');
  }

  #emptyManagers(): void {
    rmSync(join(this.folder, 'managers'), { recursive: true, force: true });
    for (const name of this.managers) mkdirSync(this.home(name), { recursive: true, mode: 0o755 });
  }

  // States to begin with.

  /** Nothing anywhere: empty managers, servers that were never initialised. */
  async fresh(): Promise<void> {
    this.#reset();
    await Promise.all(this.servers.nodes.map((node) => node.kill()));
    this.#emptyManagers();
    for (const node of this.servers.nodes) { node.wipe(); await node.start(); }
  }

  /** As an install left it, unsealed; the install itself runs once per share count and is put back from a copy. */
  async installed(shares = 3, threshold = 2): Promise<KeySet> {
    const kept = join(this.folder, `kept-${shares}-${threshold}`);
    if (!existsSync(kept)) {
      await this.fresh();
      const ran = await this.run('install', '--shares', String(shares), '--threshold', String(threshold));
      assert.equal(ran.code, 0, ran.page);
      await this.#untilAllVote();
      await Promise.all(this.servers.nodes.map((node) => node.stop()));
      this.save(kept);
    }
    await this.load(kept);
    const set = this.set();
    await this.unsealAll(set);
    return set;
  }

  /** Raft's autopilot lets a node that has joined vote only after ten seconds: until then the first node is the whole quorum. */
  async #untilAllVote(): Promise<void> {
    if (this.servers.nodes.length === 1) return;
    const token = this.set().rootToken;
    await this.#wire.request(this.address, { method: 'POST', path: 'sys/storage/raft/autopilot/configuration', token, body: { server_stabilization_time: '1s' } });
    await until('every node votes', async () => {
      const { body } = await this.#wire.request(this.address, { method: 'GET', path: 'sys/storage/raft/configuration', token });
      const { servers } = (body as { data: { config: { servers: { voter: boolean }[] } } }).data.config;
      return servers.length === this.servers.nodes.length && servers.every(({ voter }) => voter);
    });
  }

  /** Servers must be down. */
  save(to: string): void {
    cpSync(join(this.folder, 'managers'), join(to, 'managers'), { recursive: true, verbatimSymlinks: true });
    for (const node of this.servers.nodes) cpSync(join(node.folder, 'data'), join(to, node.name), { recursive: true });
  }

  /** Servers run again, sealed. */
  async load(from: string): Promise<void> {
    this.#reset();
    await Promise.all(this.servers.nodes.map((node) => node.kill()));
    this.#emptyManagers();
    cpSync(join(from, 'managers'), join(this.folder, 'managers'), { recursive: true, verbatimSymlinks: true });
    await this.loadServers(from);
  }

  async loadServers(from: string): Promise<void> {
    for (const node of this.servers.nodes) {
      await node.kill();
      rmSync(join(node.folder, 'data'), { recursive: true });
      cpSync(join(from, node.name), join(node.folder, 'data'), { recursive: true });
    }
    await Promise.all(this.servers.nodes.map((node) => node.start()));
  }

  #reset(): void {
    this.away.clear();
    this.addresses = this.servers.addresses;
    this.extra = {};
  }

  async unsealAll(set: KeySet): Promise<void> {
    for (const node of this.servers.nodes) await unseal(this.vault, node.address, set);
    await this.untilLed();
  }

  /** Every running node open, and one of them active. */
  async untilLed(): Promise<void> {
    const running = this.servers.nodes.filter((node) => node.running);
    await until('the cluster has a leader', async () => {
      const healths = await Promise.all(running.map(({ address }) => this.vault.health(address)));
      return healths.filter((health) => health === 'active').length === 1 && healths.every((health) => health === 'active' || health === 'standby');
    });
  }

  /** The node that leads. */
  async leader(): Promise<RealNode> {
    for (const node of this.servers.nodes) if (node.running && await this.vault.health(node.address) === 'active') return node;
    throw new Error('no node leads');
  }

  /** kill -9: what the server held in memory only is gone. */
  async restart(): Promise<void> {
    await Promise.all(this.servers.nodes.map((node) => node.kill()));
    await Promise.all(this.servers.nodes.map((node) => node.start()));
  }

  // Commands.

  run(...argv: string[]): Promise<Ran> { return this.runWith({}, ...argv); }

  async runWith(options: RunOptions, ...argv: string[]): Promise<Ran> {
    const life = new Life(options.hook);
    const heard: Heard = { out: [], events: [], said: [] };
    const inventory = join(this.folder, 'hosts.json');
    writeFileSync(inventory, JSON.stringify(this.#inventory()));
    let code = -1;
    let halt: HaltText | undefined;
    let failed: unknown;
    const running = runCommand(this.#machine(life, heard, options), [...argv, '-i', inventory], 'test').then((value) => { code = value; }, (error: unknown) => {
      if (error instanceof Halt) { halt = error.text; code = error.exitCode; } else { failed = error; code = 1; }
    });
    await Promise.race([running, life.death]);
    return {
      code, died: code === -1, halt, error: failed, page: halt === undefined ? String((failed as Error | undefined)?.stack ?? '') : haltPage(halt),
      out: heard.out.join(''), events: heard.events, said: heard.said.join('\n'),
    };
  }

  #inventory() {
    const place = (role: Role) => join(this.folder, 'managers', '{{ inventory_hostname }}', 'k', names[role]);
    return { all: {
      vars: {
        vault_cluster_name: clusterName, vault_addresses: this.addresses, vault_creds_host_path: place('main'), vault_creds_init_tmp_path: place('install'),
        vault_creds_rotate_tmp_path: place('rotate'), vault_snapshot_dir: join(this.folder, 'managers', '{{ inventory_hostname }}', 'snap'), ...this.extra,
      },
      children: { managers: { hosts: Object.fromEntries(this.managers.map((name) => [name, { ansible_connection: 'local', ansible_host: `${name}.test` }])) } },
    } };
  }

  #machine(life: Life, heard: Heard, options: RunOptions): Machine {
    const clock = options.speed === undefined ? systemClock : faster(options.speed);
    return {
      files: nodeInventoryFiles, cwd: this.folder, clock, env: () => undefined, localNames: () => [],
      readInput: async (path) => (path === '-' ? new TextEncoder().encode(options.input ?? '') : readFile(path)),
      holder: () => ({ holder: options.holder ?? 'alice', host: 'desk', pid: process.pid }),
      out: (text) => { heard.out.push(text); }, err: (text) => { heard.said.push(text); },
      operator: ({ json, confirm }) => listener(heard, json, confirm),
      open: async (settings, flags, operator) => {
        const hosts = settings.managers.map(({ name }): HostHands => (this.away.has(name) ? silent(name)
          : new DiskHost({ name, disk: new MortalDisk(name, new NodeDisk(), life), clock, local: true })));
        const wire = new MortalWire(plainWire(), life);
        const base = { settings, hosts, clock, flags, tell: (event: Event) => operator.tell(event), nodes: settings.vault.addresses.map((address) => ({ name: address, address })) };
        return {
          eyes: { ...base, vault: new VaultEyes(wire, settings.timeoutMs) }, lockable: hosts,
          hands: (lock, operation) => ({ ...base, vault: new VaultHands(wire, settings.timeoutMs), operator, operation, lock, isPassing, mayProve: true }),
          close: async () => { wire.close(); await Promise.all(hosts.map((host) => host.close())); },
        };
      },
    };
  }

  // Claims.

  /** How many files were set aside, on all managers. */
  archived(): number { return this.managers.flatMap((name) => this.names(name)).filter((file) => file.includes('.archived-')).length; }

  /** Every set on any manager, wherever it stands. */
  sets(): KeySet[] {
    return this.managers.flatMap((name) => this.names(name).flatMap((file) => {
      const path = join(this.home(name), file);
      if (!lstatSync(path).isFile() || lstatSync(path).size > 1 << 20) return [];
      const parsed = parseCheckpoint(readFileSync(path));
      if (parsed.is !== 'checkpoint') return [];
      const { top, new: fresh, old } = parsed.checkpoint;
      return [top, fresh, old].filter((set) => set !== undefined);
    }));
  }

  /** The invariant: the server is killed and started, and some set on the managers opens it. */
  async someSetOpens(): Promise<KeySet> {
    await this.restart();
    for (const set of this.sets()) {
      const { is } = await openNode(this.vault, systemClock, this.address, set);
      if (is !== 'open') continue;
      await untilActive(this.vault, this.address);
      return set;
    }
    return assert.fail(`no set on the managers opens the restarted Vault:\n${this.tree()}`);
  }

  /** The end of everything that ends well: equal files of exactly three keys, 0600, nothing left over, and they open a restarted Vault. */
  async settled(options: { archived?: number; managers?: readonly string[] } = {}): Promise<KeySet> {
    const managers = options.managers ?? this.managers;
    const set = this.set(managers[0]);
    let archived = 0;
    for (const name of managers) {
      assert.equal(this.read(name, 'main'), new TextDecoder().decode(formatKeyFile(set)), `${name} holds the same three keys`);
      for (const file of this.names(name)) {
        const { mode } = lstatSync(join(this.home(name), file));
        assert.equal(mode & 0o777, 0o600, `${name}:${file} is 0600`);
        if (/\.archived-/.test(file)) { archived += 1; continue; }
        assert.ok([names.main, names.about, names.previous, names.lock].includes(file), `${name}:${file} is left over`);
      }
    }
    assert.equal(archived, options.archived ?? 0, `files set aside:\n${this.tree()}`);
    await this.restart();
    await this.#openAll([set, ...this.sets()]);
    return set;
  }

  /** A follower that was killed before it wrote what the leader had committed still wants the set before. */
  async #openAll(sets: readonly KeySet[]): Promise<void> {
    let opened = 0;
    for (const { address } of this.servers.nodes) {
      for (const [index, set] of sets.entries()) {
        if ((await openNode(this.vault, systemClock, address, set)).is !== 'open') continue;
        if (index === 0) opened += 1;
        break;
      }
    }
    assert.ok(opened > this.servers.nodes.length / 2, 'the keys in the main files open most of the restarted nodes');
    await this.untilLed();
  }
}

interface Heard { readonly out: string[]; readonly events: Event[]; readonly said: string[] }

function listener(heard: Heard, json: boolean, confirmed: string | undefined): Operator & { end(): void } {
  return {
    tell: (event) => {
      heard.events.push(event);
      if (json) heard.out.push(`${JSON.stringify(event)}\n`);
      if (event.is === 'note' || event.is === 'warning') heard.said.push(event.text);
    },
    confirm: async (_question, expected) => confirmed === expected,
    askSecret: async () => undefined, stopRequested: () => undefined, showKeys: async () => false, end: () => undefined,
  };
}

function silent(name: string): HostHands {
  const gone = async (): Promise<never> => { throw new HostError(name, 'unreachable', `${name} does not answer`); };
  return { name, local: false, look: gone, apply: gone, prepare: gone, store: gone, lock: gone, breakLock: gone, fetch: async function* fetch() { yield await gone(); }, close: async () => undefined };
}

function isPassing(error: unknown): boolean {
  if (error instanceof WireError) return error.reached !== 'config';
  return error instanceof HostError && error.kind === 'unreachable';
}

function faster(speed: number): Clock {
  const start = systemClock.now();
  return { ...systemClock, now: () => start + (systemClock.now() - start) * speed, sleep: (ms) => systemClock.sleep(ms / speed) };
}

export function keySet(text: string): KeySet {
  const parsed = parseKeyFile(new TextEncoder().encode(text));
  assert.ok(parsed.is === 'set', parsed.is === 'set' ? '' : parsed.why);
  return parsed.set;
}

/** The command stopped with this exit code and halt, having told the operator why. */
export function halted(ran: Ran, code: number, halt: string): HaltText {
  assert.equal(ran.halt?.code, halt, ran.page || `exit ${ran.code}`);
  assert.equal(ran.code, code, ran.page);
  return ran.halt!;
}

export function done(ran: Ran): Ran {
  assert.equal(ran.code, 0, ran.page || `died: ${ran.died}`);
  return ran;
}
