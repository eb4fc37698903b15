import type { Secret } from '../model/secret.ts';

/** The person, or the script, at the other end. */
export interface Operator {
  /** One line or one event; never a secret. */
  tell(event: Event): void;
  /** The word typed in answer, or undefined where there is no terminal and `--confirm` was not given. */
  confirm(question: string, expected: string): Promise<boolean>;
  /** A passphrase or password, asked on the terminal without echo. Undefined: no terminal. */
  askSecret(question: string): Promise<Secret | undefined>;
  /** The first signal that asked us to stop, if any: looked at between steps, never within one. */
  stopRequested(): 'SIGINT' | 'SIGTERM' | 'SIGHUP' | undefined;
  /** Last resort, after typed consent: prints keys that no disk would take. */
  showKeys(consent: string, page: () => string): Promise<boolean>;
}

export type Event =
  | { readonly is: 'flow'; readonly flow: string; readonly operation: string; readonly cluster: string }
  | { readonly is: 'step'; readonly step: string; readonly title: string; readonly mark: 'start' | 'done' | 'already' | 'skipped' | 'would' | 'failed'; readonly note?: string }
  | { readonly is: 'note'; readonly text: string }
  | { readonly is: 'warning'; readonly text: string }
  | { readonly is: 'end'; readonly flow: string; readonly text: string };
