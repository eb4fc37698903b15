// What is in every cluster from its first second: its DNS, its storage classes, and the API server's right to the kubelet.
import type { ImageNames } from './images.ts';

export const DNS_ADDRESS = '10.96.0.10';

// A name that is not there yet is asked for again after a second: pods of a StatefulSet look for each other at once.
const corefile = `.:53 {
  errors
  ready
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    ttl 5
  }
  cache 5 {
    denial 1000 1 1
  }
}
`;

const dns = { name: 'coredns', namespace: 'kube-system' };
const labels = { 'k8s-app': 'kube-dns' };

/** As Kubernetes' own objects, to be applied in one go. */
export function firstObjects(images: ImageNames): readonly object[] {
  return [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'kube-apiserver-to-kubelet' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:kubelet-api-admin' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'kube-apiserver-kubelet-client' }],
    },
    // Dynamic volumes are folders that any user may write; a claim that goes takes its volume with it, or leaves it.
    storageClass('standard', 'Delete', { 'storageclass.kubernetes.io/is-default-class': 'true' }),
    storageClass('retained', 'Retain', {}),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: dns },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'system:coredns' },
      rules: [
        { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'system:coredns' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:coredns' },
      subjects: [{ kind: 'ServiceAccount', ...dns }],
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: dns, data: { Corefile: corefile } },
    {
      apiVersion: 'v1', kind: 'Service', metadata: { ...dns, name: 'kube-dns', labels },
      spec: {
        selector: labels, clusterIP: DNS_ADDRESS,
        ports: [{ name: 'dns', port: 53, protocol: 'UDP' }, { name: 'dns-tcp', port: 53, protocol: 'TCP' }],
      },
    },
    {
      apiVersion: 'apps/v1', kind: 'Deployment', metadata: { ...dns, labels },
      spec: {
        replicas: 1, selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: 'coredns', dnsPolicy: 'Default', priorityClassName: 'system-cluster-critical',
            containers: [{
              name: 'coredns', image: images.coredns, imagePullPolicy: 'Never', args: ['-conf', '/etc/coredns/Corefile'],
              ports: [{ containerPort: 53, protocol: 'UDP' }, { containerPort: 53, protocol: 'TCP' }],
              readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1 },
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] }, runAsNonRoot: false, runAsUser: 0, readOnlyRootFilesystem: true },
              volumeMounts: [{ name: 'config', mountPath: '/etc/coredns', readOnly: true }],
            }],
            volumes: [{ name: 'config', configMap: { name: 'coredns' } }],
          },
        },
      },
    },
  ];
}

/**
 * Bound once a pod waits for it. With `Immediate`, the scheduler may look at a claim before its own cache has the binding, and
 * then lets the pod lie for five minutes (kubernetes#93552); and the kubelet sees one half bound more often, and waits for 15 s.
 */
function storageClass(name: string, reclaimPolicy: 'Delete' | 'Retain', annotations: Record<string, string>) {
  return { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name, annotations }, provisioner: 'kubernetes.io/host-path', reclaimPolicy, volumeBindingMode: 'WaitForFirstConsumer' };
}
