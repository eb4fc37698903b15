/**
 * The wire to Vault or OpenBao, one node at a time, never through a load balancer.
 * It lies below all protocol knowledge (src/vault/): which endpoint, which order, which answer means what is
 * above it, and so runs unmodified on the simulated server.
 */
export interface VaultWire {
  /**
   * One request, one answer. Never retries and never follows a redirect.
   * Throws WireError where there is no whole answer, or one that no Vault gives (a redirect, a web page): `config`.
   */
  request(address: string, request: WireRequest): Promise<WireAnswer>;
  /** GET of a large binary body (a raft snapshot). Throws WireError, also in the middle, and where the server says no. */
  download(address: string, request: WireRequest): AsyncIterable<Uint8Array>;
  /** POST of a large binary body. */
  upload(address: string, request: WireRequest, body: AsyncIterable<Uint8Array>): Promise<WireAnswer>;
  close(): void;
}

export interface WireRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'LIST';
  /** Below /v1/: `sys/seal-status`. */
  readonly path: string;
  readonly token?: import('../model/secret.ts').Secret;
  /** Values may hold Secrets at any depth: the adapter reveals them on the wire only. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** In the namespace of the inventory, also below sys/: mounts and policies are the namespace's own, seals are not. */
  readonly inNamespace?: boolean;
  readonly timeoutMs?: number;
  /** As long as it takes: init, an update share, verify. Their outcome must not be left open by our own impatience. */
  readonly patient?: boolean;
}

export interface WireAnswer {
  readonly status: number;
  /** Parsed JSON; undefined for an empty body. */
  readonly body: unknown;
}

/** `before`: the server cannot have acted. `unknown`: it may have. `config`: TLS, address or answer is wrong, a retry cannot help. */
export class WireError extends Error {
  readonly reached: 'before' | 'unknown' | 'config';
  readonly address: string;
  constructor(address: string, reached: 'before' | 'unknown' | 'config', message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WireError';
    this.address = address;
    this.reached = reached;
  }
}
