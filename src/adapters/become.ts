import type { Secret } from '../model/secret.ts';
import type { BecomeMethod } from '../model/settings.ts';
import { HostError } from '../ports/hosts.ts';
import { quoted } from '../model/shell-word.ts';

/** The user that the files belong to, and how to become that user. */
export interface Become {
  readonly method: BecomeMethod;
  readonly user: string;
  readonly password: Secret | undefined;
  /** Undefined: the method's own name. */
  readonly exe?: string | undefined;
  readonly flags?: readonly string[];
}

export const READY = 'VAULTCTL-READY';
const PROMPT = 'VAULTCTL-PASSWORD:';
/** su says what PAM says, which in the C locale is this. */
const SU_PROMPT = /password: ?$/gim;

/** How often it has asked for a password so far. */
export function promptsIn(said: string, { method }: Become): number {
  return method === 'su' ? said.match(SU_PROMPT)?.length ?? 0 : said.split(PROMPT).length - 1;
}

/** su asks whoever it does not know, on the very input that our scripts would come on: nothing is sent before it has let us in. */
export function mayAsk({ method, password }: Become): boolean { return method === 'su' || password !== undefined; }

export function withoutPrompts(said: string): string { return said.replaceAll(PROMPT, ''); }

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
  return become === undefined ? `exec ${words([...shell, '-c', loop])}` : becoming(become, [...shell, '-c', ready + loop]);
}

/** Sudo logs what it runs: it gets a fixed starter, and the script follows as the first line of input. */
export function starterCommand(become: Become, shell: readonly string[]): string { return becoming(become, [...shell, '-c', ready + once]); }

/**
 * With a password sudo asks by a prompt that we know, and only then it is sent: a sudo that does not ask (NOPASSWD,
 * a fresh ticket) must not leave it as input to somebody else. doas takes one from a terminal only, so it is never asked.
 */
function becoming({ method, user, password, exe, flags = [] }: Become, command: readonly string[]): string {
  const program = words([exe ?? method, ...flags]);
  switch (method) {
    case 'sudo': return `${program} ${password === undefined ? '-n' : `-S -p ${quoted(PROMPT)}`} -u ${quoted(user)} -- ${words(command)}`;
    case 'doas': return `${program} -n -u ${quoted(user)} -- ${words(command)}`;
    case 'su': return `env LC_ALL=C ${program} ${quoted(user)} -c ${quoted(words(command))}`;
  }
}

function words(all: readonly string[]): string { return all.map(quoted).join(' '); }

/** A message to the shell that stays: `S MARK` or `L`, how many lines, the lines. */
export function asMessage(head: string, script: string): string {
  const lines = script.split('\n');
  return `${head} ${lines.length}\n${lines.join('\n')}\n`;
}

export function asOneLine(script: string): string { return `${script.replaceAll('\n', NEWLINE)}\n`; }

/** Why we were not let in, from what was printed before our starter ran. */
export function becomeError(host: string, become: Become, said: string, prompts: number): HostError {
  const { method, user, password } = become;
  const text = withoutPrompts(said).split('\n').map((line) => line.replace(method === 'su' ? /^password: ?/i : '', '').trim()).filter((line) => line !== '').join('; ').slice(-300);
  if (/not found|No such file/.test(text) && !/password|doas\.conf/.test(text)) return new HostError(host, 'tool', `${method} does not work there: ${text}`, `apt-get install ${method === 'doas' ? 'opendoas' : method}, or log in as the owner of the files with ansible_become: false`);
  if (password !== undefined && (prompts > 1 || (method === 'su' && /Authentication failure/i.test(text)))) return new HostError(host, 'denied', `${method} refused the password for ${user}`, 'correct ansible_become_password');
  if (password === undefined && (/password is required|Authentication required/i.test(text) || (method === 'su' && prompts > 0))) {
    const mend = method === 'doas' ? 'allow it without one in /etc/doas.conf there: permit nopass USER as OWNER' : `set ansible_become_password (a !vault value)${method === 'sudo' ? ', or allow NOPASSWD in sudoers' : ', or use sudo'}`;
    return new HostError(host, 'denied', `${method} asks for a password, and none is given`, mend);
  }
  const look = { sudo: 'look at sudoers on that host: visudo', doas: 'look at /etc/doas.conf on that host', su: `try by hand on that host: su ${user} -c id` };
  return new HostError(host, 'denied', `${method} refused: ${text === '' ? 'it said nothing' : text}`, look[method]);
}
