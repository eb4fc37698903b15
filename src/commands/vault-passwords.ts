import type { AnsibleConfig } from '../inventory/ansible-config.ts';
import { expandedPath } from '../inventory/paths.ts';
import type { PathWorld } from '../inventory/paths.ts';
import { configText } from '../inventory/read-file.ts';
import type { LabelledPassword } from '../inventory/vault-text.ts';
import { messageOf, UsageError } from '../model/halt.ts';
import { Secret, wipe } from '../model/secret.ts';
import type { Operator } from '../ports/operator.ts';
import type { CommonFlags, Machine } from './context.ts';

interface Around { readonly config: AnsibleConfig; readonly world: PathWorld; readonly operator: Operator }
interface Named { readonly label: string; readonly source: string; readonly by: 'flag' | 'setting' }

/**
 * Every password of Ansible Vault that the command line, ansible.cfg and the environment name, in Ansible's order.
 * @throws UsageError for a flag whose password cannot be had, or when none can; others are warned of, as Ansible does
 */
export async function vaultPasswords(machine: Machine, flags: CommonFlags, around: Around): Promise<readonly LabelledPassword[]> {
  const passwords: LabelledPassword[] = [];
  const failures: unknown[] = [];
  for (const named of namedPasswords(flags, around.config)) {
    try {
      passwords.push({ label: named.label, password: await passwordOf(machine, named, around) });
    } catch (error) {
      if (named.by === 'flag') throw error;
      failures.push(error);
    }
  }
  if (passwords.length === 0 && failures.length > 0) throw failures[0];
  for (const error of failures) around.operator.tell({ is: 'warning', text: messageOf(error) });
  return passwords;
}

const PASSWORD_LIMIT = 64 << 10;
const PROMPTS = ['prompt', 'prompt_ask_vault_pass'];

function namedPasswords(flags: CommonFlags, config: AnsibleConfig): Named[] {
  const usual = config.vaultIdentity ?? 'default';
  const split = (by: Named['by']) => (text: string): Named => {
    const at = text.indexOf('@');
    return { label: at < 1 ? usual : text.slice(0, at), source: at < 0 ? text : text.slice(at + 1), by };
  };
  return [
    ...config.vaultIdentityList.map(split('setting')),
    ...(flags.vaultId ?? []).map(split('flag')),
    ...(flags.vaultPasswordFile ?? []).map((source): Named => ({ label: usual, source, by: 'flag' })),
    ...(config.vaultPasswordFile === undefined ? [] : [{ label: usual, source: config.vaultPasswordFile, by: 'setting' } as const]),
    ...(flags.askVaultPass === true || config.askVaultPass ? [{ label: usual, source: 'prompt_ask_vault_pass', by: 'flag' } as const] : []),
  ];
}

async function passwordOf(machine: Machine, { label, source, by }: Named, { world, operator }: Around): Promise<Secret> {
  if (/[\p{C}]/u.test(label)) throw new UsageError('the label of --vault-id holds signs that cannot be shown', 'Write --vault-id LABEL@FILE.');
  if (PROMPTS.includes(source)) return asked(operator, source === 'prompt' ? `Vault password (${label}): ` : 'Vault password: ');
  if (source === '') throw new UsageError(`--vault-id ${label}@ names no source`, `Write --vault-id ${label}@FILE, or --vault-id ${label}@prompt`);
  const path = source === '-' ? source : expandedPath(source, world.cwd, world);
  const kind = source === '-' ? 'other' : machine.files.kind(path);
  if (kind === 'folder' || kind === 'absent') {
    throw new UsageError(`the vault password file ${path} ${kind === 'folder' ? 'is a folder' : 'does not exist'}`, by === 'flag' ? 'Mend the path.' : 'Mend it in ansible.cfg, or in $ANSIBLE_VAULT_PASSWORD_FILE and $ANSIBLE_VAULT_IDENTITY_LIST.');
  }
  const program = kind === 'file' && machine.files.executable(path);
  const text = program ? await printedBy(machine, [path, ...(isClient(path) ? ['--vault-id', label] : [])])
    : kind === 'file' ? configText(machine.files, path, PASSWORD_LIMIT) : spent(await machine.readInput(path));
  // As Ansible: a program's blanks belong to the password, a file's do not.
  const password = new Secret(text.replaceAll(program ? /^[\r\n]+|[\r\n]+$/g : /^[ \t-\r]+|[ \t-\r]+$/g, ''));
  if (password.empty) throw new UsageError(program ? `${path} printed no vault password` : `the vault password file ${path} is empty`, 'It must hold the password, and nothing else.');
  return password;
}

async function printedBy(machine: Machine, argv: readonly [string, ...string[]]): Promise<string> {
  if (machine.passwordFrom === undefined) throw new UsageError(`${argv[0]} is a program, and none is run here`, 'Write the password into a file.');
  return spent(await machine.passwordFrom(argv));
}

function spent(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  wipe(bytes);
  return text;
}

async function asked(operator: Operator, question: string): Promise<Secret> {
  const answer = await operator.askSecret(question);
  if (answer === undefined) throw new UsageError('there is no terminal to ask for the vault password on', 'Give it with --vault-password-file FILE or --vault-id LABEL@FILE.');
  if (answer.empty) throw new UsageError('the vault password that was typed is empty', 'Type it again.');
  return answer;
}

/** `keyring-client` and `keyring-client.py` are told which label is wanted. */
function isClient(path: string): boolean { return /-client(?:\.[^./]*)?$/.test(path); }
