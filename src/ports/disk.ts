/**
 * One machine's disk at the level of system calls: the order write → fsync → rename → fsync folder is above it,
 * so that the simulator can lose, keep or tear each unsynced name and content at a crash.
 * Paths are absolute. Errors carry Node's `code` (ENOENT, ENOSPC, EROFS, EIO …).
 */
export interface Disk {
  /** Who we are on this machine. */
  readonly uid: number;
  readonly gid: number;
  readonly hostname: string;
  /** O_CREAT|O_EXCL|O_NOFOLLOW|O_RDWR, `mode` from the first byte. */
  create(path: string, mode: number): Promise<OpenFile>;
  /** O_RDONLY|O_NOFOLLOW; for reading back and for syncing what a dead process left. */
  open(path: string): Promise<OpenFile>;
  /** lstat; undefined where nothing is. */
  stat(path: string): Promise<DiskStat | undefined>;
  /** stat, following links; undefined where they lead nowhere. */
  target(path: string): Promise<DiskStat | undefined>;
  /** At most `limit` bytes, following links (reading the last set is never refused because of one). */
  read(path: string, limit: number): Promise<Uint8Array>;
  list(folder: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  /** A second name `to` for the file `from`; a symbolic link gets one itself. EEXIST where `to` is there. */
  link(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  makeFolder(path: string, mode: number): Promise<void>;
  syncFolder(path: string): Promise<void>;
  /** Bytes free to us. */
  space(folder: string): Promise<number>;
  /** access(W_OK) and not read-only. */
  writable(folder: string): Promise<boolean>;
  /**
   * Opens (O_RDWR|O_CREAT|O_NOFOLLOW, 0600) and takes flock LOCK_EX|LOCK_NB on it, until released or the process dies;
   * undefined: somebody else has it.
   */
  flock(path: string): Promise<FlockedFile | undefined>;
  /** flock LOCK_EX on a folder, waiting a bounded time. Throws ETIMEDOUT. */
  guard(folder: string): Promise<{ release(): Promise<void> }>;
}

export interface FlockedFile {
  readonly file: OpenFile;
  /** Closes the file too. */
  release(): Promise<void>;
}

export interface OpenFile {
  /** pwrite: the count that was taken, which may be fewer than offered. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  /** pread: at most `length` bytes; empty at the end. */
  read(position: number, length: number): Promise<Uint8Array>;
  truncate(size: number): Promise<void>;
  stat(): Promise<DiskStat>;
  setOwner(uid: number, gid: number): Promise<void>;
  setMode(mode: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface DiskStat {
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  readonly size: number;
  /** Permission bits with sticky, setgid and setuid: 0o1777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedMs: number;
}
