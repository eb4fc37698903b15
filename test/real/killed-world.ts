import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type SshdManager, type SshdOptions, type SshdWorld, startSshd } from './sshd.ts';
import { type FrontMode, startTokenFront, type TokenFront } from './token-front.ts';
import { type Servers, startVault } from './vault.ts';

const repository = resolve(import.meta.dirname, '../..');
const ENDS_WITHIN_MS = 120_000;

/** `before` the server sees the n-th request of a run, or `after` it has answered and before we hear of it. */
export interface Strike { readonly at: number; readonly when: 'before' | 'after'; readonly signals: readonly NodeJS.Signals[] }
export interface Ended { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly text: string }
export interface Begun { readonly child: ChildProcess; readonly ended: Promise<Ended> }
/** `m2` behind a real sshd on 127.0.NET.1, or elsewhere; lines for its sshd_config. */
export type SecondOverSsh = Pick<SshdOptions, 'net' | 'config' | 'at' | 'under'>;

/** The real program on a real server behind a front that strikes at chosen requests; two managers, or more: this machine, and this machine again, or a real sshd for the second one. */
export class KilledWorld {
  readonly names: readonly string[];
  readonly folder: string;
  readonly vault: Servers;
  readonly front: TokenFront;
  readonly sshd: SshdWorld | undefined;
  /** As given with `-l`: the manager that every run works from. */
  master: string | undefined;
  #before = 0;
  readonly inventory: string;

  private constructor(folder: string, managers: number, vault: Servers, front: TokenFront, sshd: SshdWorld | undefined) {
    this.names = Array.from({ length: managers }, (_, index) => `m${index + 1}`);
    this.folder = folder;
    this.vault = vault;
    this.front = front;
    this.sshd = sshd;
    this.inventory = join(folder, 'hosts.yaml');
    const own = (path: string) => `"${folder}/{{ inventory_hostname }}/${path}"`;
    writeFileSync(this.inventory, ['all:', '  vars:', `    vault_addresses: ["${front.address}"]`, '    vault_cluster_name: kill', `    vault_creds_host_path: ${own('etc/vault-unseal.json')}`,
      `    vault_creds_init_tmp_path: ${own('etc/vault-creds-init.json.tmp')}`, `    vault_creds_rotate_tmp_path: ${own('etc/vault-creds-rotate.json.tmp')}`, `    vault_snapshot_dir: ${own('snapshots')}`,
      '  children:', '    managers:', '      hosts:', ...this.names.map((name) => `        ${name}: { ${connection(sshd, name)} }`), ''].join('\n'));
    this.#freshManagers();
  }

  static async start(mode: FrontMode = 'plain', second?: SecondOverSsh, managers = 2): Promise<KilledWorld> {
    const folder = mkdtempSync(join(tmpdir(), 'vaultctl-kill-'));
    const vault = await startVault(join(folder, 'vault'));
    const sshd = second === undefined ? undefined : await startSshd({ world: join(folder, 'sshd'), names: ['m2'], ...second });
    return new KilledWorld(folder, managers, vault, await startTokenFront(vault.addresses[0]!, mode), sshd);
  }

  async end(): Promise<void> {
    await this.front.close();
    await this.sshd?.stop();
    await this.vault.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  keysFolder(name: string): string { return join(this.folder, name, 'etc'); }
  snapshots(name: string): string { return join(this.folder, name, 'snapshots'); }

  /** Emptied and not removed: a manager's folder may be a disk of its own. */
  #freshManagers(): void {
    for (const name of this.names) {
      const home = join(this.folder, name);
      for (const entry of existsSync(home) ? readdirSync(home) : []) rmSync(join(home, entry), { recursive: true });
      mkdirSync(this.keysFolder(name), { recursive: true, mode: 0o755 });
    }
  }

  /** An empty server and managers without keys. */
  async empty(): Promise<void> {
    await this.wipe();
    this.#freshManagers();
  }

  /** The server's storage is gone. */
  async wipe(): Promise<void> {
    await this.vault.node(0).kill('SIGKILL');
    this.vault.node(0).wipe();
    await this.vault.node(0).start();
  }

  async restart(): Promise<void> {
    await this.vault.node(0).kill('SIGKILL');
    await this.vault.node(0).start();
  }

