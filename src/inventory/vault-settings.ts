import type { Settings, VaultSettings } from '../model/settings.ts';
import { agreed } from './host-reading.ts';
import type { HostReading, Read } from './host-reading.ts';
import { absolutePath } from './paths.ts';
import type { Inventory } from './load.ts';
import { atHome } from './ssh-args.ts';
import { refuse } from './value.ts';
import type { Place } from './value.ts';

/** From flags and the environment: used where the inventory is silent. */
export interface VaultFallbacks {
  /** VAULT_CACERT. */
  readonly caFile?: string;
  /** VAULT_TLS_SERVER_NAME. */
  readonly serverName?: string;
  /** VAULT_NAMESPACE. */
  readonly namespace?: string;
  readonly home: string;
}

/** @param found the pods are found through Kubernetes, and no addresses are needed */
export function vaultSettings(inventory: Inventory, readings: readonly HostReading[], fallbacks: VaultFallbacks, found: boolean): VaultSettings {
  // What the environment says is for an inventory that is silent; this one names a Secret.
  const caElsewhere = agreed(readings, (reading) => reading.text('vault_ca_secret')) !== undefined;
  const allowHttp = agreed(readings, (reading) => reading.flag('vault_allow_http'))?.value ?? false;
  const addresses = agreed(readings, (reading) => reading.list('vault_addresses'));
  if (!found && (addresses === undefined || addresses.value.length === 0)) {
    refuse(addresses?.place ?? { file: inventory.sources[0] ?? 'inventory' }, 'vault_addresses is missing: where is Vault?',
      'In Kubernetes: set vault_namespace. Elsewhere: set vault_addresses to the list of the nodes\' URLs, for example [https://10.0.0.1:8200, https://10.0.0.2:8200].');
  }
  const seen = new Set<string>();
  for (const text of addresses?.value ?? []) {
    const url = vaultUrl(text, addresses!, allowHttp);
    if (seen.has(url)) refuse(addresses!.place, `vault_addresses names ${url} twice`, 'Name each node once.');
    seen.add(url);
  }
  const caSaid = agreed(readings, (reading) => reading.text('vault_cacert'));
  const caFile = caSaid?.value ?? (caElsewhere ? undefined : fallbacks.caFile);
  const caPath = caFile === undefined || caFile === '' ? undefined : absolutePath(atHome(caFile, fallbacks.home), inventory.cwd);
  return {
    addresses: [...seen],
    ca: caPath === undefined ? undefined : certificates(inventory, caPath, caSaid?.place),
    caFile: caPath,
    serverName: agreed(readings, (reading) => reading.text('vault_tls_server_name'))?.value ?? said(fallbacks.serverName),
    namespace: agreed(readings, (reading) => reading.text('vault_enterprise_namespace'))?.value ?? said(fallbacks.namespace),
  };
}

function said(text: string | undefined): string | undefined { return text === '' ? undefined : text; }

function vaultUrl(text: string, from: Read<unknown>, allowHttp: boolean): string {
  // Some URLs carry a password or a token, and that is one of the reasons to refuse them.
  const shownText = text.replace(/\/\/.*@/s, '//(not shown)@').replace(/[?#].*/s, '?(not shown)');
  const no = (what: string, hint: string): never => refuse(from.place, `vault_addresses: ${JSON.stringify(shownText)} ${what}`, hint);
  if (!/^[a-z]+:\/\//i.test(text)) return no('has no scheme', `Write https://${text}`);
  const url = URL.canParse(text) ? new URL(text) : no('is not a URL', 'Write for example https://10.0.0.1:8200');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') no(`has the scheme ${url.protocol}`, 'Use https (or http to loopback).');
  if (url.username !== '' || url.password !== '') no('holds a user or password', 'Remove it from the URL.');
  if ((url.pathname !== '/' && url.pathname !== '') || url.search !== '' || url.hash !== '') no('has a path', 'Write scheme, host and port only; vaultctl adds /v1/ itself.');
  if (url.port === '0') no('has port 0', 'Vault listens on 8200 by default.');
  if (url.protocol === 'http:' && !allowHttp && !loopback(url.hostname)) {
    no('would send unseal keys over the network in the clear', 'Use https. Only inside a network that is encrypted otherwise: vault_allow_http: true');
  }
  return `${url.protocol}//${url.host}`;
}

export function loopback(hostname: string): boolean {
  return /^127\.\d+\.\d+\.\d+$/.test(hostname) || hostname === '[::1]' || hostname === 'localhost' || hostname.endsWith('.localhost');
}

function certificates(inventory: Inventory, path: string, place: Place | undefined): string {
  const at = place ?? { file: path };
  if (inventory.files.files.kind(path) !== 'file') refuse(at, `the CA file ${path} is not there`, 'Check vault_cacert (or VAULT_CACERT).');
  const text = new TextDecoder().decode(inventory.files.bytes(path));
  if (!/-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^]+-----END/.test(text)) refuse(at, `the CA file ${path} holds no PEM certificate`, 'Give the CA as PEM (-----BEGIN CERTIFICATE-----).');
  return text;
}

export interface SharesGiven { readonly count?: number; readonly threshold?: number }

/** Contract defaults 3 and 2. `given` only by a flag or `-e`: what the inventory says is for init and does not make every rotation a resize. */
export function shareSettings(inventory: Inventory, readings: readonly HostReading[], flags: SharesGiven): Settings['shares'] {
  const count = agreed(readings, (reading) => reading.whole(1, 255, 'vault_key_shares'));
  const threshold = agreed(readings, (reading) => reading.whole(1, 255, 'vault_key_threshold'));
  const shares = flags.count ?? count?.value ?? 3;
  const needed = flags.threshold ?? threshold?.value ?? (shares === 1 ? 1 : 2);
  const fromFlags = flags.count !== undefined || flags.threshold !== undefined;
  const place: Place = fromFlags ? { file: 'command line' } : threshold?.place ?? count?.place ?? { file: 'defaults' };
  for (const [name, value] of [['shares', shares], ['threshold', needed]] as const) {
    if (!Number.isInteger(value) || value < 1 || value > 255) refuse(place, `key ${name} must be a whole number from 1 to 255, not ${value}`, 'Mend the flag.');
  }
  if (needed > shares) refuse(place, `the threshold ${needed} is above the number of shares ${shares}: nobody could ever unseal Vault`, 'Set vault_key_threshold to at most vault_key_shares.');
  if (needed === 1 && shares > 1) refuse(place, `a threshold of 1 with ${shares} shares: each share alone would open Vault, and Vault refuses it`, 'Set vault_key_threshold to 2 or more, or vault_key_shares to 1.');
  return { count: shares, threshold: needed, given: fromFlags || inventory.extra.has('vault_key_shares') || inventory.extra.has('vault_key_threshold') };
}
