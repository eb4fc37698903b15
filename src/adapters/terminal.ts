import process from 'node:process';
import { createInterface } from 'node:readline';
import { redact, redactedJson, Secret } from '../model/secret.ts';
import type { Event, Operator } from '../ports/operator.ts';

export interface TerminalOptions { readonly json: boolean; readonly color: boolean; readonly confirm: string | undefined; readonly quiet: boolean; readonly journal?: (event: Event) => void }
type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';
interface Spinner { start(text: string): unknown; stop(): unknown; text: string }

/**
 * The person at the other end. On a terminal ora turns while a step runs; a pipe gets one line a step, `--json` one
 * event a line. Signals are only noted: a flow looks for them between steps, so a second one changes nothing.
 */
export class Terminal implements Operator {
  readonly #options: TerminalOptions;
  readonly #fancy: boolean;
  readonly #handlers = new Map<Signal, () => void>();
  #signal: Signal | undefined;
  #spinner: Spinner | undefined;
  #current: string | undefined;

  constructor(options: TerminalOptions) {
    this.#options = options;
    this.#fancy = !options.json && !options.quiet && process.stderr.isTTY === true;
    if (options.quiet) return;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      const note = () => { this.#note(signal); };
      this.#handlers.set(signal, note);
      process.on(signal, note);
    }
  }

  #note(signal: Signal): void {
    if (this.#signal === undefined) this.tell({ is: 'note', text: `${signal}: stopping as soon as the step in hand has reached a safe point` });
    this.#signal ??= signal;
  }

  stopRequested(): Signal | undefined { return this.#signal; }

  tell(event: Event): void {
    this.#options.journal?.(event);
    if (this.#options.json && !this.#options.quiet) { process.stdout.write(`${redactedJson(event)}\n`); return; }
    if (event.is === 'warning') return this.#line(process.stderr, `! ${event.text}`);
    if (this.#options.quiet) return;
    switch (event.is) {
      case 'flow': return this.#line(process.stdout, `${event.flow} on ${event.cluster} (operation ${event.operation})`);
      case 'step': return this.#step(event);
      case 'note': return this.#line(process.stdout, `  ${event.text}`);
      case 'end': return this.#line(process.stdout, event.text);
    }
  }

  #step({ title, mark, note }: Extract<Event, { is: 'step' }>): void {
    if (mark === 'start') {
      this.#current = title;
      if (this.#fancy && hasWidth()) void this.#spin(title);
      return;
    }
    this.#current = undefined;
    this.#spinner?.stop();
    const signs = { done: this.#paint('32', '✓'), already: this.#paint('2', '·'), skipped: this.#paint('2', '-'), would: '→', failed: this.#paint('31', '✗') };
    this.#line(process.stdout, `${signs[mark]} ${title}${mark === 'already' || mark === 'skipped' ? ` (${mark})` : ''}${note === undefined ? '' : `: ${note}`}`);
  }

  async #spin(title: string): Promise<void> {
    if (this.#spinner === undefined) {
      const { default: ora } = await import('ora');
      this.#spinner = ora({ stream: process.stderr, discardStdin: false, hideCursor: false });
    }
    if (this.#current === title) this.#spinner.start(title);
  }

  #paint(code: string, text: string): string {
    return this.#options.color && process.stdout.isTTY === true && process.env.NO_COLOR === undefined ? `\u001b[${code}m${text}\u001b[0m` : text;
  }

  #line(stream: NodeJS.WriteStream, text: string): void {
    const turning = this.#current !== undefined && this.#spinner !== undefined;
    if (turning) this.#spinner?.stop();
    this.#write(stream, text);
    if (turning && this.#current !== undefined && hasWidth()) this.#spinner?.start(this.#current);
  }

  #write(stream: NodeJS.WriteStream, text: string): void { stream.write(`${redact(text)}\n`); }

  async confirm(question: string, expected: string): Promise<boolean> {
    if (this.#options.confirm !== undefined) return this.#options.confirm === expected;
    if (process.stdin.isTTY !== true) return false;
    this.#spinner?.stop();
    const answer = await this.#ask(`${question}\nType the name of the cluster (${expected}): `, false);
    return answer === expected;
  }

  async askSecret(question: string): Promise<Secret | undefined> {
    if (process.stdin.isTTY !== true) return undefined;
    this.#spinner?.stop();
    const answer = await this.#ask(question, true);
    return answer === undefined ? undefined : new Secret(answer);
  }

  #ask(question: string, hidden: boolean): Promise<string | undefined> {
    return new Promise((resolve) => {
      const lines = createInterface({ input: process.stdin, output: hidden ? undefined : process.stderr, terminal: true });
      if (hidden) process.stderr.write(question);
      // A terminal that was closed meanwhile answers EIO.
      lines.on('error', () => { lines.close(); });
      lines.once('close', () => { if (hidden) process.stderr.write('\n'); resolve(undefined); });
      lines.question(hidden ? '' : question, (answer) => { resolve(answer); lines.close(); });
    });
  }

  async showKeys(consent: string, page: () => string): Promise<boolean> {
    if (process.stdin.isTTY !== true || !process.stdout.isTTY) return false;
    this.#spinner?.stop();
    if (await this.#ask(`Last resort. Type "${consent}" to see the keys: `, false) !== consent) return false;
    process.stdout.write(`${page()}\n`);
    return true;
  }

  end(): void {
    this.#spinner?.stop();
    for (const [signal, note] of this.#handlers) process.off(signal, note);
  }
}

/** A terminal without a size (ssh -tt without a terminal here, serial lines, expect) has 0 columns: ora would wipe endless lines, deaf to every signal. */
function hasWidth(): boolean { return (process.stderr.columns ?? 0) > 0; }
