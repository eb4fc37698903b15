import type { Manager, SshOptions } from '../model/settings.ts';
import { type HostReading, placeText } from './host-reading.ts';
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
  const args = parseSshArguments(
    [reading.text('ansible_ssh_args'), reading.text('ansible_ssh_common_args'), reading.text('ansible_ssh_extra_args')]
      .flatMap((said) => said === undefined ? [] : [{ text: said.value, name: said.name, place: said.place }]),
    machine.home);
  const address = addressOf(reading);
  const port = reading.whole(1, 65_535, 'ansible_port', 'ansible_ssh_port')?.value ?? args.port;
  const user = plainWord(reading, reading.text('ansible_user', 'ansible_ssh_user')) ?? args.user;
  const timeout = reading.whole(1, 86_400, 'ansible_timeout', 'ansible_ssh_timeout');
  const keyFile = reading.text('ansible_private_key_file', 'ansible_ssh_private_key_file');
  const connection = connectionOf(reading, address, port, machine.localNames);
  return {
    name: reading.host,
    connection,
    address, port, user,
    password: reading.secret('ansible_password', 'ansible_ssh_pass', 'ansible_ssh_password'),
    privateKeyFile: keyFile === undefined ? undefined : atHome(keyFile.value, machine.home),
    ...becomeSettings(reading),
    shell: shellOf(reading),
    transport: transportOf(reading, args),
    ssh: sshOptions(reading, args, machine.home),
    connectTimeoutMs: timeout !== undefined ? timeout.value * 1000 : args.connectTimeoutMs ?? defaultConnectTimeoutMs,
    paths: managerPaths(reading),
  };
}

function addressOf(reading: HostReading): string {
  const said = reading.text('ansible_host', 'ansible_ssh_host');
  if (said === undefined) return reading.host;
  if (/^[^:]+:\d+$/.test(said.value)) refuse(said.place, `${said.name} of ${reading.host} holds a port: ${JSON.stringify(said.value)}`, 'Write the port as ansible_port.');
  if (!/^[\p{L}\p{N}_.:%-]+$/u.test(said.value) || said.value.startsWith('-')) {
    refuse(said.place, `${said.name} of ${reading.host} is not a host name or address: ${JSON.stringify(said.value)}`, 'Write a name, an IPv4 or an IPv6 address without brackets.');
  }
  return said.value;
}

function connectionOf(reading: HostReading, address: string, port: number | undefined, localNames: readonly string[]): Manager['connection'] {
  const said = reading.text('ansible_connection');
  switch (said?.value.replace(/^ansible\.(?:builtin|netcommon)\./, '')) {
    case 'local': return 'local';
    case 'ssh': case 'paramiko': case 'paramiko_ssh': return 'ssh';
    case undefined: case 'smart': {
      // Behind another port of ours may be another machine (a container, a tunnel), and a test's sshd.
      const names = new Set(localNames.map((name) => name.toLowerCase()));
      const here = names.has(address.toLowerCase()) || (address === reading.host && names.has(reading.host.toLowerCase()));
      return here && (port === undefined || port === 22) ? 'local' : 'ssh';
    }
    default: return refuse(said!.place, `ansible_connection ${JSON.stringify(said!.value)} of ${reading.host} is not supported`, 'Use ssh or local.');
  }
}

/** `paramiko` stands for the transport that is not the system's ssh. */
function transportOf(reading: HostReading, { needsOpenssh }: SshArguments): Manager['transport'] {
  const said = reading.text('vault_transport');
  if (said !== undefined && !['auto', 'ssh2', 'openssh'].includes(said.value)) {
    refuse(said.place, `vault_transport ${JSON.stringify(said.value)} of ${reading.host} is unknown`, 'Use auto, ssh2 or openssh.');
  }
  const plugin = reading.text('ansible_connection');
  const asked = said ?? (plugin !== undefined && /paramiko/.test(plugin.value) ? { ...plugin, value: 'ssh2' } : undefined);
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

function sshOptions(reading: HostReading, args: SshArguments, home: string): SshOptions {
  const executable = reading.text('ansible_ssh_executable');
  if (executable !== undefined && /^-|\s/.test(executable.value)) refuse(executable.place, `ansible_ssh_executable of ${reading.host} is not a program: ${JSON.stringify(executable.value)}`, 'Write the path of one program, without arguments.');
  const checking = reading.flag('ansible_host_key_checking', 'ansible_ssh_host_key_checking');
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
