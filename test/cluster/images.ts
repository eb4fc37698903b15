// Images of the cluster's pods: docker archives written by hand from static binaries, since no registry is asked.
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

export interface Image {
  /** "vaultctl.test/vault:1.21.0" */
  readonly name: string;
  readonly entries: readonly Entry[];
  readonly config: { readonly Entrypoint: readonly string[]; readonly Env?: readonly string[]; readonly User?: string; readonly WorkingDir?: string };
}

type Entry =
  | { readonly path: string; readonly mode?: number; readonly owner?: number; readonly group?: number; readonly is: 'folder' }
  | { readonly path: string; readonly mode?: number; readonly is: 'file'; readonly from: string | Buffer }
  | { readonly path: string; readonly is: 'link'; readonly to: string };

const domain = 'vaultctl.test';
const VAULT_USER = 100;
const VAULT_GROUP = 1000;

export interface ImageNames { readonly pause: string; readonly coredns: string; readonly vault: string; readonly busybox: string }

interface Built { readonly path: string; readonly version: string }

/** The images of a cluster, by what they are. `busybox` is a static one. */
export function clusterImages(built: { readonly pause: Built; readonly coredns: Built; readonly vault: Built }, busybox: string): { readonly [name in keyof ImageNames]: Image } {
  const shell: Entry[] = [
    { path: 'bin', is: 'folder' },
    { path: 'bin/busybox', is: 'file', mode: 0o755, from: staticBinary(busybox) },
    ...applets.map((name): Entry => ({ path: `bin/${name}`, is: 'link', to: 'busybox' })),
    { path: 'tmp', is: 'folder', mode: 0o1777 },
  ];
  return {
    pause: {
      name: `${domain}/pause:${built.pause.version}`,
      entries: [{ path: 'pause', is: 'file', mode: 0o755, from: built.pause.path }],
      config: { Entrypoint: ['/pause'], User: '65535:65535' },
    },
    coredns: {
      name: `${domain}/coredns:${built.coredns.version}`,
      entries: [{ path: 'coredns', is: 'file', mode: 0o755, from: built.coredns.path }],
      config: { Entrypoint: ['/coredns'], User: '65532:65532' },
    },
    // Folders, user and entry point as in HashiCorp's image: what deploys that one deploys this one.
    vault: {
      name: `${domain}/vault:${built.vault.version}`,
      entries: [
        ...shell,
        { path: 'etc', is: 'folder' },
        { path: 'etc/passwd', is: 'file', from: Buffer.from(`root:x:0:0:root:/root:/bin/sh\nvault:x:${VAULT_USER}:${VAULT_GROUP}:vault:/home/vault:/bin/sh\n`) },
        { path: 'etc/group', is: 'file', from: Buffer.from(`root:x:0:\nvault:x:${VAULT_GROUP}:\n`) },
        ...['home', 'home/vault', 'vault', 'vault/config', 'vault/data', 'vault/file', 'vault/logs'].map((path): Entry => ({ path, is: 'folder', owner: VAULT_USER, group: VAULT_GROUP })),
        ...['usr', 'usr/local', 'usr/local/bin'].map((path): Entry => ({ path, is: 'folder' })),
        { path: 'usr/local/bin/docker-entrypoint.sh', is: 'file', mode: 0o755, from: Buffer.from(entryPoint) },
        { path: 'bin/vault', is: 'file', mode: 0o755, from: built.vault.path },
      ],
      config: { Entrypoint: ['docker-entrypoint.sh'], Env: ['PATH=/usr/local/bin:/bin', 'HOME=/home/vault'], User: `${VAULT_USER}:${VAULT_GROUP}` },
    },
    busybox: {
      name: `${domain}/busybox:1`,
      entries: shell,
      config: { Entrypoint: ['/bin/sh'], Env: ['PATH=/bin'] },
    },
  };
}

/** `server …` is Vault's; what names a program is run as it is. */
const entryPoint = '#!/bin/sh\ncase "${1:-server}" in\n  server) shift; exec vault server -config=/vault/config "$@" ;;\n  *) exec "$@" ;;\nesac\n';

