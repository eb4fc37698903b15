import { readFileSync } from 'node:fs';
import type { AgentOptions } from 'node:https';
import { neverShow } from '../model/secret.ts';
import { askPlugin, type Credential } from './kube-exec.ts';
import type { ExecConfig } from './kubeconfig-check.ts';
import type { KubeCluster, KubeUser } from './kubeconfig.ts';
import { systemAuthorities } from './system-authorities.ts';

export type LoginHeaders = Record<string, string | string[]>;
export interface Login { readonly tls: AgentOptions; readonly headers: LoginHeaders }

/** Nobody waits for a request that is refused for a token that ran out on its way. */
const RENEW_BEFORE_MS = 5000;

/** Who we are to the API server, and how we know it. Files are read again at each login: the kubelet and others renew them. */
export class KubeLogin {
  readonly #cluster: KubeCluster;
  readonly #user: KubeUser;
  readonly #patienceMs: number;
  #credential: Promise<Credential> | undefined;
  #oidc: Promise<{ getToken(user: KubeUser): Promise<string | null> }> | undefined;

  constructor(cluster: KubeCluster, user: KubeUser, patienceMs: number) {
    this.#cluster = cluster;
    this.#user = user;
    this.#patienceMs = patienceMs;
  }

  /** @throws PluginError, NodeJS.ErrnoException */
  async now(): Promise<Login> {
    const { caData, caFile, skipTLSVerify, tlsServerName } = this.#cluster;
    const ca = fileOr(caFile, caData);
    const { cert, key, token } = await this.#identity();
    const tls: AgentOptions = {
      // Said explicitly: an environment that turns verification off must not turn it off here.
      rejectUnauthorized: !skipTLSVerify,
      // Without a CA in the kubeconfig the machine's own authorities count, as for kubectl; an intermediate one may stand for itself, as with Go.
      ca: ca ?? [...systemAuthorities()], allowPartialTrustChain: true,
      ...(tlsServerName === undefined || tlsServerName === '' ? {} : { servername: tlsServerName }), ...(cert === undefined ? {} : { cert, key }),
    };
    return { tls, headers: { ...this.#authorization(token), ...this.#impersonation() } };
  }

  /** After 401: a plug-in is asked again. @returns whether there is anybody to ask */
  refused(): boolean {
    const had = this.#credential !== undefined;
    this.#credential = undefined;
    return had;
  }

  async #identity(): Promise<{ cert?: string | Buffer | undefined; key?: string | Buffer | undefined; token?: string | undefined }> {
    const { certFile, certData, keyFile, keyData, token, tokenFile, username, exec, authProvider } = this.#user;
    const [cert, key] = [fileOr(certFile, certData), fileOr(keyFile, keyData)];
    // The file's is the newer one; where both are given, the token is what counts while the file is away.
    const bearer = tokenFile === undefined ? token : tokenIn(tokenFile, token);
    // A plug-in is asked only where nothing else says who we are.
    if (exec !== undefined && exec !== null && cert === undefined && (bearer ?? '') === '' && (username ?? '') === '') return this.#fromPlugin(exec as ExecConfig);
    if ((bearer ?? '') === '' && authProvider !== undefined && authProvider !== null) return { cert, key, token: await this.#fromProvider() };
    return { cert, key, token: bearer };
  }

  /** Several requests at once ask it once. */
  async #fromPlugin(exec: ExecConfig): Promise<Credential> {
    const asked = this.#credential ??= askPlugin(exec, this.#cluster, this.#patienceMs);
    try {
      const credential = await asked;
      if (credential.expiresAtMs === undefined || credential.expiresAtMs - RENEW_BEFORE_MS > Date.now()) return credential;
    } catch (error) {
      if (this.#credential === asked) this.#credential = undefined;
      throw error;
    }
    if (this.#credential === asked) this.#credential = askPlugin(exec, this.#cluster, this.#patienceMs);
    return this.#credential ?? this.#fromPlugin(exec);
  }

  async #fromProvider(): Promise<string | undefined> {
    this.#oidc ??= import('@kubernetes/client-node/dist/oidc_auth.js').then(({ OpenIDConnectAuth }) => new OpenIDConnectAuth() as unknown as { getToken(user: KubeUser): Promise<string | null> });
    return (await (await this.#oidc).getToken(this.#user)) ?? undefined;
  }

  #authorization(token: string | undefined): LoginHeaders {
    const { username = '', password = '' } = this.#user;
    if (token !== undefined && token !== '') {
      neverShow(token);
      return { authorization: `Bearer ${token}` };
    }
    if ((username ?? '') === '') return {};
    neverShow(password ?? '');
    return { authorization: `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` };
  }

  #impersonation(): LoginHeaders {
    const { impersonateUser, impersonateUid, impersonateGroups, impersonateExtra } = this.#user;
    if ((impersonateUser ?? '') === '') return {};
    return {
      'Impersonate-User': impersonateUser!, ...(impersonateUid === undefined ? {} : { 'Impersonate-Uid': impersonateUid }),
      ...(impersonateGroups === undefined || impersonateGroups.length === 0 ? {} : { 'Impersonate-Group': [...impersonateGroups] }),
      ...Object.fromEntries(Object.entries(impersonateExtra ?? {}).map(([name, values]) => [`Impersonate-Extra-${encodeURIComponent(name)}`, [...values]])),
    };
  }
}

function fileOr(file: string | undefined | null, data: string | undefined | null): Buffer | undefined {
  if (data !== undefined && data !== null && data !== '') return Buffer.from(data, 'base64');
  return file === undefined || file === null || file === '' ? undefined : readFileSync(file);
}

/** @throws NodeJS.ErrnoException where there is neither */
function tokenIn(file: string, otherwise: string | undefined): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (otherwise !== undefined && otherwise !== '') return otherwise;
    throw error;
  }
}
