import type { Secret } from '../model/secret.ts';
import type { Question } from './openssh-askpass.ts';
import type { SshTarget } from './ssh-settings.ts';

/** Passphrases and PINs of this machine's keys, asked once for all hosts, one at a time. */
export class Passphrases {
  readonly #ask: (question: string) => Promise<Secret | undefined>;
  readonly #known = new Map<string, Promise<Secret | undefined>>();
  #asking: Promise<unknown> = Promise.resolve();

  constructor(ask: (question: string) => Promise<Secret | undefined>) { this.#ask = ask; }

  /** @param again what was known was wrong */
  of(text: string, again: boolean): Promise<Secret | undefined> {
    const known = this.#known.get(text);
    if (known !== undefined && !again) return known;
    // Two prompts on one terminal cannot be told apart.
    const answer = this.#asking.then(() => this.#ask(text));
    this.#asking = answer.catch(() => undefined);
    this.#known.set(text, answer);
    return answer;
  }
}

/** What one login may be told. Whatever else is asked (whether to trust a host key, a second password) is answered no. */
export class LoginAnswers {
  readonly #target: SshTarget;
  readonly #address: string;
  readonly #passphrases: Passphrases;
  readonly #note: (text: string) => void;
  readonly #asked = new Set<string>();
  /** Questions that had no answer, for the message when the login fails. */
  readonly unanswered: string[] = [];

  constructor(target: SshTarget, address: string, passphrases: Passphrases, note: (text: string) => void) {
    this.#target = target;
    this.#address = address;
    this.#passphrases = passphrases;
    this.#note = note;
  }

  async answer({ kind, text }: Question): Promise<Secret | undefined> {
    const shown = text.replaceAll(/[^\x20-\x7e\u00a0-\uffff]/g, '').trim();
    if (kind === 'none') {
      this.#note(`${this.#target.name}: ${shown}`);
      return undefined;
    }
    const again = this.#asked.has(text);
    this.#asked.add(text);
    const found = kind === 'confirm' ? undefined : await this.#secret(text, shown, again);
    if (found === undefined) this.unanswered.push(shown.replace(/: ?$/, ''));
    return found;
  }

  async #secret(text: string, shown: string, again: boolean): Promise<Secret | undefined> {
    if (this.#isOurPassword(text)) return again ? undefined : this.#target.password;
    return /^Enter (?:passphrase|PIN) for /.test(text) ? this.#passphrases.of(`${shown} `, again) : undefined;
  }

  /** A hop in front of the host has a password of its own, and a server's question begins with who asks. */
  #isOurPassword(text: string): boolean {
    const { user, hostname, hostKeyAlias } = this.#target;
    return [hostname, this.#address, hostKeyAlias].some((host) => host !== undefined && (text.startsWith(`${user}@${host}'s password:`) || text.startsWith(`(${user}@${host}) `)));
  }
}
