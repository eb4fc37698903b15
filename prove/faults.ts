/** What can be done to one system call. `short` and `lie` are for writes only. */
export type Fault = 'SIGKILL' | 'EIO' | 'ENOSPC' | 'EROFS' | 'short' | 'lie' | 'delay';

/** What a call does to the disk, whatever it is called on this architecture. */
export type Deed = 'create' | 'write' | 'truncate' | 'sync' | 'rename' | 'unlink' | 'mkdir' | 'own' | 'read' | 'close';

export function deedOf(name: string, line: string): Deed {
  if (name === 'openat') return line.includes('O_CREAT') ? 'create' : 'read';
  if (name.startsWith('pwrite') || name === 'write') return 'write';
  if (name === 'ftruncate') return 'truncate';
  if (name === 'fsync' || name === 'fdatasync') return 'sync';
  if (name.startsWith('rename') || name.startsWith('link')) return 'rename';
  if (name.startsWith('unlink')) return 'unlink';
  if (name.startsWith('mkdir')) return 'mkdir';
  if (/^f?ch(mod|own)/.test(name)) return 'own';
  return name === 'close' ? 'close' : 'read';
}

/**
 * What each deed is struck with. A death or a delay before a mere read is one after the write before it. A `close` that
 * strace makes fail is not done at all, and a descriptor that stays open keeps its lock, as no real disk would have it:
 * so it is not struck.
 */
const faultsOf: Record<Deed, readonly Fault[]> = {
  create: ['SIGKILL', 'EIO', 'ENOSPC', 'EROFS', 'delay'],
  write: ['SIGKILL', 'EIO', 'ENOSPC', 'short', 'lie', 'delay'],
  truncate: ['SIGKILL', 'EIO', 'ENOSPC', 'delay'],
  sync: ['SIGKILL', 'EIO', 'ENOSPC', 'delay'],
  rename: ['SIGKILL', 'EIO', 'ENOSPC', 'EROFS', 'delay'],
  unlink: ['SIGKILL', 'EIO', 'EROFS', 'delay'],
  mkdir: ['SIGKILL', 'EIO', 'ENOSPC', 'EROFS', 'delay'],
  own: ['SIGKILL', 'EIO', 'EROFS', 'delay'],
  read: ['EIO'],
  close: [],
};

export const faultsFor = (deed: Deed): readonly Fault[] => faultsOf[deed];

export const DELAY_US = 400_000;

/** As strace wants it; `short` is the kernel's own doing, in the time that this leaves around the write. */
export function injectionOf(fault: Fault, name: string, when: number): string {
  const what = {
    SIGKILL: 'signal=SIGKILL', EIO: 'error=EIO', ENOSPC: 'error=ENOSPC', EROFS: 'error=EROFS',
    short: `delay_enter=${DELAY_US}:delay_exit=${DELAY_US}`,
    // It says that one byte is written, and none is.
    lie: 'retval=1',
    delay: `delay_enter=${DELAY_US}`,
  }[fault];
  return `inject=${name}:${what}:when=${when}`;
}
