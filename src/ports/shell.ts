/** One machine's POSIX shell, as the user who may write the files: over ssh, or through sudo here. */
export interface Shell {
  /**
   * Runs one script and waits for its end. `stdin` carries all content; the script text itself never holds a secret.
   * Throws HostError where the machine cannot be reached, refuses the login or sudo, or does not answer in time.
   */
  exec(script: string, stdin: Uint8Array, options: ExecOptions): Promise<ShellResult>;
  /** Begins to connect; a failure shows at the first script. */
  warm?(): void;
  /** Runs a script that stays; it brings its functions itself. */
  open(script: string): Promise<ShellChannel>;
  close(): Promise<void>;
}

export interface ExecOptions {
  readonly timeoutMs: number;
  /** Functions and settings that the script builds on: sent once to a shell that stays, and not with every script. */
  readonly library: string;
}

export interface ShellResult {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

export interface ShellChannel {
  /** Resolves when the bytes have left us (backpressure). Throws after the end. */
  write(bytes: Uint8Array): Promise<void>;
  /** End of stdin. */
  end(): void;
  /** Standard output as it comes; ends with the script. To be iterated once. */
  readonly stdout: AsyncIterable<Uint8Array>;
  /** Never rejects: what the script exited with, or a code below 0 where the connection went first. */
  readonly exit: Promise<{ readonly code: number; readonly stderr: string }>;
  /** Cuts it off; for a script that does not end by itself. */
  kill(): void;
}
