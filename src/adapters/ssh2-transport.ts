import type { Client, ClientChannel } from 'ssh2';
import { redact } from '../model/secret.ts';
import { HostError } from '../ports/hosts.ts';
import type { RawChannel } from './script-channel.ts';
import { type Connector, takeLeave } from './ssh-connect.ts';
import type { SshTarget } from './ssh-settings.ts';
import type { Transport } from './ssh-shell.ts';

/** sshd's MaxSessions may be as low as 1: what finds no room on one connection gets another. */
const CONNECTIONS_AT_MOST = 4;
const UNREAD_MS = 250;

/** Commands over ssh2, a library: one connection for the whole run, made at the first command. */
export class Ssh2Transport implements Transport {
  readonly #name: string;
  readonly #connector: Connector;
  readonly #target: () => Promise<SshTarget>;
  readonly #connections: (Promise<Client> | undefined)[] = [];
  #closed = false;

  constructor(name: string, connector: Connector, target: () => Promise<SshTarget>) {
    this.#name = name;
    this.#connector = connector;
    this.#target = target;
  }

  /** Resolves when it is logged in. */
  async ready(): Promise<void> { await this.#connection(0); }

  async channel(command: string): Promise<RawChannel> {
    for (let index = 0; ; index += 1) {
      const client = await this.#connection(index);
      try {
        return await execute(client, command);
      } catch (error) {
        const noRoom = /open failed|Channel open failure/i.test((error as Error).message);
        if (!noRoom || index + 1 >= CONNECTIONS_AT_MOST) {
          throw new HostError(this.#name, 'unreachable', `no command could be started: ${redact((error as Error).message)}`, noRoom ? 'raise MaxSessions in /etc/ssh/sshd_config' : undefined, { cause: error });
        }
      }
    }
  }

  #connection(index: number): Promise<Client> {
    if (this.#closed) return Promise.reject(new HostError(this.#name, 'unreachable', 'the connection was closed'));
    const found = this.#connections[index];
    if (found !== undefined) return found;
    const made = this.#target().then((target) => this.#connector.connect(target)).catch((error: unknown) => {
      if (error instanceof HostError) throw error;
      throw new HostError(this.#name, 'unreachable', redact((error as Error).message), undefined, { cause: error });
    });
    this.#connections[index] = made;
    const forget = () => { if (this.#connections[index] === made) this.#connections[index] = undefined; };
    made.then((client) => client.once('close', forget), forget);
    return made;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const connection of this.#connections.splice(0)) takeLeave(await connection?.catch(() => undefined));
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
