import assert from 'node:assert/strict';
import { formatKeyFile } from '../../src/credentials/key-file.ts';
import type { Flow } from '../../src/engine/flow.ts';
import type { ClusterLock } from '../../src/engine/lock.ts';
import { run } from '../../src/engine/run.ts';
import { takeLocks } from '../../src/engine/take-locks.ts';
import type { Hands, Prover } from '../../src/engine/world.ts';
import { install } from '../../src/flows/install.ts';
import { EMPTYING } from '../../src/kubernetes/emptying-note.ts';
import { Halt } from '../../src/model/halt.ts';
import type { Settings } from '../../src/model/settings.ts';
import { HostError } from '../../src/ports/hosts.ts';
import { KubeError } from '../../src/ports/kube.ts';
import type { Event } from '../../src/ports/operator.ts';
import { WireError } from '../../src/ports/vault.ts';
import { VaultHands } from '../../src/vault/hands.ts';
import { SimClock } from '../sim/clock.ts';
import { wireFor } from '../sim/faulty-wire.ts';
import { SimHost } from '../sim/host.ts';
import { SimKube } from '../sim/kube.ts';
import type { ControllersOptions } from '../sim/kube-controllers.ts';
import { SimOperator } from '../sim/operator.ts';
import { type PortCall, SimProcess } from '../sim/process.ts';
import { simPulse, stopBeating } from '../sim/pulse.ts';
import { type Ending, PATHS, World } from '../sim/world.ts';
import { keys } from '../unit/survey-world.ts';

/** What goes wrong at one call of a run. */
export interface Strike { readonly at: number; readonly kind: 'fails' | 'reply-lost' | 'host-gone' | 'dies-before' | 'dies-after' | 'signal' }
export interface Ran { readonly ending: Ending; readonly calls: readonly PortCall[]; readonly said: readonly string[] }

const CLAIMS = '/api/v1/namespaces/vault/persistentvolumeclaims';
const SETS = '/apis/apps/v1/namespaces/vault/statefulsets';
const LABELS = { 'app.kubernetes.io/instance': 'vault', component: 'server' };

/** A Vault in simulated Kubernetes: its pods are the simulated servers, its claims their disks. */
export class EmptyingWorld {
  readonly world: World;
  readonly kube: SimKube;
  readonly settings: Settings;
  /** The claims that there were in the beginning: nothing else may ever be emptied. */
  readonly first: ReadonlySet<string>;
  /** Called before a claim's deletion reaches the server. */
  onDelete: (claim: string) => void = () => undefined;

  private constructor(world: World, options: ControllersOptions) {
    this.world = world;
    const nodes = world.vault.nodes.map(({ name }) => name);
    const node = (podOrClaim: string) => nodes[Number(/\d+$/.exec(podOrClaim)?.[0])]!;
    this.kube = new SimKube({
      now: () => world.time.nowMs, ...options,
      pod: (name, is) => { if (is === 'up') world.vault.startNode(node(name)); else world.vault.crashNode(node(name)); },
      emptied: (claim) => { if (claim.startsWith('data-')) { world.vault.wipeNode(node(claim)); world.vault.crashNode(node(claim)); } },
    });
    this.settings = { ...world.settings, kubernetes: { reach: 'address', namespace: 'vault', release: 'vault', podSelector: 'app.kubernetes.io/instance=vault,component=server', kubeconfig: undefined, context: undefined, port: 8200, scheme: undefined, caSecret: undefined, allowHttp: false } };
    this.kube.put(SETS, {
      metadata: { name: 'vault' },
      spec: { replicas: nodes.length, serviceName: 'vault-internal', template: { metadata: { labels: LABELS }, spec: { containers: [{ name: 'vault' }] } }, volumeClaimTemplates: [{ metadata: { name: 'data' } }, { metadata: { name: 'audit' } }] },
    });
    for (const name of nodes) { world.vault.crashNode(name); }
    this.kube.controllers.tick();
    world.time.nowMs += 10_000;
    this.kube.controllers.tick();
    this.first = new Set(this.kube.list(CLAIMS).map(({ metadata }) => metadata.uid!));
  }

  /** Installed, restarted, sealed; the keys are gone, or a manager holds such as this Vault rejects. */
  static async lost(keysOf: 'nobody' | 'another cluster', shape: { managers: number; nodes: number } = { managers: 2, nodes: 2 }, options: ControllersOptions = {}): Promise<EmptyingWorld> {
    const world = await installed(shape);
    for (const machine of world.machines.values()) {
      const folder = machine.find('/etc/kubernetes')!;
      for (const path of [PATHS.main, PATHS.previous, PATHS.about]) folder.names.delete(path.slice(path.lastIndexOf('/') + 1));
      folder.safe = new Map(folder.names);
      folder.changes = [];
    }
    const made = new EmptyingWorld(world, options);
    if (keysOf === 'another cluster') made.writeKeys('m1', 3);
    return made;
  }

  /** Installed and healthy, as Kubernetes runs it. */
  static async healthy(shape: { managers: number; nodes: number } = { managers: 2, nodes: 2 }): Promise<EmptyingWorld> {
    return new EmptyingWorld(await installed(shape), {});
  }

  /** Somebody puts a set of keys on a manager. */
  writeKeys(manager: string, generation: number): void {
    const machine = this.world.machines.get(manager)!;
    const folder = machine.find('/etc/kubernetes')!;
    const file = machine.inode('file', 0o600);
    file.content = formatKeyFile(keys(generation));
    file.synced = file.content;
    folder.names.set(PATHS.main.slice(PATHS.main.lastIndexOf('/') + 1), file);
    folder.safe = new Map(folder.names);
  }

