/**
 * A path that this policy (HCL or JSON) lets be read, with a name of ours where it has a wildcard; undefined where none
 * is found. For a probe only: nothing is decided by it. https://developer.hashicorp.com/vault/docs/concepts/policies
 */
export function readablePath(policy: string): string | undefined {
  for (const [, hcl, json, body] of policy.matchAll(/"?path"?\s*(?:"([^"]+)"|:\s*\{\s*"([^"]+)")\s*:?\s*\{([^}]*)\}/g)) {
    const path = hcl ?? json;
    if (path === undefined || path.includes('{{') || !/"read"/.test(body ?? '')) continue;
    return path.replace(/\*$/, 'vaultctl-probe').replaceAll(/(^|\/)\+(?=\/|$)/g, '$1vaultctl-probe');
  }
  return undefined;
}
