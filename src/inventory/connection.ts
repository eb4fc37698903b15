import type { Manager, SshOptions } from '../model/settings.ts';
import { type HostReading, placeText, type Read } from './host-reading.ts';
import { becomeSettings, plainWord } from './become-settings.ts';
import { managerPaths } from './manager-paths.ts';
import { atHome, parseSshArguments } from './ssh-args.ts';
import type { SshArguments } from './ssh-args.ts';
import { refuse } from './value.ts';

export interface ThisMachine {
  /** Names and addresses of the machine vaultctl runs on. */
  readonly localNames: readonly string[];
  /** For `~` in key and known_hosts paths. */
  readonly home: string;
}

const defaultConnectTimeoutMs = 10_000;

/** How to reach one manager and where it keeps its files. */
export function managerFrom(reading: HostReading, machine: ThisMachine): Manager {
  const plugin = pluginOf(reading);
  const own = (...names: string[]) => plugin === 'paramiko' ? names.map((name) => `ansible_paramiko_${name}`) : [];
  const args = sshArguments(reading, machine.home, own('proxy_command'));
  const address = addressOf(reading, own('host'));
  const port = reading.whole(1, 65_535, 'ansible_port', 'ansible_ssh_port', ...own('port'))?.value ?? args.port;
  const user = plainWord(reading, reading.text('ansible_user', 'ansible_ssh_user', ...own('user'))) ?? args.user;
  const timeout = reading.whole(1, 86_400, 'ansible_timeout', 'ansible_ssh_timeout', ...own('timeout'));
  const keyFile = reading.text('ansible_private_key_file', 'ansible_ssh_private_key_file', ...own('private_key_file'));
  const connection = connectionOf(plugin, reading, address, port, machine.localNames);
  return {
    name: reading.host,
    connection,
    address, port, user,
    password: reading.secret('ansible_password', 'ansible_ssh_pass', 'ansible_ssh_password', ...own('pass', 'password')),
    privateKeyFile: keyFile === undefined ? undefined : atHome(keyFile.value, machine.home),
    ...becomeSettings(reading),
    shell: shellOf(reading),
    transport: transportOf(reading, plugin, args),
    ssh: sshOptions(reading, args, machine.home, own('host_key_checking')),
    connectTimeoutMs: timeout !== undefined ? timeout.value * 1000 : args.connectTimeoutMs ?? defaultConnectTimeoutMs,
    paths: managerPaths(reading),
  };
}

/** All that is said of the command line of ssh, as one. */
function sshArguments(reading: HostReading, home: string, proxyNames: readonly string[]): SshArguments {
  const said = ['ansible_ssh_args', 'ansible_ssh_common_args', 'ansible_ssh_extra_args'].map((name) => reading.text(name));
  const asOption = (option: string, read: Read<string> | undefined) => read === undefined ? undefined : { ...read, value: `-o '${option}=${read.value.replaceAll("'", String.raw`'\''`)}'` };
  const proxy = proxyNames.length === 0 ? undefined : asOption('ProxyCommand', reading.text(...proxyNames));
  const token = asOption('PKCS11Provider', reading.text('ansible_ssh_pkcs11_provider'));
  return parseSshArguments([proxy, ...said, token].flatMap((read) => read === undefined ? [] : [{ text: read.value, name: read.name, place: read.place }]), home);
}

function addressOf(reading: HostReading, own: readonly string[]): string {
  const said = reading.text('ansible_host', 'ansible_ssh_host', ...own);
  if (said === undefined) return reading.host;
  if (/^[^:]+:\d+$/.test(said.value)) refuse(said.place, `${said.name} of ${reading.host} holds a port: ${JSON.stringify(said.value)}`, 'Write the port as ansible_port.');
  if (!/^[\p{L}\p{N}_.:%-]+$/u.test(said.value) || said.value.startsWith('-')) {
    refuse(said.place, `${said.name} of ${reading.host} is not a host name or address: ${JSON.stringify(said.value)}`, 'Write a name, an IPv4 or an IPv6 address without brackets.');
  }
  return said.value;
}

