/** What each exit code promises to scripts (contract §3). */
export const exitCodes = {
  done: 0, unexpected: 1, usage: 2, lost: 3, resumable: 4, undelivered: 5,
  locked: 6, refused: 7, unreachable: 8, interrupted: 130, terminated: 143, hungUp: 129,
} as const;
export type ExitName = keyof typeof exitCodes;

/** What an operator must read when vaultctl stops: every field is a sentence or a command, never a secret. */
export interface HaltText {
  /** Registry name, for scripts: `keys-rejected`. */
  readonly code: string;
  readonly exit: ExitName;
  /** What happened, first line. */
  readonly what: string;
  readonly details?: readonly string[];
  /** What is safe, and which file on which host holds the keys. */
  readonly safe?: readonly string[];
  /** What was NOT done. */
  readonly notDone?: readonly string[];
  /** The exact next commands, in order. */
  readonly next?: readonly string[];
}

/** The operator must act. Anything else that is thrown is either "outcome unknown" (Error with cause) or our bug. */
export class Halt extends Error {
  readonly text: HaltText;
  constructor(text: HaltText, options?: ErrorOptions) {
    super(text.what, options);
    this.name = 'Halt';
    this.text = text;
  }
  get exitCode(): number { return exitCodes[this.text.exit]; }
}

/** The page an operator reads; `Credentials LOST` and its kin begin with their first line. */
export function haltPage(text: HaltText): string {
  const lines = [text.what, ...(text.details ?? []).map((line) => `  ${line}`)];
  const part = (title: string, body: readonly string[] | undefined, bullet: string) => {
    if (body === undefined || body.length === 0) return;
    lines.push('', `${title}:`, ...body.map((line) => `  ${bullet}${line}`));
  };
  part('Safe', text.safe, '');
  part('Not done', text.notDone, '');
  part('Next', text.next, '');
  return `${lines.join('\n')}\n`;
}

export class UsageError extends Halt {
  constructor(what: string, hint?: string, where?: { file: string; line?: number }) {
    const place = where === undefined ? '' : `${where.file}${where.line === undefined ? '' : `:${where.line}`}: `;
    super({
      code: 'usage', exit: 'usage', what: `${place}${what}`,
      notDone: ['Nothing was touched.'], ...(hint === undefined ? {} : { next: [hint] }),
    });
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
