// The components of a one-node Kubernetes: the command line of each, and the files that they read.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NODE_NAME, writeKubeconfig } from './certificates.ts';
import { DNS_ADDRESS } from './manifests.ts';
import { NODE_ADDRESS } from './namespaces.ts';

export type Component = 'etcd' | 'containerd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'kubelet' | 'kube-proxy';

interface Given {
  /** The cluster's own, absolute. Certificates are in `pki` there already. */
  readonly folder: string;
  readonly cgroup: string;
  /** "vaultctl.test/pause:1" */
  readonly pauseImage: string;
  readonly programs: { readonly [name in Component | 'runc' | 'host-local']: string };
}

export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';
const ETCD = 'http://127.0.0.1:2379';

/** Writes what all of them read. */
export function writeConfigurations(given: Given): void {
  const at = (...path: string[]) => join(given.folder, ...path);
  for (const client of ['controller-manager', 'scheduler', 'kube-proxy', 'kubelet'] as const) writeKubeconfig(at(`${client}.kubeconfig`), at('pki'), client);
  writeJson(at('kubelet.json'), kubeletConfig(given));
  writeJson(at('kube-proxy.json'), kubeProxyConfig(given));
  mkdirSync(at('cni'), { recursive: true });
  writeJson(at('cni', 'pods.conflist'), podNetwork(given));
  writeContainerdConfiguration(given);
}

export function writeContainerdConfiguration(given: Given): void {
  writeFileSync(join(given.folder, 'containerd.toml'), containerdConfig(given));
}

/** `RequestResponse`: with their bodies. */
export type AuditLevel = 'Metadata' | 'RequestResponse';

