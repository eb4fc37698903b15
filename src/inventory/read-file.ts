import { messageOf } from '../model/halt.ts';
import type { InventoryFiles } from '../ports/inventory-files.ts';
import { parseJson } from './json.ts';
import { byCodePoint, refuse } from './value.ts';
import type { Value } from './value.ts';
import type { VaultTexts } from './vault-text.ts';
import { parseYaml, parseYamlDocuments } from './yaml.ts';

export const fileLimitBytes = 10 * 1024 * 1024;

/** Reads the files of one inventory; each is parsed once however many hosts want it. */
export class SourceFiles {
  readonly files: InventoryFiles;
  readonly #vault: VaultTexts;
  readonly #warn: (text: string) => void;
  readonly #parsed = new Map<string, Value | undefined>();

  constructor(files: InventoryFiles, vault: VaultTexts, warn: (text: string) => void) {
    this.files = files;
    this.#vault = vault;
    this.#warn = warn;
  }

  /** undefined: the file holds nothing. JSON is tried before YAML, as Ansible does. */
  value(path: string): Value | undefined {
    if (!this.#parsed.has(path)) this.#parsed.set(path, this.parse(this.text(path), path));
    return this.#parsed.get(path);
  }

  /** Every document of a file that may hold several, as manifests do. */
  values(path: string): Value[] {
    const text = this.text(path);
    const json = parseJson(text, path);
    return json === undefined ? parseYamlDocuments(text, path, this.#warn) : [json.value];
  }

  parse(text: string, file: string): Value | undefined {
    const json = parseJson(text, file);
    return json === undefined ? parseYaml(text, file, this.#warn) : json.value;
  }

  /** Decrypted where the whole file is an Ansible Vault text; without byte order mark. */
  text(path: string): string { return this.#opened(this.#decoded(path), path); }

  #opened(text: string, path: string): string { return text.startsWith('$ANSIBLE_VAULT') ? this.#vault.decrypt(text, { file: path }) : text; }

  /**
   * An inventory, which is read once, for it may be a pipe. Lines that are comments may hold other bytes than UTF-8, as
   * Ansible allows in INI. `program`: it begins as one.
   */
  inventory(path: string): { readonly text: string; readonly program: boolean } {
    const bytes = this.bytes(path);
    const program = (bytes[0] === 0x23 && bytes[1] === 0x21) || (bytes[0] === 0x7F && bytes[1] === 0x45);
    const whole = decoded(bytes);
    if (whole !== undefined) return { text: this.#opened(whole, path), program };
    if (program) return { text: '', program };
    const lines = Buffer.from(bytes).toString('latin1').split('\n').map((line, index) => {
      const text = /^[#;]/.test(line) ? '' : decoded(Buffer.from(line, 'latin1'));
      return text ?? refuse({ file: path, line: index + 1 }, 'this is not UTF-8 text', 'Save the file as UTF-8.');
    });
    return { text: lines.join('\n'), program };
  }

  #decoded(path: string): string {
    return decoded(this.bytes(path)) ?? refuse({ file: path }, 'this is not UTF-8 text', 'Save the file as UTF-8.');
  }

  /** The names in a folder, sorted as Python sorts them. */
  list(folder: string): string[] {
    try {
      return this.files.list(folder).toSorted(byCodePoint);
    } catch (error) {
      return refuse({ file: folder }, unreadable(error, fileLimitBytes), 'Check the path and its permissions.');
    }
  }

  bytes(path: string): Uint8Array { return readBytes(this.files, path, fileLimitBytes); }
}

/** The text of a file that is not part of an inventory. */
export function configText(files: InventoryFiles, path: string, limitBytes: number): string {
  return decoded(readBytes(files, path, limitBytes)) ?? refuse({ file: path }, 'this is not UTF-8 text', 'Save the file as UTF-8.');
}

function readBytes(files: InventoryFiles, path: string, limitBytes: number): Uint8Array {
  try {
    return files.read(path, limitBytes);
  } catch (error) {
    return refuse({ file: path }, unreadable(error, limitBytes), 'Check the path and its permissions.');
  }
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function unreadable(error: unknown, limitBytes: number): string {
  switch ((error as { code?: string }).code) {
    case 'ENOENT': return 'no such file';
    case 'EACCES': return 'may not be read (permission denied)';
    case 'EISDIR': return 'is a folder, not a file';
    case 'EFBIG': return `is larger than ${limitBytes / 1024 / 1024} MiB`;
    default: return `cannot be read: ${messageOf(error)}`;
  }
}
