import type { Failure } from '../engine/each-host.ts';
import { type About, aboutNames, describeSet, formatAbout } from '../credentials/about.ts';
import { formatCheckpoint } from '../credentials/checkpoint.ts';
import { formatKeyFile } from '../credentials/key-file.ts';
import { type Step } from '../engine/flow.ts';
import { looseBeside, type Paper, paperOf, papersOf, reached, type ReachedManager, type Survey } from '../engine/survey.ts';
import { isIntent, setsIn } from '../engine/candidates.ts';
import type { Eyes, Hands } from '../engine/world.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts, type Place } from '../model/halts.ts';
import { type KeySet, sameSet, sameShares } from '../model/keys.ts';
import type { FileOperation } from '../ports/hosts.ts';
import { iso } from './declare-intent.ts';
import { withLivingToken } from './living-token.ts';
import { applyOnAll, masterOf, missingOf, sameBytes, setAside } from './places.ts';
import type { Held } from './records.ts';

/** The live set as main on every manager, read back byte by byte; what it replaces is kept, never lost. */
export function deliverKeys<R extends Held>(flow: string): Step<R, R> {
  return {
    name: 'deliver-keys', title: 'deliver the keys to every manager and read them back', kind: 'repeat',
    look: async (eyes, held) => {
      if (held.fromCheckpoint || missingOf(eyes, held.survey).length > 0) return { is: 'pending' };
      const bytes = formatKeyFile(held.set);
      const every = reached(held.survey).every((sight) => holds(sight, bytes) && !paperOf(sight, 'main')!.tooOpen && looseBeside(sight).length === 0);
      return every && await isDescribed(held) ? { is: 'done', out: held } : { is: 'pending' };
    },
    act: async (hands, wanted) => {
      await refuseConflicts(hands, wanted.survey, wanted.set, wanted.replaces);
      const set = await withLivingToken(hands, wanted.survey, wanted.set);
      const held = { ...wanted, set };
      const borrowed = !set.rootToken.equals(wanted.set.rootToken);
      const about = await aboutOf(hands, held);
      const master = masterOf(hands, held.survey);
      const managers = reached(held.survey);
      const work = (sights: ReachedManager[]) => applyOnAll(hands, sights.map((sight) => ({ sight, operations: operationsFor(hands, held, sight, { about, borrowed }) })));
      // The local main first: were this process to die here, its own host already opens Vault.
      const first = await work([master]);
      const rest = await work(managers.filter((sight) => sight !== master));
      const failed: Failure[] = [...missingOf(hands, held.survey), ...first.failed, ...rest.failed];
      if (failed.length > 0) throw new Halt(haltTexts.undelivered(failed, keptNow(held, [...first.written, ...rest.written].map(({ sight }) => sight)), flow, hands.settings.inventory));
      return { ...held, keptAt: managers.map(({ manager }) => ({ host: manager.name, path: manager.paths.main })) };
    },
  };
}

/** Every about says what is so: `verify` refuses any other, and sends the operator here for a new one. */
async function isDescribed({ survey, set }: Held): Promise<boolean> {
  const id = clusterIdOf(survey);
  for (const { about } of reached(survey)) {
    if (about === undefined || about.rejectedAt !== undefined || (id !== undefined && about.clusterId !== id) || !(await aboutNames(about, set, 'current'))) return false;
  }
  return true;
}

/** As the nodes call it; undefined where none is open. */
function clusterIdOf(survey: Survey): string | undefined {
  const told = survey.nodes.find((node) => node.reached && node.status.clusterId !== undefined);
  return told?.reached === true ? told.status.clusterId : undefined;
}

function holds(sight: ReachedManager, bytes: Uint8Array): boolean {
  const main = paperOf(sight, 'main');
  return main?.is === 'set' && sameBytes(main.bytes, bytes);
}

