import type { Break } from '../break.ts';

const LOGIN = 'src/adapters/kube-login.ts';
const EXEC = 'src/adapters/kube-exec.ts';
const CHECK = 'src/adapters/kubeconfig-check.ts';
const PROXY = 'src/adapters/kube-proxy.ts';
const FILES = 'test/unit/kubeconfig.test.ts';
const PLUGINS = 'test/unit/kube-exec.test.ts';
const PROXIES = 'test/unit/kube-proxy.test.ts';

/** How the API server is found, and who we are to it: unseal keys go this way. */
export const kubeconfig: readonly Break[] = [
  {
    name: 'plain-http-to-anywhere', danger: 'unseal keys cross a network in the clear, for a kubeconfig says http://',
    file: CHECK, from: "if (protocol === 'http:' && !LOOPBACK.test(hostname))", to: "if (protocol === 'ftp:' && !LOOPBACK.test(hostname))", tests: [FILES],
  },
  {
    name: 'a-bare-address-is-http', danger: 'a kubeconfig without a scheme sends keys in the clear',
    file: 'src/adapters/kubeconfig.ts', from: ': `https://${cluster.server}`;', to: ': `http://${cluster.server}`;', tests: [FILES],
  },
  {
    name: 'the-last-file-counts', danger: 'another cluster than the one that kubectl speaks to is initialised',
    file: 'src/adapters/kubeconfig.ts', from: 'for (const cluster of fresh(one.getClusters(), merged.getClusters())) merged.addCluster(cluster);', to: 'merged.clusters = [...fresh(merged.getClusters(), one.getClusters()), ...one.getClusters()];', tests: [FILES],
  },
  {
    name: 'verification-left-to-the-environment', danger: 'NODE_TLS_REJECT_UNAUTHORIZED=0 lets anybody be the API server and read the keys',
    file: LOGIN, from: 'rejectUnauthorized: !skipTLSVerify,', to: '', tests: [PLUGINS],
  },
  {
    name: 'impersonation-without-its-groups', danger: 'a run has other rights than the ones that its kubeconfig gives',
    file: LOGIN, from: "{ 'Impersonate-Group': [...impersonateGroups] }", to: '{}', tests: [PLUGINS],
  },
  {
    name: 'token-file-read-once', danger: 'a watch in a pod loses its login after an hour, and with it every pod that restarts sealed',
    file: LOGIN, from: "return readFileSync(file, 'utf8').trim();", to: 'return otherwise ?? readFileSync(file, \'utf8\').trim();', tests: [PLUGINS],
  },
  {
    name: 'plug-in-without-an-end', danger: 'a login that hangs holds a run, and the lock of every operator with it, for ever',
    file: EXEC, from: 'const timer = setTimeout(() => { end();', to: 'const timer = setTimeout(() => { if (withinMs > 0) return; end();', tests: [PLUGINS],
  },
  {
    name: 'plug-in-s-token-is-shown', danger: 'a login that stands in an error message opens the cluster to whoever reads the log',
    file: EXEC, from: 'if (token !== undefined) neverShow(token);', to: '', tests: [PLUGINS],
  },
  {
    name: 'plug-in-is-given-the-vault-token', danger: 'a program from somewhere is handed the root token',
    file: EXEC, from: 'const env = { ...environmentForOthers(),', to: 'const env = { ...process.env,', tests: [PLUGINS],
  },
  {
    name: 'expired-login-kept', danger: 'a rotation is refused in its middle, though a new login was to be had',
    file: LOGIN, from: 'credential.expiresAtMs - RENEW_BEFORE_MS > Date.now()', to: 'credential.expiresAtMs > 0', tests: [PLUGINS],
  },
  {
    name: 'no-proxy-matches-any-end', danger: 'a server whose name only ends alike is asked past the proxy that watches over it',
    file: PROXY, from: 'host === domain || host.endsWith(`.${domain}`);', to: 'host.endsWith(domain);', tests: [PROXIES],
  },
  {
    name: 'proxy-s-password-is-shown', danger: 'the proxy\'s password stands in every message',
    file: PROXY, from: 'return `${url.protocol}//${url.host} (${from})`;', to: 'return `${url.href} (${from})`;', tests: [PROXIES],
  },
];
