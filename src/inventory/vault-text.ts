import { UsageError } from '../model/halt.ts';
import { neverShow } from '../model/secret.ts';
import type { Secret } from '../model/secret.ts';
import { shellWord } from '../model/shell-word.ts';
import { refuse } from './value.ts';
import type { Place } from './value.ts';

/** Thrown where an encrypted text is met before its password is known; `unlocking` asks for it and starts again. */
export class NeedsPassword extends Error {
  readonly place: Place;
  constructor(place: Place) {
    super('a vault password is needed');
    this.place = place;
  }
}

interface Decryptor { decryptSync(text: string, id: undefined): string | undefined }

/** A password and the label that `ansible-vault` writes behind `1.2;AES256;` for it. */
export interface LabelledPassword { readonly label: string; readonly password: Secret }
/** One password, or several with their labels, in the order in which they shall be tried. */
export type AskPassword = () => Promise<Passwords> | Passwords;
type Passwords = Secret | readonly LabelledPassword[] | undefined;

const envelope = /^\$ANSIBLE_VAULT;1\.[12];AES256(?:;(.*))?$/;

/** Opens Ansible Vault texts. The passwords are asked for once, and only when something must be opened. */
export class VaultTexts {
  readonly #ask: AskPassword | undefined;
  readonly #labelsMustMatch: boolean;
  readonly #opened = new Map<string, string>();
  #decryptors: readonly { readonly label: string; readonly decryptor: Decryptor }[] | undefined;

  /** @param labelsMustMatch a text is tried with the passwords of its own label only (Ansible's `vault_id_match`) */
  constructor(ask: AskPassword | undefined, labelsMustMatch = false) {
    this.#ask = ask;
    this.#labelsMustMatch = labelsMustMatch;
  }

  /** Never puts ciphertext or plaintext into an error. */
  decrypt(text: string, place: Place): string {
    const known = this.#opened.get(text);
    if (known !== undefined) return known;
    const lines = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== '');
    const header = envelope.exec(lines[0] ?? '');
    if (header === null) {
      refuse(place, 'this is not an Ansible Vault text that vaultctl can read (format 1.1 or 1.2, AES256)', 'Encrypt it again with `ansible-vault encrypt_string`.');
    }
    if (this.#decryptors === undefined) throw new NeedsPassword(place);
    const label = header[1]?.trim() || undefined;
    const fitting = this.#labelsMustMatch ? this.#decryptors.filter((each) => each.label === label) : this.#decryptors;
    const plain = opened(lines.join('\n'), fitting.map(({ decryptor }) => decryptor));
    if (plain === undefined) this.#refuseClosed(label, fitting.length, place);
    this.#opened.set(text, plain);
    return plain;
  }

  #refuseClosed(label: string | undefined, tried: number, place: Place): never {
    const given = (this.#decryptors ?? []).map((each) => each.label);
    const labels = [...new Set(given)].map(shownLabel).join(', ');
    const asks = label === undefined ? 'Give the right one with --vault-id LABEL@FILE or --vault-password-file FILE.' : `It is labelled ${shownLabel(label)}: --vault-id ${shownLabel(label)}@FILE`;
    if (tried === 0) {
      const own = label === undefined ? 'no label' : `the label ${shownLabel(label)}`;
      refuse(place, `this value has ${own}, and Ansible's vault_id_match forbids passwords of other labels (given: ${labels})`, asks);
    }
    const none = given.length === 1 ? 'the vault password does not open' : `none of the ${tried} vault passwords (${labels}) opens`;
    refuse(place, `${none} this value, or the value is damaged`, asks);
  }

  /** Runs `work`, and once more with the passwords if it met something encrypted. */
  async unlocking<T>(work: () => T): Promise<T> {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof NeedsPassword)) throw error;
      const answer = await this.#ask?.();
      const passwords = (answer === undefined || Array.isArray(answer) ? answer ?? [] : [{ label: 'default', password: answer }]) as readonly LabelledPassword[];
      if (passwords.every(({ password }) => password.empty)) {
        refuse(error.place, 'this is encrypted with Ansible Vault and no vault password was given', 'Give it with --vault-password-file FILE, --vault-id LABEL@FILE or --ask-vault-pass.');
      }
      this.#decryptors = await decryptorsOf(passwords.filter(({ password }) => !password.empty));
      return work();
    }
  }
}

/** A password may itself be encrypted with one that stands before it, as Ansible allows. */
async function decryptorsOf(passwords: readonly LabelledPassword[]): Promise<{ label: string; decryptor: Decryptor }[]> {
  const { Vault } = await import('ansible-vault');
  const decryptors: { label: string; decryptor: Decryptor }[] = [];
  for (const { label, password } of passwords) {
    const text = password.reveal();
    const plain = !text.startsWith('$ANSIBLE_VAULT;') ? text : opened(text, decryptors.map(({ decryptor }) => decryptor))?.replaceAll(/^[\r\n]+|[\r\n]+$/g, '');
    if (plain === undefined) throw new UsageError(`the vault password labelled ${shownLabel(label)} is itself encrypted, and no password before it opens it`, 'Give the password that opens it first, with --vault-id LABEL@FILE.');
    neverShow(plain);
    decryptors.push({ label, decryptor: new Vault({ password: plain }) as Decryptor });
  }
  return decryptors;
}

/** The text is signed: at most one password opens it, whatever the order. */
function opened(text: string, decryptors: readonly Decryptor[]): string | undefined {
  for (const decryptor of decryptors) {
    try {
      return decryptor.decryptSync(text, undefined);
    } catch {
      continue;
    }
  }
  return undefined;
}

/** A label comes from a file and goes into a command: the page shows no controls, and not pages of it. */
function shownLabel(label: string): string { return shellWord(label.replaceAll(/\p{C}/gu, '?').slice(0, 60)); }
