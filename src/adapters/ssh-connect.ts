import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { AnyAuthMethod, Client, ConnectConfig } from 'ssh2';
import { redact } from '../model/secret.ts';
import { HostError } from '../ports/hosts.ts';
import { KnownKeys } from './known-hosts.ts';
import { environmentForOthers } from './run-program.ts';
import { type AuthTrial, authTrial, KeyRing } from './ssh-auth.ts';
import { jumpTarget, type SshTarget } from './ssh-settings.ts';
import type { Secret } from '../model/secret.ts';

const AUTH_TIMEOUT_MS = 30_000;
const KEEPALIVE_MS = 10_000;
const GOODBYE_MS = 2000;
const HOPS_AT_MOST = 8;
/** diffie-hellman-group-exchange-sha256 blocks this process for over a second. */
const kex = ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521', 'diffie-hellman-group14-sha256', 'diffie-hellman-group16-sha512', 'diffie-hellman-group18-sha512'];
const hostKeyAlgorithms = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'];

export interface ConnectorDeps {
  readonly askSecret: (question: string) => Promise<Secret | undefined>;
  readonly warn: (text: string) => void;
}

/** Makes ssh connections; bastions are shared by all who go through them. ssh2 is loaded when the first is needed. */
export class Connector {
  readonly #deps: ConnectorDeps;
  readonly #bastions = new Map<string, Promise<Client>>();
  #library: Promise<typeof import('ssh2')> | undefined;
  #ring: KeyRing | undefined;

  constructor(deps: ConnectorDeps) { this.#deps = deps; }

  /** @throws HostError `unreachable`, `denied` or `hostkey`, each with what mends it */
  connect(target: SshTarget): Promise<Client> { return this.#through(target, 0); }

  async close(): Promise<void> {
    for (const bastion of this.#bastions.values()) takeLeave(await bastion.catch(() => undefined));
    this.#bastions.clear();
  }

  async #through(target: SshTarget, depth: number): Promise<Client> {
    if (depth > HOPS_AT_MOST) throw new HostError(target.name, 'unreachable', `more than ${HOPS_AT_MOST} ProxyJump hops: is there a circle in ~/.ssh/config?`);
    this.#library ??= import('ssh2').then((loaded) => (loaded as { default?: typeof import('ssh2') }).default ?? loaded);
    const ssh2 = await this.#library;
    this.#ring ??= new KeyRing(ssh2, this.#deps.askSecret);
    return login(ssh2, target, await this.#socket(target, depth), authTrial(target, this.#ring, ssh2), this.#deps.warn);
  }

  async #socket(target: SshTarget, depth: number): Promise<Duplex> {
    if (target.proxyCommand !== undefined) return commandSocket(target.proxyCommand);
    if (target.proxyJump === undefined) return tcp(target);
    const hops = target.proxyJump.split(',');
    const last = hops.pop()!;
    const jump = await jumpTarget(last, target);
    const bastion = await this.#bastion({ ...jump, ...(hops.length > 0 ? { proxyJump: hops.join(',') } : {}) }, depth);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new HostError(target.name, 'unreachable', `${jump.hostname} could not connect to ${target.hostname}:${target.port} within ${target.connectTimeoutMs / 1000} s`)), target.connectTimeoutMs);
      bastion.forwardOut('127.0.0.1', 0, target.hostname, target.port, (error, stream) => {
        clearTimeout(timer);
        if (error === undefined || error === null) resolve(stream);
        else reject(new HostError(target.name, 'unreachable', `${jump.hostname} could not connect to ${target.hostname}:${target.port}: ${error.message}`, undefined, { cause: error }));
      });
    });
  }

