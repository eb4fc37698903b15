import { createHash } from 'node:crypto';
import { parseCheckpoint } from '../../src/credentials/checkpoint.ts';
import { formatKeyFile, parseKeyFile } from '../../src/credentials/key-file.ts';
import { papersOf, reached, survey } from '../../src/engine/survey.ts';
import { type KeySet, shareDigest } from '../../src/model/keys.ts';
import type { SimMachine } from '../sim/disk.ts';
import { PATHS, type World } from '../sim/world.ts';

/*
 * The invariant of the contract (§1), checked on the platters and not on the cache: a set counts where a file whose
 * content is synced holds it whether all of the folder's unsynced names are kept or all are lost.
 */

type Inode = SimMachine['root'];

/** What a history has shown so far; it only ever grows. */
export interface Seen {
  /** Some set that opened Vault was durable on a manager. */
  held: boolean;
  /** … and on a second one. */
  replicated: boolean;
  /** The set that opened Vault when it was last whole: the one that a snapshot needs. */
  lastLive: KeySet | undefined;
  /** That set and a snapshot were durable while Vault was half-committed. */
  wayBack: boolean;
  /** How much harm others had done (`World.harm`) when this was seen: what they destroyed is excepted, and all of this begins anew. */
  harm: number;
  /** After the last harm some durable set still had a root token that the server knows. */
  tokenHeld: boolean;
  /** A page said that Vault was restored: from then on the operator gives `--accept-restored`. */
  restored: boolean;
  /** Somebody died whose lock had been broken while he lived: what he had begun on the server since, no disk could be told of. */
  diedOvertaken: boolean;
}

export const nothingSeen = (): Seen => ({ held: false, replicated: false, lastLive: undefined, wayBack: false, harm: 0, tokenHeld: true, restored: false, diedOvertaken: false });

/** Vault was emptied, or others did harm: only what is seen from here on binds. */
export function forget(seen: Seen): void { Object.assign(seen, { held: false, replicated: false, wayBack: false }); }

const parsed = new Map<string, readonly KeySet[]>();
const quick = new WeakMap<Uint8Array, readonly KeySet[]>();

/** A file's bytes are never changed in place: the same array holds the same sets. */
function setsOf(bytes: Uint8Array): readonly KeySet[] {
  const sets = quick.get(bytes) ?? setsIn(bytes);
  quick.set(bytes, sets);
  return sets;
}

function setsIn(bytes: Uint8Array): readonly KeySet[] {
  const key = createHash('sha1').update(bytes).digest('base64');
  const known = parsed.get(key);
  if (known !== undefined) return known;
  const sets: KeySet[] = [];
  const file = parseKeyFile(bytes);
  if (file.is === 'set') sets.push(file.set);
  const found = parseCheckpoint(bytes);
  if (found.is === 'checkpoint') for (const set of [found.checkpoint.top, found.checkpoint.new, found.checkpoint.old]) if (set !== undefined) sets.push(set);
  if (parsed.size > 20_000) parsed.clear();
  parsed.set(key, sets);
  return sets;
}

/** Whole files of one folder: as they come back when every unsynced name is lost, or when every one is kept. */
function wholeIn(machine: SimMachine, path: string, names: 'safe' | 'names'): [string, Uint8Array][] {
  const folder = machine.find(path);
  if (folder?.kind !== 'folder') return [];
  return [...folder[names]].flatMap(([name, inode]): [string, Uint8Array][] => (inode.kind === 'file' && Buffer.compare(inode.content, inode.synced) === 0 ? [[name, inode.content]] : []));
}

const identities = new WeakMap<KeySet, string>();
function identityOf(set: KeySet): string {
  const known = identities.get(set);
  if (known !== undefined) return known;
  const made = `${set.threshold}\n${shareDigest(set)}`;
  identities.set(set, made);
  return made;
}
const same = (a: KeySet, b: KeySet): boolean => a === b || identityOf(a) === identityOf(b);

type Disks = ReturnType<World['vault']['snapshotState']>;
const opened = new WeakMap<NonNullable<Disks[number]>, Map<string, boolean>>();

/** `vault.opens`, once for each set and state of the servers' disks: it is asked after every call. */
function opens(world: World, set: KeySet): boolean {
  const disks = world.vault.snapshotState();
  let newest: Disks[number];
  for (const disk of disks) if (disk !== undefined && (newest === undefined || disk.index > newest.index)) newest = disk;
  if (newest === undefined) return false;
  const key = `${disks.filter((disk) => disk?.clusterId === newest.clusterId).length}\n${identityOf(set)}`;
  const known = opened.get(newest) ?? new Map<string, boolean>();
  opened.set(newest, known);
  const answer = known.get(key) ?? world.vault.opens(set);
  known.set(key, answer);
  return answer;
}

