import type { Manager } from '../model/settings.ts';
import { quoted } from '../model/shell-word.ts';
import { hopOf, type SshTarget } from './ssh-settings.ts';

type Reach = Pick<Manager, 'address' | 'port' | 'user' | 'privateKeyFile' | 'ssh'>;

/**
 * The command line of the system's ssh, up to `-- ADDRESS`. Of two values for one setting ssh takes the first, so what
 * vaultctl insists on stands first, then the inventory; ~/.ssh/config says the rest to ssh itself. Never a secret.
 */
export function opensshArguments(manager: Reach, target: SshTarget): string[] {
  const { ssh } = manager;
  return [
    ...insisted(target, ssh.words, target.password !== undefined), ...keys(manager), ...option('HostKeyAlias', ssh.hostKeyAlias), ...way(manager, target),
    ...(manager.port === undefined ? [] : ['-p', String(manager.port)]), ...(manager.user === undefined ? [] : ['-l', manager.user]),
  ];
}

/** What holds for the host and for every hop in front of it. */
function insisted({ strict, connectTimeoutMs }: SshTarget, words: readonly string[], password: boolean): string[] {
  return [
    // Somebody must be able to say what was let pass; else only errors.
    ...options({
      StrictHostKeyChecking: strict, LogLevel: strict === 'yes' ? 'ERROR' : 'INFO', ConnectTimeout: String(Math.ceil(connectTimeoutMs / 1000)),
      ControlPersist: 'no', ForwardAgent: 'no', ForwardX11: 'no', ClearAllForwardings: 'yes', RequestTTY: 'no', RemoteCommand: 'none', EscapeChar: 'none', UpdateHostKeys: 'no',
    }),
    ...words,
    // Without a password of the inventory nothing but keys and tickets is tried, and a wrong one is not tried twice.
    ...options(password ? { NumberOfPasswordPrompts: '1' } : { PasswordAuthentication: 'no', KbdInteractiveAuthentication: 'no' }),
    ...options({ ServerAliveInterval: '10', ServerAliveCountMax: '3' }),
  ];
}

function keys({ privateKeyFile, ssh }: Pick<Reach, 'privateKeyFile' | 'ssh'>): string[] {
  return [
    ...(ssh.configFile === undefined ? [] : ['-F', ssh.configFile]),
    ...[...(privateKeyFile === undefined ? [] : [privateKeyFile]), ...ssh.identityFiles].flatMap((file) => ['-i', file]),
    ...(ssh.identitiesOnly ? option('IdentitiesOnly', 'yes') : []),
    ...(ssh.knownHostsFiles.length === 0 ? [] : option('UserKnownHostsFile', ssh.knownHostsFiles.map((file) => `"${file}"`).join(' '))),
  ];
}

/**
 * `ssh -J` gives a hop neither our keys nor our known hosts, and asks about its host key: so each hop is a ProxyCommand with
 * the same settings as the host behind it.
 */
function way(manager: Reach, target: SshTarget): string[] {
  if (manager.ssh.proxyCommand !== undefined) return option('ProxyCommand', manager.ssh.proxyCommand);
  return target.proxyJump === undefined ? [] : option('ProxyCommand', through(target.proxyJump.split(','), manager, target));
}

function through(hops: readonly string[], manager: Reach, target: SshTarget): string {
  const { user, address, port } = hopOf(hops.at(-1)!);
  const before = hops.slice(0, -1);
  const words = [
    manager.ssh.executable ?? 'ssh', ...insisted(target, wordsOfHops(manager.ssh.words), false), ...option('ControlMaster', 'no'), ...option('ControlPath', 'none'), ...keys(manager),
    ...(before.length === 0 ? [] : option('ProxyCommand', through(before, manager, target))),
    ...(port === undefined ? [] : ['-p', String(port)]), ...(user === undefined ? [] : ['-l', user]),
  ];
  // The ssh outside replaces %h and %p, and every other % is one of ours.
  return `${words.map((word) => quoted(word).replaceAll('%', '%%')).join(' ')} -W '[%h]:%p' -- ${quoted(address).replaceAll('%', '%%')}`;
}

/** What names the host itself is not for those in front of it. */
function wordsOfHops(words: readonly string[]): string[] {
  return words.filter((word, index) => !(/^HostName=/i.test(word) || (word === '-o' && /^HostName=/i.test(words[index + 1] ?? ''))));
}

function options(all: Readonly<Record<string, string>>): string[] { return Object.entries(all).flatMap(([key, value]) => option(key, value)); }

function option(key: string, value: string | undefined): string[] { return value === undefined ? [] : ['-o', `${key}=${value}`]; }
