import type { About } from '../credentials/about.ts';
import { parseAbout } from '../credentials/about.ts';
import { type Checkpoint, parseCheckpoint } from '../credentials/checkpoint.ts';
import { parseKeyFile } from '../credentials/key-file.ts';
import { messageOf } from '../model/halt.ts';
import type { KeySet } from '../model/keys.ts';
import type { Manager } from '../model/settings.ts';
import type { ClusterNode } from '../ports/cluster.ts';
import { type FileSight, type FolderSight, HostError, type HostEyes, type HostSight } from '../ports/hosts.ts';
import type { Health, SealStatus } from '../vault/answers.ts';
import { each } from './each-host.ts';
import type { ClusterSight } from './look-cluster.ts';
import type { Eyes } from './world.ts';

/** A credential file larger than this is not one. */
const LIMIT_BYTES = 1 << 20;

export type Role = 'main' | 'install' | 'rotate' | 'previous' | 'sibling';

/** What one credential file holds. `unreadable` is never `absent`, and `blank` (preallocated, torn to nothing) never held a key. */
export type Paper = { readonly role: Role; readonly host: string; readonly path: string; readonly modifiedMs: number; readonly tooOpen: boolean; readonly throughLink?: boolean } & (
  | { readonly is: 'set'; readonly set: KeySet; readonly bytes: Uint8Array }
  | { readonly is: 'checkpoint'; readonly checkpoint: Checkpoint; readonly bytes: Uint8Array }
  | { readonly is: 'blank' }
  /** `bytes`: what could be read and not understood. */
  | { readonly is: 'unreadable'; readonly why: string; readonly bytes?: Uint8Array }
);

export interface ReachedManager {
  readonly reached: true;
  readonly manager: Manager;
  readonly host: HostEyes;
  readonly sight: HostSight;
  readonly folder: FolderSight;
  /** Every credential file that is there, in no order. */
  readonly papers: readonly Paper[];
  readonly about: About | undefined;
}
export type ManagerSight = ReachedManager | { readonly reached: false; readonly manager: Manager; readonly host: HostEyes; readonly error: HostError };

export type NodeSight =
  | { readonly reached: true; readonly node: ClusterNode; readonly status: SealStatus; readonly health: Health }
  | { readonly reached: false; readonly node: ClusterNode; readonly error: Error };

/** The whole world at one look: what every manager's disk and every Vault node say. */
export interface Survey {
  readonly managers: readonly ManagerSight[];
  readonly nodes: readonly NodeSight[];
  /** Only where it was asked for, and the inventory knows of Kubernetes. */
  readonly cluster?: ClusterSight | undefined;
}

/** Asks every manager and every node at once; never throws for one that does not answer. */
export async function survey(eyes: Eyes): Promise<Survey> {
  const [managers, nodes] = await Promise.all([
    each(eyes.hosts, (host, index) => lookAtManager(host, eyes.settings.managers[index]!)),
    each(eyes.nodes, (node) => lookAtNode(eyes, node)),
  ]);
  return {
    managers: managers.map((outcome, index): ManagerSight => {
      if (outcome.is === 'ok') return outcome.value;
      if (!(outcome.error instanceof HostError)) throw outcome.error;
      return { reached: false, manager: eyes.settings.managers[index]!, host: eyes.hosts[index]!, error: outcome.error };
    }),
    nodes: nodes.map((outcome, index): NodeSight => {
      if (outcome.is === 'ok') return outcome.value;
      const { error } = outcome;
      return { reached: false, node: eyes.nodes[index]!, error: error instanceof Error ? error : new Error(messageOf(error)) };
    }),
  };
}

export async function lookAtNode(eyes: Eyes, node: ClusterNode): Promise<NodeSight> {
  const status = await eyes.vault.sealStatus(node.address);
  const health = status.initialized && !status.sealed ? await eyes.vault.health(node.address) : status.initialized ? 'sealed' : 'uninitialised';
  return { reached: true, node, status, health };
}