  get set() { return this.kube.objects.get(`${SETS}/vault`)!; }
  get note(): string | undefined { return this.set.metadata.annotations?.[EMPTYING]; }
  get claims(): string[] { this.kube.controllers.tick(); return this.kube.list(CLAIMS).map(({ metadata }) => metadata.uid!); }

  /** Names of files with keys on a manager, apart from what was set aside. */
  copies(): string[] {
    return [...this.world.machines].flatMap(([name, machine]) => [...machine.find('/etc/kubernetes')!.names]
      .filter(([file, inode]) => !file.includes('.archived-') && Buffer.from(inode.content).includes('"unseal_keys"')).map(([file]) => `${name}:${file}`));
  }

  /** One process from start to end. `strike`: at one of its calls. */
  async run<S>(flow: Flow<S>, { strike, confirms = true, onCall }: { strike?: Strike; confirms?: boolean; onCall?: (call: PortCall) => void } = {}): Promise<Ran> {
    this.world.runs += 1;
    const operator = new SimOperator({ confirms });
    let died: (ending: Ending) => void = () => undefined;
    const death = new Promise<Ending>((resolve) => { died = resolve; });
    const fault = strike?.kind === 'fails' || strike?.kind === 'reply-lost' || strike?.kind === 'host-gone' ? [{ at: strike.at, kind: strike.kind }] : [];
    const process = new SimProcess(fault, (call, when) => {
      if (when === 'before') onCall?.(call);
      if (strike?.at !== call.index) return;
      if (strike.kind === 'signal' && when === 'before') operator.signal = 'SIGTERM';
      if (strike.kind === `dies-${when}`) { process.die(); died({ is: 'died' }); }
    });
    const clock = new SimClock(this.world.time, this.world.runs * 7919);
    const hosts = this.settings.managers.map(({ name }) => new SimHost({ name, local: false, machine: this.world.machines.get(name)!, process, clock }));
    try {
      const ending = await Promise.race([this.#work(flow, { process, clock, hosts, operator }), death, process.broken]);
      return { ending, calls: process.calls, said: operator.said() };
    } finally {
      process.die();
      stopBeating();
      for (const host of hosts) host.end();
      this.world.vault.beforeWrite = () => undefined;
    }
  }

  async #work<S>(flow: Flow<S>, { process, clock, hosts, operator }: { process: SimProcess; clock: SimClock; hosts: readonly SimHost[]; operator: SimOperator }): Promise<Ending> {
    const { settings, world } = this;
    const inner = wireFor(world.vault, process, undefined);
    const ticking = <T>(go: () => T): T => { this.kube.controllers.tick(); return go(); };
    const wire: typeof inner = { request: (...args) => ticking(() => inner.request(...args)), download: (...args) => ticking(() => inner.download(...args)), upload: (...args) => ticking(() => inner.upload(...args)), close: () => undefined };
    const kube = this.#kubeWire(process);
    const quiet = this.kube.wire();
    const tell = (event: Event) => operator.tell(event);
    const base = {
      settings, hosts, clock, tell, kube: async () => kube, nodes: settings.vault.addresses.map((address, index) => ({ name: `vault-${index}`, address })),
      flags: { acceptRestored: false, noSnapshot: false, rootToken: 'keep' as const, token: undefined },
    };
    let lock: ClusterLock | undefined;
    try {
      const operation = clock.random(6);
      lock = await takeLocks({
        settings, hosts, words: { holder: 'operator', host: 'laptop', pid: world.runs, operation, flow: flow.name, sinceMs: clock.now() }, nowMs: clock.now(), tell,
        lease: async () => ({ kube: quiet, namespace: 'vault', release: 'vault', pulse: simPulse(world.time), now: () => world.time.nowMs }),
      });
      const hands: Hands & Prover = { ...base, vault: new VaultHands(wire, settings.timeoutMs), operator, operation, lock, isPassing, mayProve: true };
      await run(flow, hands);
      return { is: 'done' };
    } catch (error) {
      return error instanceof Halt ? { is: 'halt', halt: error } : { is: 'error', error };
    } finally {
      await lock?.release().catch(() => undefined);
    }
  }

  #kubeWire(process: SimProcess) {
    const open: { key: string; entered: Awaited<ReturnType<SimProcess['enter']>> }[] = [];
    return this.kube.wire(async ({ when, method, path }) => {
      const key = `${method} ${path}`;
      if (when === 'before') {
        if (method === 'DELETE' && path.startsWith(CLAIMS)) this.onDelete(path.slice(CLAIMS.length + 1));
        const entered = await process.enter('vault', 'kubernetes', key, method !== 'GET');
        if (entered.fault === 'fails') return 'refuse';
        open.push({ key, entered });
        return undefined;
      }
      const [mine] = open.splice(open.findLastIndex((candidate) => candidate.key === key), 1);
      await process.leave(mine!.entered.call);
      return mine!.entered.fault === 'reply-lost' ? 'lose' : undefined;
    });
  }
}

async function installed(shape: { managers: number; nodes: number }): Promise<World> {
  const world = new World(shape);
  const { ending } = await world.run(install);
  assert.equal(ending.is, 'done');
  return world;
}

/** As in wire.ts. */
function isPassing(error: unknown): boolean {
  if (error instanceof WireError || error instanceof KubeError) return error.reached !== 'config';
  return error instanceof HostError && error.kind === 'unreachable';
}