function keptNow(held: Held, written: readonly ReachedManager[]): Place[] {
  return [...held.keptAt, ...written.map(({ manager }) => ({ host: manager.name, path: manager.paths.main }))];
}

/** The order is what a crash between two of them leaves: the replaced set is kept before the main that replaces it. */
function operationsFor(hands: Hands, held: Held, sight: ReachedManager, { about, borrowed }: { about: About; borrowed: boolean }): FileOperation[] {
  const { paths } = sight.manager;
  const bytes = formatKeyFile(held.set);
  const main = paperOf(sight, 'main');
  const operations: FileOperation[] = [];
  if (held.committed !== undefined) operations.push({ do: 'write', path: paths.rotateCheckpoint, bytes: held.committed, purpose: 'keys' });
  const bridge = needsBridge(held, sight, main, borrowed);
  if (bridge) operations.push({ do: 'write', path: paths.installCheckpoint, bytes: formatCheckpoint({ top: held.set }), purpose: 'keys' });
  const write: FileOperation[] = held.fromCheckpoint || !holds(sight, bytes) || main?.tooOpen === true ? [{ do: 'write', path: paths.main, bytes, purpose: 'keys' }] : [];
  // Vault was restored to what stands here as previous, and perhaps nowhere else: nothing takes its place before main has it.
  const livesInPrevious = isLive(held, paperOf(sight, 'previous')) && !isLive(held, main);
  const kept = keptInstead(hands, held, sight, main);
  if (livesInPrevious) operations.push(...(main === undefined ? [] : setAside(main, hands.clock)), ...write, ...kept.previous);
  else operations.push(...kept.previous, ...kept.aside, ...write);
  if (bridge && !held.fromCheckpoint) operations.push({ do: 'remove', path: paths.installCheckpoint });
  const old = paperOf(sight, 'previous');
  const anew = operations.some(({ path }) => path === paths.previous);
  if (!anew && old?.is === 'set' && looseBeside(sight).includes(paths.previous)) operations.push({ do: 'write', path: paths.previous, bytes: old.bytes, purpose: 'keys' });
  operations.push({ do: 'write', path: paths.about, bytes: formatAbout(about), purpose: 'plain' });
  return operations;
}

/**
 * Before main is moved another copy stands here, where it may be the only one: of the live keys, could it not be read this
 * once, or of the root token that was found beside keys which Vault rejects.
 */
function needsBridge(held: Held, sight: ReachedManager, main: Paper | undefined, borrowed: boolean): boolean {
  if (main === undefined || held.committed !== undefined) return false;
  return main.is === 'set' ? borrowed && main.set.rootToken.equals(held.set.rootToken) : holdsNoSet(paperOf(sight, 'install'));
}

const holdsNoSet = (paper: Paper | undefined) => paper === undefined || isIntent(paper);

const isLive = (held: Held, paper: Paper | undefined) => paper?.is === 'set' && sameShares(paper.set, held.set);

/** What becomes of the set that this main or this rotation replaces. */
function keptInstead(hands: Hands, held: Held, sight: ReachedManager, main: Paper | undefined): { previous: FileOperation[]; aside: FileOperation[] } {
  const path = sight.manager.paths.previous;
  const keep = (set: KeySet) => (hands.settings.keepPrevious > 0 ? [previous(path, set)] : []);
  const replaced = held.replaces === undefined || keepsAlready(sight, held.replaces) ? [] : keep(held.replaces);
  if (main === undefined || isLive(held, main)) return { previous: replaced, aside: [] };
  // The checkpoint may be the only place left of what it replaced: it is deleted in the end because previous holds that.
  if (main.is !== 'set') return { previous: replaced, aside: setAside(main, hands.clock) };
  const kept = held.replaces ?? main.set;
  // An ancestor further back than the one kept as previous is nobody's last hope, and still not deleted.
  return { previous: keep(kept), aside: sameShares(main.set, kept) ? [] : setAside(main, hands.clock) };
}

