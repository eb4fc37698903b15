import { type ChildProcess, spawn } from 'node:child_process';
import type { Manager } from '../model/settings.ts';
import { HostError } from '../ports/hosts.ts';
import { opensshArguments } from './openssh-arguments.ts';
import { LoginAnswers, type Passphrases } from './openssh-answers.ts';
import { asControlPath, OpensshConnection, opensshEnvironment } from './openssh-connection.ts';
import { letPass, opensshFailure } from './openssh-failure.ts';
import type { RawChannel } from './script-channel.ts';
import type { SshTarget } from './ssh-settings.ts';
import type { Transport } from './ssh-shell.ts';

const LOGIN_MS = 30_000;
const UNREAD_MS = 250;
const ENDED_AT_MOST_MS = 2000;
/** ssh's own, where the connection fails or is lost. */
const SSH_FAILED = 255;

export interface OpensshDeps {
  readonly passphrases: Passphrases;
  readonly warn: (text: string) => void;
  readonly note: (text: string) => void;
}

/** Commands through the system's ssh: one login for the whole run, whose socket lies in a folder that only we can enter. */
export class OpensshTransport implements Transport {
  readonly #manager: Manager;
  readonly #target: () => Promise<SshTarget>;
  readonly #deps: OpensshDeps;
  readonly #children = new Set<ChildProcess>();
  #connection: Promise<OpensshConnection> | undefined;
  #closed = false;

  constructor(manager: Manager, target: () => Promise<SshTarget>, deps: OpensshDeps) {
    this.#manager = manager;
    this.#target = target;
    this.#deps = deps;
  }

  /** Resolves when it is logged in. */
  async ready(): Promise<void> { await this.#connected(); }

  async channel(command: string): Promise<RawChannel> {
    const { socket } = await this.#connected();
    const args = opensshArguments(this.#manager, await this.#target());
    // What the host says must not be mixed with what ssh says. With no room on the connection (MaxSessions) ssh makes another.
    const child = spawn(this.#program, ['-T', '-E', '/dev/null', '-S', asControlPath(socket), '-o', 'ControlMaster=no', '-o', 'BatchMode=yes', ...args, '--', this.#manager.address, command], { stdio: ['pipe', 'pipe', 'pipe'], env: opensshEnvironment(), detached: true });
    this.#children.add(child);
    return {
      stdin: child.stdin, stdout: child.stdout, stderr: child.stderr,
      exit: new Promise((resolve) => {
        const ended = (code: number | null) => resolve(code === null || code === SSH_FAILED ? -1 : code);
        child.once('error', () => resolve(-1));
        // What nobody reads keeps it from closing.
        child.once('exit', (code) => { setTimeout(() => ended(code), UNREAD_MS).unref(); });
        child.once('close', (code) => { this.#children.delete(child); ended(code); });
      }),
      kill: () => { child.kill('SIGKILL'); for (const stream of child.stdio) stream?.destroy(); },
    };
  }

  get #program(): string { return this.#manager.ssh.executable ?? 'ssh'; }

  #connected(): Promise<OpensshConnection> {
    if (this.#closed) return Promise.reject(new HostError(this.#manager.name, 'unreachable', 'the connection was closed'));
    if (this.#connection !== undefined) return this.#connection;
    const made = this.#login();
    this.#connection = made;
    const forget = () => { if (this.#connection === made) this.#connection = undefined; };
    made.then((connection) => connection.ended.then(forget), forget);
    return made;
  }

  async #login(): Promise<OpensshConnection> {
    const { name, address } = this.#manager;
    const target = await this.#target().catch((error: unknown) => { throw error instanceof HostError ? error : new HostError(name, 'unreachable', (error as Error).message, undefined, { cause: error }); });
    const answers = new LoginAnswers(target, address, this.#deps.passphrases, this.#deps.note);
    const made = await OpensshConnection.open({
      program: this.#program, args: opensshArguments(this.#manager, target), address, timeoutMs: target.connectTimeoutMs + LOGIN_MS,
      answer: (question) => answers.answer(question),
      failure: (code, said) => opensshFailure(target, this.#program, code, said, answers.unanswered),
    }).catch((error: unknown) => { throw error instanceof HostError ? error : new HostError(name, 'tool', `the system's ssh cannot be started here: ${(error as Error).message}`, 'look at the folder for temporary files (TMPDIR), or set vault_transport: ssh2', { cause: error }); });
    for (const line of letPass(target, made.said())) this.#deps.warn(line);
    return made;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await (await this.#connection?.catch(() => undefined))?.end();
    await Promise.all([...this.#children].map((child) => new Promise<void>((resolve) => {
      // One that found no room has a connection of its own.
      const late = setTimeout(() => { child.kill('SIGKILL'); }, ENDED_AT_MOST_MS);
      child.once('close', () => { clearTimeout(late); resolve(); });
      child.stdin?.end();
      child.stdout?.resume();
      child.stderr?.resume();
    })));
  }
}
