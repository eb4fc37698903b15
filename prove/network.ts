import { execFileSync, spawnSync } from 'node:child_process';
import { userInfo } from 'node:os';

/** What can be done to the way there. */
export type Break =
  /** The cable is out: nothing passes, nobody is told. */
  | 'cable'
  /** What we send arrives, and no answer comes back. */
  | 'answers'
  /** Each word of ours is answered by a reset. */
  | 'resets';

const run = (program: string, ...args: string[]) => { execFileSync(program, args, { stdio: 'pipe' }); };

/** A network namespace with one machine in it, at the other end of a cable that can be cut. Needs root. */
export class Network {
  readonly name: string;
  /** Of the machine in it, in the range kept for tests of networks (RFC 2544). */
  readonly address: string;
  readonly #near: string;
  readonly #subnet: string;

  private constructor(number: number) {
    this.name = `vaultctl-${process.pid}-${number}`;
    this.#near = `vc${number}-${process.pid % 100_000}`;
    this.#subnet = freeSubnet(process.pid * 4 + number);
    this.address = `${this.#subnet.slice(0, -1)}2`;
  }

  /** @param number one of its own for each network of this process */
  static make(number: number): Network {
    const network = new Network(number);
    try {
      run('ip', 'netns', 'add', network.name);
      run('ip', 'link', 'add', network.#near, 'type', 'veth', 'peer', 'name', 'far', 'netns', network.name);
      run('ip', 'addr', 'add', `${network.#subnet}/30`, 'dev', network.#near);
      run('ip', 'link', 'set', network.#near, 'up');
      network.#there('ip', 'addr', 'add', `${network.address}/30`, 'dev', 'far');
      network.#there('ip', 'link', 'set', 'lo', 'up');
      network.#there('ip', 'link', 'set', 'far', 'up');
    } catch (error) {
      network.end();
      throw error;
    }
    return network;
  }

  /** In front of a program that is to run there. */
  get inside(): readonly string[] { return ['nsenter', `--net=/run/netns/${this.name}`]; }
  #there(...command: string[]): void { run(this.inside[0]!, ...this.inside.slice(1), ...command); }

  break(how: Break): void {
    if (how === 'cable') this.#there('ip', 'link', 'set', 'far', 'down');
    else if (how === 'answers') this.#there('iptables', '-I', 'OUTPUT', '-j', 'DROP');
    else this.#there('iptables', '-I', 'INPUT', '-p', 'tcp', '-j', 'REJECT', '--reject-with', 'tcp-reset');
  }

  /** So many more bytes arrive there, and then nothing. */
  breakAfter(bytes: number): void {
    this.#there('iptables', '-A', 'INPUT', '-m', 'quota', '--quota', String(bytes), '-j', 'ACCEPT');
    this.#there('iptables', '-A', 'INPUT', '-j', 'DROP');
  }

  mend(): void {
    this.#there('iptables', '-F');
    this.#there('ip', 'link', 'set', 'far', 'up');
  }

  end(): void {
    spawnSync('ip', ['link', 'del', this.#near], { stdio: 'ignore' });
    spawnSync('ip', ['netns', 'del', this.name], { stdio: 'ignore' });
  }
}

/** 198.18.A.1 or 198.19.A.1, where nobody on this machine has a network yet. */
function freeSubnet(from: number): string {
  for (let tried = 0; tried < 512; tried += 1) {
    const at = (from * 37 + tried) % 512;
    const address = `198.${at < 256 ? 18 : 19}.${at % 256}.1`;
    if (!execFileSync('ip', ['-o', 'addr'], { encoding: 'utf8' }).includes(` ${address}/`)) return address;
  }
  throw new Error('every network of 198.18.0.0/15 is taken');
}

/** Why there can be no such network here, or undefined. */
export function networkMissing(): string | undefined {
  if (userInfo().uid !== 0) return 'needs root';
  let network: Network | undefined;
  try {
    network = Network.make(255);
    network.breakAfter(100);
    network.break('resets');
    network.break('answers');
    network.break('cable');
    network.mend();
    return undefined;
  } catch (error) {
    return `a network namespace whose cable can be cut cannot be made here (apt-get install -y iproute2 iptables): ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`;
  } finally {
    network?.end();
  }
}
