import { takeLock, type ClusterLock } from '../../src/engine/lock.ts';
import type { Flow } from '../../src/engine/flow.ts';
import { run } from '../../src/engine/run.ts';
import type { Eyes, Flags, Hands, Prover } from '../../src/engine/world.ts';
import { Halt } from '../../src/model/halt.ts';
import { type Manager, type Paths, plainSsh, type Settings } from '../../src/model/settings.ts';
import { HostError } from '../../src/ports/hosts.ts';
import type { Event } from '../../src/ports/operator.ts';
import { WireError } from '../../src/ports/vault.ts';
import { VaultEyes } from '../../src/vault/eyes.ts';
import { VaultHands } from '../../src/vault/hands.ts';
import { SimClock, SimTime } from './clock.ts';
import { SimMachine } from './disk.ts';
import { SimHost } from './host.ts';
import { SimOperator } from './operator.ts';
import { type Boundary, type Fault, type Pause, type PortCall, SimProcess } from './process.ts';
import { SimVault } from './vault.ts';
import { wireFor } from './faulty-wire.ts';

export interface WorldShape {
  readonly managers: number;
  readonly nodes: number;
  /** vaultctl runs on the first manager; otherwise on a machine of its own, and every manager is remote. */
  readonly onFirst?: boolean;
  readonly tokenForRekey?: boolean;
  readonly family?: 'rekey' | 'rotate';
  /** What every command in this world is given. */
  readonly rootToken?: Flags['rootToken'];
  readonly shares?: { readonly count: number; readonly threshold: number };
}

export type Ending =
  | { readonly is: 'done' }
  | { readonly is: 'halt'; readonly halt: Halt }
  | { readonly is: 'error'; readonly error: unknown }
  | { readonly is: 'died' };

export interface Finished { readonly ending: Ending; readonly calls: readonly PortCall[]; readonly said: readonly string[] }

export interface RunOptions {
  readonly fault?: Fault | undefined;
  /** … and more in the same run. */
  readonly faults?: readonly Fault[] | undefined;
  /** The n-th write (from 0) of a server's own init or of a rekey's commit kills it. */
  readonly commitDiesAt?: number | undefined;
  readonly boundary?: Boundary;
  readonly pause?: Pause | undefined;
  /** The manager on which vaultctl runs, which then is its master; `laptop`: none of them. Otherwise as the world's shape says. */
  readonly from?: string | undefined;
  readonly flags?: Partial<Flags>;
  /** Called with what ends this process at once, for a boundary that wants it dead. */
  readonly started?: (die: () => void) => void;
}

/** One process's parts. */
interface Body { readonly settings: Settings; readonly process: SimProcess; readonly hosts: readonly SimHost[]; readonly clock: SimClock; readonly operator: SimOperator }

/** An answer that takes longer than this in real time will never come. */
const HANGS_AFTER_MS = 20_000;

export const PATHS: Paths = {
  main: '/etc/kubernetes/vault-unseal.json', installCheckpoint: '/etc/kubernetes/vault-creds-init.json.tmp', rotateCheckpoint: '/etc/kubernetes/vault-creds-rotate.json.tmp',
  previous: '/etc/kubernetes/vault-unseal.previous.json', about: '/etc/kubernetes/vault-unseal.about.json', lock: '/etc/kubernetes/.vaultctl.lock',
  snapshots: '/var/lib/vaultctl', journal: '/var/lib/vaultctl/journal.ndjson',
};

/** Managers, Vault nodes, a network and an operator: a process of vaultctl is run in it by `run`, as wire.ts and run-flow.ts do. */
export class World {
  readonly shape: WorldShape;
  readonly time: SimTime;
  readonly machines: ReadonlyMap<string, SimMachine>;
  readonly vault: SimVault;
  readonly settings: Settings;
  /** Runs so far: each process has chance of its own. */
  runs = 0;

  constructor(shape: WorldShape, from?: { time: SimTime; machines: ReadonlyMap<string, SimMachine>; vault: SimVault; runs: number }) {
    this.shape = shape;
    this.time = from?.time ?? new SimTime();
    const now = () => this.time.nowMs;
    this.machines = from?.machines ?? new Map(Array.from({ length: shape.managers }, (_, index) => [`m${index + 1}`, machine(`m${index + 1}`, now)] as const));
    this.vault = from?.vault ?? new SimVault({
      clock: { now }, nodes: shape.nodes, tokenForRekey: shape.tokenForRekey ?? false, family: shape.family ?? 'rekey',
    });
    this.runs = from?.runs ?? 0;
    this.settings = settingsOf(shape, [...this.machines.keys()], this.vault.addresses);
  }

  /** What no program could have prevented so far: disks and servers that came back older, and what a person did by hand. */
  get harm(): number { return [...this.machines.values()].reduce((sum, { harm }) => sum + harm, this.vault.harm); }

  /** The same world once more, without its processes: they are dead there. */
  clone(): World {
    const time = new SimTime(this.time.nowMs);
    const now = () => time.nowMs;
    return new World(this.shape, { time, machines: new Map([...this.machines].map(([name, one]) => [name, one.clone(now)] as const)), vault: this.vault.clone({ now }), runs: this.runs });
  }

