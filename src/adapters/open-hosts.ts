import { userInfo } from 'node:os';
import { DiskHost } from '../hosts/disk-host.ts';
import { ShellHost, type ShellTimes } from '../hosts/shell-host.ts';
import type { Secret } from '../model/secret.ts';
import type { Manager } from '../model/settings.ts';
import type { Clock } from '../ports/clock.ts';
import type { HostHands } from '../ports/hosts.ts';
import { AutoTransport } from './auto-transport.ts';
import type { Become } from './become.ts';
import { LocalShell } from './local-shell.ts';
import { NodeDisk } from './node-disk.ts';
import { Connector } from './ssh-connect.ts';
import { targetOf } from './ssh-settings.ts';
import { Passphrases } from './openssh-answers.ts';
import { OpensshTransport } from './openssh-transport.ts';
import { Ssh2Transport } from './ssh2-transport.ts';
import { SshShell } from './ssh-shell.ts';

export interface OpenHostsDeps {
  readonly clock: Clock;
  readonly askSecret: (question: string) => Promise<Secret | undefined>;
  readonly warn: (text: string) => void;
  /** What the operator may like to know. */
  readonly note?: (text: string) => void;
  readonly times?: Partial<ShellTimes>;
}

/** Hands on every manager, in the same order. Nothing is connected before the first call on a host needs it. */
export function openHosts(managers: readonly Manager[], deps: OpenHostsDeps): HostHands[] {
  const connector = new Connector(deps);
  const passphrases = new Passphrases(deps.askSecret);
  const note = deps.note ?? (() => undefined);
  let open = managers.filter(({ connection }) => connection === 'ssh').length;
  return managers.map((manager) => {
    const { name } = manager;
    const times = deps.times === undefined ? {} : { times: deps.times };
    const become = becomeOf(manager);
    if (manager.connection === 'local') {
      if (become === undefined) return new DiskHost({ name, disk: new NodeDisk(), clock: deps.clock, local: true });
      return new ShellHost({ name, shell: new LocalShell({ name, become, ...(manager.shell === undefined ? {} : { shell: [manager.shell] }) }), clock: deps.clock, local: true, ...times });
    }
    const target = () => targetOf(manager);
    const transport = { ssh2: new Ssh2Transport(name, connector, target), openssh: new OpensshTransport(manager, target, { passphrases, warn: deps.warn, note }) };
    const chosen = manager.transport === 'auto' ? new AutoTransport({ ...transport, manager, target, note }) : transport[manager.transport];
    const shell = new SshShell({ name, transport: chosen, become, ...(manager.shell === undefined ? {} : { shell: [manager.shell] }) });
    const close = shell.close.bind(shell);
    // The bastions go when the last host that may need them has gone.
    shell.close = async () => { await close(); open -= 1; if (open === 0) await connector.close(); };
    return new ShellHost({ name, shell, clock: deps.clock, local: false, ...times });
  });
}

/** Becoming the user we already are would only cost time, and a password where none is needed. */
function becomeOf({ become, becomeMethod, becomeExe, becomeFlags, becomeUser, becomePassword, connection, user }: Manager): Become | undefined {
  if (!become) return undefined;
  const already = connection === 'local' ? userInfo().username : user;
  return already === becomeUser ? undefined : { method: becomeMethod, exe: becomeExe, flags: becomeFlags, user: becomeUser, password: becomePassword };
}
