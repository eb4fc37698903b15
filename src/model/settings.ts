import type { Configuration } from './configuration.ts';
import type { Deployment } from './deployment.ts';
import type { Secret } from './secret.ts';

/** What the inventory, the flags and the environment say, resolved: everything a flow may want to know. */
export interface Settings {
  /** For typed confirmations: `vault_cluster_name`, else the inventory's first of release name, group name. */
  readonly clusterName: string;
  /** What stands behind `-i` in the next command: where it was read from, quoted for a shell, and the flags that belong with it. */
  readonly inventory: string;
  readonly managers: readonly Manager[];
  /** Name of the master manager: `--limit`, else the host vaultctl runs on, else the first. */
  readonly master: string;
  /** `--limit` was given: the operator named the master. */
  readonly limited: boolean;
  readonly keepPrevious: number;
  readonly vault: VaultSettings;
  /** Undefined where the inventory knows Vault by its addresses alone. */
  readonly kubernetes: KubernetesSettings | undefined;
  /** What stands around Vault in Kubernetes: its chart, and what comes before and after it. */
  readonly deployment: Deployment;
  /** What Vault itself shall hold: engines, policies, Kubernetes auth. */
  readonly configuration: Configuration;
  /** Share count and threshold for `init`; for `rotate` only where the operator gave them. */
  readonly shares: { readonly count: number; readonly threshold: number; readonly given: boolean };
  readonly timeoutMs: number;
  /** Managers and nodes that the operator allowed to be missing, by name. */
  readonly allowMissing: readonly string[];
  readonly allowMissingNodes: readonly string[];
}

/** Where one manager keeps the files of contract §2: absolute, without `..`. */
export interface Paths {
  readonly main: string;
  readonly installCheckpoint: string;
  readonly rotateCheckpoint: string;
  /** Beside main. */
  readonly previous: string;
  readonly about: string;
  readonly lock: string;
  readonly snapshots: string;
  readonly journal: string;
}

/** Where Vault runs in Kubernetes, and how each of its pods is reached. */
export interface KubernetesSettings {
  /** `address`: by `vault_addresses`, Kubernetes being asked for everything else only. */
  readonly reach: 'port-forward' | 'pod-ip' | 'address';
  readonly namespace: string;
  /** The Helm release; the StatefulSet is the one whose pods `podSelector` finds. */
  readonly release: string;
  readonly podSelector: string;
  /** Absolute; undefined: as kubectl finds one. */
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly port: number;
  /** Undefined: as the pod's port is named. */
  readonly scheme: 'http' | 'https' | undefined;
  /** The Secret in `namespace` that holds the CA of Vault's certificates. */
  readonly caSecret: { readonly name: string; readonly key: string } | undefined;
  /** Plain http to a pod's own address is allowed; inside a port-forward it always is. */
  readonly allowHttp: boolean;
}

export interface VaultSettings {
  /** URLs without a trailing slash, in the inventory's order; none where the pods are found through Kubernetes. */
  readonly addresses: readonly string[];
  /** PEM text of the CA, where one is given. */
  readonly ca: string | undefined;
  readonly caFile: string | undefined;
  readonly serverName: string | undefined;
  /** Enterprise and OpenBao ≥ 2.3 namespace header for authenticated calls; undefined = root. */
  readonly namespace: string | undefined;
}

/** One manager, with everything the transports need to reach it. */
export interface Manager {
  readonly name: string;
  /** Each manager's own: the path variables may differ from host to host. */
  readonly paths: Paths;
  readonly connection: 'ssh' | 'local';
  /** `ansible_host`, else the name. */
  readonly address: string;
  /** Undefined where the inventory is silent: ~/.ssh/config or 22 decides. */
  readonly port: number | undefined;
  readonly user: string | undefined;
  readonly password: Secret | undefined;
  readonly privateKeyFile: string | undefined;
  readonly become: boolean;
  readonly becomeMethod: BecomeMethod;
  /** Undefined: the method's own name, found in the PATH there. */
  readonly becomeExe: string | undefined;
  readonly becomeFlags: readonly string[];
  readonly becomeUser: string;
  readonly becomePassword: Secret | undefined;
  /** The POSIX shell that runs our scripts there; undefined: `sh`. */
  readonly shell: string | undefined;
  /** `auto`: ssh2, and the system's ssh for what ssh2 cannot do. */
  readonly transport: 'auto' | 'ssh2' | 'openssh';
  readonly ssh: SshOptions;
  /** `ansible_timeout`, seconds in the inventory. */
  readonly connectTimeoutMs: number;
}

export type BecomeMethod = 'sudo' | 'doas' | 'su';

/** From `ansible_ssh_common_args`, `ansible_ssh_extra_args` and `ansible_host_key_checking`. */
export interface SshOptions {
  readonly proxyJump: string | undefined;
  readonly proxyCommand: string | undefined;
  readonly knownHostsFiles: readonly string[];
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  readonly hostKeyAlias: string | undefined;
  /** undefined: strict. */
  readonly strictHostKeyChecking: 'yes' | 'no' | 'accept-new' | undefined;
  /** `-F`: read in place of ~/.ssh/config and /etc/ssh/ssh_config. */
  readonly configFile: string | undefined;
  /** What else the system's ssh is given, as words of its command line: nothing of it concerns ssh2. */
  readonly words: readonly string[];
  /** The first setting among them that ssh2 cannot do. */
  readonly needsOpenssh: string | undefined;
  /** `ansible_ssh_executable`; undefined: `ssh` from the PATH. */
  readonly executable: string | undefined;
}

/** An inventory that says nothing about ssh. */
export const plainSsh: SshOptions = {
  proxyJump: undefined, proxyCommand: undefined, knownHostsFiles: [], identityFiles: [], identitiesOnly: false, hostKeyAlias: undefined,
  strictHostKeyChecking: undefined, configFile: undefined, words: [], needsOpenssh: undefined, executable: undefined,
};