const FOLDER = PATHS.main.slice(0, PATHS.main.lastIndexOf('/'));
/** Names under which vaultctl looks for keys: archived files are not among them. */
const LOOKED_AT = /^(vault-unseal(\.previous)?\.json|vault-creds-(init|rotate)\.json\.tmp|\.vault-.*\.keys)$/;

/** For each manager, the sets that it durably holds where vaultctl would find them. */
export function durableSets(world: World): KeySet[][] {
  return [...world.machines.values()].map((machine) => {
    const [kept, lost] = (['names', 'safe'] as const).map((names) => wholeIn(machine, FOLDER, names).filter(([name]) => LOOKED_AT.test(name)).flatMap(([, bytes]) => [...setsOf(bytes)]));
    return kept!.filter((set) => lost!.some((other) => same(set, other)));
  });
}

/** Looks once more, remembers what it sees, and says what is broken. */
export function check(world: World, seen: Seen): string | undefined {
  const harmed = world.harm !== seen.harm;
  if (harmed) { forget(seen); seen.harm = world.harm; }
  if (!world.vault.initialised) return undefined;
  const held = durableSets(world);
  if (harmed) seen.tokenHeld = held.some((sets) => sets.some((set) => opens(world, set) && world.vault.tokenIsValid(set.rootToken)));
  if (world.vault.halfCommitted()) return checkHalf(world, seen, held);
  const holders = held.map((sets) => sets.find((set) => opens(world, set)));
  const count = holders.filter((set) => set !== undefined).length;
  const live = holders.find((set) => set !== undefined);
  if (live !== undefined) seen.lastLive = live;
  if (count > 0) seen.held = true;
  if (count > 1) seen.replicated = true;
  if (seen.held && count === 0) return 'no durable set on any manager opens Vault any more';
  if (seen.replicated && count < 2) return 'the set that opens Vault stood on two managers and stands on one only';
  return undefined;
}

/** Where nothing goes wrong (a resumed run opens a sealed Vault to prove the keys), nobody can store a secret in a Vault whose keys one disk alone holds. */
export function checkOpened(world: World, seen: Seen): string | undefined {
  if (world.machines.size < 2 || seen.replicated || !world.vault.nodes.some(({ open }) => open)) return undefined;
  return 'Vault was opened while one manager alone held its keys';
}

function checkHalf(world: World, seen: Seen, held: readonly KeySet[][]): string | undefined {
  const wrong = noWayBack(world, seen.lastLive, held);
  if (wrong === undefined) seen.wayBack = true;
  return world.harm === 0 || seen.wayBack ? wrong : undefined;
}

function noWayBack(world: World, old: KeySet | undefined, held: readonly KeySet[][]): string | undefined {
  if (old === undefined) return 'half-committed, and no live set was ever seen';
  if (!held.some((sets) => sets.some((set) => same(set, old)))) return 'half-committed, and the old set is on no manager';
  return hasSnapshot(world) ? undefined : 'half-committed, and no snapshot is on any manager';
}

export function hasSnapshot(world: World): boolean {
  return [...world.machines.values()].some((machine) => (['names', 'safe'] as const).every((names) => wholeIn(machine, PATHS.snapshots, names).some(([name]) => name.endsWith('.snap'))));
}

/** Some set that Vault takes has, where vaultctl looks, a root token beside it that the server knows. */
export function hasLivingToken(world: World): boolean {
  return [...world.machines.values()].some((machine) => [...machine.find(FOLDER)?.names ?? []].some(([name, inode]) => inode.kind === 'file' && LOOKED_AT.test(name) && setsOf(inode.content).some((set) => world.vault.tokenIsValid(set.rootToken) && opens(world, set))));
}

/** What every process sees now, platter or cache: each file that vaultctl looks at, with the sets in it and whether Vault takes one. */
export function sightOf(world: World): { host: string; path: string; sets: number; live: boolean; parses: boolean }[] {
  return [...world.machines.values()].flatMap((machine) => [...machine.find(FOLDER)?.names ?? []].flatMap(([name, inode]) => {
    if (inode.kind !== 'file' || !LOOKED_AT.test(name)) return [];
    const sets = setsOf(inode.content);
    // A checkpoint of zeros is space that was taken for it; a main of zeros is damage, and so is what somebody emptied.
    const parses = sets.length > 0 || (name.startsWith('vault-unseal') ? false : parseCheckpoint(inode.content).is === 'checkpoint' || (inode.content.length > 0 && inode.content.every((byte) => byte === 0)));
    return [{ host: machine.hostname, path: `${FOLDER}/${name}`, sets: sets.length, live: sets.some((set) => opens(world, set)), parses }];
  }));
}

