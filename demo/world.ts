import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { startSshd, type SshdWorld } from '../test/real/sshd.ts';
import { startTokenFront, type TokenFront } from '../test/real/token-front.ts';
import { type Servers, startVault } from '../test/real/vault.ts';
import { type Ended, type RunOptions, shownRun, vaultctl } from './shown-run.ts';

/** A real Vault and three real sshd managers on loopback, and the program as an operator starts it. */
export class DemoWorld {
  readonly folder: string;
  readonly vault: Servers;
  readonly sshd: SshdWorld;
  /** Between vaultctl and Vault; it passes everything on, unless a scene strikes at some request. */
  readonly front: TokenFront;
  readonly inventory: string;
  readonly #end: () => Promise<void>;

  /** What has been started and not yet been taken down. */
  static readonly #standing = new Set<() => Promise<void>>();
  static #over = false;

  /** Takes down all that stands, as a signal in the middle of a scene wants it; no run is begun after that, nor does one end. */
  static async endAll(): Promise<void> {
    DemoWorld.#over = true;
    for (const end of [...DemoWorld.#standing].toReversed()) await end().catch(() => undefined);
  }

  private constructor(folder: string, vault: Servers, sshd: SshdWorld, front: TokenFront, end: () => Promise<void>) {
    this.#end = end;
    this.folder = folder;
    this.vault = vault;
    this.sshd = sshd;
    this.front = front;
    this.inventory = join(folder, 'hosts.yaml');
    writeFileSync(this.inventory, inventoryOf(folder, front.address, sshd));
  }

  static async start(name: string, net: number, managers = 3): Promise<DemoWorld> {
    const folder = mkdtempSync(join(tmpdir(), `vaultctl-demo-${name}-`));
    const parts: (() => Promise<void>)[] = [];
    const end = async () => {
      for (const part of parts.splice(0).toReversed()) await part().catch(() => undefined);
      rmSync(folder, { recursive: true, force: true });
      DemoWorld.#standing.delete(end);
    };
    DemoWorld.#standing.add(end);
    try {
      // Named before it stands: a signal meanwhile waits for it and takes it down.
      const sshds = startSshd({ world: folder, names: Array.from({ length: managers }, (_, index) => `manager${index + 1}`), net });
      parts.push(async () => (await sshds).stop());
      const sshd = await sshds;
      const vaults = startVault(join(folder, 'vault'));
      parts.push(async () => (await vaults).close());
      const vault = await vaults;
      const front = await startTokenFront(vault.addresses[0]!, 'plain');
      parts.push(() => front.close());
      return new DemoWorld(folder, vault, sshd, front, end);
    } catch (error) {
      await end();
      throw error;
    }
  }

  end(): Promise<void> { return this.#end(); }

  run(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
    if (DemoWorld.#over) return new Promise(() => undefined);
    return shownRun([process.execPath, vaultctl, ...argv, '-i', this.inventory], this.folder, options);
  }

  /** What stands on each manager, for people: names without secrets. */
  files(): string[] {
    return this.sshd.managers.map(({ name, folder }) => {
      const names = existsSync(folder) ? readdirSync(folder).filter((file) => !file.startsWith('.vaultctl') && !file.includes('.about.')) : [];
      return `${name}  ${names.length === 0 ? '(no keys)' : names.join('  ')}`;
    });
  }

  keysOf(manager: number): { root_token: string; unseal_keys: string[]; key_threshold: number } {
    return JSON.parse(readFileSync(join(this.sshd.managers[manager]!.folder, 'vault-unseal.json'), 'utf8')) as { root_token: string; unseal_keys: string[]; key_threshold: number };
  }
}

function inventoryOf(folder: string, address: string, sshd: SshdWorld): string {
  const own = (path: string) => `"${folder}/{{ inventory_hostname }}/${path}"`;
  return [
    'all:', '  vars:', '    vault_cluster_name: demo', `    vault_addresses: ["${address}"]`,
    `    vault_creds_host_path: ${own('etc/kubernetes/vault-unseal.json')}`, `    vault_creds_init_tmp_path: ${own('etc/kubernetes/vault-creds-init.json.tmp')}`,
    `    vault_creds_rotate_tmp_path: ${own('etc/kubernetes/vault-creds-rotate.json.tmp')}`, `    vault_snapshot_dir: ${own('var/lib/vaultctl')}`,
    `    ansible_ssh_private_key_file: ${sshd.key}`, `    ansible_ssh_common_args: -o UserKnownHostsFile=${sshd.knownHosts}`,
    '  children:', '    managers:', '      hosts:', ...sshd.managers.map(({ name, address, port, user }) => `        ${name}: { ansible_host: ${address}, ansible_port: ${port}, ansible_user: ${user}, ansible_connection: ssh }`), '',
  ].join('\n');
}
