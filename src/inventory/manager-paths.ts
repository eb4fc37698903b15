import type { Paths } from '../model/settings.ts';
import type { HostReading, Read } from './host-reading.ts';
import { placeText } from './host-reading.ts';
import { refuse } from './value.ts';

const defaults = {
  main: '/etc/kubernetes/vault-unseal.json',
  installCheckpoint: '/etc/kubernetes/vault-creds-init.json.tmp',
  rotateCheckpoint: '/etc/kubernetes/vault-creds-rotate.json.tmp',
  snapshots: '/var/lib/vaultctl',
} as const;

/** Where one manager keeps its files (contract §2). Previous set, about and lock lie beside main. */
export function managerPaths(reading: HostReading): Paths {
  const read = (fallback: string, name: string) => absolutePath(reading, reading.text(name)) ?? fallback;
  const main = read(defaults.main, 'vault_creds_host_path');
  const installCheckpoint = read(defaults.installCheckpoint, 'vault_creds_init_tmp_path');
  const rotateCheckpoint = read(defaults.rotateCheckpoint, 'vault_creds_rotate_tmp_path');
  const snapshots = read(defaults.snapshots, 'vault_snapshot_dir');
  const folder = main.slice(0, main.lastIndexOf('/'));
  const stem = main.slice(folder.length + 1).replace(/\.json$/, '');
  const paths: Paths = {
    main, installCheckpoint, rotateCheckpoint, snapshots,
    previous: `${folder}/${stem}.previous.json`,
    about: `${folder}/${stem}.about.json`,
    lock: `${folder}/.vaultctl.lock`,
    journal: read(`${snapshots}/journal.ndjson`, 'vault_journal_path'),
  };
  refuseSharing(reading, paths);
  return paths;
}

function absolutePath(reading: HostReading, said: Read<string> | undefined): string | undefined {
  if (said === undefined) return undefined;
  const path = said.value.replace(/(?<=.)\/+$/, '');
  const bad = !path.startsWith('/') ? 'is not absolute' : path === '/' ? 'is the root folder' : /(?:^|\/)\.{1,2}(?:\/|$)/.test(path) ? 'holds . or ..' : undefined;
  if (bad !== undefined) refuse(said.place, `${said.name} of ${reading.host} ${bad}: ${JSON.stringify(said.value)}`, 'Write an absolute path without . and ..');
  return path.replaceAll(/\/{2,}/g, '/');
}

/** Two of its files under one name would overwrite each other's keys. */
function refuseSharing(reading: HostReading, paths: Paths): void {
  const seen = new Map<string, string>();
  const variables: Partial<Record<keyof Paths, string>> = {
    main: 'vault_creds_host_path', installCheckpoint: 'vault_creds_init_tmp_path', rotateCheckpoint: 'vault_creds_rotate_tmp_path', snapshots: 'vault_snapshot_dir', journal: 'vault_journal_path',
  };
  for (const [key, path] of Object.entries(paths) as [keyof Paths, string][]) {
    const other = seen.get(path);
    if (other !== undefined) {
      const said = Object.values(variables).map((name) => reading.text(name)).find((each) => each?.value === path);
      const where = said === undefined ? `host ${reading.host}` : placeText(said.place);
      refuse(said?.place ?? { file: where }, `two files of ${reading.host} would have the same path ${path} (${other} and ${key})`, 'Give each file its own path.');
    }
    seen.set(path, key);
  }
}