  #bastion(jump: SshTarget, depth: number): Promise<Client> {
    const key = JSON.stringify([jump.hostname, jump.port, jump.user, jump.proxyJump]);
    const found = this.#bastions.get(key);
    if (found !== undefined) return found;
    const made = this.#through(jump, depth + 1);
    this.#bastions.set(key, made);
    made.then((client) => client.once('close', () => this.#bastions.delete(key)), () => this.#bastions.delete(key));
    return made;
  }
}

/** ssh2 leaves a socket alone that it has ended. */
const sockets = new WeakMap<Client, Duplex>();

/** A host that is cut off at this very moment never says goodbye, and the process would wait for it until TCP gives up. */
export function takeLeave(client: Client | undefined): void {
  if (client === undefined) return;
  const timer = setTimeout(() => sockets.get(client)?.destroy(), GOODBYE_MS);
  timer.unref();
  client.once('close', () => clearTimeout(timer));
  client.end();
}

function tcp({ name, hostname, port, connectTimeoutMs }: SshTarget): Promise<Socket> {
  return new Promise((resolve, reject) => {
    // ssh2 never sets TCP_NODELAY itself; without it every exchange waits for a delayed ACK.
    const socket = connect({ host: hostname, port, noDelay: true, keepAlive: true });
    const fail = (why: string, cause?: unknown) => {
      socket.destroy();
      reject(new HostError(name, 'unreachable', `${hostname}:${port}: ${why}`, mendTcp(why, hostname, port), { cause }));
    };
    const timer = setTimeout(() => fail(`no connection within ${connectTimeoutMs / 1000} s`), connectTimeoutMs);
    socket.once('error', (error) => { clearTimeout(timer); fail(error.message === '' ? (error as NodeJS.ErrnoException).code ?? 'no connection' : error.message, error); });
    socket.once('connect', () => { clearTimeout(timer); socket.removeAllListeners('error'); resolve(socket); });
  });
}

/** What mends a host that does not answer, by what Node or OpenSSH says about it. */
export function mendTcp(why: string, hostname: string, port: number): string {
  if (/ENOTFOUND|EAI_AGAIN|Could not resolve/.test(why)) return `the name ${hostname} does not resolve: set ansible_host in the inventory`;
  return /ECONNREFUSED|Connection refused/.test(why) ? `nothing listens there: is sshd running, and is ansible_port right? (now ${port})` : `check the network: nc -vz ${hostname} ${port}`;
}

function commandSocket(command: string): Duplex {
  // Detached: Ctrl-C on the terminal is for vaultctl to hear, not for its connections.
  const child = spawn('/bin/sh', ['-c', `exec ${command}`], { stdio: ['pipe', 'pipe', 'ignore'], detached: true, env: environmentForOthers() });
  const socket = Duplex.from({ readable: child.stdout, writable: child.stdin });
  child.once('error', (error) => socket.destroy(error));
  child.once('exit', () => socket.destroy());
  socket.once('close', () => child.kill());
  return socket;
}

function login(ssh2: typeof import('ssh2'), target: SshTarget, sock: Duplex, trial: AuthTrial, warn: (text: string) => void): Promise<Client> {
  const known = knownKeys(target);
  const client = new ssh2.Client();
  sockets.set(client, sock);
  return new Promise<Client>((resolve, reject) => {
    let refusal: HostError | undefined;
    let timer: NodeJS.Timeout | undefined;
    const within = (ms: number, what: string) => {
      clearTimeout(timer);
      timer = setTimeout(() => fail(new HostError(target.name, 'unreachable', `${target.hostname}:${target.port}: ${what} took over ${ms / 1000} s`)), ms);
    };
    const fail = (error: Error) => {
      clearTimeout(timer);
      client.removeAllListeners();
      client.on('error', () => undefined);
      client.end();
      sock.destroy();
      reject(refusal ?? (error instanceof HostError ? error : connectError(target, error, trial)));
    };
    client.on('error', (error) => { if ((error as { level?: string }).level !== 'agent') fail(error); });
    client.once('close', () => fail(new Error('the host closed the connection')));
    client.once('handshake', () => within(AUTH_TIMEOUT_MS, 'the login'));
    client.once('ready', () => {
      clearTimeout(timer);
      client.removeAllListeners();
      client.on('error', () => undefined);
      resolve(client);
    });
    const config: ConnectConfig = {
      sock: sock as never, username: target.user, readyTimeout: 0, keepaliveInterval: KEEPALIVE_MS, keepaliveCountMax: 3, agentForward: false,
      algorithms: { kex: kex as never, serverHostKey: orderedAlgorithms(known.types) as never },
      hostVerifier: (key: Buffer): boolean => {
        try {
          const warning = known.check(key);
          if (warning !== undefined) warn(warning);
          return true;
        } catch (error) {
          refusal = error instanceof HostError ? error : new HostError(target.name, 'hostkey', (error as Error).message, undefined, { cause: error });
          return false;
        }
      },
      authHandler: ((left: string[] | null, _partial: boolean, take: (method: AnyAuthMethod | false) => void) => {
        // Somebody may be typing a passphrase: that time is theirs.
        clearTimeout(timer);
        trial.next(left).then((method) => { within(AUTH_TIMEOUT_MS, 'the login'); take(method); }, fail);
      }) as never,
    };
    within(target.connectTimeoutMs, 'the ssh handshake');
    client.connect(config);
  });
}

/** What the known_hosts files say about it. @throws HostError where one cannot be read */
export function knownKeys(target: SshTarget): KnownKeys {
  return new KnownKeys({
    host: target.name, name: target.hostKeyAlias ?? target.hostname, aliased: target.hostKeyAlias !== undefined, port: target.port,
    files: target.knownHostsFiles, strict: target.strict,
  });
}

/** The types we know come first, so that the host shows the key we can check. */
function orderedAlgorithms(types: readonly string[]): string[] {
  const known = hostKeyAlgorithms.filter((name) => types.includes(name.startsWith('rsa-sha2') ? 'ssh-rsa' : name));
  return [...known, ...hostKeyAlgorithms.filter((name) => !known.includes(name))];
}

function connectError(target: SshTarget, error: Error & { level?: string }, trial: AuthTrial): HostError {
  const at = `${target.user}@${target.hostname}:${target.port}`;
  if (error.level === 'client-authentication') {
    const tried = trial.tried.length === 0 ? 'nothing could be tried: no agent, no key file, no password' : `tried ${trial.tried.join(', ')}`;
    return new HostError(target.name, 'denied', `${at}: login refused (${tried})`, `try by hand: ssh -p ${target.port} ${target.user}@${target.hostname} true   (then ansible_ssh_private_key_file, ansible_user or the agent)`, { cause: error });
  }
  if (/too many authentication failures/i.test(error.message)) {
    return new HostError(target.name, 'denied', `${at}: the host gave up after too many keys (tried ${trial.tried.join(', ')})`, "name the right one: ansible_ssh_private_key_file, and ansible_ssh_common_args: '-o IdentitiesOnly=yes'", { cause: error });
  }
  return new HostError(target.name, 'unreachable', `${at}: ${redact(error.message)}`, undefined, { cause: error });
}
