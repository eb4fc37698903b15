import type { IncomingMessage, RequestOptions } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import { messageOf } from '../model/halt.ts';
import { redact } from '../model/secret.ts';
import { type KubeAnswer, KubeError, type KubeRequest, type KubeWire } from '../ports/kube.ts';
import { PluginError } from './kube-exec.ts';
import { KubeLogin, type Login, type LoginHeaders } from './kube-login.ts';
import { agentTo, type Proxy, proxyInWords, proxyTo } from './kube-proxy.ts';
import { type KubeCluster, type KubeconfigChoice, type KubeUser, readKubeconfig } from './kubeconfig.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
const ANSWER_LIMIT_BYTES = 32 << 20;

/**
 * The Kubernetes API on Node's own client, one warm TLS connection for a run. The library's own REST client opens a
 * connection for every call.
 */
export class KubeHttp implements KubeWire {
  readonly server: string;
  /** What the operator should know of this kubeconfig before anything is trusted to it. */
  readonly warnings: readonly string[];
  readonly #login: KubeLogin;
  readonly #base: URL;
  readonly #proxy: Proxy | undefined;
  /** Two for one identity: requests share connections, and a websocket takes one of its own. */
  #agents: { readonly identity: string; readonly warm: http.Agent; readonly once: http.Agent } | undefined;
  #sockets = new Set<{ destroy(): void }>();

  /** @param patienceMs how long a login may take @throws UsageError as readKubeconfig does */
  constructor(choice: KubeconfigChoice, patienceMs: number) {
    const config = readKubeconfig(choice);
    const cluster = config.getCurrentCluster() as KubeCluster;
    this.#login = new KubeLogin(cluster, config.getCurrentUser() as KubeUser, patienceMs);
    this.#base = new URL(cluster.server);
    this.#proxy = proxyTo(this.#base, cluster.proxyUrl);
    this.server = `${cluster.server} (context ${config.getCurrentContext()}${this.#proxy === undefined ? '' : `, through the proxy ${proxyInWords(this.#proxy)}`})`;
    this.warnings = cluster.skipTLSVerify ? [`${this.server}: insecure-skip-tls-verify: whoever stands between this host and the API server can read what goes to Vault in a pod without TLS, unseal keys too`] : [];
  }

  /** What a websocket needs: TLS, login, proxy. @throws KubeError */
  async login(): Promise<https.RequestOptions & { headers: LoginHeaders }> {
    const login = await this.#identity();
    return { ...login.tls, headers: login.headers, agent: this.#agentsFor(login).once };
  }

  /** After an answer 401. @returns whether another try may say something else */
  refused(): boolean { return this.#login.refused(); }

  async #identity(): Promise<Login> {
    try {
      return await this.#login.now();
    } catch (error) {
      // A plug-in that asks a server somewhere may have an answer the next time.
      const passing = error instanceof PluginError && !error.wrong;
      throw new KubeError(passing ? 'before' : 'config', `${this.server}: no login: ${redact(messageOf(error)).split('\n')[0]}`, 'kubectl get namespaces   (does it work with the same kubeconfig?)', { cause: error });
    }
  }

  #agentsFor({ tls }: Login): { readonly warm: http.Agent; readonly once: http.Agent } {
    // The machine's own authorities are a list, and stay as they are.
    const identity = String(tls.cert ?? '') + (Array.isArray(tls.ca) ? '' : String(tls.ca));
    if (this.#agents?.identity !== identity) {
      this.#agents?.warm.destroy();
      this.#agents = { identity, warm: agentTo(this.#base, this.#proxy, tls, true), once: agentTo(this.#base, this.#proxy, tls, false) };
    }
    return this.#agents;
  }

  url(path: string): URL { return new URL(`${this.#base.pathname.replace(/\/+$/, '')}${path}`, this.#base); }

  async request(request: KubeRequest): Promise<KubeAnswer> {
    const answer = await this.#once(request);
    // Who is not known has not acted.
    return answer.status === 401 && this.#login.refused() ? this.#once(request) : answer;
  }

  async #once({ method, path, body, contentType = 'application/json', timeoutMs = DEFAULT_TIMEOUT_MS }: KubeRequest): Promise<KubeAnswer> {
    const login = await this.#identity();
    const url = this.url(path);
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const options: RequestOptions = {
      ...login.tls, method, agent: this.#agentsFor(login).warm,
      headers: { ...login.headers, accept: 'application/json, text/plain', ...(bytes === undefined ? {} : { 'content-type': contentType, 'content-length': bytes.length }) },
    };
    let sent = false;
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'http:' ? http : https).request(url, options);
      const timer = setTimeout(() => request.destroy(Object.assign(new Error(`no answer within ${timeoutMs / 1000} s`), { code: 'ETIMEDOUT' })), timeoutMs);
      const fail = (error: unknown) => { clearTimeout(timer); reject(kubeFailure(this.server, error, sent)); };
      request.once('error', fail);
      request.once('socket', (socket) => {
        // A warm connection comes here with every request.
        if (!this.#sockets.has(socket)) socket.once('close', () => this.#sockets.delete(socket));
        this.#sockets.add(socket);
        // Through a proxy the socket stands before its TLS does.
        if (socket.connecting || (socket as { secureConnecting?: boolean }).secureConnecting === true) socket.once(url.protocol === 'http:' ? 'connect' : 'secureConnect', () => { sent = true; });
        else sent = true;
      });
      request.once('response', (response) => {
        text(response).then((found) => { clearTimeout(timer); resolve({ status: response.statusCode ?? 0, body: parsed(response, found) }); }, fail);
      });
      request.end(bytes);
    });
  }

  close(): void {
    this.#agents?.warm.destroy();
    this.#agents?.once.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }
}

async function text(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Uint8Array);
    size += (chunk as Uint8Array).length;
    if (size > ANSWER_LIMIT_BYTES) throw new Error(`the answer is larger than ${ANSWER_LIMIT_BYTES >> 20} MiB`);
  }
  if (!response.complete) throw Object.assign(new Error('the answer was cut'), { code: 'ECONNRESET' });
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(response: IncomingMessage, found: string): unknown {
  if (!/json/.test(response.headers['content-type'] ?? '')) return found;
  return JSON.parse(found) as unknown;
}

const TLS = /CERT|SIGNATURE|SELF_SIGNED|ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO/;

export function kubeFailure(server: string, error: unknown, sent: boolean): KubeError {
  if (error instanceof KubeError) return error;
  const code = (error as { code?: unknown }).code;
  const said = redact(messageOf(error)).split('\n')[0] ?? '';
  if (typeof code === 'string' && TLS.test(code)) return new KubeError('config', `${server}: TLS failed (${code}): its certificate and the kubeconfig do not agree`, 'kubectl get namespaces   (does it work with the same kubeconfig?)', { cause: error });
  return new KubeError(sent ? 'unknown' : 'before', `the API server ${server} does not answer: ${typeof code === 'string' ? code : said}`, undefined, { cause: error });
}