export async function lookAtManager(host: HostEyes, manager: Manager): Promise<ReachedManager> {
  const { paths } = manager;
  const files = [paths.main, paths.installCheckpoint, paths.rotateCheckpoint, paths.previous, paths.about];
  const folderPath = folderOf(paths.main);
  const sight = await host.look({ files, folders: [...new Set(files.map(folderOf))], limitBytes: LIMIT_BYTES });
  const folder = sight.folders.get(folderPath);
  if (folder === undefined) throw new HostError(host.name, 'io', `${folderPath} was not answered for`);
  const papers: Paper[] = [];
  const add = (role: Role, path: string) => {
    const found = sight.files.get(path);
    if (found !== undefined && found.is !== 'absent') papers.push(readPaper(role, host.name, path, found, sight.user.uid));
  };
  add('main', paths.main);
  add('install', paths.installCheckpoint);
  add('rotate', paths.rotateCheckpoint);
  add('previous', paths.previous);
  for (const [path, found] of sight.siblings) {
    if (found.is !== 'absent') papers.push(readPaper('sibling', host.name, path, found, sight.user.uid));
  }
  const about = sight.files.get(paths.about);
  return { reached: true, manager, host, sight, folder, papers, about: about?.is === 'file' ? parseAbout(about.bytes) : undefined };
}

function readPaper(role: Role, host: string, path: string, found: Exclude<FileSight, { is: 'absent' }>, uid: number): Paper {
  const file = found.is === 'file' ? found : undefined;
  const tooOpen = file !== undefined && isTooOpen(file, uid);
  const base = { role, host, path, modifiedMs: file?.modifiedMs ?? 0, tooOpen, throughLink: file?.throughLink ?? false };
  // What was on its way to a file without secrets is litter, whatever is in it.
  if (role === 'sibling' && path.endsWith('.plain')) return { ...base, is: 'blank' };
  if (found.is === 'unreadable') return { ...base, is: 'unreadable', why: found.why };
  if (role === 'main' || role === 'previous') {
    const parsed = parseKeyFile(found.bytes);
    return parsed.is === 'set' ? { ...base, is: 'set', set: parsed.set, bytes: found.bytes } : { ...base, is: 'unreadable', why: parsed.why, bytes: found.bytes };
  }
  // A sibling may be on its way to main or to a checkpoint: an intent's sibling holds no keys by construction.
  const parsed = parseCheckpoint(found.bytes);
  if (parsed.is === 'checkpoint') return { ...base, is: 'checkpoint', checkpoint: parsed.checkpoint, bytes: found.bytes };
  if (parsed.is === 'blank' || (role === 'sibling' && path.endsWith('.intent'))) return role === 'sibling' ? { ...base, is: 'blank' } : { ...base, is: 'unreadable', why: 'the file is empty' };
  return { ...base, is: 'unreadable', why: parsed.why, bytes: found.bytes };
}

const isTooOpen = (file: Extract<FileSight, { is: 'file' }>, uid: number) => (file.mode & 0o077) !== 0 || file.uid !== uid;

/** What lies beside main, can be read by others than its owner, and is written anew where main is delivered. */
export function looseBeside(manager: ReachedManager): readonly string[] {
  const { manager: { paths }, sight } = manager;
  const rewritable = [...(paperOf(manager, 'previous')?.is === 'set' ? [paths.previous] : []), paths.about];
  return rewritable.filter((path) => {
    const file = sight.files.get(path);
    return file?.is === 'file' && isTooOpen(file, sight.user.uid) && file.throughLink !== true;
  });
}

export function folderOf(path: string): string {
  const cut = path.lastIndexOf('/');
  return cut <= 0 ? '/' : path.slice(0, cut);
}

export function reached(survey: Survey): ReachedManager[] {
  return survey.managers.filter((sight): sight is ReachedManager => sight.reached);
}

