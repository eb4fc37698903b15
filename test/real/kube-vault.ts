import type { Cluster } from '../cluster/start.ts';

const CONFIG = 'storage "raft" { path = "/vault/data" performance_multiplier = 1 }\nlistener "tcp" { address = "0.0.0.0:8200" cluster_address = "0.0.0.0:8201" tls_disable = true }\napi_addr = "http://$(HOSTNAME).vault-internal:8200"\ncluster_addr = "http://$(HOSTNAME).vault-internal:8201"\ndisable_mlock = true\n';

/** Vault is started again whenever it ends, without the kubelet's patience; with its storage emptied where /vault/data/wipe says so. */
const AGAIN_AND_AGAIN = 'echo "$CONFIG" > /tmp/vault.hcl; while :; do [ ! -e /vault/data/wipe ] || rm -rf /vault/data/* /vault/data/.[!.]*; vault server -config=/tmp/vault.hcl & echo $! > /tmp/pid; wait $!; done';

/** A StatefulSet `vault` of one pod with raft on a claimed volume, as the chart makes it. `storageClass`: the default where left out. */
export function vaultSet(namespace: string, image: string, storageClass?: string): string {
  const labels = { 'app.kubernetes.io/instance': 'vault', component: 'server' };
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'vault-internal', namespace }, spec: { clusterIP: 'None', publishNotReadyAddresses: true, selector: labels, ports: [{ name: 'http', port: 8200 }] } },
    {
      apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'vault', namespace, labels },
      spec: {
        replicas: 1, serviceName: 'vault-internal', podManagementPolicy: 'Parallel', selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [{
              name: 'vault', image, imagePullPolicy: 'Never', args: ['sh', '-c', AGAIN_AND_AGAIN],
              env: [{ name: 'HOSTNAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }, { name: 'CONFIG', value: CONFIG }],
              ports: [{ name: 'http', containerPort: 8200 }], volumeMounts: [{ name: 'data', mountPath: '/vault/data' }],
            }],
          },
        },
        volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], ...(storageClass === undefined ? {} : { storageClassName: storageClass }), resources: { requests: { storage: '1Gi' } } } }],
      },
    },
  ] });
}

/** Makes the namespace and the StatefulSet in it. */
export async function deployVault(cluster: Cluster, namespace: string, storageClass?: string): Promise<void> {
  await cluster.kubectlDo(['create', 'namespace', namespace]);
  await cluster.kubectlDo(['apply', '-f', '-'], vaultSet(namespace, cluster.images.vault, storageClass));
}

/** SIGKILL to the Vault in a pod; it comes back at once, `wiped`: with empty storage. Its pod stays what it is. */
export async function killVault(cluster: Cluster, namespace: string, pod: string, wiped: boolean): Promise<void> {
  await cluster.kubectlDo(['-n', namespace, 'exec', pod, '--', 'sh', '-c', `${wiped ? 'touch /vault/data/wipe; ' : ''}kill -9 $(cat /tmp/pid)`]);
}
