import type { ClusterLock } from '../engine/lock.ts';
import type { LeasePlace } from '../kubernetes/lease.ts';
import type { Eyes, Flags, Hands, Prover } from '../engine/world.ts';
import type { Manager, Settings } from '../model/settings.ts';
import type { Clock } from '../ports/clock.ts';
import type { LockWords, Reach } from '../ports/hosts.ts';
import type { KubeError } from '../ports/kube.ts';
import type { InventoryFiles } from '../ports/inventory-files.ts';
import type { Operator } from '../ports/operator.ts';

/** What every command line may say. */
export interface CommonFlags {
  readonly inventory?: string[];
  readonly limit?: string;
  readonly extraVars?: string[];
  readonly vaultId?: string[];
  readonly vaultPasswordFile?: string[];
  readonly askVaultPass?: boolean;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly confirm?: string;
  readonly timeout?: string;
  readonly verbose?: boolean;
  readonly color?: boolean;
  readonly allowMissing?: string[];
  readonly allowMissingNode?: string[];
  readonly tokenFile?: string;
  readonly acceptRestored?: boolean;
  readonly snapshot?: boolean;
  readonly shares?: string;
  readonly threshold?: string;
}

/** An open world: nothing was written yet. */
export interface World {
  readonly eyes: Eyes;
  /** Only a flow calls this: from here on there are hands. */
  hands(lock: ClusterLock, operation: string): Hands & Prover;
  /** Why no pod is known, where Kubernetes did not say: the managers can be looked at all the same. */
  readonly away?: KubeError;
  /** The managers with hands, to take the lock on. */
  readonly lockable: Hands['hosts'];
  /** Where the Lease beside that lock is; undefined where the inventory knows of no Kubernetes. */
  readonly lease?: () => Promise<LeasePlace>;
  close(): Promise<void>;
}

/** The machine behind a command, built in wire.ts (or by a test). */
export interface Machine {
  readonly files: InventoryFiles;
  readonly cwd: string;
  readonly clock: Clock;
  env(name: string): string | undefined;
  /** Host names and addresses of this machine. */
  localNames(): readonly string[];
  /** A file, or standard input for `-`. */
  readInput(path: string): Promise<Uint8Array>;
  /** What a program prints that shall say a password; it may ask on the terminal. Absent: none is run. @throws UsageError where it cannot be run or fails */
  passwordFrom?(argv: readonly [string, ...string[]]): Promise<Uint8Array>;
  /** Who holds the lock, as others read it. */
  holder(): { holder: string; host: string; pid: number };
  /** How a manager will be reached, without connecting; throws where ~/.ssh/config is broken. */
  reach?(manager: Manager): Promise<Reach>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  operator(options: { json: boolean; color: boolean; verbose: boolean; confirm: string | undefined; quiet: boolean }): Operator & { end(): void };
  /** @param how `also-without-pods`: a world of the managers alone (`away`), where Kubernetes does not say which pods there are. @throws Halt */
  open(settings: Settings, flags: Flags, operator: Operator, how?: 'also-without-pods'): Promise<World>;
}

export type { LockWords };
