import { readFileSync } from 'node:fs';
import type { KubeCluster, KubeUser } from './kubeconfig.ts';

const PROXIES = /^(?:https?|socks5h?):$/;
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;
const MODES = ['Never', 'IfAvailable', 'Always'];

/** What of `exec` is looked at. https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#ExecConfig */
export interface ExecConfig {
  readonly command?: string; readonly args?: readonly string[] | null; readonly env?: readonly { readonly name: string; readonly value?: string }[] | null;
  readonly apiVersion?: string; readonly installHint?: string; readonly interactiveMode?: string; readonly provideClusterInfo?: boolean;
}

/**
 * Why kubectl refuses a context, in our words; undefined where it takes it. Beside that, plain http is for loopback only:
 * unseal keys go this way.
 */
export function whyUnusable(cluster: KubeCluster, user: KubeUser): string | undefined {
  return whyNoCluster(cluster) ?? whyNoUser(user);
}

function whyNoCluster({ name, server, caData, caFile, skipTLSVerify, proxyUrl }: KubeCluster): string | undefined {
  if (!URL.canParse(server) || !/^https?:\/\//.test(server)) return `the server of cluster ${name} is no address: ${server} (https://HOST:PORT)`;
  const { protocol, hostname } = new URL(server);
  if (protocol === 'http:' && !LOOPBACK.test(hostname)) return `the server of cluster ${name} is plain http: ${server}; unseal keys would cross the network in the clear`;
  if (protocol === 'http:' && said(proxyUrl)) return `cluster ${name} is reached over plain http, and has a proxy-url; unseal keys would pass it in the clear`;
  if (said(proxyUrl) && !(URL.canParse(proxyUrl!) && PROXIES.test(new URL(proxyUrl!).protocol))) return `the proxy-url of cluster ${name} must be http://, https:// or socks5://`;
  if (said(caData) && said(caFile)) return `cluster ${name} has both certificate-authority and certificate-authority-data`;
  if (skipTLSVerify && (said(caData) || said(caFile))) return `cluster ${name} has a certificate authority and insecure-skip-tls-verify: one of the two is wrong`;
  const file = unreadable('certificate-authority', caFile);
  if (file !== undefined) return file;
  if (said(caData) && !/-----BEGIN (?:TRUSTED )?CERTIFICATE-----/.test(Buffer.from(caData!, 'base64').toString('latin1'))) return `the certificate-authority-data of cluster ${name} holds no certificate`;
  if (said(caFile) && !/-----BEGIN (?:TRUSTED )?CERTIFICATE-----/.test(readFileSync(caFile!, 'latin1'))) return `${caFile}, the certificate-authority of cluster ${name}, holds no certificate`;
  return undefined;
}

function whyNoUser(user: KubeUser): string | undefined {
  const { name, certData, certFile, keyData, keyFile, token, tokenFile, username, password, authProvider } = user;
  const exec = user.exec as ExecConfig | undefined | null;
  if (said(certData) && said(certFile)) return `user ${name} has both client-certificate and client-certificate-data`;
  if ((said(certData) || said(certFile)) && said(keyData) && said(keyFile)) return `user ${name} has both client-key and client-key-data`;
  if ((said(certData) || said(certFile)) && !said(keyData) && !said(keyFile)) return `user ${name} has a client certificate and no client-key`;
  if (said(token) && (said(username) || said(password))) return `user ${name} has a token and a password: only one is allowed`;
  if ((user.impersonateUid !== undefined || user.impersonateGroups !== undefined || user.impersonateExtra !== undefined) && !said(user.impersonateUser)) return `user ${name} has as-uid, as-groups or as-user-extra without as`;
  const legacy = (authProvider as { readonly name?: string } | null | undefined)?.name;
  if (said(legacy) && exec !== undefined && exec !== null) return `user ${name} has both an auth-provider and an exec plug-in`;
  if (said(legacy) && legacy !== 'oidc') return `user ${name} has the auth-provider ${legacy}, which Kubernetes has removed: use its exec plug-in`;
  return unreadable('client-certificate', certFile) ?? unreadable('client-key', keyFile) ?? (said(token) ? undefined : unreadable('tokenFile', tokenFile)) ?? (exec === undefined || exec === null ? undefined : whyNoPlugin(name, exec));
}

function whyNoPlugin(name: string, { command, apiVersion, interactiveMode, env }: ExecConfig): string | undefined {
  if (!said(command)) return `the exec plug-in of user ${name} has no command`;
  if (apiVersion !== 'client.authentication.k8s.io/v1' && apiVersion !== 'client.authentication.k8s.io/v1beta1') return `the exec plug-in of user ${name} has the apiVersion ${apiVersion ?? '(none)'}: it must be client.authentication.k8s.io/v1 or v1beta1`;
  if (interactiveMode === undefined ? apiVersion.endsWith('/v1') : !MODES.includes(interactiveMode)) return `the exec plug-in of user ${name} must say interactiveMode: ${MODES.join(', ')}`;
  if ((env ?? []).some((one) => !said(one.name))) return `the exec plug-in of user ${name} has an env without a name`;
  return undefined;
}

function unreadable(what: string, file: string | undefined): string | undefined {
  if (!said(file)) return undefined;
  try {
    readFileSync(file!);
    return undefined;
  } catch (error) {
    return `${what} ${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`;
  }
}

function said(value: string | null | undefined): boolean { return value !== undefined && value !== null && value !== ''; }