  /** One process of vaultctl from start to end. */
  async run<S>(flow: Flow<S>, options: RunOptions = {}): Promise<Finished> {
    this.runs += 1;
    // An operator reads a page before typing the next command.
    this.time.nowMs += 5000;
    for (const one of this.machines.values()) one.remember();
    this.vault.remember();
    const settings = options.from === undefined ? this.settings : settingsOf(this.shape, [...this.machines.keys()], this.vault.addresses, options.from);
    const operator = new SimOperator();
    const faults = [...(options.fault === undefined ? [] : [options.fault]), ...(options.faults ?? [])];
    const process = new SimProcess(faults, (call, when) => {
      if (when === 'before' && faults.some(({ at, kind }) => at === call.index && kind === 'signal')) operator.signal = 'SIGTERM';
      options.boundary?.(call, when);
    }, options.pause);
    const clock = new SimClock(this.time, this.runs * 7919);
    let died: (ending: Ending) => void = () => undefined;
    const death = new Promise<Ending>((resolve) => { died = resolve; });
    const killed = () => { process.die(); died({ is: 'died' }); };
    const hosts = settings.managers.map(({ name, connection }) => new SimHost({ name, local: connection === 'local', machine: this.machines.get(name)!, process, clock, killed }));
    options.started?.(killed);
    const watch = watchdog();
    try {
      const ending = await Promise.race([this.#work(flow, { settings, process, hosts, clock, operator }, options), death, process.broken, watch.bark]);
      return { ending, calls: process.calls, said: operator.said() };
    } finally {
      watch.stop();
      process.die();
      for (const host of hosts) host.end();
      this.vault.beforeWrite = () => undefined;
      for (const { name, up } of this.vault.nodes) if (!up) this.vault.startNode(name);
    }
  }

  async #work<S>(flow: Flow<S>, { settings, process, hosts, clock, operator }: Body, options: RunOptions): Promise<Ending> {
    const wire = wireFor(this.vault, process, options.commitDiesAt);
    const flags: Flags = { acceptRestored: false, noSnapshot: false, rootToken: this.shape.rootToken ?? 'keep', token: undefined, ...options.flags };
    const base = { settings, hosts, clock, flags, tell: (event: Event) => { operator.tell(event); if (event.is === 'step') process.step = event.mark === 'start' ? event.step : process.step; }, nodes: settings.vault.addresses.map((address) => ({ name: address, address })) };
    let lock: ClusterLock | undefined;
    try {
      const operation = clock.random(6);
      lock = await takeLock(settings, hosts, { holder: 'operator', host: 'laptop', pid: this.runs, operation, flow: flow.name, sinceMs: clock.now() }, clock.now());
      const hands: Hands & Prover = { ...base, vault: new VaultHands(wire, settings.timeoutMs), operator, operation, lock, isPassing, mayProve: true };
      await run(flow, hands);
      process.step = '';
      return { is: 'done' };
    } catch (error) {
      return error instanceof Halt ? { is: 'halt', halt: error } : { is: 'error', error };
    } finally {
      await lock?.release().catch(() => undefined);
    }
  }

  /** What `status` sees with; nothing goes wrong meanwhile. */
  eyes(): Eyes {
    const process = new SimProcess();
    const clock = new SimClock(this.time, 1);
    const hosts = this.settings.managers.map(({ name, connection }) => new SimHost({ name, local: connection === 'local', machine: this.machines.get(name)!, process, clock }));
    return {
      settings: this.settings, hosts, clock, tell: () => undefined, nodes: this.settings.vault.addresses.map((address) => ({ name: address, address })),
      flags: { acceptRestored: false, noSnapshot: false, rootToken: 'keep', token: undefined }, vault: new VaultEyes(this.vault.wire(), this.settings.timeoutMs),
    };
  }
}

function machine(name: string, now: () => number): SimMachine {
  const made = new SimMachine({ hostname: name, now });
  made.folder('/etc/kubernetes');
  made.folder('/var/lib');
  return made;
}

function settingsOf(shape: WorldShape, names: readonly string[], addresses: readonly string[], from = shape.onFirst === true ? names[0] : undefined): Settings {
  const managers = names.map((name): Manager => ({
    name, paths: PATHS, connection: name === from ? 'local' : 'ssh', address: name, port: undefined, user: undefined, password: undefined,
    privateKeyFile: undefined, become: false, becomeMethod: 'sudo', becomeExe: undefined, becomeFlags: [], becomeUser: 'root', becomePassword: undefined, shell: undefined, transport: 'auto', connectTimeoutMs: 10_000,
    ssh: plainSsh,
  }));
  return {
    clusterName: 'sim', inventory: 'hosts.yaml', managers, master: names.find((name) => name === from) ?? names[0]!, limited: false, keepPrevious: 1,
    kubernetes: undefined,
    deployment: { helm: undefined, pre: [], post: [] },
    configuration: { engines: [], policies: [], auth: undefined, roles: [] },
    vault: { addresses, ca: undefined, caFile: undefined, serverName: undefined, namespace: undefined },
    shares: { count: shape.shares?.count ?? 3, threshold: shape.shares?.threshold ?? 2, given: false }, timeoutMs: 60_000, allowMissing: [], allowMissingNodes: [],
  };
}

/** As in wire.ts. */
function isPassing(error: unknown): boolean {
  if (error instanceof WireError) return error.reached !== 'config';
  return error instanceof HostError && error.kind === 'unreachable';
}

function watchdog(): { bark: Promise<never>; stop: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const bark = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => reject(new Error(`the run hangs: no answer within ${HANGS_AFTER_MS} ms of real time`)), HANGS_AFTER_MS); });
  return { bark, stop: () => clearTimeout(timer) };
}
