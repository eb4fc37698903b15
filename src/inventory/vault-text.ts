import type { Secret } from '../model/secret.ts';
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
export type AskPassword = () => Promise<Secret | undefined> | Secret | undefined;

/** Opens Ansible Vault texts. The password is asked for once, and only when something must be opened. */
export class VaultTexts {
  readonly #ask: AskPassword | undefined;
  readonly #opened = new Map<string, string>();
  #decryptor: Decryptor | undefined;

  constructor(ask: AskPassword | undefined) { this.#ask = ask; }

  /** Never puts ciphertext or plaintext into an error. */
  decrypt(text: string, place: Place): string {
    const known = this.#opened.get(text);
    if (known !== undefined) return known;
    if (this.#decryptor === undefined) throw new NeedsPassword(place);
    const lines = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== '');
    if (!/^\$ANSIBLE_VAULT;1\.[12];AES256(;.*)?$/.test(lines[0] ?? '')) {
      refuse(place, 'this is not an Ansible Vault text that vaultctl can read (format 1.1 or 1.2, AES256)', 'Encrypt it again with `ansible-vault encrypt_string`.');
    }
    let plain: string | undefined;
    try {
      plain = this.#decryptor.decryptSync(lines.join('\n'), undefined);
    } catch {
      plain = undefined;
    }
    if (plain === undefined) refuse(place, 'the vault password does not open this value, or the value is damaged', 'Give the right file with --vault-password-file.');
    this.#opened.set(text, plain);
    return plain;
  }

  /** Runs `work`, and once more with the password if it met something encrypted. */
  async unlocking<T>(work: () => T): Promise<T> {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof NeedsPassword)) throw error;
      const password = await this.#ask?.();
      if (password === undefined || password.empty) {
        refuse(error.place, 'this is encrypted with Ansible Vault and no vault password was given', 'Give it with --vault-password-file FILE.');
      }
      const { Vault } = await import('ansible-vault');
      this.#decryptor = new Vault({ password: password.reveal() }) as Decryptor;
      return work();
    }
  }
}
