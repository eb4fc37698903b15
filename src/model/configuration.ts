/** What the inventory wants Vault to hold, in Vault's own field names. Fields that are not given are not managed. */
export interface Configuration {
  readonly engines: readonly Engine[];
  readonly policies: readonly Policy[];
  readonly auth: KubernetesAuth | undefined;
  readonly roles: readonly Role[];
}

export type Fields = Readonly<Record<string, unknown>>;

/** https://developer.hashicorp.com/vault/api-docs/system/mounts */
export interface Engine {
  /** Without slashes at its ends. */
  readonly path: string;
  readonly type: string;
  readonly description: string | undefined;
  /** `version` for kv. */
  readonly options: Readonly<Record<string, string>>;
  /** `default_lease_ttl`, `max_lease_ttl`, … */
  readonly config: Fields;
}
export interface Policy { readonly name: string; readonly text: string }
/** https://developer.hashicorp.com/vault/api-docs/auth/kubernetes */
export interface KubernetesAuth { readonly path: string; readonly description: string | undefined; readonly config: Fields }
export interface Role { readonly name: string; readonly fields: Fields }

export function isEmpty({ engines, policies, auth, roles }: Configuration): boolean {
  return engines.length === 0 && policies.length === 0 && auth === undefined && roles.length === 0;
}
