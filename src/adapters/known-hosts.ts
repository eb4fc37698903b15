import { createHash, createHmac } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { HostError } from '../ports/hosts.ts';

/** One line of a known_hosts file. */
export interface KnownHost {
  readonly marker: 'revoked' | 'cert-authority' | undefined;
  /** The first field as it stands: patterns, or `|1|salt|hash`. */
  readonly names: string;
  /** `ssh-ed25519`, as the key's own blob says it. */
  readonly type: string;
  readonly key: Buffer;
  readonly file: string;
  readonly line: number;
}

/** Lines that do not parse are no entries, as in OpenSSH: they can only make a host unknown. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  return text.split('\n').flatMap((line, index): KnownHost[] => {
    const words = line.trim().split(/[ \t]+/);
    if (words[0] === '' || words[0]!.startsWith('#')) return [];
    const marker = words[0]!.startsWith('@') ? words.shift()!.slice(1) : undefined;
    if (marker !== undefined && marker !== 'revoked' && marker !== 'cert-authority') return [];
    const [names, type, blob] = words;
    if (names === undefined || type === undefined || blob === undefined) return [];
    const key = Buffer.from(blob, 'base64');
    // Node reads base64 through anything that stands between; OpenSSH does not.
    const isWhole = key.toString('base64').replace(/=+$/, '') === blob.replace(/=+$/, '');
    return isWhole && keyType(key) === type ? [{ marker, names, type, key, file, line: index + 1 }] : [];
  });
}

/** The name that a key blob begins with. */
export function keyType(key: Buffer): string | undefined {
  if (key.length < 4) return undefined;
  const length = key.readUInt32BE(0);
  return length > 0 && length <= 64 && key.length >= 4 + length ? key.toString('latin1', 4, 4 + length) : undefined;
}

