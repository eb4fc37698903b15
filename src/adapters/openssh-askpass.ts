import { chmodSync, closeSync, constants, openSync, writeFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { Secret } from '../model/secret.ts';
import { runProgram } from './run-program.ts';

const MADE_MS = 5000;
/** A question is short; what is longer is none. */
const QUESTION_LIMIT = 4096;

/**
 * ssh runs it with the question as its argument. The answer comes through a named pipe in a folder that only we can enter,
 * with the number of the process that asked: what one left unread is never another's. Only builtins: no program sees it.
 */
const SCRIPT = `#!/bin/sh
PATH=/nonexistent
d=\${0%/*}
exec 3>"$d/ask" 4<"$d/tell" || exit 1
printf '%s\\n%s\\n%s\\0' "$$" "$SSH_ASKPASS_PROMPT" "$1" >&3 || exit 1
[ "$SSH_ASKPASS_PROMPT" != none ] || exit 0
while IFS= read -r a <&4; do
  case $a in "$$:yes:"*) printf '%s\\n' "\${a#*:yes:}"; exit;; "$$:no") exit 1;; esac
done
exit 1
`;

export interface Question {
  readonly text: string;
  /** `none`: said only, as a request to touch a hardware key. */
  readonly kind: 'secret' | 'confirm' | 'none';
}

/** Answers what the system's ssh asks while it logs in: passwords, passphrases, PINs. Never in arguments, environment or a file. */
export class Askpass {
  readonly environment: Readonly<Record<string, string>>;
  readonly #questions: Socket;
  readonly #tell: number;
  #buffer = '';

  private constructor(folder: string, answer: (question: Question) => Promise<Secret | undefined>) {
    const script = join(folder, 'askpass');
    writeFileSync(script, SCRIPT, { mode: 0o700 });
    chmodSync(script, 0o700);
    // Both ways at once: opening waits for nobody, and nothing ends because one who asked has gone.
    const open = (name: string) => openSync(join(folder, name), constants.O_RDWR | constants.O_NONBLOCK);
    this.#tell = open('tell');
    this.#questions = new Socket({ fd: open('ask'), readable: true, writable: false });
    this.#questions.on('error', () => undefined).setEncoding('utf8').on('data', (chunk: string) => { this.#hear(chunk, answer); });
    // Before 8.4 ssh asked this way only where it thought that there is a screen.
    this.environment = { SSH_ASKPASS: script, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: process.env.DISPLAY ?? ':none' };
  }

  /** @param folder 0700, and ours */
  static async in(folder: string, answer: (question: Question) => Promise<Secret | undefined>): Promise<Askpass> {
    const { code, err } = await runProgram(['mkfifo', '-m', '600', join(folder, 'ask'), join(folder, 'tell')], { timeoutMs: MADE_MS });
    if (code !== 0) throw new Error(`no named pipe can be made in ${folder}: ${err.trim()}`);
    return new Askpass(folder, answer);
  }

  #hear(chunk: string, answer: (question: Question) => Promise<Secret | undefined>): void {
    this.#buffer += chunk;
    for (let end = this.#buffer.indexOf('\0'); end >= 0; end = this.#buffer.indexOf('\0')) {
      const [id = '', kind = '', ...text] = this.#buffer.slice(0, end).split('\n');
      this.#buffer = this.#buffer.slice(end + 1);
      const known = kind === 'none' || kind === 'confirm' ? kind : 'secret';
      void answer({ kind: known, text: text.join(' ') }).catch(() => undefined).then((found) => { if (known !== 'none') this.#say(id, found); });
    }
    if (this.#buffer.length > QUESTION_LIMIT) this.#buffer = '';
  }

  #say(id: string, found: Secret | undefined): void {
    if (this.#questions.destroyed) return;
    const line = found?.reveal();
    const whole = line === undefined || /[\n\0]/.test(line) ? `${id}:no\n` : `${id}:yes:${line}\n`;
    try { writeSync(this.#tell, whole); } catch { /* who asked has waited in vain, and ssh goes on without */ }
  }

  close(): void {
    if (this.#questions.destroyed) return;
    this.#questions.destroy();
    closeSync(this.#tell);
  }
}