/** Before the API server's command is made: who of its users is written down. */
export function writeAuditPolicy(folder: string, users: readonly string[], level: AuditLevel = 'Metadata'): void {
  writeJson(auditPolicyIn(folder), { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'], rules: [{ level, users }, { level: 'None' }] });
}
const auditPolicyIn = (folder: string) => join(folder, 'audit-policy.json');
export const auditLogIn = (folder: string): string => join(folder, 'audit.log');

/** `[program, ...arguments]` of each. */
export function componentCommands({ folder, programs }: Given): { readonly [name in Component]: readonly string[] } {
  const at = (...path: string[]) => join(folder, ...path);
  const pki = (name: string) => at('pki', name);
  return {
    etcd: [programs.etcd, '--data-dir', at('etcd'), '--listen-client-urls', ETCD, '--advertise-client-urls', ETCD, '--listen-peer-urls', 'http://127.0.0.1:2380', '--unsafe-no-fsync'],
    containerd: [programs.containerd, '--config', at('containerd.toml')],
    'kube-apiserver': [
      programs['kube-apiserver'], `--etcd-servers=${ETCD}`, `--advertise-address=${NODE_ADDRESS}`, '--bind-address=0.0.0.0', '--secure-port=6443',
      '--service-cluster-ip-range=10.96.0.0/24', '--allow-privileged=true', '--authorization-mode=Node,RBAC', '--enable-admission-plugins=NodeRestriction',
      `--client-ca-file=${pki('ca.crt')}`, `--tls-cert-file=${pki('kube-apiserver.crt')}`, `--tls-private-key-file=${pki('kube-apiserver.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local', `--service-account-key-file=${pki('sa.pub')}`, `--service-account-signing-key-file=${pki('sa.key')}`,
      '--kubelet-preferred-address-types=InternalIP', `--kubelet-certificate-authority=${pki('ca.crt')}`,
      `--kubelet-client-certificate=${pki('api-to-kubelet.crt')}`, `--kubelet-client-key=${pki('api-to-kubelet.key')}`,
      `--requestheader-client-ca-file=${pki('front-proxy-ca.crt')}`, '--requestheader-allowed-names=front-proxy-client', '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      '--requestheader-group-headers=X-Remote-Group', '--requestheader-username-headers=X-Remote-User',
      `--proxy-client-cert-file=${pki('front-proxy.crt')}`, `--proxy-client-key-file=${pki('front-proxy.key')}`,
      // Without it SIGTERM takes over a minute.
      '--shutdown-watch-termination-grace-period=1s',
      ...(existsSync(auditPolicyIn(folder)) ? [`--audit-policy-file=${auditPolicyIn(folder)}`, `--audit-log-path=${auditLogIn(folder)}`] : []),
    ],
    'kube-controller-manager': [
      programs['kube-controller-manager'], ...asClient(at('controller-manager.kubeconfig')), '--use-service-account-credentials', `--root-ca-file=${pki('ca.crt')}`,
      `--service-account-private-key-file=${pki('sa.key')}`, '--leader-elect=false', '--bind-address=127.0.0.1', '--enable-hostpath-provisioner', '--pvclaimbinder-sync-period=2s',
      `--flex-volume-plugin-dir=${at('volume-plugins')}`,
    ],
    // A pod that it put aside by a look at an old cache is looked at again within the minute, not after five.
    'kube-scheduler': [programs['kube-scheduler'], ...asClient(at('scheduler.kubeconfig')), '--leader-elect=false', '--bind-address=127.0.0.1', '--pod-max-in-unschedulable-pods-duration=5s'],
    kubelet: [programs.kubelet, `--config=${at('kubelet.json')}`, `--kubeconfig=${at('kubelet.kubeconfig')}`, `--hostname-override=${NODE_NAME}`, `--node-ip=${NODE_ADDRESS}`],
    'kube-proxy': [programs['kube-proxy'], `--config=${at('kube-proxy.json')}`],
  };
}

const asClient = (kubeconfig: string) => [`--kubeconfig=${kubeconfig}`, `--authentication-kubeconfig=${kubeconfig}`, `--authorization-kubeconfig=${kubeconfig}`];

function kubeletConfig({ folder, cgroup }: Given) {
  const pki = join(folder, 'pki');
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: join(pki, 'ca.crt') } },
    authorization: { mode: 'Webhook' },
    tlsCertFile: join(pki, 'kubelet-server.crt'),
    tlsPrivateKeyFile: join(pki, 'kubelet-server.key'),
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: cgroup,
    failCgroupV1: false,
    failSwapOn: false,
    // More is refused where the machine's own limit is lower.
    maxOpenFiles: 20_000,
    oomScoreAdj: 0,
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'nodefs.inodesFree': '1%', 'imagefs.available': '1%' },
    // Images that cannot be pulled again must not be collected.
    imageGCHighThresholdPercent: 100,
    imageMinimumGCAge: '720h',
    clusterDomain: 'cluster.local',
    clusterDNS: [DNS_ADDRESS],
    resolvConf: '',
    volumePluginDir: join(folder, 'volume-plugins'),
    nodeStatusUpdateFrequency: '4s',
  };
}

function kubeProxyConfig({ folder }: Given) {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: join(folder, 'kube-proxy.kubeconfig') },
    hostnameOverride: NODE_NAME,
    bindAddress: NODE_ADDRESS,
    mode: 'iptables',
    // A pod that answers its neighbour on the same bridge would answer past the service's address.
    iptables: { masqueradeAll: true, minSyncPeriod: '0s' },
    // These are the whole machine's.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s', udpTimeout: '0s', udpStreamTimeout: '0s' },
  };
}

function containerdConfig({ folder, pauseImage, programs }: Given): string {
  return `version = 2
root = ${JSON.stringify(join(folder, 'containerd'))}
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
  address = ${JSON.stringify(CONTAINERD_SOCKET)}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${JSON.stringify(pauseImage)}
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${JSON.stringify(dirname(programs['host-local']))}
    conf_dir = ${JSON.stringify(join(folder, 'cni'))}
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = ${JSON.stringify(programs.runc)}
      Root = "/run/runc"
      SystemdCgroup = false
`;
}

function podNetwork({ folder }: Given) {
  return {
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [{
      type: 'bridge', bridge: 'vaultctl0', isGateway: true, isDefaultGateway: true, hairpinMode: true,
      ipam: { type: 'host-local', ranges: [[{ subnet: '10.89.0.0/16', gateway: NODE_ADDRESS }]], dataDir: join(folder, 'cni-addresses') },
    }],
  };
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, JSON.stringify(value, undefined, 2));
}

