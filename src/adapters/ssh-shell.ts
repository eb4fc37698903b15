import type { Client, ClientChannel } from 'ssh2';
import { quoted } from '../hosts/remote-script.ts';
import { redact } from '../model/secret.ts';
import { HostError } from '../ports/hosts.ts';
import type { ExecOptions, Shell, ShellChannel, ShellResult } from '../ports/shell.ts';
import { type Become, starterCommand, workerCommand } from './become.ts';
import { type RawChannel, startScript } from './script-channel.ts';
import { ScriptWorker } from './script-worker.ts';
import type { Connector } from './ssh-connect.ts';
import type { SshTarget } from './ssh-settings.ts';

/** sshd's MaxSessions may be as low as 1: what finds no room on one connection gets another. */
const CONNECTIONS_AT_MOST = 4;
const UNREAD_MS = 250;

export interface SshShellParts {
  readonly name: string;
  readonly connector: Connector;
  readonly target: () => Promise<SshTarget>;
  readonly become: Become | undefined;
  /** `sh`, or the words of another POSIX shell on the host. */
  readonly shell?: readonly string[];
}

/** A shell on another host: one ssh connection for the whole run, made at the first use. */
export class SshShell implements Shell {
  readonly #parts: SshShellParts;
  readonly #connections: (Promise<Client> | undefined)[] = [];
  readonly #worker: ScriptWorker;
  #closed = false;

  constructor(parts: SshShellParts) {
    this.#parts = parts;
    const { name, become, shell = ['sh'] } = parts;
    this.#worker = new ScriptWorker(name, become, () => this.#channel(workerCommand(become, shell)));
  }

  warm(): void { this.#worker.warm(); }

  exec(script: string, stdin: Uint8Array, options: ExecOptions): Promise<ShellResult> {
    return this.#worker.run(script, stdin, options);
  }

  async open(script: string): Promise<ShellChannel> {
    const { name, become, shell = ['sh'] } = this.#parts;
    const command = become === undefined ? `exec ${[...shell, '-c', script].map(quoted).join(' ')}` : starterCommand(become, shell);
    return startScript(name, await this.#channel(command), script, become);
  }

  async #channel(command: string): Promise<RawChannel> {
    for (let index = 0; ; index += 1) {
      const client = await this.#connection(index);
      try {
        return await execute(client, command);
      } catch (error) {
        const noRoom = /open failed|Channel open failure/i.test((error as Error).message);
        if (!noRoom || index + 1 >= CONNECTIONS_AT_MOST) {
          throw new HostError(this.#parts.name, 'unreachable', `no command could be started: ${redact((error as Error).message)}`, noRoom ? 'raise MaxSessions in /etc/ssh/sshd_config' : undefined, { cause: error });
        }
      }
    }
  }

  #connection(index: number): Promise<Client> {
    if (this.#closed) return Promise.reject(new HostError(this.#parts.name, 'unreachable', 'the connection was closed'));
    const found = this.#connections[index];
    if (found !== undefined) return found;
    const made = this.#parts.target().then((target) => this.#parts.connector.connect(target)).catch((error: unknown) => {
      if (error instanceof HostError) throw error;
      throw new HostError(this.#parts.name, 'unreachable', redact((error as Error).message), undefined, { cause: error });
    });
    this.#connections[index] = made;
    const forget = () => { if (this.#connections[index] === made) this.#connections[index] = undefined; };
    made.then((client) => client.once('close', forget), forget);
    return made;
  }

  async close(): Promise<void> {
    await this.#worker.close();
    this.#closed = true;
    for (const connection of this.#connections.splice(0)) (await connection?.catch(() => undefined))?.end();
  }
}

/** The end of a short command may stand in the very packet that says it has begun: what hears it is there from the first instant. */
function execute(client: Client, command: string): Promise<RawChannel> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error('the connection was lost'));
    client.once('close', gone);
    const settle = (error: Error | undefined, channel: ClientChannel) => {
      client.removeListener('close', gone);
      if (error === undefined || error === null) resolve(raw(client, channel));
      else reject(error);
    };
    try {
      client.exec(command, settle);
    } catch (error) {
      client.removeListener('close', gone);
      reject(error as Error);
    }
  });
}

function raw(client: Client, channel: ClientChannel): RawChannel {
  return {
    stdin: channel, stdout: channel, stderr: channel.stderr,
    exit: new Promise((resolve) => {
      let code = -1;
      const lost = () => resolve(code);
      // What nobody reads keeps the channel from closing; the exit status comes after all output anyway.
      channel.once('exit', (found: number | null) => { code = found ?? -1; setTimeout(lost, UNREAD_MS).unref(); });
      channel.once('close', () => { client.removeListener('close', lost); resolve(code); });
      client.once('close', lost);
    }),
    kill: () => {
      try { channel.signal('KILL'); } catch { /* the channel is already gone */ }
      channel.close();
      channel.destroy();
    },
  };
}
