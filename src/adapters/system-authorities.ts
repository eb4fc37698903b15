import { getCACertificates } from 'node:tls';

let known: readonly string[] | undefined;

/**
 * The authorities that this machine trusts, as every other program on it does: /etc/ssl/certs, or what SSL_CERT_FILE and
 * SSL_CERT_DIR name, and NODE_EXTRA_CA_CERTS beside them. Node by itself has a list of its own, in which no company's CA
 * is; it counts only where the machine has none. Reading them takes a tenth of a second: once, and only where needed.
 */
export function systemAuthorities(): readonly string[] {
  if (known === undefined) {
    const system = getCACertificates('system');
    // The folder has links to the same certificates, and a file with all of them.
    known = [...new Set([...(system.length > 0 ? system : getCACertificates('bundled')), ...getCACertificates('extra')])];
  }
  return known;
}
