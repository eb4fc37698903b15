/** `{ name: { path, version } }` of every program that a cluster is made of, built where it is not there yet. */
export function clusterPrograms(repository: string): Promise<Record<ClusterProgram, { path: string; version: string }>>;
/** What is not built yet, in the words of the messages: `['kubelet', 'helm 3']`. */
export function unbuiltPrograms(repository: string): string[];
export type ClusterProgram =
  | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'kubelet' | 'kube-proxy' | 'kubectl'
  | 'coredns' | 'pause' | 'open-volumes' | 'vault' | 'helm3' | 'helm4';
