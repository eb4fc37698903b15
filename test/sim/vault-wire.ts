import { Secret } from '../../src/model/secret.ts';
import { type VaultWire, type WireAnswer, WireError, type WireRequest } from '../../src/ports/vault.ts';
import type { Node, SimVault } from './vault.ts';

export interface SimCall { readonly when: 'before' | 'after'; readonly node: string; readonly method: WireRequest['method']; readonly path: string; readonly body: WireRequest['body'] }
export type SimFate = 'refuse' | 'lose' | 'crash' | undefined | void;
export type SimHook = (call: SimCall) => SimFate | Promise<SimFate>;

/** The server process died in the middle of a request. */
export class Died extends Error {}

/** The wire of one process to simulated servers. */
export class SimWire implements VaultWire {
  readonly #vault: SimVault;
  readonly #hook: SimHook;

  constructor(vault: SimVault, hook: SimHook) { this.#vault = vault; this.#hook = hook; }

  request(address: string, request: WireRequest): Promise<WireAnswer> {
    return this.#call(address, request, (node) => this.#vault.serve(node, request.body === undefined ? request : { ...request, body: revealed(request.body) }));
  }

  async *download(address: string, request: WireRequest): AsyncIterable<Uint8Array> {
    const found = await this.#call(address, request, (node) => this.#vault.snapshot(node, request));
    if (!(found instanceof Uint8Array)) throw new WireError(address, 'config', `${address}: ${request.path} answered ${found.status}${wordsOf(found)}`);
    const half = found.length >> 1;
    yield found.slice(0, half);
    yield found.slice(half);
  }

  async upload(address: string, request: WireRequest, body: AsyncIterable<Uint8Array>): Promise<WireAnswer> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    return this.#call(address, request, (node) => this.#vault.restore(node, request, Buffer.concat(chunks)));
  }

  close(): void { /* nothing is held */ }

  async #call<T>(address: string, request: WireRequest, act: (node: Node) => T): Promise<T> {
    const node = this.#vault.nodes.find((candidate) => candidate.address === address);
    if (node === undefined) throw new WireError(address, 'before', `${address}: this name is unknown to DNS`);
    const call = { node: node.name, method: request.method, path: request.path, body: request.body };
    const before = await this.#hook({ ...call, when: 'before' });
    if (before === 'refuse' || !node.up) throw new WireError(address, 'before', `${address}: connection refused: nothing listens there`);
    if (before === 'lose') throw lost(address);
    if (before === 'crash') { this.#vault.died(node); throw lost(address); }
    let answer: T;
    try {
      answer = act(node);
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      this.#vault.died(node);
      throw lost(address);
    }
    const after = await this.#hook({ ...call, when: 'after' });
    if (after === 'crash') this.#vault.died(node);
    if (after === 'crash' || after === 'lose' || after === 'refuse') throw lost(address);
    return answer;
  }
}

const lost = (address: string) => new WireError(address, 'unknown', `${address}: the connection was reset before the answer was whole`);
/** The body as it stands on a real wire. */
function revealed(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).map(([key, value]) => [key, value instanceof Secret ? value.reveal() : value]));
}

/** As the real wire quotes them. */
function wordsOf({ body }: WireAnswer): string {
  const { errors } = (body ?? {}) as { errors?: readonly string[] };
  return errors === undefined || errors.length === 0 ? '' : `: ${errors.join('; ').replaceAll(/\s+/g, ' ').trim()}`;
}