/** Done means: equal files with exactly three keys on every manager, nothing left over, every node open, and Vault opens with them. */
export async function checkDone(world: World, { tokenHeld }: Pick<Seen, 'tokenHeld'> = { tokenHeld: true }, verb = 'rotate'): Promise<string | undefined> {
  // An election that the fault left running is nobody's business but the servers'.
  world.vault.leader();
  world.time.nowMs += 5000;
  world.vault.leader();
  const eyes = world.eyes();
  const seen = await survey(eyes);
  const [main, ...others] = reached(seen).map(({ papers }) => papers.find(({ role }) => role === 'main'));
  if (main?.is !== 'set') return 'done, and the first manager has no main';
  if (Buffer.compare(main.bytes, formatKeyFile(main.set)) !== 0) return 'done, and main is not exactly the three keys';
  if (Object.keys(JSON.parse(Buffer.from(main.bytes).toString('utf8')) as object).length !== 3) return 'done, and main has other than three keys';
  if (!others.every((other) => other?.is === 'set' && Buffer.compare(other.bytes, main.bytes) === 0)) return 'done, and the managers differ';
  if (!world.vault.opens(main.set)) return 'done, and main does not open Vault';
  if (tokenHeld && !world.vault.tokenIsValid(main.set.rootToken)) return 'done, and the root token in main is dead';
  const tokens = Math.max(0, ...world.vault.snapshotState().map((disk) => disk?.tokens.length ?? 0));
  if (tokens > 1 && world.harm === 0) return `done, and ${tokens - 1} root tokens that nobody knows are alive`;
  const left = papersOf(seen, 'install', 'rotate', 'sibling');
  if (left.length > 0) return `done, and ${left.map(({ host, path }) => `${host}:${path}`).join(', ')} is left over`;
  const durable = durableSets(world);
  if (!durable.every((sets) => sets.some((set) => same(set, main.set)))) return 'done, and a manager holds the live set in its cache only';
  const closed = seen.nodes.filter((node) => !node.reached || node.status.sealed || !node.status.initialized);
  if (closed.length > 0) return `done, and ${closed.map(({ node }) => node.name).join(', ')} is not open`;
  if (seen.nodes.every((node) => !node.reached || node.health !== 'active')) return 'done, and no node is active';
  for (const manager of world.machines.values()) {
    const litter = [FOLDER, PATHS.snapshots].flatMap((folder) => [...(manager.find(folder)?.names.keys() ?? [])]).filter((name) => /\.[0-9a-f]{8,64}\.(keys|intent|plain)$/.test(name)
      // The part of a snapshot that a dead rotation left goes with the next rotation whose own tidying nothing strikes; one that
      // ends on a Vault restored meanwhile calls no snapshot superfluous.
      && ((verb === 'rotate' && world.harm === 0) || !name.includes('.snap.')));
    if (litter.length > 0) return `done, and ${manager.hostname} has ${litter.join(', ')} left over`;
  }
  return tooOpen(world);
}

function tooOpen(world: World): string | undefined {
  for (const manager of world.machines.values()) {
    for (const [name, inode] of manager.find(FOLDER)?.names ?? []) if ((inode.mode & 0o077) !== 0 && !name.endsWith('.lock')) return `${manager.hostname}:${name} can be read by others`;
  }
  return undefined;
}

/** Equal texts, equal worlds: what a resumed run could ever tell apart, platters and memories of servers. */
export function digest(world: World, seen: Seen): string {
  const hash = createHash('sha1');
  const walk = (inode: Inode, path: string) => {
    const name = path;
    hash.update(`${name}|${inode.kind}|${inode.mode}|`);
    if (inode.kind === 'file') { hash.update(inode.content); hash.update(Buffer.compare(inode.content, inode.synced) === 0 ? '=' : Buffer.from(inode.synced)); }
    for (const { what } of inode.changes) hash.update(`~${what}`);
    for (const key of [...inode.safe.keys()].toSorted()) if (!inode.names.has(key)) hash.update(`-${key}`);
    for (const [key, child] of [...inode.names].toSorted(([a], [b]) => (a < b ? -1 : 1))) walk(child, `${path}/${key}`);
  };
  for (const machine of world.machines.values()) walk(machine.root, machine.hostname);
  hash.update(world.vault.fingerprint());
  hash.update(`${seen.held}${seen.replicated}${world.harm > 0}${seen.wayBack}${seen.tokenHeld}${seen.restored}${seen.diedOvertaken}`);
  return hash.digest('base64');
}
