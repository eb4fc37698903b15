import type { Secret } from '../model/secret.ts';
import { HostError } from '../ports/hosts.ts';
import { quoted } from '../hosts/remote-script.ts';

/** The user that the files belong to, reached through sudo. */
export interface Become { readonly user: string; readonly password: Secret | undefined }

export const READY = 'VAULTCTL-READY';
export const PROMPT = 'VAULTCTL-PASSWORD:';

/** A newline in a script that travels as one line. */
const NEWLINE = '\u0001';

/**
 * What sudo runs: short and always the same, because sudo logs it. It says that it is there, reads the script as one
 * line and runs it with what follows as its input.
 */
const starter = `printf "${READY}" >&2; IFS= read -r s; eval "$(printf %s "$s" | tr "\\001" "\\n")"`;

/**
 * The command line for the login shell. With a password sudo asks by a prompt that we know, and only then it is sent:
 * a sudo that does not ask (NOPASSWD, a fresh ticket) must not leave it as input to somebody else.
 */
export function becomeCommand({ user, password }: Become, shell: readonly string[]): string {
  const asking = password === undefined ? '-n' : `-S -p ${quoted(PROMPT)}`;
  return `sudo ${asking} -u ${quoted(user)} -- ${[...shell, '-c', starter].map(quoted).join(' ')}`;
}

export function asOneLine(script: string): string { return `${script.replaceAll('\n', NEWLINE)}\n`; }

/** Why sudo did not let us in, from what it printed before our starter ran. */
export function becomeError(host: string, { user, password }: Become, said: string, prompts: number): HostError {
  const text = said.replaceAll(PROMPT, '').split('\n').map((line) => line.trim()).filter((line) => line !== '').join('; ').slice(-300);
  if (/not found|No such file/.test(text) && !/password/.test(text)) return new HostError(host, 'tool', `sudo does not work there: ${text}`, 'apt-get install sudo, or log in as the owner of the files with ansible_become: false');
  if (prompts > 1) return new HostError(host, 'denied', `sudo refused the password for ${user}`, 'correct ansible_become_password');
  if (password === undefined && /password is required/.test(text)) return new HostError(host, 'denied', 'sudo asks for a password, and none is given', 'set ansible_become_password (a !vault value), or allow NOPASSWD in sudoers');
  return new HostError(host, 'denied', `sudo refused: ${text === '' ? 'it said nothing' : text}`, 'look at sudoers on that host: visudo');
}
