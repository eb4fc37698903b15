import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { withoutSecrets } from '../kubernetes/pod-reasons.ts';
import { messageOf } from '../model/halt.ts';
import { neverShow } from '../model/secret.ts';
import type { ExecConfig } from './kubeconfig-check.ts';
import type { KubeCluster } from './kubeconfig.ts';
import { environmentForOthers } from './run-program.ts';

/** What a plug-in gave. Whoever it is, its token is never shown from then on. */
export interface Credential { readonly token?: string; readonly cert?: string; readonly key?: string; readonly expiresAtMs?: number }

/** `wrong`: it would be so the next time, too. */
export class PluginError extends Error {
  readonly wrong: boolean;
  constructor(message: string, wrong: boolean) {
    super(message);
    this.name = 'PluginError';
    this.wrong = wrong;
  }
}

/** A plug-in that asks a person takes its time; one that only asks a server has less. */
const ALONE_WITHIN_MS = 60_000;
const WITH_A_PERSON_WITHIN_MS = 300_000;
const OUTPUT_LIMIT = 1 << 20;
const LAST_WORDS = 300;

/**
 * Asks an exec plug-in of a kubeconfig for a login, as client-go does: KUBERNETES_EXEC_INFO tells it what is wanted, it has
 * our terminal only where its interactiveMode and our stdin allow it, and else an empty input. It ends within `patienceMs`.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins @throws PluginError
 */
export async function askPlugin(exec: ExecConfig, cluster: KubeCluster, patienceMs: number): Promise<Credential> {
  const { command = '', apiVersion = '' } = exec;
  const terminal = process.stdin.isTTY === true;
  if (exec.interactiveMode === 'Always' && !terminal) throw new PluginError(`exec plug-in ${command} asks a person (interactiveMode: Always), and the standard input of vaultctl is no terminal`, true);
  const interactive = terminal && exec.interactiveMode !== 'Never';
  const info = { kind: 'ExecCredential', apiVersion, spec: { interactive, ...(exec.provideClusterInfo === true ? { cluster: clusterInfo(cluster) } : {}) } };
  const env = { ...environmentForOthers(), ...Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value ?? ''])), KUBERNETES_EXEC_INFO: JSON.stringify(info) };
  const out = await answerOf(exec, env, interactive, Math.min(patienceMs, interactive ? WITH_A_PERSON_WITHIN_MS : ALONE_WITHIN_MS));
  return credentialIn(out, command, apiVersion);
}

/** https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ */
function clusterInfo({ server, tlsServerName, skipTLSVerify, caData, caFile, proxyUrl, execConfig }: KubeCluster): object {
  const ca = caFile === undefined ? caData : readFileSync(caFile).toString('base64');
  return {
    server, ...(tlsServerName === undefined ? {} : { 'tls-server-name': tlsServerName }), ...(skipTLSVerify ? { 'insecure-skip-tls-verify': true } : {}),
    ...(ca === undefined ? {} : { 'certificate-authority-data': ca }), ...(proxyUrl === undefined ? {} : { 'proxy-url': proxyUrl }), config: execConfig ?? null,
  };
}

function answerOf({ command = '', args, installHint }: ExecConfig, env: NodeJS.ProcessEnv, interactive: boolean, withinMs: number): Promise<string> {
  // Somebody at a terminal sees what it says ("open this page and enter the code …"); else its last words go into our message.
  const aloud = process.stderr.isTTY === true;
  const missing = () => new PluginError(`exec plug-in ${command} ${command.includes('/') && existsSync(command) ? 'cannot be run (is it executable?)' : 'is not there'}${installHint === undefined ? '' : `; ${oneLine(installHint)}`}`, true);
  return new Promise((resolve, reject) => {
    let child: ChildProcess;
    try {
      // Its own group, so that whatever it started ends with it; one that asks a person needs our terminal.
      child = spawn(command, [...args ?? []], { env, detached: !interactive, stdio: [interactive ? 'inherit' : 'ignore', 'pipe', aloud ? 'inherit' : 'pipe'] });
    } catch (error) {
      reject(new PluginError(`exec plug-in ${command}: ${messageOf(error)}`, true));
      return;
    }
    let out = '';
    let err = '';
    const end = () => {
      try { if (interactive) child.kill('SIGKILL'); else process.kill(-child.pid!, 'SIGKILL'); } catch { /* It has ended by itself. */ }
      // A grandchild may hold them open.
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const timer = setTimeout(() => { end(); reject(new PluginError(`exec plug-in ${command} gave no answer within ${withinMs / 1000} s, and was ended`, false)); }, withinMs);
    child.stdout!.setEncoding('utf8').on('data', (text: string) => { out += text; if (out.length > OUTPUT_LIMIT) end(); });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => { err = (err + text).slice(-4096); });
    child.once('error', () => { clearTimeout(timer); reject(missing()); });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(out);
      else reject(new PluginError(`exec plug-in ${command} failed (${code === null ? signal : `exit code ${code}`})${err.trim() === '' ? '' : `: ${oneLine(err)}`}`, false));
    });
  });
}

function credentialIn(out: string, command: string, apiVersion: string): Credential {
  const wrong = (what: string) => new PluginError(`exec plug-in ${command} ${what}`, true);
  let said: { kind?: unknown; apiVersion?: unknown; status?: Record<string, unknown> | null };
  try {
    said = JSON.parse(out) as typeof said;
  } catch {
    throw wrong('did not answer with JSON');
  }
  if (typeof said !== 'object' || said === null || said.kind !== 'ExecCredential') throw wrong('did not answer with an ExecCredential');
  if (said.apiVersion !== apiVersion) throw wrong(`answered in ${String(said.apiVersion)}, and the kubeconfig asks for ${apiVersion}`);
  const word = (name: string) => { const value = said.status?.[name]; return typeof value === 'string' && value !== '' ? value : undefined; };
  const { token, cert, key, expires } = { token: word('token'), cert: word('clientCertificateData'), key: word('clientKeyData'), expires: word('expirationTimestamp') };
  if (token !== undefined) neverShow(token);
  if (token === undefined && cert === undefined && key === undefined) throw wrong('gave neither a token nor a client certificate');
  if ((cert === undefined) !== (key === undefined)) throw wrong('gave a client certificate or its key, and not both');
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) throw wrong('gave a token that no header can carry');
  const expiresAtMs = expires === undefined ? undefined : Date.parse(expires);
  if (expiresAtMs !== undefined && Number.isNaN(expiresAtMs)) throw wrong('gave an expirationTimestamp that is no time');
  return { ...(token === undefined ? {} : { token }), ...(cert === undefined || key === undefined ? {} : { cert, key }), ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
}

function oneLine(text: string): string { return withoutSecrets(text).replaceAll(/\x1b\[[0-9;]*[A-Za-z]/g, '').replaceAll(/[\x00-\x1f\x7f\s]+/g, ' ').trim().slice(-LAST_WORDS); }
