import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { type Manager, plainSsh } from '../model/settings.ts';
import type { Secret } from '../model/secret.ts';

/** How one ssh host is reached, after the inventory, ~/.ssh/config and the defaults have spoken, in that order. */
export interface SshTarget {
  /** What messages call it. */
  readonly name: string;
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  readonly password: Secret | undefined;
  /** Given by the inventory: tried before the agent's. */
  readonly firstKey: string | undefined;
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  readonly hostKeyAlias: string | undefined;
  readonly strict: 'yes' | 'no' | 'accept-new';
  readonly knownHostsFiles: readonly string[];
  readonly proxyJump: string | undefined;
  readonly proxyCommand: string | undefined;
  readonly connectTimeoutMs: number;
  /** Read in place of ~/.ssh/config. */
  readonly configFile: string | undefined;
  /** What else ~/.ssh/config says, by lower-case key. */
  readonly config: ReadonlyMap<string, readonly string[]>;
}

/** What of a manager, or of a hop in front of it, decides how it is reached. */
type Reach = Pick<Manager, 'name' | 'address' | 'port' | 'user' | 'password' | 'privateKeyFile' | 'ssh' | 'connectTimeoutMs'>;
type Config = ReadonlyMap<string, readonly string[]>;
const nothing: Config = new Map();
const GLOBAL_FILES = ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'];
const DEFAULT_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'];
/** What ssh2 cannot read anyway. */
const otherKeys = /_sk$|id_xmss$|id_dsa$/;

export async function targetOf(manager: Reach): Promise<SshTarget> {
  const { ssh } = manager;
  const config = await configFor(manager.address, manager.user, manager.port, ssh.configFile);
  const said = (key: string) => config.get(key)?.[0];
  const home = homedir();
  const hostname = said('hostname') ?? manager.address;
  const port = manager.port ?? Number(said('port') ?? 22);
  const user = manager.user ?? said('user') ?? ownName();
  const expand = (path: string) => expanded(path, { home, hostname, port, user, name: manager.address });
  const fromConfig = (config.get('identityfile') ?? []).map(expand).filter((file) => !otherKeys.test(file));
  const identityFiles = [...ssh.identityFiles, ...(fromConfig.length > 0 ? fromConfig : DEFAULT_KEYS.map((key) => join(home, '.ssh', key)))];
  const none = (value: string | undefined) => (value === undefined || value.toLowerCase() === 'none' ? undefined : value);
  const userFiles = ssh.knownHostsFiles.length > 0 ? ssh.knownHostsFiles : words(said('userknownhostsfile')) ?? [join(home, '.ssh/known_hosts'), join(home, '.ssh/known_hosts2')];
  return {
    name: manager.name, hostname, port, user, password: manager.password,
    firstKey: manager.privateKeyFile, identityFiles, identitiesOnly: ssh.identitiesOnly || said('identitiesonly') === 'yes',
    hostKeyAlias: ssh.hostKeyAlias ?? none(said('hostkeyalias')),
    strict: ssh.strictHostKeyChecking ?? 'yes',
    knownHostsFiles: [...userFiles, ...(words(said('globalknownhostsfile')) ?? GLOBAL_FILES)].map(expand),
    // The inventory's own way through a bastion replaces the other's, whichever of the two it is.
    proxyJump: ssh.proxyJump ?? (ssh.proxyCommand === undefined ? none(said('proxyjump')) : undefined),
    proxyCommand: withTokens(ssh.proxyCommand ?? (ssh.proxyJump === undefined ? none(said('proxycommand')) : undefined), { home, hostname, port, user, name: manager.address }),
    connectTimeoutMs: manager.connectTimeoutMs, configFile: ssh.configFile, config,
  };
}

/** A hop of ProxyJump, `[user@]host[:port]` or `ssh://…`, which has settings of its own in ~/.ssh/config. */
export async function jumpTarget(hop: string, behind: SshTarget): Promise<SshTarget> {
  const { address, user, port } = hopOf(hop);
  return targetOf({
    name: `${behind.name} (through ${address})`, address, user, port,
    password: undefined, privateKeyFile: behind.firstKey, connectTimeoutMs: behind.connectTimeoutMs,
    ssh: {
      ...plainSsh, knownHostsFiles: behind.knownHostsFiles, identityFiles: behind.identityFiles, identitiesOnly: behind.identitiesOnly,
      strictHostKeyChecking: behind.strict, configFile: behind.configFile,
    },
  });
}

