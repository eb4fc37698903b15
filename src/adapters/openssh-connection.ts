import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import type { Secret } from '../model/secret.ts';
import type { HostError } from '../ports/hosts.ts';
import { Askpass, type Question } from './openssh-askpass.ts';
import { environmentForOthers } from './run-program.ts';

const UP = 'VAULTCTL-CONNECTED';
const STDERR_LIMIT = 16 << 10;
const ENDED_AT_MOST_MS = 2000;
const UNREAD_MS = 250;
/** Of a socket's path the kernel takes 107 bytes, and ssh first makes one whose name is 17 longer. */
const LONGEST_FOLDER = 70;

/**
 * Runs ssh, and ends it with us: descriptor 3 closes when vaultctl lets go of it or dies in whichever way. Then the folder
 * with the socket goes too.
 */
const KEEPER = `"$@" 3<&- </dev/null & p=$!
{ IFS= read -r x; kill "$p"; } <&3 >/dev/null 2>&1 & w=$!
wait "$p"; c=$?
kill "$w" 2>/dev/null
rm -rf -- "$0"
exit "$c"`;

export interface OpensshCall {
  readonly program: string;
  /** As `opensshArguments` gives them. */
  readonly args: readonly string[];
  readonly address: string;
  /** For the connection and the login together. */
  readonly timeoutMs: number;
  /** What it asks while it logs in; the time that an answer takes does not count. */
  readonly answer: (question: Question) => Promise<Secret | undefined>;
  /** `code` undefined: it did not come up in time. */
  readonly failure: (code: number | undefined, said: string) => HostError;
}

/** One login of the system's ssh; commands that go through its socket need none of their own. */
export class OpensshConnection {
  readonly socket: string;
  /** Resolves when it has ended, by us or by itself. */
  readonly ended: Promise<void>;
  /** What it said while it logged in. */
  readonly said: () => string;
  readonly #keeper: ChildProcess;
  #alive = true;

  private constructor(socket: string, keeper: ChildProcess, said: () => string) {
    this.socket = socket;
    this.said = said;
    this.#keeper = keeper;
    this.ended = endOf(keeper).then(() => { this.#alive = false; });
  }

  get alive(): boolean { return this.#alive; }

  /** @throws HostError as `failure` makes it; Error where this machine has no room for the socket */
  static async open({ program, args, address, timeoutMs, answer, failure }: OpensshCall): Promise<OpensshConnection> {
    const folder = privateFolder();
    const socket = join(folder, 's');
    const own = ['-M', '-N', '-S', asControlPath(socket), '-o', 'ControlMaster=yes', '-o', 'PermitLocalCommand=yes', '-o', `LocalCommand=echo ${UP}`];
    let since: NodeJS.Timeout | undefined;
    let fail: (code: number | undefined) => void = () => undefined;
    let settled = false;
    const within = () => {
      clearTimeout(since);
      if (!settled) since = setTimeout(() => fail(undefined), timeoutMs);
    };
    const askpass = await Askpass.in(folder, async (question) => {
      clearTimeout(since);
      return answer(question).finally(within);
    }).catch((error: unknown) => { rmSync(folder, { recursive: true, force: true }); throw error; });
    const keeper = spawn('/bin/sh', ['-c', KEEPER, folder, program, ...own, ...args, '--', address], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env: { ...opensshEnvironment(), ...askpass.environment }, detached: true });
    let said = '';
    keeper.stderr!.setEncoding('utf8').on('data', (chunk: string) => { said = (said + chunk).slice(-STDERR_LIMIT); });
    keeper.stdio[3]!.on('error', () => undefined);
    const connection = new OpensshConnection(socket, keeper, () => said);
    await new Promise<void>((resolve, reject) => {
      fail = (code) => {
        if (settled) return;
        if (code === undefined) void connection.end();
        reject(failure(code, said));
      };
      within();
      let out = '';
      keeper.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
        out = (out + chunk).slice(-STDERR_LIMIT);
        if (out.includes(UP)) resolve();
      });
      keeper.once('error', (error) => { said += error.message; fail(127); });
      void endOf(keeper).then(fail);
    }).finally(() => {
      settled = true;
      clearTimeout(since);
      askpass.close();
    });
    return connection;
  }

  async end(): Promise<void> {
    if (!this.#alive) return;
    (this.#keeper.stdio[3] as Writable).end();
    const late = setTimeout(() => { try { process.kill(-this.#keeper.pid!, 'SIGKILL'); } catch { /* it has just ended */ } }, ENDED_AT_MOST_MS);
    await this.ended;
    clearTimeout(late);
    // Whoever had to be killed has not tidied up.
    rmSync(dirname(this.socket), { recursive: true, force: true });
  }
}

/** Its exit code; what it started may hold its output open for longer, and is not waited for. */
function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(127));
    child.once('exit', (code) => { setTimeout(() => resolve(code ?? -1), UNREAD_MS).unref(); });
    child.once('close', (code) => resolve(code ?? -1));
  });
}

/** ssh replaces % in the path of its socket. */
export function asControlPath(path: string): string { return path.replaceAll('%', '%%'); }

/** ssh runs ProxyCommand and LocalCommand with $SHELL, whatever the operator's is. */
export function opensshEnvironment(): NodeJS.ProcessEnv { return { ...environmentForOthers(), SHELL: '/bin/sh' }; }

/** 0700 from its first instant: whoever reaches the socket is logged in. */
function privateFolder(): string {
  const base = tmpdir().length > LONGEST_FOLDER ? '/tmp' : tmpdir();
  return mkdtempSync(join(base, 'vaultctl-mux-'));
}