// wget and nc take addresses only: a static program of glibc's finds no names in an image that has no libraries.
const applets = [
  'sh', 'cat', 'chmod', 'chown', 'cp', 'cut', 'date', 'dd', 'df', 'env', 'false', 'find', 'grep', 'head', 'hostname', 'id', 'kill', 'ls', 'mkdir', 'mv', 'nc', 'nslookup',
  'pidof', 'ps', 'rm', 'sed', 'sleep', 'sort', 'stat', 'sync', 'tail', 'test', 'touch', 'true', 'wc', 'wget', 'xargs',
];

function staticBinary(path: string): string {
  // The name of a loader is in every program that needs one, near its start.
  if (readFileSync(path).subarray(0, 4096).includes('/ld-')) throw new Error(`${path} is not a static program, and a pod has no libraries; sudo apt-get install -y busybox-static`);
  return path;
}

/** Writes the archive into `folder`, unless it is there; its path is named for all that is in it. */
export function writeArchive(folder: string, image: Image): string {
  const path = join(folder, `${digestOf(JSON.stringify({ ...image, entries: image.entries.map(inShort) })).slice(0, 12)}.tar`);
  if (existsSync(path)) return path;
  const layer = tar(image.entries.map(inTar));
  const digest = digestOf(layer);
  const config = Buffer.from(JSON.stringify({
    architecture: { x64: 'amd64' }[process.arch as string] ?? process.arch,
    os: 'linux',
    config: image.config,
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
    history: [{ created: '2026-01-01T00:00:00Z' }],
  }));
  const configName = `${digestOf(config)}.json`;
  const manifest = Buffer.from(JSON.stringify([{ Config: configName, RepoTags: [image.name], Layers: [`${digest}/layer.tar`] }]));
  mkdirSync(folder, { recursive: true });
  const file = openSync(`${path}.${process.pid}`, 'w', 0o644);
  try {
    const files: [string, Buffer][] = [[configName, config], [`${digest}/layer.tar`, layer], ['manifest.json', manifest]];
    writeAll(file, tar(files.map(([name, content]) => inTar({ path: name, is: 'file', from: content }))));
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.${process.pid}`, path);
  return path;
}

const digestOf = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

/** A program is known by its size and its time: reading all of them takes seconds, and every start asks. */
function inShort(entry: Entry): unknown {
  if (entry.is !== 'file') return entry;
  if (typeof entry.from !== 'string') return { ...entry, from: digestOf(entry.from) };
  const { size, mtimeMs } = statSync(entry.from);
  return { ...entry, size, mtimeMs };
}

function writeAll(file: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
}

const BLOCK = 512;

/** The archive of these parts, ended as tar ends. */
function tar(parts: readonly Buffer[][]): Buffer {
  return Buffer.concat([...parts.flat(), Buffer.alloc(2 * BLOCK)]);
}

/** A header of POSIX ustar, and the file behind it in whole blocks. Times are nought: equal files make equal images. */
function inTar(entry: Entry): Buffer[] {
  const content = entry.is === 'file' ? (typeof entry.from === 'string' ? readFileSync(entry.from) : entry.from) : Buffer.alloc(0);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) => block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at);
  block.write(entry.is === 'folder' ? `${entry.path}/` : entry.path, 0, 100);
  octal(entry.is === 'link' ? 0o777 : entry.mode ?? (entry.is === 'folder' ? 0o755 : 0o644), 100, 8);
  octal(entry.is === 'folder' ? entry.owner ?? 0 : 0, 108, 8);
  octal(entry.is === 'folder' ? entry.group ?? 0 : 0, 116, 8);
  octal(content.length, 124, 12);
  octal(0, 136, 12);
  block.fill(' ', 148, 156);
  block.write({ file: '0', link: '2', folder: '5' }[entry.is], 156);
  if (entry.is === 'link') block.write(entry.to, 157, 100);
  block.write('ustar\x0000', 257);
  octal(block.reduce((sum, byte) => sum + byte, 0), 148, 7);
  return [block, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)];
}