/** @throws Error where it is no hop */
export function hopOf(hop: string): { readonly address: string; readonly user: string | undefined; readonly port: number | undefined } {
  const found = /^(?:ssh:\/\/)?(?:([^@]+)@)?(\[[^\]]+\]|[^:]+)(?::(\d+))?\/?$/.exec(hop.trim());
  if (found === null) throw new Error(`ProxyJump ${hop}: not [user@]host[:port]`);
  return { address: found[2]!.replace(/^\[|\]$/g, ''), user: found[1], port: found[3] === undefined ? undefined : Number(found[3]) };
}

let own: string | undefined;
/** Asked once: each time costs a walk through the password database. */
function ownName(): string { return own ??= userInfo().username; }

const memo = new Map<string, Promise<Config>>();

/** `ssh -G` resolves Include, Match and tokens as OpenSSH does; it is asked only where a configuration could matter. */
function configFor(address: string, user: string | undefined, port: number | undefined, file: string | undefined): Promise<Config> {
  if (file === undefined && !mayMatter()) return Promise.resolve(nothing);
  const key = JSON.stringify([address, user, port, file]);
  const found = memo.get(key) ?? askSsh(address, user, port, file);
  memo.set(key, found);
  return found;
}

/** All that ssh would do for a host, its own defaults and the system's too. Asked only where a login has failed. */
export async function wholeConfig(manager: Pick<Reach, 'address' | 'user' | 'port' | 'ssh'>): Promise<Config> {
  return askSsh(manager.address, manager.user, manager.port, manager.ssh.configFile).catch(() => nothing);
}

let matters: boolean | undefined;
function mayMatter(): boolean {
  matters ??= existsSync(join(homedir(), '.ssh/config')) || hasConf('/etc/ssh/ssh_config.d') || saysMore('/etc/ssh/ssh_config');
  return matters;
}

function hasConf(folder: string): boolean {
  try { return readdirSync(folder).some((name) => name.endsWith('.conf')); } catch { return false; }
}

function saysMore(file: string): boolean {
  try { return /^\s*(hostname|user|port|identityfile|identitiesonly|proxyjump|proxycommand|userknownhostsfile|globalknownhostsfile|hostkeyalias|certificatefile|pkcs11provider|knownhostscommand|revokedhostkeys|match)\b/im.test(readFileSync(file, 'utf8')); } catch { return false; }
}

function askSsh(address: string, user: string | undefined, port: number | undefined, file: string | undefined): Promise<Config> {
  const args = ['-G', ...(file === undefined ? [] : ['-F', file]), ...(user === undefined ? [] : ['-l', user]), ...(port === undefined ? [] : ['-p', String(port)]), '--', address];
  return new Promise((resolve, reject) => {
    const child = execFile('ssh', args, { timeout: 10_000, maxBuffer: 1 << 20 }, (error, stdout, stderr) => {
      if (error === null) { resolve(parseConfig(stdout)); return; }
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') resolve(readConfig(address, file ?? join(homedir(), '.ssh/config')));
      else reject(new Error(`${file ?? '~/.ssh/config'}: ${stderr.trim().split('\n')[0] ?? error.message}`, { cause: error }));
    });
    child.stdin?.end();
  });
}

function parseConfig(text: string): Config {
  const config = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, key, value] = /^(\S+) (.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    config.set(key.toLowerCase(), [...(config.get(key.toLowerCase()) ?? []), value]);
  }
  return config;
}

/** Without OpenSSH on this machine: Host and HostName blocks of the configuration, as `ssh-config` reads them. */
async function readConfig(address: string, file: string): Promise<Config> {
  const { default: SSHConfig } = await import('ssh-config');
  let text: string;
  try { text = readFileSync(file, 'utf8'); } catch { return nothing; }
  const config = new Map<string, string[]>();
  for (const [key, value] of Object.entries(SSHConfig.parse(text).compute(address))) {
    config.set(key.toLowerCase(), Array.isArray(value) ? value.map(String) : [String(value)]);
  }
  return config;
}

function words(text: string | undefined): string[] | undefined {
  return text === undefined ? undefined : text.split(/\s+/).filter((word) => word !== '');
}

interface Tokens { readonly home: string; readonly hostname: string; readonly port: number; readonly user: string; readonly name: string }

function expanded(path: string, tokens: Tokens): string {
  return withTokens(path.startsWith('~/') ? join(tokens.home, path.slice(2)) : path, tokens);
}

function withTokens(text: string, tokens: Tokens): string;
function withTokens(text: string | undefined, tokens: Tokens): string | undefined;
function withTokens(text: string | undefined, { home, hostname, port, user, name }: Tokens): string | undefined {
  const known: Readonly<Record<string, string>> = { '%': '%', d: home, h: hostname, p: String(port), r: user, n: name, u: ownName() };
  return text?.replace(/%([%dhprnu])/g, (_, token: string) => known[token]!);
}
