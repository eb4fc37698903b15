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
 * A shell that stays and runs one script after another: sshd's login shell, sudo and the channel are paid once.
 * `L COUNT` and as many lines: functions, defined in the shell itself. `S MARK COUNT` and as many lines: a script, run in
 * a subshell with what follows as its input; both outputs then end with the mark. A script that did not arrive whole is
 * not run, and every other line is skipped: what a script that failed early left unread (`C …`, content) is never run.
 */
const loop = [
  'N="$(printf "\\nx")"; N="${N%x}"',
  'while IFS= read -r s; do case $s in "S "*|"L "*) n="${s##* }"; t=',
  'while test "$n" -gt 0 && IFS= read -r l; do t="$t$l$N"; n=$((n-1)); done; test "$n" -eq 0 || exit 1',
  'case $s in L*) eval "$t";; *) m="${s#S }"; m="${m%% *}"; ( eval "$t" ); printf "\\n%s %s\\n" "$m" $?; printf "\\n%s\\n" "$m" >&2;; esac;; esac; done',
].join('; ');
const ready = `printf ${READY} >&2; `;
/** The same for one script that has the channel to itself. */
const once = 'IFS= read -r s; eval "$(printf %s "$s" | tr "\\001" "\\n")"';

/** The command line that starts the shell that stays; no quote, newline or `!` in it, so any login shell passes it on. */
export function workerCommand(become: Become | undefined, shell: readonly string[]): string {
  return become === undefined ? `exec ${words([...shell, '-c', loop])}` : sudo(become, [...shell, '-c', ready + loop]);
}

/** Sudo logs what it runs: it gets a fixed starter, and the script follows as the first line of input. */
export function starterCommand(become: Become, shell: readonly string[]): string { return sudo(become, [...shell, '-c', ready + once]); }

/**
 * With a password sudo asks by a prompt that we know, and only then it is sent: a sudo that does not ask (NOPASSWD,
 * a fresh ticket) must not leave it as input to somebody else.
 */
function sudo({ user, password }: Become, command: readonly string[]): string {
  return `sudo ${password === undefined ? '-n' : `-S -p ${quoted(PROMPT)}`} -u ${quoted(user)} -- ${words(command)}`;
}

function words(all: readonly string[]): string { return all.map(quoted).join(' '); }

/** A message to the shell that stays: `S MARK` or `L`, how many lines, the lines. */
export function asMessage(head: string, script: string): string {
  const lines = script.split('\n');
  return `${head} ${lines.length}\n${lines.join('\n')}\n`;
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
