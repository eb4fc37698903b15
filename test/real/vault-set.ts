// Vault as a StatefulSet with raft on claims, in the names and labels of the charts of HashiCorp and OpenBao.

export interface SetOptions {
  readonly image: string;
  readonly namespace: string;
  readonly replicas: number;
  /** The Secret with tls.crt and tls.key; undefined: plain http. */
  readonly tlsSecret?: string;
  /** Followers find their leader by themselves; else whoever unseals them tells them. */
  readonly retryJoin?: boolean;
}

/** A List for `kubectl apply`. */
export function vaultSet({ image, namespace, replicas, tlsSecret, retryJoin = false }: SetOptions): string {
  const labels = { 'app.kubernetes.io/name': 'vault', 'app.kubernetes.io/instance': 'vault', component: 'server' };
  const scheme = tlsSecret === undefined ? 'http' : 'https';
  const tls = tlsSecret === undefined ? 'tls_disable = true' : 'tls_cert_file = "/vault/tls/tls.crt" tls_key_file = "/vault/tls/tls.key"';
  const joins = retryJoin ? [0, 1, 2].map((index) => `retry_join { leader_api_addr = "${scheme}://vault-${index}.vault-internal:8200" }`).join(' ') : '';
  const config = `storage "raft" { path = "/vault/data" performance_multiplier = 1 ${joins} }\nlistener "tcp" { address = "[::]:8200" cluster_address = "[::]:8201" ${tls} }\napi_addr = "${scheme}://$(HOSTNAME).vault-internal:8200"\ncluster_addr = "https://$(HOSTNAME).vault-internal:8201"\ndisable_mlock = true\n`;
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'vault-internal', namespace }, spec: { clusterIP: 'None', publishNotReadyAddresses: true, selector: labels, ports: [{ name: scheme, port: 8200 }, { name: 'https-internal', port: 8201 }] } },
    {
      apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'vault', namespace, labels: { 'app.kubernetes.io/instance': 'vault' } },
      spec: {
        replicas, serviceName: 'vault-internal', podManagementPolicy: 'Parallel', updateStrategy: { type: 'OnDelete' }, selector: { matchLabels: labels },
        template: {
          metadata: { labels: { ...labels, 'helm.sh/chart': 'vault-0.34.1' } },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [{
              name: 'vault', image, imagePullPolicy: 'Never', command: ['/bin/sh', '-ec'], args: ['echo "$CONFIG" > /tmp/vault.hcl; exec vault server -config=/tmp/vault.hcl'],
              env: [{ name: 'HOSTNAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }, { name: 'CONFIG', value: config }, { name: 'VAULT_ADDR', value: `${scheme}://127.0.0.1:8200` }],
              ports: [{ name: scheme, containerPort: 8200 }, { name: 'https-internal', containerPort: 8201 }],
              volumeMounts: [{ name: 'data', mountPath: '/vault/data' }, ...(tlsSecret === undefined ? [] : [{ name: 'tls', mountPath: '/vault/tls' }])],
            }],
            ...(tlsSecret === undefined ? {} : { volumes: [{ name: 'tls', secret: { secretName: tlsSecret } }] }),
          },
        },
        volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }],
      },
    },
  ] });
}
