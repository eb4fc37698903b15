/**
 * A manager: a host that keeps the files of contract §2. Each method is one round trip where the transport allows.
 * Reads (`HostEyes`) and writes (`HostHands`) are separate types: `plan` and `status` only ever get eyes.
 */
export interface HostEyes {
  readonly name: string;
  /** True where this is the machine vaultctl runs on. */
  readonly local: boolean;
  /** Begins to connect, where there is anything to connect to; a failure shows at the first call. */
  warm?(): void;
  /** Everything at once. Throws HostError when the host cannot be asked: unreachable is never absent. */
  look(question: LookQuestion): Promise<HostSight>;
  /** A large file, in chunks: snapshots. */
  fetch(path: string): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

export interface HostHands extends HostEyes {
  /**
   * Does the operations in order, each durable before the next begins, in one round trip, under the guard and only if
   * the lock file on this host still names `fence` (else HostError `fenced`). Stops at the first that fails.
   * The answer holds, for every `write`, the bytes read back from the disk after the folder was synced.
   */
  apply(operations: readonly FileOperation[], fence: Fence): Promise<ApplyAnswer>;
  /** Opens and preallocates a 0600 sibling under the guard, so that `commit` is as short as a durable write can be. */
  prepare(path: string, size: number, fence: Fence): Promise<PreparedWrite>;
  /** Durable streamed write of a large file (0600; folder made 0700 where missing). */
  store(path: string, chunks: AsyncIterable<Uint8Array>, fence: Fence): Promise<{ bytes: number }>;
  /** Takes the lock or says who has it. The holder's words are written durably once it is held. */
  lock(path: string, words: LockWords): Promise<LockAnswer>;
  /** Puts a new lock file in place of one whose holder hangs: the old holder is fenced from then on. */
  breakLock(path: string): Promise<void>;
}

export interface LookQuestion {
  /** Absolute paths to read whole (up to `limitBytes` each). */
  readonly files: readonly string[];
  /** Folders whose names are listed: siblings `.NAME.HEX.PURPOSE` of `files` are read too; archived names are only listed. */
  readonly folders: readonly string[];
  readonly limitBytes: number;
}

export interface HostSight {
  readonly files: ReadonlyMap<string, FileSight>;
  /** Temporary siblings that a crash left: absolute path → what it holds. */
  readonly siblings: ReadonlyMap<string, FileSight>;
  readonly folders: ReadonlyMap<string, FolderSight>;
  /** The host's clock, ms since 1970. */
  readonly clockMs: number;
  readonly user: { readonly uid: number };
  readonly hostname: string;
}

export type FileSight =
  | { readonly is: 'absent' }
  | { readonly is: 'file'; readonly bytes: Uint8Array; readonly mode: number; readonly uid: number; readonly gid: number;
      readonly size: number; readonly modifiedMs: number; readonly throughLink: boolean }
  /** There is something, and it could not be read as a file: a folder, too large, EIO, EACCES. Never the same as absent. */
  | { readonly is: 'unreadable'; readonly why: string; readonly size?: number };

export interface FolderSight {
  readonly is: 'folder' | 'absent' | 'other';
  /** `size` undefined: the name is there, and could not be looked at. */
  readonly names: readonly { readonly name: string; readonly size: number | undefined; readonly modifiedMs: number }[];
  readonly mode: number;
  readonly uid: number;
  readonly writable: boolean;
  /** The folder itself is a symbolic link. */
  readonly link: boolean;
  readonly spaceBytes: number;
}

export type FileOperation =
  /** `purpose` goes into the sibling's name: an `intent` sibling holds no keys by construction. */
  | { readonly do: 'write'; readonly path: string; readonly bytes: Uint8Array; readonly purpose: SiblingPurpose }
  /** rename to `to`; absent `path` is fine (an earlier run did it). Never replaces: an existing `to` is an error. */
  | { readonly do: 'move'; readonly path: string; readonly to: string }
  /** A second name (hard link) `to` for what stands at `path`, which stays; absent is fine. Never replaces. */
  | { readonly do: 'keep'; readonly path: string; readonly to: string }
  /** unlink; absent is fine. Only ever for what is held elsewhere by proof, or holds no keys. */
  | { readonly do: 'remove'; readonly path: string }
  /** 0600 and the become user's ownership for a file whose mode or owner is too open. */
  | { readonly do: 'tighten'; readonly path: string };

export type SiblingPurpose = 'intent' | 'keys' | 'plain';

export interface ApplyAnswer {
  /** path → bytes read back. */
  readonly readBack: ReadonlyMap<string, Uint8Array>;
}

export interface PreparedWrite {
  readonly path: string;
  /** write → fsync → rename → fsync folder → read back. Resolves with the bytes read back. */
  commit(bytes: Uint8Array): Promise<Uint8Array>;
  /** Removes the sibling. */
  abandon(): Promise<void>;
}

/** Which operation may write on a host: the id that the lock file there must name. */
export interface Fence { readonly lockPath: string; readonly operation: string }

export interface LockWords {
  readonly operation: string;
  readonly flow: string;
  readonly holder: string;
  readonly host: string;
  readonly pid: number;
  readonly sinceMs: number;
  /** A rekey that this operation may have begun only to prove a set: its orphan is ours to cancel. */
  readonly proof?: { readonly nonce?: string; readonly shares: number; readonly threshold: number };
}

export type LockAnswer =
  | { readonly is: 'held'; readonly lock: HeldLock; readonly before: LockWords | undefined }
  | { readonly is: 'taken'; readonly by: LockWords | undefined };

export interface HeldLock {
  /** Rejects never; resolves when the lock is gone though we did not release it. */
  readonly lost: Promise<string>;
  /** Rewrites the words durably (a proof begun or ended). */
  rewrite(words: LockWords): Promise<void>;
  /** `keepWords`: a proof is still open on the server, and the next holder must learn of it. */
  release(options?: { readonly keepWords: boolean }): Promise<void>;
}

/** How a manager will be reached, as far as it is known without asking it. */
export type Reach =
  | { readonly is: 'local' }
  | { readonly is: 'ssh'; readonly user: string; readonly hostname: string; readonly port: number; readonly strict: 'yes' | 'no' | 'accept-new';
      /** The hops of ProxyJump, or that there is a ProxyCommand. */
      readonly through: string | undefined;
      readonly transport: 'ssh2' | 'openssh';
      /** Why `auto` takes the system's ssh. */
      readonly why: string | undefined;
      /** The inventory names the transport. */
      readonly fixed: boolean };

/**
 * `unreachable`: nothing is known. `denied`: login or sudo refused. `hostkey`: its key is unknown, changed or revoked.
 * `fenced`: the lock is no longer ours, nothing was written. `full`, `readonly`, `io`: the disk said so.
 * `refused`: a symlink, foreign owner or world-writable folder. `tool`: something that the host lacks.
 */
export type HostErrorKind = 'unreachable' | 'denied' | 'hostkey' | 'fenced' | 'full' | 'readonly' | 'io' | 'refused' | 'tool';

export class HostError extends Error {
  readonly kind: HostErrorKind;
  readonly host: string;
  /** The command that mends it, where there is one. */
  readonly mend: string | undefined;
  constructor(host: string, kind: HostErrorKind, message: string, mend?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HostError';
    this.host = host;
    this.kind = kind;
    this.mend = mend;
  }
}
