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
  readonly configFile?: string;
  /** What the system's ssh is given besides, word by word; ssh2 does without it. */
  readonly words: readonly string[];
  /** The first of them that ssh2 cannot do without, and where it is said. */
  readonly needsOpenssh?: { readonly option: string; readonly name: string; readonly place: Place };
}
type Draft = { -readonly [Key in keyof SshArguments]: SshArguments[Key] } & { identityFiles: string[]; words: string[]; strictSaid?: boolean };
interface Said { readonly no: (what: string) => never; readonly needs: (option: string) => void }

/** How OpenSSH's client shares connections and talks to a terminal: vaultctl decides that itself, whichever transport it takes. */
const decidedHere = new Set(['controlmaster', 'controlpath', 'controlpersist', 'batchmode', 'loglevel', 'forwardagent', 'forwardx11', 'forwardx11trusted', 'requesttty', 'visualhostkey']);
/** Settings of the connection that ssh2 does without: it has them, or the lack of them, built in. */
const withoutEffect = new Set(['serveraliveinterval', 'serveralivecountmax', 'tcpkeepalive', 'compression', 'updatehostkeys', 'connectionattempts', 'passwordauthentication', 'pubkeyauthentication',
  'preferredauthentications', 'kbdinteractiveauthentication', 'challengeresponseauthentication', 'addkeystoagent', 'hashknownhosts', 'checkhostip', 'ipqos', 'addressfamily', 'numberofpasswordprompts',
  'gssapidelegatecredentials', 'sendenv', 'setenv']);
/** What the system's ssh alone can do. */
const opensshAlone = new Set(['certificatefile', 'pkcs11provider', 'securitykeyprovider', 'identityagent', 'kexalgorithms', 'ciphers', 'macs', 'hostkeyalgorithms', 'pubkeyacceptedalgorithms',
  'pubkeyacceptedkeytypes', 'casignaturealgorithms', 'hostbasedauthentication', 'hostbasedacceptedalgorithms', 'hostbasedkeytypes', 'enablesshkeysign', 'bindaddress', 'bindinterface',
  'canonicalizehostname', 'canonicaldomains', 'canonicalizefallbacklocal', 'canonicalizemaxdots', 'canonicalizepermittedcnames', 'hostname', 'knownhostscommand', 'verifyhostkeydns', 'revokedhostkeys',
  'requiredrsasize', 'rekeylimit', 'proxyusefdpass', 'nohostauthenticationforlocalhost', 'fingerprinthash']);
const paths = new Set(['certificatefile', 'identityagent', 'revokedhostkeys']);
const plainFlags = /^-[qvaATtxXnNkC46]+$/;
const flagNames: Readonly<Record<string, string>> = { J: 'ProxyJump', i: 'IdentityFile', p: 'Port', l: 'User', c: 'Ciphers', m: 'MACs', b: 'BindAddress', B: 'BindInterface', I: 'PKCS11Provider' };

export function parseSshArguments(sources: readonly { readonly text: string; readonly name: string; readonly place: Place }[], home: string): SshArguments {
  const draft: Draft = { identityFiles: [], words: [] };
  for (const { text, name, place } of sources) {
    const no = (what: string): never => refuse(place, `${name}: ${what}`,
      'vaultctl takes ProxyJump, ProxyCommand, UserKnownHostsFile, StrictHostKeyChecking, IdentityFile, IdentitiesOnly, HostKeyAlias, Port, User, ConnectTimeout, CertificateFile and what else logs in (docs/inventory.md); other settings belong into ~/.ssh/config.');
    const said: Said = { no, needs: (option) => { draft.needsOpenssh ??= { option, name, place }; } };
    const words = shellWords(text, no);
    for (let at = 0; at < words.length; at += 1) {
      const word = words[at]!;
      const flag = /^-([oJiplFcmbBI])(.*)$/s.exec(word);
      if (flag === null) {
        if (word === '-K') apply(draft, 'GSSAPIAuthentication', 'yes', home, said);
        else if (plainFlags.test(word)) draft.words.push(...[...word].filter((letter) => 'C46'.includes(letter)).map((letter) => `-${letter}`));
        else no(`${word} is not supported`);
        continue;
      }
      const value = flag[2] !== '' ? flag[2]! : words[at += 1] ?? no(`${word} needs a value`);
      if (flag[1] === 'F') draft.configFile ??= value === 'none' ? '/dev/null' : atHome(value, home);
      else if (flag[1] !== 'o') apply(draft, flagNames[flag[1]!]!, value, home, said);
      else {
        const [, key, option] = /^\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*)$/s.exec(value) ?? no(`-o ${value} is not KEY=VALUE`);
        apply(draft, key!, option!.trim().replace(/^"(.*)"$/s, '$1'), home, said);
      }
    }
  }
  const { strictSaid: _, ...found } = draft;
  return found;
}

function apply(draft: Draft, key: string, value: string, home: string, { no, needs }: Said): void {
  if (value === '') no(`${key} has no value`);
  switch (key.toLowerCase()) {
    case 'proxyjump': if (value !== 'none') draft.proxyJump ??= value; return;
    case 'proxycommand': if (value !== 'none') draft.proxyCommand ??= value; return;
    case 'userknownhostsfile': draft.knownHostsFiles ??= value.split(/\s+/).map((path) => atHome(path, home)); return;
    case 'globalknownhostsfile': if (value !== '/dev/null' && value !== 'none') needs(key); draft.words.push('-o', `${key}=${value}`); return;
    case 'identityfile': if (value !== 'none') draft.identityFiles.push(atHome(value, home)); return;
    case 'identitiesonly': draft.identitiesOnly ??= yesNo(key, value, no); return;
    case 'hostkeyalias': draft.hostKeyAlias ??= value; return;
    case 'port': draft.port ??= number(key, value, 65_535, no); return;
    case 'user': draft.user ??= value; return;
    case 'connecttimeout': draft.connectTimeoutMs ??= number(key, value, 86_400, no) * 1000; return;
    case 'stricthostkeychecking': return strictness(draft, value, no);
    case 'gssapiauthentication': if (yesNo(key, value, no)) needs(key); draft.words.push('-o', `${key}=${value}`); return;
    default: return besides(draft, key, value, home, { no, needs });
  }
}

/** What the system's ssh understands and we need not. */
function besides(draft: Draft, key: string, value: string, home: string, { no, needs }: Said): void {
  const name = key.toLowerCase();
  if (decidedHere.has(name)) return;
  if (opensshAlone.has(name)) needs(key);
  else if (!withoutEffect.has(name)) no(`${key} is not supported (value ${JSON.stringify(value)})`);
  draft.words.push('-o', `${key}=${paths.has(name) ? `"${atHome(value, home)}"` : value}`);
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