export function unreachable(survey: Survey): Extract<ManagerSight, { reached: false }>[] {
  return survey.managers.filter((sight) => !sight.reached) as Extract<ManagerSight, { reached: false }>[];
}

export function papersOf(survey: Survey, ...roles: Role[]): Paper[] {
  return reached(survey).flatMap(({ papers }) => papers.filter(({ role }) => roles.includes(role)));
}

export function paperOf(sight: ReachedManager, role: Role): Paper | undefined {
  return sight.papers.find((paper) => paper.role === role);
}

const SNAPSHOT = /^vault-.*\.snap$/;
const SNAPSHOT_OR_REMAINS = /^(vault-.*\.snap(\.restoring)?|\.vault-.*\.snap(\.restoring)?\.[0-9a-f]{8,64}\.plain)$/;

/**
 * Snapshots that rotations left on a manager, oldest first: their names begin with their time. A look of its own, so
 * that a folder of snapshots that cannot be listed never hides the keys.
 * @throws HostError
 */
function snapshotsOn(sight: ReachedManager): Promise<SnapshotFile[]> { return snapshotFolder(sight, SNAPSHOT); }

/** The same, and what was left by runs that died: while they wrote one, or while they restored it. */
export function snapshotsAndRemainsOn(sight: ReachedManager): Promise<SnapshotFile[]> { return snapshotFolder(sight, SNAPSHOT_OR_REMAINS); }

/** `vault-TIME-CLUSTER-OPERATION.snap`: the time first, for they are sorted by it; the cluster, for another one may use the same folder. */
export function snapshotName(time: string, clusterId: string | undefined, operation: string): string {
  const mark = markOf(clusterId);
  return `vault-${time}-${mark === undefined ? '' : `${mark}-`}${operation}.snap`;
}

/** The first eight hex digits of a cluster's id. */
function markOf(clusterId: string | undefined): string | undefined {
  const mark = clusterId?.replaceAll(/[^0-9a-f]/g, '').slice(0, 8) ?? '';
  return mark.length === 8 ? mark : undefined;
}

/** Whose snapshot it is by its name; undefined where the name does not say (a person copied it there). */
export function snapshotMark(path: string): string | undefined {
  return /\/\.?vault-[0-9T-]+Z-([0-9a-f]{8})-[0-9a-f]+\.snap[^/]*$/.exec(path)?.[1];
}

/** Every snapshot that may be of this cluster: where an about says which it is, those of another are none. @throws HostError */
export async function ownSnapshots(survey: Survey): Promise<SnapshotFile[]> {
  const marks = reached(survey).flatMap(({ about }) => markOf(about?.clusterId) ?? []);
  const found = (await Promise.all(reached(survey).map(snapshotsOn))).flat();
  return found.filter(({ path }) => { const mark = snapshotMark(path); return mark === undefined || marks.length === 0 || marks.includes(mark); });
}

/** A snapshot that is there and cannot be looked at is neither none nor one. @throws HostError */
export function refuseUnseen({ host, path, bytes }: SnapshotFile): void {
  if (bytes === undefined) throw new HostError(host, 'io', `${path} is there and cannot be looked at`, `look at it: stat ${path}`);
}

/** `bytes` undefined: it is there, and could not be looked at. */
interface SnapshotFile { readonly host: string; readonly path: string; readonly bytes: number | undefined }

async function snapshotFolder({ manager, host }: ReachedManager, pattern: RegExp): Promise<SnapshotFile[]> {
  const sight = await host.look({ files: [], folders: [manager.paths.snapshots], limitBytes: 0 });
  const names = sight.folders.get(manager.paths.snapshots)?.names ?? [];
  return names.filter(({ name }) => pattern.test(name)).toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, size }) => ({ host: manager.name, path: `${manager.paths.snapshots}/${name}`, bytes: size }));
}
