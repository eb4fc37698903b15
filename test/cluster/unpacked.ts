// The images of the pods, unpacked once and shared by all clusters: containerd takes ten seconds for what is linked in
// a few milliseconds.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { CONTAINERD_SOCKET, componentCommands, writeContainerdConfiguration } from './components.ts';
import { writeArchive } from './images.ts';
import { insidePids, startInside, until } from './inside.ts';
import { type Namespaces, closeNamespaces, openNamespaces } from './namespaces.ts';
import type { ClusterPrograms } from './parts.ts';

const run = promisify(execFile);
const ANSWERS_WITHIN_MS = 60_000;

/** Lays containerd's root into a cluster's folder, before containerd is started there. */
export async function copyUnpacked(parts: ClusterPrograms, folder: string): Promise<void> {
  const archives = Object.values(parts.images).map((image) => writeArchive(parts.archives, image));
  // The packaged containerd decides how it keeps what it unpacked.
  const { size, mtimeMs } = statSync(parts.programs.containerd);
  const key = createHash('sha256').update(JSON.stringify([archives.map((path) => basename(path)), size, mtimeMs])).digest('hex').slice(0, 12);
  const unpacked = join(parts.archives, `unpacked-${key}`);
  if (!existsSync(unpacked)) await unpack(parts, archives, unpacked);
  const own = join(folder, 'containerd');
  // What is unpacked is only ever read: links do. Its databases are written, and are therefore copied.
  await run('cp', ['-al', unpacked, own]).catch(async () => {
    rmSync(own, { recursive: true, force: true });
    await run('cp', ['-a', unpacked, own]);
  });
  const databases = (await run('find', ['.', '-name', '*.db'], { cwd: unpacked })).stdout.trim().split('\n');
  for (const path of databases) await run('cp', ['--remove-destination', join(unpacked, path), join(own, path)]);
}

/** In namespaces of its own, by the same containerd with the same settings. */
async function unpack({ programs, images, archives: kept }: ClusterPrograms, archives: readonly string[], unpacked: string): Promise<void> {
  const folder = mkdtempSync(join(kept, 'unpacking-'));
  try {
    const namespaces = await openNamespaces(folder, programs.pause, { outlivesUs: false });
    const given = { folder, cgroup: namespaces.cgroup, pauseImage: images.pause.name, programs };
    writeContainerdConfiguration(given);
    startInside(namespaces, componentCommands(given).containerd, join(folder, 'containerd.log'));
    await containerdAnswers(namespaces, programs.ctr);
    for (const archive of archives) await ctr(namespaces, programs.ctr, ['images', 'import', archive]);
    const [pid] = insidePids(namespaces, programs.containerd);
    if (pid !== undefined) process.kill(pid, 'SIGTERM');
    await until('containerd ends', ANSWERS_WITHIN_MS, async () => insidePids(namespaces, programs.containerd).length === 0);
    // Another run may have done the same meanwhile: then its is used.
    if (!existsSync(unpacked)) renameSync(join(folder, 'containerd'), unpacked);
  } finally {
    await closeNamespaces(folder);
  }
}

/** Resolves when containerd answers. `program` is ctr. */
export async function containerdAnswers(namespaces: Namespaces, program: string): Promise<void> {
  await until('containerd answers', ANSWERS_WITHIN_MS, async () => (await ctr(namespaces, program, ['version'])).stdout !== '');
}

function ctr({ inside }: Namespaces, program: string, args: readonly string[]) {
  const [first = '', ...rest] = [...inside, program, '-a', CONTAINERD_SOCKET, '-n', 'k8s.io', ...args];
  return run(first, rest);
}
