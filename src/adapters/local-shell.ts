import { type ChildProcess, spawn } from 'node:child_process';
import type { Shell, ShellChannel, ShellResult } from '../ports/shell.ts';
import { type Become, becomeCommand } from './become.ts';
import { collect, type RawChannel, type ScriptChannel, startScript } from './script-channel.ts';

const UNREAD_MS = 1000;

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

  constructor(parts: LocalShellParts) { this.#parts = parts; }

  async exec(script: string, stdin: Uint8Array, { timeoutMs }: { timeoutMs: number }): Promise<ShellResult> {
    const { name, become } = this.#parts;
    return collect(name, await this.#start(script, true), stdin, become, timeoutMs);
  }

  open(script: string): Promise<ShellChannel> { return this.#start(script, false); }

  #start(script: string, pipelined: boolean): Promise<ScriptChannel> {
    const { name, become, shell = ['sh'] } = this.#parts;
    return startScript(name, this.#spawn([...shell, '-c', become === undefined ? script : becomeCommand(become, shell)]), script, become, pipelined);
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
      kill: () => { child.kill('SIGKILL'); child.stdout.destroy(); },
    };
  }

  close(): Promise<void> {
    for (const child of this.#children) child.stdin?.end();
    return Promise.resolve();
  }
}
