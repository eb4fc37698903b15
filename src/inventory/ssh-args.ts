import { refuse } from './value.ts';
import type { Place } from './value.ts';

/** What `ansible_ssh_args`, `ansible_ssh_common_args` and `ansible_ssh_extra_args` say; the first of two values counts, as in ssh. */
export interface SshArguments {
  readonly proxyJump?: string;
  readonly proxyCommand?: string;
  readonly knownHostsFiles?: readonly string[];
  readonly identityFiles: readonly string[];
  readonly identitiesOnly?: boolean;
  readonly hostKeyAlias?: string;
  readonly strict?: 'yes' | 'no' | 'accept-new';
  readonly port?: number;
  readonly user?: string;
  readonly connectTimeoutMs?: number;
}
type Draft = { -readonly [Key in keyof SshArguments]: SshArguments[Key] } & { identityFiles: string[]; strictSaid?: boolean };

/** Settings of OpenSSH's own connection handling: they change nothing here. */
const withoutEffect = new Set(['controlmaster', 'controlpath', 'controlpersist', 'serveraliveinterval', 'serveralivecountmax', 'tcpkeepalive', 'compression',
  'batchmode', 'loglevel', 'forwardagent', 'forwardx11', 'requesttty', 'updatehostkeys', 'connectionattempts', 'passwordauthentication', 'pubkeyauthentication',
  'preferredauthentications', 'kbdinteractiveauthentication', 'addkeystoagent', 'visualhostkey', 'hashknownhosts', 'checkhostip']);
const flagsWithoutEffect = /^-[CqvaATtxXnNkKY46]+$/;
const flagNames: Readonly<Record<string, string>> = { J: 'ProxyJump', i: 'IdentityFile', p: 'Port', l: 'User' };

export function parseSshArguments(sources: readonly { readonly text: string; readonly name: string; readonly place: Place }[], home: string): SshArguments {
  const draft: Draft = { identityFiles: [] };
  for (const { text, name, place } of sources) {
    const no = (what: string): never => refuse(place, `${name}: ${what}`, `vaultctl takes ProxyJump, ProxyCommand, UserKnownHostsFile, StrictHostKeyChecking, IdentityFile, IdentitiesOnly, HostKeyAlias, Port, User and ConnectTimeout; other settings belong into ~/.ssh/config.`);
    const words = shellWords(text, no);
    for (let at = 0; at < words.length; at += 1) {
      const word = words[at]!;
      const flag = /^-([oJipl])(.*)$/s.exec(word);
      if (flag === null) {
        if (!flagsWithoutEffect.test(word)) no(`${word} is not supported`);
        continue;
      }
      const value = flag[2] !== '' ? flag[2]! : words[at += 1] ?? no(`${word} needs a value`);
      if (flag[1] !== 'o') apply(draft, flagNames[flag[1]!]!, value, home, no);
      else {
        const [, key, option] = /^\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*)$/s.exec(value) ?? no(`-o ${value} is not KEY=VALUE`);
        apply(draft, key!, option!.trim().replace(/^"(.*)"$/s, '$1'), home, no);
      }
    }
  }
  const { strictSaid: _, ...said } = draft;
  return said;
}

function apply(draft: Draft, key: string, value: string, home: string, no: (what: string) => never): void {
  if (value === '') no(`${key} has no value`);
  switch (key.toLowerCase()) {
    case 'proxyjump': if (value !== 'none') draft.proxyJump ??= value; return;
    case 'proxycommand': if (value !== 'none') draft.proxyCommand ??= value; return;
    case 'userknownhostsfile': draft.knownHostsFiles ??= value.split(/\s+/).map((path) => atHome(path, home)); return;
    case 'globalknownhostsfile': if (value !== '/dev/null' && value !== 'none') no(`GlobalKnownHostsFile ${value} is not supported`); return;
    case 'identityfile': if (value !== 'none') draft.identityFiles.push(atHome(value, home)); return;
    case 'identitiesonly': draft.identitiesOnly ??= yesNo(key, value, no); return;
    case 'hostkeyalias': draft.hostKeyAlias ??= value; return;
    case 'port': draft.port ??= number(key, value, 65_535, no); return;
    case 'user': draft.user ??= value; return;
    case 'connecttimeout': draft.connectTimeoutMs ??= number(key, value, 86_400, no) * 1000; return;
    case 'stricthostkeychecking': return strictness(draft, value, no);
    case 'gssapiauthentication': if (yesNo(key, value, no)) no('GSSAPIAuthentication is not supported'); return;
    default: if (!withoutEffect.has(key.toLowerCase())) no(`${key} is not supported (value ${JSON.stringify(value)})`);
  }
}

function strictness(draft: Draft, value: string, no: (what: string) => never): void {
  const known: Readonly<Record<string, SshArguments['strict']>> = { yes: 'yes', true: 'yes', on: 'yes', no: 'no', off: 'no', false: 'no', 'accept-new': 'accept-new', ask: undefined };
  const word = value.toLowerCase();
  if (!Object.hasOwn(known, word)) no(`StrictHostKeyChecking must be yes, no, accept-new or ask, not ${value}`);
  if (draft.strictSaid === true) return;
  draft.strictSaid = true;
  const strict = known[word];
  if (strict !== undefined) draft.strict = strict;
}

function yesNo(key: string, value: string, no: (what: string) => never): boolean {
  const word = value.toLowerCase();
  if (/^(?:yes|true|on)$/.test(word)) return true;
  return /^(?:no|false|off)$/.test(word) ? false : no(`${key} must be yes or no, not ${value}`);
}

function number(key: string, value: string, most: number, no: (what: string) => never): number {
  const found = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
  return found >= 1 && found <= most ? found : no(`${key} must be a number from 1 to ${most}, not ${value}`);
}

export function atHome(path: string, home: string): string {
  return path === '~' || path.startsWith('~/') ? home + path.slice(1) : path;
}

/** POSIX words with quotes, as Python's shlex splits them. */
function shellWords(text: string, no: (what: string) => never): string[] {
  const words: string[] = [];
  const pattern = /\s+|((?:[^\s'"\\]|\\[^]|'[^']*'|"(?:[^"\\]|\\[^])*")+)/y;
  for (let at = 0; at < text.length; at = pattern.lastIndex) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null) return no(`a quotation mark is not closed in ${JSON.stringify(text)}`);
    if (found[1] === undefined) continue;
    words.push(found[1].replace(/'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])/g, (_, single?: string, double?: string, one?: string) => single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? one!));
  }
  return words;
}
