import { existsSync, readFileSync } from 'node:fs';
import process from 'node:process';
import type { AnyAuthMethod, BaseAgent, ParsedKey } from 'ssh2';
import { type Secret, wipe } from '../model/secret.ts';
import type { SshTarget } from './ssh-settings.ts';

type Ssh2 = typeof import('ssh2');
type AskSecret = (question: string) => Promise<Secret | undefined>;
const ASKED_AT_MOST = 3;

/** Private keys of this machine: each file is read once and its passphrase asked once, for all hosts together. */
export class KeyRing {
  readonly #ssh2: Ssh2;
  readonly #ask: AskSecret;
  readonly #keys = new Map<string, Promise<ParsedKey | undefined>>();
  readonly #encrypted = new Map<string, boolean>();
  #asking: Promise<unknown> = Promise.resolve();

  constructor(ssh2: Ssh2, ask: AskSecret) {
    this.#ssh2 = ssh2;
    this.#ask = ask;
  }

  /** Whether using it means asking somebody. */
  encrypted(file: string): boolean {
    const known = this.#encrypted.get(file);
    if (known !== undefined) return known;
    const text = readFileSync(file);
    const found = needsPassphrase(this.#ssh2.utils.parseKey(text));
    wipe(text);
    this.#encrypted.set(file, found);
    return found;
  }

  /** Undefined where it is no usable key or nobody knows its passphrase. */
  key(file: string): Promise<ParsedKey | undefined> {
    const found = this.#keys.get(file) ?? this.#open(file);
    this.#keys.set(file, found);
    return found;
  }

  async #open(file: string): Promise<ParsedKey | undefined> {
    const text = readFileSync(file);
    const plain = this.#ssh2.utils.parseKey(text);
    if (!(plain instanceof Error)) { wipe(text); return one(plain); }
    if (!needsPassphrase(plain)) return undefined;
    // One question at a time: two prompts on one terminal cannot be told apart.
    const answer = this.#asking.then(() => this.#askFor(file, text));
    this.#asking = answer.catch(() => undefined);
    return answer;
  }

  async #askFor(file: string, text: Buffer): Promise<ParsedKey | undefined> {
    for (let round = 0; round < ASKED_AT_MOST; round += 1) {
      const passphrase = await this.#ask(`Passphrase for ${file}: `);
      if (passphrase === undefined) return undefined;
      const found = this.#ssh2.utils.parseKey(text, passphrase.reveal());
      if (!(found instanceof Error)) return one(found);
    }
    return undefined;
  }
}

function needsPassphrase(found: ParsedKey | ParsedKey[] | Error): boolean { return found instanceof Error && /passphrase/.test(found.message); }

/** OpenSSH's own format holds one key; parseKey's type allows several. */
function one(found: ParsedKey | ParsedKey[]): ParsedKey | undefined { return Array.isArray(found) ? found[0] : found; }

export interface AuthTrial {
  /** The next method to try, or false. `left` is what the server still takes, null before it was asked. */
  next(left: readonly string[] | null): Promise<AnyAuthMethod | false>;
  /** What was tried, for the message when nothing was taken. */
  readonly tried: readonly string[];
}

/**
 * The inventory's key, the agent, the other keys, then the password both ways. The first offer is a public key at once,
 * without asking what the server takes: that saves a round trip. An encrypted key comes after the agent, who may hold it.
 */
export function authTrial(target: SshTarget, ring: KeyRing, ssh2: Ssh2): AuthTrial {
  const tried: string[] = [];
  const methods = offers(target, ring, ssh2, tried);
  return {
    tried,
    next: async (left) => {
      for (;;) {
        const found = await methods.next();
        if (found.done === true) return false;
        const name = found.value.type === 'agent' ? 'publickey' : found.value.type;
        if (left !== null && !left.includes(name)) continue;
        return found.value;
      }
    },
  };
}

async function* offers(target: SshTarget, ring: KeyRing, ssh2: Ssh2, tried: string[]): AsyncGenerator<AnyAuthMethod> {
  const username = target.user;
  const files = [...new Set([...(target.firstKey === undefined ? [] : [target.firstKey]), ...target.identityFiles])];
  const present = files.filter((file) => {
    if (existsSync(file)) return true;
    if (file === target.firstKey) tried.push(`key ${file} (no such file)`);
    return false;
  });
  const early = present.filter((file) => file === target.firstKey && !ring.encrypted(file));
  const late = present.filter((file) => !early.includes(file));
  const offer = async (file: string): Promise<AnyAuthMethod | undefined> => {
    const key = await ring.key(file);
    tried.push(key !== undefined ? `key ${file}` : ring.encrypted(file) ? `key ${file} (its passphrase was not given)` : `key ${file} (not a private key that ssh2 reads)`);
    return key === undefined ? undefined : { type: 'publickey', username, key };
  };
  for (const file of early) { const method = await offer(file); if (method !== undefined) yield method; }
  const socket = process.env.SSH_AUTH_SOCK;
  if (socket !== undefined && socket !== '') {
    tried.push('the agent');
    yield { type: 'agent', username, agent: target.identitiesOnly ? onlyKeysOf(present, socket, ssh2) : ssh2.createAgent(socket) };
  }
  for (const file of late) { const method = await offer(file); if (method !== undefined) yield method; }
  const { password } = target;
  if (password === undefined) return;
  tried.push('the password');
  yield { type: 'password', username, password: password.reveal() };
  yield {
    type: 'keyboard-interactive', username,
    // A question whose answer would be shown is not for the password.
    prompt: (_name, _instructions, _language, prompts, finish) => { finish(prompts.map(({ echo }) => (echo === true ? '' : password.reveal()))); },
  };
}

/** IdentitiesOnly: of the agent's keys only those that a configured file names. */
function onlyKeysOf(files: readonly string[], socket: string, ssh2: Ssh2): BaseAgent {
  const wanted = files.flatMap((file) => {
    try {
      const key = ssh2.utils.parseKey(readFileSync(existsSync(`${file}.pub`) ? `${file}.pub` : file));
      return key instanceof Error ? [] : [one(key)!.getPublicSSH()];
    } catch {
      return [];
    }
  });
  const agent = new ssh2.OpenSSHAgent(socket);
  const all = agent.getIdentities.bind(agent);
  const chosen = (keys: ParsedKey[]) => keys.filter((key) => wanted.some((blob) => blob.equals(key.getPublicSSH())));
  agent.getIdentities = ((done: (error?: Error | null, keys?: ParsedKey[]) => void) => {
    all(((error?: Error | null, keys?: ParsedKey[]) => { done(error, keys === undefined ? keys : chosen(keys)); }) as never);
  }) as never;
  return agent;
}
