import type { KubeRight } from '../model/kube-right.ts';

/**
 * The wire to a Kubernetes API server: one request, one answer. What a pod, a claim or a Lease means is above it
 * (src/kubernetes/), and so runs unmodified on a simulated server.
 */
export interface KubeWire {
  /** What messages call the server: `https://10.0.0.1:6443 (context production)`. */
  readonly server: string;
  /** Never retries. @throws KubeError where there is no whole answer; an answer that says no is an answer. */
  request(request: KubeRequest): Promise<KubeAnswer>;
  close(): void;
}

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query: `/api/v1/namespaces/vault/pods?labelSelector=…`. */
  readonly path: string;
  readonly body?: unknown;
  /** For PATCH and POST; default `application/json`. */
  readonly contentType?: string;
  readonly timeoutMs?: number;
}

export interface KubeAnswer {
  readonly status: number;
  /** Parsed JSON, or text (a pod's log). */
  readonly body: unknown;
}

/** `before`: the server cannot have acted. `unknown`: it may have. `config`: the kubeconfig, a certificate or a right is wrong. */
export class KubeError extends Error {
  readonly reached: 'before' | 'unknown' | 'config';
  readonly mend: string | undefined;
  /** Where RBAC said no: to whom, and what. */
  readonly refusal: { readonly user: string | undefined; readonly rights: readonly KubeRight[] } | undefined;
  constructor(reached: 'before' | 'unknown' | 'config', message: string, mend?: string, options?: ErrorOptions & { readonly refusal?: KubeError['refusal'] }) {
    super(message, options);
    this.name = 'KubeError';
    this.reached = reached;
    this.mend = mend;
    this.refusal = options?.refusal;
  }
}
