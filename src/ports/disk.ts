/**
 * One machine's disk at the level of system calls: the order write → fsync → rename → fsync folder is above it,
 * so that the simulator can lose, keep or tear each unsynced name and content at a crash.
 * Paths are absolute. Errors carry Node's `code` (ENOENT, ENOSPC, EROFS, EIO …).
 */
export interface Disk {
  /** O_CREAT|O_EXCL|O_NOFOLLOW|O_WRONLY, `mode` from the first byte. */
  create(path: string, mode: number): Promise<OpenFile>;
  /** O_RDONLY|O_NOFOLLOW; for reading back and for syncing what a dead process left. */
  open(path: string): Promise<OpenFile>;
  /** lstat; undefined where nothing is. */
  stat(path: string): Promise<DiskStat | undefined>;
  /** At most `limit` bytes, following links (reading the last set is never refused because of one). */
  read(path: string, limit: number): Promise<Uint8Array>;
  list(folder: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  makeFolder(path: string, mode: number): Promise<void>;
  syncFolder(path: string): Promise<void>;
  /** Bytes free to us. */
  space(folder: string): Promise<number>;
  /** access(W_OK) and not read-only. */
  writable(folder: string): Promise<boolean>;
  /** flock LOCK_EX|LOCK_NB on an open descriptor that lives as long as this process; undefined: somebody else has it. */
  flock(path: string): Promise<{ release(): Promise<void> } | undefined>;
}

export interface OpenFile {
  write(bytes: Uint8Array): Promise<void>;
  read(limit: number): Promise<Uint8Array>;
  setOwner(uid: number, gid: number): Promise<void>;
  setMode(mode: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface DiskStat {
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  readonly size: number;
  /** Permission bits, 0o600. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedMs: number;
}
