import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { wipe } from '../model/secret.ts';
import type { Manager } from '../model/settings.ts';
import { HostError } from '../ports/hosts.ts';
import type { OpensshTransport } from './openssh-transport.ts';
import { runProgram } from './run-program.ts';
import type { RawChannel } from './script-channel.ts';
import { knownKeys } from './ssh-connect.ts';
import { type SshTarget, wholeConfig } from './ssh-settings.ts';
import type { Transport } from './ssh-shell.ts';
import type { Ssh2Transport } from './ssh2-transport.ts';

const AGENT_MS = 5000;
const SK_KEY = /sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)(?:-cert-v01)?@openssh\.com/;
const HARDWARE_KEYS = ['id_ed25519_sk', 'id_ecdsa_sk'];

export interface AutoParts {
  readonly manager: Manager;
  readonly target: () => Promise<SshTarget>;
  readonly ssh2: Ssh2Transport;
  readonly openssh: OpensshTransport;
  /** Told once a host, where it is not ssh2. */
  readonly note: (text: string) => void;
}

/** ssh2, and the system's ssh for what ssh2 cannot do: decided at the first command, once for the whole run. */
export class AutoTransport implements Transport {
  readonly #parts: AutoParts;
  #decided: Promise<Transport> | undefined;

  constructor(parts: AutoParts) { this.#parts = parts; }

  async channel(command: string): Promise<RawChannel> {
    this.#decided ??= this.#decide();
    const deciding = this.#decided;
    // A host that is away today says nothing about which transport it needs.
    deciding.catch(() => { if (this.#decided === deciding) this.#decided = undefined; });
    return (await deciding).channel(command);
  }

  async #decide(): Promise<Transport> {
    const { manager, ssh2, openssh, note } = this.#parts;
    const target = await this.#parts.target().catch((error: unknown) => { throw new HostError(manager.name, 'unreachable', (error as Error).message, undefined, { cause: error }); });
    const tell = (why: string) => note(`${manager.name}: through the system's ssh, for ${why} (vault_transport: auto)`);
    const known = whyOpenssh(manager, target);
    if (known !== undefined) {
      tell(known);
      return openssh;
    }
    try {
      await ssh2.ready();
      return ssh2;
    } catch (error) {
      const why = error instanceof HostError ? await whyAfter(error, () => wholeConfig(manager)) : undefined;
      if (why === undefined) throw error;
      await openssh.ready().catch((second: unknown) => { throw neither(error as HostError, second, why); });
      tell(why);
      return openssh;
    }
  }

  async close(): Promise<void> { await Promise.all([this.#parts.ssh2.close(), this.#parts.openssh.close()]); }
}

/** Neither of the two got in: what the first was told is what the operator knows how to mend. */
function neither(first: HostError, second: unknown, why: string): Error {
  if (!(second instanceof HostError)) return second as Error;
  if (second.kind === 'tool') return new HostError(first.host, first.kind, `${first.message}; ${why}, and ${second.message}`, second.mend, { cause: first });
  if (first.kind !== second.kind) return second;
  return new HostError(first.host, first.kind, `${first.message}; through the system's ssh, for ${why}: ${second.message}`, second.mend ?? first.mend, { cause: second });
}

/** What is known before anybody is asked: a reason to take the system's ssh at once. */
export function whyOpenssh({ ssh, privateKeyFile }: Pick<Manager, 'ssh' | 'privateKeyFile'>, target: SshTarget): string | undefined {
  if (ssh.needsOpenssh !== undefined) return `${ssh.needsOpenssh} in the inventory`;
  if (ssh.executable !== undefined) return `ansible_ssh_executable names ${ssh.executable}`;
  for (const key of ['certificatefile', 'pkcs11provider', 'knownhostscommand', 'revokedhostkeys']) {
    const value = target.config.get(key)?.[0];
    if (value !== undefined && value.toLowerCase() !== 'none') return `${key} ${value} in the configuration of ssh`;
  }
  const named = [...(privateKeyFile === undefined ? [] : [privateKeyFile]), ...ssh.identityFiles];
  const hardware = named.find(isHardwareKey);
  if (hardware !== undefined) return `${hardware} is a hardware key (touch it when it blinks)`;
  const certified = [...named, ...target.identityFiles].find((file) => existsSync(file) && existsSync(`${file}-cert.pub`));
  if (certified !== undefined) return `${certified}-cert.pub is a certificate`;
  return knownKeys(target).authorityOnly ? `known_hosts knows ${target.hostname} by a certificate authority` : undefined;
}

/** Whether what ssh2 was told may be another with the system's ssh; undefined: no. */
async function whyAfter(error: HostError, asked: () => Promise<SshTarget['config']>): Promise<string | undefined> {
  if (error.kind === 'unreachable') return /no matching ([^:;]*)/.exec(error.message)?.[1]?.replace(/^/, 'ssh2 knows no ');
  if (error.kind !== 'denied') return undefined;
  const unread = /key (\S+) \(not a private key that ssh2 reads\)/.exec(error.message)?.[1];
  if (unread !== undefined) return `ssh2 cannot read ${unread}`;
  const config = await asked();
  const own = [...(config.get('identityfile') ?? []).map((file) => file.replace(/^~(?=\/)/, homedir())), ...HARDWARE_KEYS.map((name) => join(homedir(), '.ssh', name))];
  const hardware = own.find(isHardwareKey);
  if (hardware !== undefined) return `${hardware} is a hardware key (touch it when it blinks)`;
  if (config.get('gssapiauthentication')?.[0] === 'yes' && hasTicket()) return 'there is a Kerberos ticket, and GSSAPIAuthentication yes in the configuration of ssh';
  if (config.get('hostbasedauthentication')?.[0] === 'yes') return 'HostbasedAuthentication yes in the configuration of ssh';
  return await agentHoldsMore() ? 'the agent holds a certificate or a hardware key' : undefined;
}

/** By what is in it, for its name may be any. Only the public half of such a file is not encrypted. */
function isHardwareKey(file: string): boolean {
  let text: Buffer;
  try { text = readFileSync(file); } catch { return false; }
  const found = SK_KEY.test(text.toString('latin1')) || SK_KEY.test(Buffer.from(text.toString('latin1').replaceAll(/-----[^\n]*-----|\s/g, ''), 'base64').toString('latin1'));
  wipe(text);
  return found;
}

function hasTicket(): boolean {
  const named = process.env.KRB5CCNAME;
  return named !== undefined && named !== '' || existsSync(`/tmp/krb5cc_${process.getuid?.() ?? 0}`);
}

async function agentHoldsMore(): Promise<boolean> {
  if ((process.env.SSH_AUTH_SOCK ?? '') === '') return false;
  const listed = await runProgram(['ssh-add', '-L'], { timeoutMs: AGENT_MS }).catch(() => undefined);
  return listed !== undefined && /^(?:sk-|\S+-cert-v01@openssh\.com )/m.test(listed.out);
}