type Plugin = 'ssh' | 'paramiko' | 'local' | 'smart';

function pluginOf(reading: HostReading): Plugin {
  const said = reading.text('ansible_connection');
  switch (said?.value.replace(/^ansible\.(?:builtin|netcommon)\./, '')) {
    case 'local': return 'local';
    case 'ssh': return 'ssh';
    case 'paramiko': case 'paramiko_ssh': return 'paramiko';
    case undefined: case 'smart': return 'smart';
    default: return refuse(said!.place, `ansible_connection ${JSON.stringify(said!.value)} of ${reading.host} is not supported`, 'Use ssh or local.');
  }
}

function connectionOf(plugin: Plugin, reading: HostReading, address: string, port: number | undefined, localNames: readonly string[]): Manager['connection'] {
  if (plugin !== 'smart') return plugin === 'local' ? 'local' : 'ssh';
  // Behind another port of ours may be another machine (a container, a tunnel), and a test's sshd.
  const names = new Set(localNames.map((name) => name.toLowerCase()));
  const here = names.has(address.toLowerCase()) || (address === reading.host && names.has(reading.host.toLowerCase()));
  return here && (port === undefined || port === 22) ? 'local' : 'ssh';
}

/** `paramiko` stands for the transport that is not the system's ssh. */
function transportOf(reading: HostReading, plugin: Plugin, { needsOpenssh }: SshArguments): Manager['transport'] {
  const said = reading.text('vault_transport');
  if (said !== undefined && !['auto', 'ssh2', 'openssh'].includes(said.value)) {
    refuse(said.place, `vault_transport ${JSON.stringify(said.value)} of ${reading.host} is unknown`, 'Use auto, ssh2 or openssh.');
  }
  const asked = said ?? (plugin === 'paramiko' ? { ...reading.text('ansible_connection')!, value: 'ssh2' } : undefined);
  if (asked?.value === 'ssh2' && needsOpenssh !== undefined) {
    refuse(needsOpenssh.place, `${needsOpenssh.name}: ${needsOpenssh.option} is for the system's ssh alone, and ${asked.name} of ${reading.host} (${placeText(asked.place)}) forbids it`,
      'Set vault_transport: auto, or openssh.');
  }
  return (asked?.value ?? 'auto') as Manager['transport'];
}

function shellOf(reading: HostReading): string | undefined {
  const kind = reading.text('ansible_shell_type');
  if (kind !== undefined && /^(?:powershell|cmd)$/.test(kind.value)) refuse(kind.place, `ansible_shell_type ${kind.value} of ${reading.host}: a manager needs a POSIX shell`, 'Name managers that run Linux or another Unix.');
  const said = reading.text('ansible_shell_executable');
  if (said !== undefined && !/^\/[^\s]*$/.test(said.value)) refuse(said.place, `ansible_shell_executable of ${reading.host} is not the path of a shell: ${JSON.stringify(said.value)}`, 'Write the absolute path of a POSIX shell: /bin/sh');
  return said?.value;
}

function sshOptions(reading: HostReading, args: SshArguments, home: string, own: readonly string[]): SshOptions {
  const executable = reading.text('ansible_ssh_executable');
  if (executable !== undefined && /^-|\s/.test(executable.value)) refuse(executable.place, `ansible_ssh_executable of ${reading.host} is not a program: ${JSON.stringify(executable.value)}`, 'Write the path of one program, without arguments.');
  const checking = reading.flag('ansible_host_key_checking', 'ansible_ssh_host_key_checking', ...own);
  return {
    proxyJump: args.proxyJump,
    proxyCommand: args.proxyCommand,
    knownHostsFiles: args.knownHostsFiles ?? [],
    identityFiles: args.identityFiles,
    identitiesOnly: args.identitiesOnly ?? false,
    hostKeyAlias: args.hostKeyAlias,
    strictHostKeyChecking: args.strict ?? (checking?.value === false ? 'no' : undefined),
    configFile: args.configFile,
    words: args.words,
    needsOpenssh: args.needsOpenssh?.option,
    executable: executable === undefined || executable.value === 'ssh' ? undefined : atHome(executable.value, home),
  };
}