  /**
   * @param node words between Node and the program: `['--import', FILE]`
   * @param output an open file instead of pipes: nothing is heard then
   */
  begin(argv: readonly string[], node: readonly string[] = [], env: NodeJS.ProcessEnv = process.env, output?: number): Begun {
    const [verb, ...more] = argv;
    const child = spawn(process.execPath, [...node, join(repository, 'bin/vaultctl.js'), verb!, '-i', this.inventory, ...(this.master === undefined ? [] : ['-l', this.master]), ...more], { stdio: ['ignore', output ?? 'pipe', output ?? 'pipe'], env });
    this.#beginHearing();
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    child.stderr?.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    return { child, ended: new Promise((done) => { child.on('close', (code, signal) => { done({ code, signal, text }); }); }) };
  }

  #beginHearing(): void {
    this.#before = this.front.requests.length;
    this.front.onRequest(() => undefined);
    this.front.dropReply(() => false);
  }

  /** On a pseudo-terminal, as over ssh, which is closed at that request, as a connection that drops: SIGHUP, and nobody takes a line of output any more. What it said is not heard. */
  async onTerminal(verb: string, { at, when }: Omit<Strike, 'signals'>): Promise<Ended> {
    const code = join(this.folder, 'exit-code');
    rmSync(code, { force: true });
    this.#beginHearing();
    // The kernel hangs up on the outer shell, and its end on all that run before it; the inner one lives to tell how that ended.
    const line = `(trap '' HUP; env --default-signal=HUP '${process.execPath}' '${join(repository, 'bin/vaultctl.js')}' ${verb} -i '${this.inventory}'; echo $? >'${code}'); :`;
    const terminal = spawn('script', ['-qec', line, '/dev/null'], { stdio: ['pipe', 'ignore', 'ignore'], env: { ...process.env, SHELL: '/bin/sh' } });
    const strikes = (number: number, side: Strike['when']) => {
      if (side === when && number - this.#before === at) terminal.kill('SIGKILL');
      return false;
    };
    // The hang-up arrives before anything goes on.
    this.front.onRequest(async ({ number }) => { strikes(number, 'before'); await sleep(number - this.#before === at ? 100 : 0); });
    this.front.dropReply(({ number }) => strikes(number, 'after'));
    for (const end = Date.now() + ENDS_WITHIN_MS; Date.now() < end; await sleep(50)) {
      const said = existsSync(code) ? readFileSync(code, 'utf8') : '';
      if (said.endsWith('\n')) return { code: Number(said), signal: null, text: '' };
    }
    throw new Error(`${verb} whose terminal was closed has not ended within ${ENDS_WITHIN_MS / 1000} s`);
  }

  run(verb: string, strike?: Strike): Promise<Ended> {
    const { child, ended } = this.begin([verb]);
    const deadly = strike?.signals.includes('SIGKILL') ?? false;
    const strikes = (number: number, when: Strike['when']) => {
      if (strike === undefined || when !== strike.when || number - this.#before !== strike.at) return false;
      for (const signal of strike.signals) child.kill(signal);
      return deadly;
    };
    this.front.onRequest(({ number }) => (strikes(number, 'before') ? 'drop' : undefined));
    this.front.dropReply(({ number }) => strikes(number, 'after'));
    return ended;
  }

  /** `PUT sys/init`, in order, of the last run. */
  requests(): string[] { return this.front.requests.slice(this.#before).map(({ method, path }) => `${method} ${path}`); }

  hasKeys(): boolean { return this.names.every((name) => existsSync(join(this.keysFolder(name), 'vault-unseal.json'))); }

  /** Main, as every manager holds it. */
  files(): string[] { return this.names.map((name) => readFileSync(join(this.keysFolder(name), 'vault-unseal.json'), 'utf8')); }

  /** Checkpoints and siblings that are still there. */
  leftovers(): string[] {
    return this.names.flatMap((name) => readdirSync(this.keysFolder(name)).filter((file) => /\.tmp$|\.(intent|keys|plain)$/.test(file)).map((file) => `${name}/${file}`));
  }
}

function connection(sshd: SshdWorld | undefined, name: string): string {
  const manager: SshdManager | undefined = sshd?.managers.find((one) => one.name === name);
  if (sshd === undefined || manager === undefined) return 'ansible_connection: local';
  return [
    'ansible_connection: ssh', `ansible_host: ${manager.address}`, `ansible_port: ${manager.port}`, `ansible_user: ${manager.user}`,
    `ansible_ssh_private_key_file: ${sshd.key}`, `ansible_ssh_common_args: "-o UserKnownHostsFile=${sshd.knownHosts}"`,
  ].join(', ');
}
