import type { IncomingMessage, RequestOptions } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { messageOf } from '../model/halt.ts';
import { redact } from '../model/secret.ts';
import { type KubeAnswer, KubeError, type KubeRequest, type KubeWire } from '../ports/kube.ts';
import { systemAuthorities } from './system-authorities.ts';
import { type KubeconfigChoice, readKubeconfig } from './kubeconfig.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
const ANSWER_LIMIT_BYTES = 32 << 20;

/**
 * The Kubernetes API on Node's own client, one warm TLS connection for a run. The library's own REST client opens a
 * connection for every call; from it come the kubeconfig and everything that logs in (certificates, tokens, exec
 * plug-ins, OIDC, proxies).
 */
export class KubeHttp implements KubeWire {
  readonly server: string;
  readonly #config: KubeConfig;
  readonly #base: URL;
  /** A CA in the kubeconfig; without one, the machine's own authorities count, as for kubectl. */
  readonly #ownAuthority: boolean;
  #agent: https.Agent | undefined;
  #sockets = new Set<{ destroy(): void }>();

  /** @throws UsageError as readKubeconfig does */
  constructor(choice: KubeconfigChoice) {
    this.#config = readKubeconfig(choice);
    const { server, caData, caFile } = this.#config.getCurrentCluster()!;
    this.#ownAuthority = [caData, caFile].some((said) => said !== undefined && said !== '');
    this.#base = new URL(server);
    this.server = `${server} (context ${this.#config.getCurrentContext()})`;
  }

  /** What a connection needs: TLS, login, proxy. A token that an exec plug-in gave is renewed by the library. */
  async login(): Promise<https.RequestOptions & { headers: Record<string, string> }> {
    // Said explicitly: an environment that turns verification off must not turn it off here. What the kubeconfig says comes over it.
    const options: https.RequestOptions = { rejectUnauthorized: true, ...(this.#ownAuthority ? {} : { ca: [...systemAuthorities()] }) };
    try {
      await this.#config.applyToHTTPSOptions(options);
    } catch (error) {
      throw new KubeError('config', `${this.server}: no login: ${redact(messageOf(error)).split('\n')[0]}`, 'kubectl get namespaces   (does it work with the same kubeconfig?)', { cause: error });
    }
    return { ...options, headers: { ...(options.headers as Record<string, string> | undefined) } };
  }

  url(path: string): URL { return new URL(`${this.#base.pathname.replace(/\/+$/, '')}${path}`, this.#base); }

  async request({ method, path, body, contentType = 'application/json', timeoutMs = DEFAULT_TIMEOUT_MS }: KubeRequest): Promise<KubeAnswer> {
    const { headers, ...login } = await this.login();
    const url = this.url(path);
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const options: RequestOptions = {
      ...login, method, agent: this.#warm(login.agent),
      headers: { ...headers, accept: 'application/json, text/plain', ...(bytes === undefined ? {} : { 'content-type': contentType, 'content-length': bytes.length }) },
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
        if (socket.connecting) socket.once(url.protocol === 'http:' ? 'connect' : 'secureConnect', () => { sent = true; });
        else sent = true;
      });
      request.once('response', (response) => {
        text(response).then((found) => { clearTimeout(timer); resolve({ status: response.statusCode ?? 0, body: parsed(response, found) }); }, fail);
      });
      request.end(bytes);
    });
  }

  /** The library's agent is right about TLS and proxies, and says nothing of keeping connections. */
  #warm(agent: RequestOptions['agent']): RequestOptions['agent'] {
    if (!(agent instanceof https.Agent) || agent.constructor !== https.Agent) return agent;
    return this.#agent ??= new https.Agent({ ...agent.options, keepAlive: true, keepAliveMsecs: 15_000, maxFreeSockets: 2 });
  }

  close(): void {
    this.#agent?.destroy();
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

const TLS = /CERT|SIGNATURE|SELF_SIGNED|ERR_TLS|ERR_SSL|EPROTO/;

export function kubeFailure(server: string, error: unknown, sent: boolean): KubeError {
  if (error instanceof KubeError) return error;
  const code = (error as { code?: unknown }).code;
  const said = redact(messageOf(error)).split('\n')[0] ?? '';
  if (typeof code === 'string' && TLS.test(code)) return new KubeError('config', `${server}: TLS failed (${code}): its certificate and the kubeconfig do not agree`, 'kubectl get namespaces   (does it work with the same kubeconfig?)', { cause: error });
  return new KubeError(sent ? 'unknown' : 'before', `the API server ${server} does not answer: ${typeof code === 'string' ? code : said}`, undefined, { cause: error });
}
