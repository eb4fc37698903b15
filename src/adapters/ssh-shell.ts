import { quoted } from '../model/shell-word.ts';
import type { ExecOptions, Shell, ShellChannel, ShellResult } from '../ports/shell.ts';
import { type Become, starterCommand, workerCommand } from './become.ts';
import { type RawChannel, startScript } from './script-channel.ts';
import { ScriptWorker } from './script-worker.ts';

/** How commands are started on one host. */
export interface Transport {
  /** Connects where there is no connection yet. @throws HostError `unreachable`, `denied`, `hostkey` or `tool`, with what mends it */
  channel(command: string): Promise<RawChannel>;
  /** Nothing of it is left on either side. */
  close(): Promise<void>;
}

export interface SshShellParts {
  readonly name: string;
  readonly transport: Transport;
  readonly become: Become | undefined;
  /** `sh`, or the words of another POSIX shell on the host. */
  readonly shell?: readonly string[];
}

/** A shell on another host, over whichever transport reaches it. */
export class SshShell implements Shell {
  readonly #parts: SshShellParts;
  readonly #worker: ScriptWorker;

  constructor(parts: SshShellParts) {
    this.#parts = parts;
    const { name, become, shell = ['sh'], transport } = parts;
    this.#worker = new ScriptWorker(name, become, () => transport.channel(workerCommand(become, shell)));
  }

  warm(): void { this.#worker.warm(); }

  exec(script: string, stdin: Uint8Array, options: ExecOptions): Promise<ShellResult> {
    return this.#worker.run(script, stdin, options);
  }

  async open(script: string): Promise<ShellChannel> {
    const { name, become, shell = ['sh'], transport } = this.#parts;
    const command = become === undefined ? `exec ${[...shell, '-c', script].map(quoted).join(' ')}` : starterCommand(become, shell);
    return startScript(name, await transport.channel(command), script, become);
  }

  async close(): Promise<void> {
    await this.#worker.close();
    await this.#parts.transport.close();
  }
}
