/** JSON as the API server, helm and a diff see it. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };
export type PlainTable = { readonly [key: string]: Plain };

/** What stands before Vault and around it in Kubernetes; every part is left out by an inventory that says nothing of it. */
export interface Deployment {
  readonly helm: HelmSettings | undefined;
  /** Done in this order before the chart; … */
  readonly pre: readonly Extra[];
  /** … and after Vault is configured. */
  readonly post: readonly Extra[];
}

export interface HelmSettings {
  /** `hashicorp/vault`, `vault` (with `repo`), `oci://…` (its tag is `version`), or the absolute path of a folder or archive. */
  readonly chart: string;
  readonly repo: string | undefined;
  /** An exact one: a range would be another chart tomorrow. Undefined: whatever version is there is as wanted. */
  readonly version: string | undefined;
  /** Files and mappings, laid over each other as helm does. */
  readonly values: PlainTable;
  readonly binary: string;
}

/** One item of `vault_install_pre` and `vault_install_post`. */
export type Extra =
  | { readonly is: 'manifest'; readonly from: string; readonly object: Manifest }
  | ExtraCommand;

export interface ExtraCommand {
  readonly is: 'command';
  readonly name: string;
  /** No shell between: a text became `sh -c TEXT`. */
  readonly argv: readonly string[];
  /** Done where this file is there, … */
  readonly creates: string | undefined;
  /** … or where this ends with 0. */
  readonly unless: readonly string[] | undefined;
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

export const noDeployment: Deployment = { helm: undefined, pre: [], post: [] };
