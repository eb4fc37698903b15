import { redact } from '../model/secret.ts';
import { HostError } from '../ports/hosts.ts';
import { mendTcp } from './ssh-connect.ts';
import type { SshTarget } from './ssh-settings.ts';

const LINES_AT_MOST = 4;

/** What the system's ssh said when it did not log in, as the error that the other transport would give. */
export function opensshFailure(target: SshTarget, program: string, code: number | undefined, said: string, unanswered: readonly string[] = []): HostError {
  const { name, user, hostname, port, connectTimeoutMs } = target;
  const at = `${user}@${hostname}:${port}`;
  const lines = linesOf(said);
  const why = lines.slice(-LINES_AT_MOST).join('; ') || 'it said nothing';
  if (code === undefined) return new HostError(name, 'unreachable', `${at}: no login within ${Math.round(connectTimeoutMs / 1000)} s and 30 s more (ssh: ${why})`);
  if (code === 127 || code === 126) return new HostError(name, 'tool', `${program} cannot be run on this machine: ${why}`, 'apt-get install openssh-client, or set ansible_ssh_executable');
  if (/REVOKED|revoked host key|host key .*revoked/i.test(said)) return new HostError(name, 'hostkey', `the key that ${hostname} shows is revoked: ${why}`, 'the host needs new keys: on its console, ssh-keygen -A after removing the old ones, then replace its lines in known_hosts');
  if (/HOST IDENTIFICATION HAS CHANGED|POSSIBLE DNS SPOOFING/i.test(said)) {
    const line = /Offending .* key in (\S+):\d+/.exec(said)?.[1];
    return new HostError(name, 'hostkey', `the key of ${spelling(target)} CHANGED${line === undefined ? '' : ` (${line})`}. Somebody may be listening in between`,
      `compare on the host's console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); if it is right: ssh-keygen${line === undefined ? '' : ` -f ${line}`} -R '${spelling(target)}' && ${scan(target)}`);
  }
  if (/Host key verification failed|host key is known for/i.test(said)) {
    return new HostError(name, 'hostkey', `the key of ${spelling(target)} is unknown: ${why}`, `${scan(target)}   (after comparing its fingerprint on the host's console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub)`);
  }
  if (/Too many authentication failures/i.test(said)) {
    return new HostError(name, 'denied', `${at}: the host gave up after too many keys`, "name the right one: ansible_ssh_private_key_file, and ansible_ssh_common_args: '-o IdentitiesOnly=yes'");
  }
  if (/Permission denied/i.test(said)) {
    return new HostError(name, 'denied', `${at}: login refused: ${why}${unanswered.length === 0 ? '' : ` (asked and not answered: ${[...new Set(unanswered)].join(', ')})`}`, `try by hand: ssh -p ${port} ${user}@${hostname} true   (then ansible_ssh_private_key_file, CertificateFile, ansible_user or the agent)`);
  }
  return new HostError(name, 'unreachable', `${at}: ${why}`, mendTcp(why, hostname, port));
}

/** What the inventory let pass (StrictHostKeyChecking=no or accept-new), as a warning each. */
export function letPass({ name, strict }: SshTarget, said: string): string[] {
  if (strict === 'yes') return [];
  return linesOf(said).filter((line) => /Permanently added|HOST IDENTIFICATION HAS CHANGED/i.test(line))
    .map((line) => `${name}: ${line.replace(/^Warning: /, '')} (StrictHostKeyChecking=${strict})`);
}

/** Parts of it were written by the host: nothing in it may move the operator's cursor. */
function linesOf(said: string): string[] {
  return redact(said).split(/[\r\n]+/).map((line) => line.replaceAll(/[^\x20-\x7e\u00a0-\uffff]/g, '').trim()).filter((line) => line !== '' && !/^@+$/.test(line));
}

function spelling({ hostKeyAlias, hostname, port }: SshTarget): string {
  return hostKeyAlias ?? (port === 22 ? hostname : `[${hostname}]:${port}`);
}

function scan({ hostKeyAlias, hostname, port, knownHostsFiles }: SshTarget): string {
  return `ssh-keyscan ${port === 22 ? '' : `-p ${port} `}${hostKeyAlias ?? hostname} >> ${knownHostsFiles[0] ?? '~/.ssh/known_hosts'}`;
}
