/**
 * Kubernetes, as far as the flows need it: which pods are Vault nodes, and helm before them.
 * With `vault_addresses` there is no cluster behind the nodes and `directAddresses` answers instead.
 */
export interface Cluster {
  readonly kind: 'direct' | 'kubernetes';
  /** Every configured node, in a fixed order; the first is the one that `init` designates. */
  nodes(): Promise<readonly ClusterNode[]>;
}

export interface ClusterNode {
  /** What messages call it: the address, or the pod's name. */
  readonly name: string;
  /** Where requests go: `https://host:8200`, no trailing slash. */
  readonly address: string;
  /** How the other nodes reach it, where that is another way than ours: a pod's name in the cluster. */
  readonly joinAddress?: string;
}
