import { redact } from '../model/secret.ts';
import { HostError, type HostErrorKind } from '../ports/hosts.ts';

const kinds: Readonly<Record<string, HostErrorKind>> = {
  ENOSPC: 'full', EDQUOT: 'full', EFBIG: 'full', EROFS: 'readonly', EACCES: 'denied', EPERM: 'denied', ELOOP: 'refused',
  EIO: 'io', ENOENT: 'io', ENOTDIR: 'io', EISDIR: 'refused', EEXIST: 'io', ETIMEDOUT: 'io', EBUSY: 'io', EXDEV: 'io', EMFILE: 'io', ENFILE: 'io',
};

/** An error of the disk as the host's; what has no `code` is not the disk's and goes on as it is. */
export function asHostError(host: string, error: unknown): unknown {
  if (error instanceof HostError || !(error instanceof Error)) return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (typeof code !== 'string') return error;
  if (code === 'ENOFLOCK') return new HostError(host, 'tool', error.message, 'apt-get install util-linux', { cause: error });
  const kind = kinds[code];
  if (kind === undefined) return code.startsWith('E') && !code.startsWith('ERR_') ? new HostError(host, 'io', redact(error.message), undefined, { cause: error }) : error;
  return new HostError(host, kind, redact(error.message), mendFor(kind, code), { cause: error });
}

function mendFor(kind: HostErrorKind, code: string): string | undefined {
  if (kind === 'full') return 'free space on that disk, or its quota (df -h)';
  if (kind === 'readonly') return 'remount it for writing, and look why it went read-only (dmesg)';
  if (code === 'EACCES' || code === 'EPERM') return 'run as root, or set ansible_become: true for this host';
  return undefined;
}

/** The same kinds from what the tools of a POSIX system print under LC_ALL=C. */
export function kindOfMessage(text: string): { kind: HostErrorKind; mend: string | undefined } {
  if (/No space left on device|Disk quota exceeded|File too large/.test(text)) return { kind: 'full', mend: mendFor('full', '') };
  if (/Read-only file system/.test(text)) return { kind: 'readonly', mend: mendFor('readonly', '') };
  if (/Permission denied|Operation not permitted/.test(text)) return { kind: 'denied', mend: mendFor('denied', 'EACCES') };
  if (/: not found|command not found|applet not found/.test(text)) return { kind: 'tool', mend: undefined };
  return { kind: 'io', mend: undefined };
}