const previous = (path: string, set: KeySet): FileOperation => ({ do: 'write', path, bytes: formatKeyFile(set), purpose: 'keys' });

function keepsAlready(sight: ReachedManager, set: KeySet): boolean {
  const kept = paperOf(sight, 'previous');
  return kept?.is === 'set' && sameSet(kept.set, set);
}

/**
 * A main that is neither live nor known as ours may be the only keys of another cluster.
 * @throws Halt `conflicting-main` before anything is written anywhere.
 */
export async function refuseConflicts(eyes: Eyes, survey: Survey, live: KeySet, replaces?: KeySet): Promise<void> {
  const ancestors = papersOf(survey, 'previous', 'rotate').flatMap((paper) => setsIn(paper).map(({ set }) => set));
  if (replaces !== undefined) ancestors.push(replaces);
  const conflicts: Place[] = [];
  for (const sight of reached(survey)) {
    const main = paperOf(sight, 'main');
    if (main?.is !== 'set' || sameShares(main.set, live) || ancestors.some((set) => sameShares(set, main.set))) continue;
    if (!await isNamed(survey, main.set)) conflicts.push({ host: main.host, path: main.path });
  }
  if (conflicts.length > 0) throw new Halt(haltTexts.conflictingMain(conflicts, eyes.settings.inventory));
}

/**
 * The same of rotate checkpoints: one that holds neither the live set nor an older one of ours may be another cluster's,
 * whose inventory names the same path, and the only place of keys that are live there.
 * @throws Halt `conflicting-main`
 */
export async function refuseStrangeRotations(eyes: Eyes, survey: Survey, live: KeySet): Promise<void> {
  const known = [live, ...papersOf(survey, 'previous').flatMap((paper) => setsIn(paper).map(({ set }) => set))];
  const strange: Place[] = [];
  for (const paper of papersOf(survey, 'rotate')) {
    // Ours always hold the set that was live when they began; one of an old playbook says nothing of whose it is.
    if (paper.is !== 'checkpoint' || paper.checkpoint.meta === undefined) continue;
    const sets = setsIn(paper).map(({ set }) => set);
    if (sets.length === 0 || sets.some((set) => known.some((ours) => sameShares(ours, set)))) continue;
    const named = await Promise.all(sets.map((set) => isNamed(survey, set)));
    if (!named.includes(true)) strange.push({ host: paper.host, path: paper.path });
  }
  if (strange.length > 0) throw new Halt(haltTexts.conflictingMain(strange, eyes.settings.inventory));
}

/** Some about of this very cluster names the set, as its current one or an ancestor. */
async function isNamed(survey: Survey, set: KeySet): Promise<boolean> {
  const id = clusterIdOf(survey);
  const named = await Promise.all(reached(survey).map(async ({ about }) => about !== undefined && (id === undefined || about.clusterId === id) && (await aboutNames(about, set))));
  return named.includes(true);
}

/** One about for all: who we are, and who we were, by fingerprints that open nothing. */
async function aboutOf(hands: Hands, held: Held): Promise<About> {
  const status = await hands.vault.sealStatus(hands.nodes[0]!.address).catch(() => undefined);
  const older = reached(held.survey).flatMap(({ about }) => (about === undefined ? [] : [about])).toSorted((a, b) => b.generation - a.generation)[0];
  const described = await describeSet(held.set, hands.clock.random(16));
  const same = older !== undefined && (await aboutNames(older, held.set, 'current'));
  const ancestors = older === undefined ? [] : same ? older.ancestors : [{ fingerprint: older.fingerprint, salt: older.salt, generation: older.generation }, ...older.ancestors].slice(0, 16);
  return {
    format: 1, clusterId: status?.clusterId ?? older?.clusterId ?? '', generation: held.generation, ...described,
    operation: hands.operation, at: iso(hands), owed: hands.settings.allowMissing, ancestors,
  };
}
