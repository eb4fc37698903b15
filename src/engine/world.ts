import type { Settings } from '../model/settings.ts';
import type { Clock } from '../ports/clock.ts';
import type { ClusterNode } from '../ports/cluster.ts';
import type { KubeWire } from '../ports/kube.ts';
import type { HelmEyes, HelmHands } from '../ports/helm.ts';
import type { HostEyes, HostHands } from '../ports/hosts.ts';
import type { Event, Operator } from '../ports/operator.ts';
import type { ProgramEyes, ProgramHands } from '../ports/programs.ts';
import type { VaultEyes } from '../vault/eyes.ts';
import type { VaultHands } from '../vault/hands.ts';
import type { ClusterLock } from './lock.ts';

/** What looking needs. `plan` and `status` have this and nothing else, so they cannot write. */
export interface Eyes {
  readonly settings: Settings;
  /** In the order of `settings.managers`. */
  readonly hosts: readonly HostEyes[];
  readonly nodes: readonly ClusterNode[];
  /** Looks in Kubernetes which pods there shall be by now, and fills `nodes` with them. Only where they are found there. */
  readonly findNodes?: () => Promise<void>;
  readonly vault: VaultEyes;
  /** PEM text of the CA in the Secret that the inventory names, where it names one. @throws WireError where it is not there yet */
  readonly authority?: () => string | undefined;
  /** Opens Kubernetes, where the inventory speaks of one. */
  readonly kube?: () => Promise<KubeWire>;
  /** The user's own helm, where the inventory names a chart. */
  readonly helm?: HelmEyes;
  /** Where the inventory names commands of its own. */
  readonly programs?: ProgramEyes;
  readonly clock: Clock;
  readonly flags: Flags;
  readonly tell: (event: Event) => void;
}

/** What acting needs: only a flow that holds the lock has it. */
export interface Hands extends Eyes {
  readonly hosts: readonly HostHands[];
  readonly vault: VaultHands;
  /** Of the same helm, with the hand that installs. */
  readonly helmHands?: HelmHands;
  readonly programHands?: ProgramHands;
  readonly operator: Operator;
  readonly operation: string;
  readonly lock: ClusterLock;
  /** True for errors after which looking again may help (a cut wire), false for what stays (a bad certificate). */
  readonly isPassing: (error: unknown) => boolean;
}

/** A proof on an unsealed server is a small write of its own: a rekey that is cancelled. */
export interface Prover {
  readonly mayProve: true;
}

/** Decisions that the operator made on the command line. */
export interface Flags {
  readonly acceptRestored: boolean;
  readonly noSnapshot: boolean;
  readonly rootToken: 'keep' | 'replace' | 'revoke';
  /** A token for servers whose rekey demands one and whose root token is gone (`--token-file`). */
  readonly token: import('../model/secret.ts').Secret | undefined;
}
