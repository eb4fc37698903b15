// Vault as a StatefulSet with raft on claims, in the names and labels of the charts of HashiCorp and OpenBao.
import type { Cluster } from '../cluster/start.ts';

export interface SetOptions {
  readonly image: string;
  readonly namespace: string;
  readonly replicas: number;
  /** The Secret with tls.crt and tls.key; undefined: plain http. */
  readonly tlsSecret?: string;
  /** Followers find their leader by themselves; else whoever unseals them tells them. */
  readonly retryJoin?: boolean;
  /** Vault's whole configuration, instead of the one that works. */
  readonly config?: string;
  /** Ready unless it is sealed; without a probe a pod is Ready as soon as it runs. */
  readonly probed?: boolean;
  /** One after the other, each only when the last one is Ready; else all at once. */
  readonly ordered?: boolean;
  /** The cluster's default where left out. */
  readonly storageClass?: string;
  /** Whenever Vault ends it is started again at once, without the kubelet's patience: what `killVault` needs. */
  readonly again?: boolean;
}

const START = 'echo "$CONFIG" > /tmp/vault.hcl; exec vault server -config=/tmp/vault.hcl';
/** With its storage emptied where /vault/data/wipe says so. */
const AGAIN_AND_AGAIN = 'set +e; echo "$CONFIG" > /tmp/vault.hcl; while :; do [ ! -e /vault/data/wipe ] || rm -rf /vault/data/* /vault/data/.[!.]*; vault server -config=/tmp/vault.hcl & echo $! > /tmp/pid; wait $!; done';

/** The headless Service and the StatefulSet, both named for `vault`, for `kubectl apply`. */
export function vaultSet(options: SetOptions): readonly object[] {
  const { namespace, replicas, tlsSecret, storageClass } = options;
  const labels = { 'app.kubernetes.io/name': 'vault', 'app.kubernetes.io/instance': 'vault', component: 'server' };
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'vault-internal', namespace }, spec: { clusterIP: 'None', publishNotReadyAddresses: true, selector: labels, ports: [{ name: schemeOf(options), port: 8200 }, { name: 'https-internal', port: 8201 }] } },
    {
      apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'vault', namespace, labels: { 'app.kubernetes.io/instance': 'vault' } },
      spec: {
        replicas, serviceName: 'vault-internal', podManagementPolicy: options.ordered === true ? 'OrderedReady' : 'Parallel', updateStrategy: { type: 'OnDelete' }, selector: { matchLabels: labels },
        template: {
          metadata: { labels: { ...labels, 'helm.sh/chart': 'vault-0.34.1' } },
          spec: { terminationGracePeriodSeconds: 1, containers: [container(options)], ...(tlsSecret === undefined ? {} : { volumes: [{ name: 'tls', secret: { secretName: tlsSecret } }] }) },
        },
        volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], ...(storageClass === undefined ? {} : { storageClassName: storageClass }), resources: { requests: { storage: '1Gi' } } } }],
      },
    },
  ];
}

const schemeOf = ({ tlsSecret }: SetOptions) => (tlsSecret === undefined ? 'http' : 'https');

function container(options: SetOptions): object {
  const { image, tlsSecret, probed = false, again = false } = options;
  const scheme = schemeOf(options);
  return {
    name: 'vault', image, imagePullPolicy: 'Never', command: ['/bin/sh', '-ec'], args: [again ? AGAIN_AND_AGAIN : START],
    env: [{ name: 'HOSTNAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }, { name: 'CONFIG', value: options.config ?? configOf(options) }, { name: 'VAULT_ADDR', value: `${scheme}://127.0.0.1:8200` }],
    ports: [{ name: scheme, containerPort: 8200 }, { name: 'https-internal', containerPort: 8201 }],
    volumeMounts: [{ name: 'data', mountPath: '/vault/data' }, ...(tlsSecret === undefined ? [] : [{ name: 'tls', mountPath: '/vault/tls' }])],
    ...(probed ? { readinessProbe: { httpGet: { path: '/v1/sys/health?uninitcode=200&standbyok=true', port: 8200, scheme: scheme.toUpperCase() }, periodSeconds: 1 } } : {}),
  };
}

function configOf(options: SetOptions): string {
  const scheme = schemeOf(options);
  const tls = options.tlsSecret === undefined ? 'tls_disable = true' : 'tls_cert_file = "/vault/tls/tls.crt" tls_key_file = "/vault/tls/tls.key"';
  const leaders = options.retryJoin === true ? Array.from({ length: options.replicas }, (_, index) => `retry_join { leader_api_addr = "${scheme}://vault-${index}.vault-internal:8200" }`) : [];
  return [
    `storage "raft" { path = "/vault/data" performance_multiplier = 1 ${leaders.join(' ')} }`, `listener "tcp" { address = "[::]:8200" cluster_address = "[::]:8201" ${tls} }`,
    `api_addr = "${scheme}://$(HOSTNAME).vault-internal:8200"`, 'cluster_addr = "https://$(HOSTNAME).vault-internal:8201"', 'disable_mlock = true', '',
  ].join('\n');
}

export const namespaceNamed = (name: string): object => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

export async function apply(cluster: Cluster, objects: readonly object[]): Promise<void> {
  await cluster.kubectlDo(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
}

/** SIGKILL to the Vault in a pod of a set with `again`; it comes back at once, `wiped`: with empty storage. Its pod stays what it is. */
export async function killVault(cluster: Cluster, namespace: string, pod: string, wiped: boolean): Promise<void> {
  await cluster.kubectlDo(['-n', namespace, 'exec', pod, '--', 'sh', '-c', `${wiped ? 'touch /vault/data/wipe; ' : ''}kill -9 $(cat /tmp/pid)`]);
}
