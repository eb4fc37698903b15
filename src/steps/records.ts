import type { Candidate } from '../engine/candidates.ts';
import type { Survey } from '../engine/survey.ts';
import type { KeySet } from '../model/keys.ts';
import type { Place } from '../model/halts.ts';

/** What a flow knows before it acts: one look at the world. */
export interface Scene { readonly survey: Survey }

/** A rotation that never took effect, and the set that is live instead. */
export interface CalledOff extends Scene { readonly live: KeySet | undefined }

/** A set of keys that is live, and where it stands durably. */
export interface Held extends Scene {
  readonly set: KeySet;
  /** Where this set is durable as this run knows it: named in every message from here on. */
  readonly keptAt: readonly Place[];
  /** The checkpoint's exact bytes, where the keys came from one: it is synced again before anything builds on it. */
  readonly checkpoint?: Uint8Array;
  /** Sets that a lagging raft follower may still open with. */
  readonly others: readonly Candidate[];
  /** The set that this one replaces, kept as `previous`. */
  readonly replaces?: KeySet;
  /** Higher with every rekey; about files order our ancestors by it. */
  readonly generation: number;
  /** Checkpoints are being cleared at the end: then every main is written by this run, whatever is read there. */
  readonly fromCheckpoint: boolean;
  /** The snapshots of this rotation: with them older ones are superfluous, for nobody keeps the keys that open those. */
  readonly snapshots?: readonly Place[];
  /** The rotate checkpoint in its last form, NEW at its top: written before the main that makes it superfluous. */
  readonly committed?: Uint8Array;
}

/** A rotation in flight. */
export interface Rotating extends Held {
  readonly nonce: string;
  readonly startedAt: string;
  readonly snapshots: readonly Place[];
}
export interface NewHeld extends Rotating {
  readonly fresh: KeySet;
  readonly verificationNonce: string;
  readonly staging: Uint8Array;
  /** An earlier run may have sent verify shares already: from then on nothing cancels. */
  readonly mayBeVerifying: boolean;
}
export interface Staged extends NewHeld {
  /** The sets as read back from each manager: these very bytes verify Vault. */
  readonly readBack: readonly { readonly host: string; readonly set: KeySet }[];
}
