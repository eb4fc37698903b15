import type { Manager, SshOptions } from '../model/settings.ts';
import type { HostReading, Read } from './host-reading.ts';
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
  const become = reading.flag('ansible_become')?.value ?? false;
  if (become) refuseOtherBecome(reading);
  return {
    name: reading.host,
    connection: connectionOf(reading, address, port, machine.localNames),
    address, port, user,
    password: reading.secret('ansible_password', 'ansible_ssh_pass', 'ansible_ssh_password'),
    privateKeyFile: keyFile === undefined ? undefined : atHome(keyFile.value, machine.home),
    become,
    becomeUser: plainWord(reading, reading.text('ansible_become_user', 'ansible_sudo_user')) ?? 'root',
    becomePassword: reading.secret('ansible_become_password', 'ansible_become_pass', 'ansible_sudo_pass'),
    ssh: sshOptions(reading, args),
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

/** A user name must not be taken for an option by ssh or sudo. */
function plainWord(reading: HostReading, said: Read<string> | undefined): string | undefined {
  if (said === undefined) return undefined;
  if (/^-|\s/.test(said.value)) refuse(said.place, `${said.name} of ${reading.host} is not a user name: ${JSON.stringify(said.value)}`, 'Write the name of a user.');
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

function refuseOtherBecome(reading: HostReading): void {
  const method = reading.text('ansible_become_method');
  if (method !== undefined && method.value.replace(/^ansible\.builtin\./, '') !== 'sudo') {
    refuse(method.place, `ansible_become_method ${JSON.stringify(method.value)} of ${reading.host} is not supported`, 'Use sudo.');
  }
}

function sshOptions(reading: HostReading, args: SshArguments): SshOptions {
  const checking = reading.flag('ansible_host_key_checking', 'ansible_ssh_host_key_checking');
  return {
    proxyJump: args.proxyJump,
    proxyCommand: args.proxyCommand,
    knownHostsFiles: args.knownHostsFiles ?? [],
    identityFiles: args.identityFiles,
    identitiesOnly: args.identitiesOnly ?? false,
    hostKeyAlias: args.hostKeyAlias,
    strictHostKeyChecking: args.strict ?? (checking?.value === false ? 'no' : undefined),
  };
}