export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** Whether an entry's first field names `host` (`[host]:port` where the port is not 22). */
export function names(field: string, host: string): boolean {
  if (field.startsWith('|1|')) {
    const [, , salt, hash] = field.split('|');
    return salt !== undefined && hash !== undefined && createHmac('sha1', Buffer.from(salt, 'base64')).update(host).digest('base64') === hash;
  }
  let found = false;
  for (const pattern of field.toLowerCase().split(',')) {
    const negated = pattern.startsWith('!');
    if (!matches(negated ? pattern.slice(1) : pattern, host)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

/** `*` and `?`, without the backtracking that a long hostile pattern could make slow. */
function matches(pattern: string, text: string): boolean {
  let at = 0;
  let of = 0;
  let star = -1;
  let retry = 0;
  while (of < text.length) {
    if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[of]) && pattern[at] !== '*') { at += 1; of += 1; }
    else if (pattern[at] === '*') { star = at; retry = of; at += 1; }
    else if (star >= 0) { at = star + 1; retry += 1; of = retry; }
    else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

export interface HostKeyQuestion {
  /** What messages call the host. */
  readonly host: string;
  /** HostKeyAlias, else the address. */
  readonly name: string;
  readonly port: number;
  readonly files: readonly string[];
  readonly strict: 'yes' | 'no' | 'accept-new';
  readonly aliased: boolean;
}

/** What is known of one host before it is asked. */
export class KnownKeys {
  readonly #question: HostKeyQuestion;
  readonly #entries: readonly KnownHost[];
  readonly #existing: readonly string[];
  readonly #spelling: string;

  constructor(question: HostKeyQuestion) {
    this.#question = question;
    const name = question.name.toLowerCase();
    this.#spelling = question.port === 22 || question.aliased ? name : `[${name}]:${question.port}`;
    const read = question.files.flatMap((file) => {
      const entries = readKnownHosts(question.host, file);
      return entries === undefined ? [] : [{ file, entries }];
    });
    this.#existing = read.map(({ file }) => file);
    this.#entries = read.flatMap(({ entries }) => entries).filter((entry) => names(entry.names, this.#spelling) || names(entry.names, name));
  }

  /** Key types to ask for first: a host known by one type must not seem changed because it also has another. */
  get types(): string[] { return [...new Set(this.#plain().map(({ type }) => type))]; }

  /** The host is to show a certificate, and no plain key is known of it. */
  get authorityOnly(): boolean { return this.#plain().length === 0 && this.#entries.some(({ marker, names: field }) => marker === 'cert-authority' && names(field, this.#spelling)); }

  #plain(): KnownHost[] {
    return this.#entries.filter(({ marker, names: field }) => marker === undefined && names(field, this.#spelling));
  }

  /** @returns undefined where the key is right, a warning where the inventory lets it pass; throws HostError `hostkey` */
  check(key: Buffer): string | undefined {
    const { host, strict } = this.#question;
    const revoked = this.#entries.find((entry) => entry.marker === 'revoked' && entry.key.equals(key));
    if (revoked !== undefined) {
      throw new HostError(host, 'hostkey', `the key that ${this.#spelling} shows (${fingerprint(key)}) is revoked by ${revoked.file}:${revoked.line}`, 'the host needs new keys: on its console, ssh-keygen -A after removing the old ones, then replace its lines in known_hosts');
    }
    // An entry without the port counts for this port only when it agrees, as in OpenSSH.
    if (this.#entries.some((entry) => entry.marker === undefined && entry.key.equals(key))) return undefined;
    const known = this.#plain();
    if (known.length > 0) {
      if (strict === 'no') return `${host}: its key changed, which the inventory lets pass (StrictHostKeyChecking=no)`;
      throw this.#changed(key, known);
    }
    if (strict === 'no') return `${host}: its key is unknown, which the inventory lets pass (StrictHostKeyChecking=no)`;
    if (strict === 'accept-new') return this.#remember(key);
    throw this.#unknown(key);
  }

  #changed(key: Buffer, known: readonly KnownHost[]): HostError {
    const [first] = known;
    const where = known.map(({ file, line }) => `${file}:${line}`).join(', ');
    const type = keyType(key) ?? 'unknown';
    const same = known.find((entry) => entry.type === type);
    const what = same === undefined
      ? `the host shows a ${type} key (${fingerprint(key)}) and none of the kind that ${where} knows (${this.types.join(', ')})`
      : `the key of ${this.#spelling} CHANGED: it shows ${type} ${fingerprint(key)}, and ${same.file}:${same.line} says ${fingerprint(same.key)}. Somebody may be listening in between`;
    return new HostError(this.#question.host, 'hostkey', what,
      `compare on the host's console (ssh-keygen -lf /etc/ssh/ssh_host_${shortType(type)}_key.pub); if it is right: ssh-keygen -f ${first!.file} -R '${this.#spelling}' && ${this.#scan()}`);
  }

  #unknown(key: Buffer): HostError {
    const shown = `${keyType(key) ?? 'a key'} ${fingerprint(key)}`;
    const authority = this.#entries.find(({ marker }) => marker === 'cert-authority');
    const mend = `${this.#scan()}   (after comparing ${fingerprint(key)} on the host's console: ssh-keygen -lf /etc/ssh/ssh_host_${shortType(keyType(key) ?? '')}_key.pub)`;
    const { host, files } = this.#question;
    if (this.#existing.length === 0) return new HostError(host, 'hostkey', `there is no known_hosts file (${files.join(', ')}), so the key that ${this.#spelling} shows (${shown}) cannot be checked`, mend);
    const why = authority === undefined ? '' : `; ${authority.file}:${authority.line} knows a certificate authority for it, but vaultctl checks plain host keys only`;
    return new HostError(host, 'hostkey', `the key of ${this.#spelling} is unknown: it shows ${shown}, and ${this.#existing.join(', ')} has no entry for it${why}`, mend);
  }

  #scan(): string {
    const { name, port, files } = this.#question;
    return `ssh-keyscan ${port === 22 ? '' : `-p ${port} `}${name} >> ${files[0] ?? '~/.ssh/known_hosts'}`;
  }

  #remember(key: Buffer): string {
    const [file] = this.#question.files;
    if (file === undefined) throw this.#unknown(key);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    appendFileSync(file, `${this.#spelling} ${keyType(key)} ${key.toString('base64')}\n`, { mode: 0o600 });
    return `${this.#question.host}: its key was unknown and is now in ${file} (StrictHostKeyChecking=accept-new)`;
  }
}

function shortType(type: string): string { return type.includes('ed25519') ? 'ed25519' : type.includes('ecdsa') ? 'ecdsa' : 'rsa'; }

/** Some hundred thousand hosts. */
const LIMIT_BYTES = 64 << 20;

const cache = new Map<string, { readonly stamp: string; readonly entries: readonly KnownHost[] }>();

/** Undefined where there is none. One that cannot be read is an error: its @revoked lines would go unheard. */
function readKnownHosts(host: string, file: string): readonly KnownHost[] | undefined {
  try {
    const there = statSync(file, { throwIfNoEntry: false });
    if (there === undefined) return undefined;
    // /dev/null is how a configuration says "none"; a pipe would keep us waiting, and its lines would be gone the second time.
    if (!there.isFile() && !there.isCharacterDevice()) throw new Error('it is not a file');
    if (there.size > LIMIT_BYTES) throw new Error(`it is larger than ${LIMIT_BYTES >> 20} MiB`);
    const stamp = `${there.mtimeMs} ${there.size} ${there.ino}`;
    const found = cache.get(file);
    if (found?.stamp === stamp) return found.entries;
    const entries = parseKnownHosts(readFileSync(file, 'utf8'), file);
    cache.set(file, { stamp, entries });
    return entries;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new HostError(host, 'hostkey', `${file} cannot be read: ${message}`, `ls -l ${file}`, { cause: error });
  }
}
