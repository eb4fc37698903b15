import { messageOf } from '../model/halt.ts';
import { redact } from '../model/secret.ts';
import { WireError } from '../ports/vault.ts';

/** What the operator may set to mend a TLS failure, by the code that Node or OpenSSL gives it. */
const TLS_HINTS: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is from an unknown authority: set vault_cacert to the file of the CA that signed it, or vault_ca_secret to the Secret in Kubernetes that holds it',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is from an unknown authority: set vault_cacert to the file of the CA that signed it, or vault_ca_secret to the Secret in Kubernetes that holds it',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is from an unknown authority: set vault_cacert to the file of the CA that signed it, or vault_ca_secret to the Secret in Kubernetes that holds it',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is from an unknown authority: set vault_cacert to the file of the CA that signed it, or vault_ca_secret to the Secret in Kubernetes that holds it',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed: set vault_cacert to that very certificate, if it is the right one',
  CERT_SIGNATURE_FAILURE: 'its certificate was not signed by the CA of vault_cacert or vault_ca_secret',
  CERT_HAS_EXPIRED: 'its certificate, or its CA, has expired: renew it on the server',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: compare the clocks of this host and the server',
  CERT_REVOKED: 'its certificate was revoked: renew it on the server',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name: set vault_tls_server_name to a name in it',
  EPROTO: 'it does not speak TLS there, or not with us: is the address really https://?',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it answers plain http there: write http:// in vault_addresses, or turn TLS on in its listener',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it answers plain http there: write http:// in vault_addresses, or turn TLS on in its listener',
  ERR_SSL_HTTP_REQUEST: 'it answers plain http there: write http:// in vault_addresses, or turn TLS on in its listener',
};

const isTls = (code: string) => Object.hasOwn(TLS_HINTS, code) || code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code.startsWith('ERR_OSSL_') || /CERT|_CRL|SIGNATURE/.test(code);

/** `sent`: the connection stood, so the request may have left us, and the server may have acted on it. */
export function wireFailure(address: string, error: unknown, sent: boolean): WireError {
  if (error instanceof WireError) return error;
  const code = codeOf(error);
  const cause = { cause: error };
  if (code === 'ERR_INVALID_CHAR') return new WireError(address, 'config', `${address}: the token or the namespace holds a character that no header can carry`, cause);
  if (isTls(code)) {
    const names = namesIn(error);
    if (names !== undefined) return new WireError(address, 'config', `${address}: TLS failed (${code}): its certificate is for ${names}: set vault_tls_server_name to a name that it is for`, cause);
    const hint = TLS_HINTS[code] ?? 'check vault_cacert, vault_tls_server_name and the listener\'s TLS settings';
    return new WireError(address, 'config', `${address}: TLS failed (${code}): ${hint}`, cause);
  }
  if (code.startsWith('HPE_')) {
    return new WireError(address, sent ? 'unknown' : 'config', `${address}: what answers there does not speak http${address.startsWith('http:') ? ' (TLS? then write https://)' : ''}`, cause);
  }
  const said = code === '' ? redact(messageOf(error)) : (WORDS[code] ?? code);
  return new WireError(address, sent ? 'unknown' : 'before', `${address}: ${said}`, cause);
}

/** The names in a certificate that is for none of ours: public, and what the operator needs. */
function namesIn(error: unknown): string | undefined {
  const { code, cert } = error as { code?: unknown; cert?: { subjectaltname?: unknown } };
  if (code !== 'ERR_TLS_CERT_ALTNAME_INVALID' || typeof cert?.subjectaltname !== 'string') return undefined;
  const names = cert.subjectaltname.replaceAll(/DNS:|IP Address:/g, '').replaceAll(/[^\x20-\x7e]+/g, ' ');
  return names.length > 300 ? `${names.slice(0, 300)}…` : names;
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  ECONNRESET: 'the connection was reset before the answer was whole',
  EPIPE: 'the connection broke while the request was sent',
  ENOTFOUND: 'this name is unknown to DNS',
  EAI_AGAIN: 'DNS does not answer',
  EHOSTUNREACH: 'no route to this host',
  ENETUNREACH: 'no route to its network',
  ETIMEDOUT: 'no answer (connection timed out)',
};

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { code, errors } = error as { code?: unknown; errors?: unknown };
  if (typeof code === 'string') return code;
  // Several addresses of one name were tried, and each failed.
  return Array.isArray(errors) ? codeOf(errors[0]) : '';
}

/** What could be a part of a share or a token: runs that are long, or that mix letters and digits. */
const MAY_BE_SECRET = /[\w+/=.~-]{16,}|(?=[\w+/=.~-]*\d)[\w+/=.~-]*[A-Za-z][\w+/=.~-]*/g;

/** The start of a page or a sentence. A reply of init that a proxy garbled may be in it, and nobody knows its shares as secrets yet. */
function beginning(text: string): string {
  const prose = text.slice(0, 4096).replace(/[^\x20-\x7e]+/g, ' ').split(/[{["]/)[0] ?? '';
  return redact(prose).replaceAll(MAY_BE_SECRET, '…').trim().slice(0, 60);
}

/** An answer that no Vault gives: a redirect, a web page, another service. Quotes no more than shows what it is. */
export function strangeAnswer(address: string, status: number, contentType: string | undefined, text: string): WireError {
  if (text.includes('HTTP request to an HTTPS server')) return new WireError(address, 'config', `${address}: it wants TLS there: write https:// in vault_addresses`);
  const shown = beginning(text);
  const what = `${address}: the answer (${status}) is not JSON but ${contentType?.split(';')[0] || 'of no type'}${shown === '' ? '' : `: "${shown}"`}`;
  // A gateway that lost its server answers for it in HTML: the request may have arrived, and the next may find it well.
  return status >= 500 ? new WireError(address, 'unknown', `${what}; a proxy in front of Vault?`) : new WireError(address, 'config', `${what}: is this address a Vault server?`);
}

export function redirected(address: string, status: number, location: string | undefined): WireError {
  return new WireError(address, 'config', `${address}: answered ${status}, pointing to ${originOf(address, location)}; vaultctl addresses every node by itself and follows nobody: name that node in vault_addresses, or take the load balancer out of the way`);
}

/** Host and scheme only: a path or query there is none of our business and may carry anything. */
function originOf(address: string, location: string | undefined): string {
  if (location === undefined) return 'nowhere';
  try {
    const { origin } = new URL(location, address);
    return origin === new URL(address).origin ? 'another path of the same host' : `another host (${redact(origin)})`;
  } catch {
    return 'something that is no address';
  }
}
