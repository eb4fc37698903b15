import { type ChildProcess, spawn } from 'node:child_process';
import type { ExecOptions, Shell, ShellChannel, ShellResult } from '../ports/shell.ts';
import { type Become, starterCommand, workerCommand } from './become.ts';
import { type RawChannel, startScript } from './script-channel.ts';
import { ScriptWorker } from './script-worker.ts';

const UNREAD_MS = 250;

export interface LocalShellParts {
  readonly name: string;
  readonly become?: Become;
  /** `sh`, or the words of another POSIX shell: `['busybox', 'sh']`. */
  readonly shell?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A shell on this machine, through sudo where the files belong to another user. */
export class LocalShell implements Shell {
  readonly #parts: LocalShellParts;
  readonly #children = new Set<ChildProcess>();
  readonly #worker: ScriptWorker;

  constructor(parts: LocalShellParts) {
    this.#parts = parts;
    const { name, become, shell = ['sh'] } = parts;
    this.#worker = new ScriptWorker(name, become, async () => this.#spawn(['sh', '-c', workerCommand(become, shell)]));
  }

  exec(script: string, stdin: Uint8Array, options: ExecOptions): Promise<ShellResult> {
    return this.#worker.run(script, stdin, options);
  }

  open(script: string): Promise<ShellChannel> {
    const { name, become, shell = ['sh'] } = this.#parts;
    return startScript(name, this.#spawn(become === undefined ? [...shell, '-c', script] : ['sh', '-c', starterCommand(become, shell)]), script, become);
  }

  #spawn([command, ...args]: string[]): RawChannel {
    const env = this.#parts.env ?? { PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin' };
    // A group of its own: Ctrl-C must reach us and not the write in hand.
    const child = spawn(command!, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...env }, cwd: '/', detached: true });
    this.#children.add(child);
    return {
      stdin: child.stdin, stdout: child.stdout, stderr: child.stderr,
      exit: new Promise((resolve) => {
        child.once('error', () => resolve(127));
        // What nobody reads keeps it from closing.
        child.once('exit', (code) => { setTimeout(() => resolve(code ?? -1), UNREAD_MS).unref(); });
        child.once('close', (code) => { this.#children.delete(child); resolve(code ?? -1); });
      }),
      kill: () => {
        // The whole group: a tool that hangs would keep our pipes, and us, for as long as it does.
        try { process.kill(-child.pid!, 'SIGKILL'); } catch { child.kill('SIGKILL'); }
        for (const stream of child.stdio) stream?.destroy();
      },
    };
  }

  async close(): Promise<void> {
    await this.#worker.close();
    await Promise.all([...this.#children].map((child) => new Promise<void>((resolve) => {
      child.once('close', () => resolve());
      setTimeout(resolve, UNREAD_MS).unref();
      child.stdin?.end();
      child.stdout?.resume();
    })));
  }
}
