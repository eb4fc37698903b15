import type { Secret } from '../model/secret.ts';
import type { VaultWire, WireAnswer } from '../ports/vault.ts';
import { errorsOf, VaultError } from './answers.ts';

/** Reads and writes of Vault's own configuration with one token, on one node. */
export interface VaultAdmin {
  /** `data` of the answer; undefined where nothing is there. @throws VaultError, WireError */
  read(path: string): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** @throws VaultError, WireError */
  write(path: string, body: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>>;
}

/**
 * node-vault on our own wire. By itself it would follow a redirect with the token, has no timeout, turns TLS checks off
 * for any VAULT_SKIP_VERIFY, and prints bodies for DEBUG=node-vault; here it has no transport, no token and no debug.
 */
export async function vaultAdmin(wire: VaultWire, address: string, token: Secret, timeoutMs: number): Promise<VaultAdmin> {
  const { default: nodeVault } = await import('node-vault');
  const calls = async ({ method, uri, json }: { method: string; uri: string; json?: unknown }) => {
    const path = uri.slice(`${address}/v1/`.length);
    const answer = await wire.request(address, {
      method: method as 'GET', path, token, timeoutMs, inNamespace: true, ...(typeof json === 'object' && json !== null ? { body: json as Record<string, unknown> } : {}),
    });
    // Its own errors carry the whole answer: ours says as much as an operator may see.
    if (answer.status >= 400 && answer.status !== 404) throw new VaultError(address, `${method} ${path}`, answer.status, errorsOf(answer));
    return { statusCode: 200, body: answer, request: { path: `/${path}` } };
  };
  const client = nodeVault({ apiVersion: 'v1', endpoint: address, token: '', namespace: '', pathPrefix: '', debug: () => undefined, 'request-promise': { defaults: () => calls } });
  // The process's own VAULT_TOKEN and VAULT_NAMESPACE are what node-vault falls back to.
  client.token = '';
  const data = ({ status, body }: WireAnswer) => (status === 404 ? undefined : ((body as { data?: Record<string, unknown> | null } | undefined)?.data ?? {}));
  return {
    read: async (path) => data(await client.read(path) as WireAnswer),
    write: async (path, body) => {
      const answer = await client.write(path, body) as WireAnswer;
      if (answer.status === 404) throw new VaultError(address, `POST ${path}`, 404, errorsOf(answer));
      const whole = (answer.body ?? {}) as Record<string, unknown>;
      return (whole['auth'] ?? whole['data'] ?? {}) as Record<string, unknown>;
    },
  };
}
