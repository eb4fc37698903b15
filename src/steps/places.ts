import { parseCheckpoint } from '../credentials/checkpoint.ts';
import { isIntent, setsIn } from '../engine/candidates.ts';
import { each, type Failure, failureOf } from '../engine/each-host.ts';
import { type NodeSight, type Paper, type ReachedManager, type Survey, paperOf, reached, unreachable } from '../engine/survey.ts';
import type { Eyes, Hands } from '../engine/world.ts';
import { refuseForbidden } from '../kubernetes/rights.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { sameShares } from '../model/keys.ts';
import type { Clock } from '../ports/clock.ts';
import { type FileOperation, HostError, type HostHands } from '../ports/hosts.ts';

/** The master manager where it answered, else the first that did (its loss is allowed: `--allow-missing`, `--limit`). */
export function masterOf(eyes: Eyes, survey: Survey): ReachedManager {
  const all = reached(survey);
  const master = all.find(({ manager }) => manager.name === eyes.settings.master) ?? all[0];
  if (master === undefined) throw new Error('no manager was reached');
  return master;
}

export function handsOn(hands: Hands, name: string): HostHands {
  const host = hands.hosts.find((candidate) => candidate.name === name);
  if (host === undefined) throw new Error(`no hands on ${name}`);
  return host;
}

/** Managers that were not reached and that the operator did not allow to be missing. */
export function missingOf(eyes: Eyes, survey: Survey): Silent[] {
  return silentOf(survey).filter(({ host }) => !eyes.settings.allowMissing.includes(host));
}

interface Silent { readonly host: string; readonly why: string; readonly mend: string | undefined }

function silentOf(survey: Survey): Silent[] {
  return unreachable(survey).map(({ manager, error }) => ({ host: manager.name, why: error.message, mend: error.mend }));
}

/**
 * Some manager was not reached: then no page may call keys lost or dead. `--allow-missing` lets a run do without one; what
 * it holds is not known for that.
 */
export function unasked({ settings }: Pick<Eyes, 'settings'>, survey: Survey): Halt | undefined {
  const silent = silentOf(survey);
  return silent.length === 0 ? undefined : new Halt(haltTexts.cannotTellLost(silent, settings.inventory));
}

/** Nodes that did not answer, allowed to be missing or not. */
export function silentNodesOf(nodes: readonly NodeSight[]): { host: string; why: string }[] {
  return nodes.flatMap((sight) => (sight.reached ? [] : [{ host: sight.node.name, why: sight.error.message }]));
}

export function isOpen(sight: NodeSight): sight is Extract<NodeSight, { reached: true }> {
  return sight.reached && sight.status.initialized && !sight.status.sealed;
}

/** By name: somebody had their keys, whatever an intent on a manager says of them. */
export function openIn(nodes: readonly NodeSight[]): string[] {
  return nodes.filter(isOpen).map(({ node }) => node.name);
}

/** @throws Halt where a node is silent because Kubernetes refuses us the way to it */
export function missingNodesOf(eyes: Eyes, survey: Survey): { host: string; why: string }[] {
  refuseForbidden(survey.nodes.map((sight) => (sight.reached ? undefined : sight.error)), eyes.settings.inventory);
  return silentNodesOf(survey.nodes).filter(({ host }) => !eyes.settings.allowMissingNodes.includes(host));
}

/** Every path of every manager, and what was found there: what a page that says LOST must show. */
export function searchedIn(survey: Survey): { host: string; path: string; found: string }[] {
  return survey.managers.flatMap((sight) => {
    const { name, paths } = sight.manager;
    const found = (path: string) => {
      if (!sight.reached) return `not reached (${sight.error.message})`;
      const paper = sight.papers.find((candidate) => candidate.path === path);
      return paper === undefined ? 'absent' : paper.is === 'unreadable' ? `unreadable: ${paper.why}` : isIntent(paper) ? 'an intent, no keys' : paper.is === 'blank' ? 'empty' : 'keys';
    };
    return [paths.main, paths.installCheckpoint, paths.rotateCheckpoint, paths.previous].map((path) => ({ host: name, path, found: found(path) }));
  });
}

export interface Written { readonly sight: ReachedManager; readonly readBack: ReadonlyMap<string, Uint8Array> }

/** Papers that this run wrote over: what stood in them stands beside them since. */
const copied = new WeakSet<Paper>();
export const wasCopied = (paper: Paper): boolean => copied.has(paper);

/** What could not be understood may still be all that a person can mend, and other keys are somebody's: they stand beside before anything is written over them. */
function sparing(sight: ReachedManager, operations: readonly FileOperation[], clock: Clock): { all: FileOperation[]; spared: Paper[] } {
  const spared: Paper[] = [];
  const gone = new Set<string>();
  const all = operations.flatMap((operation): FileOperation[] => {
    const paper = gone.has(operation.path) ? undefined : sight.papers.find(({ path }) => path === operation.path);
    gone.add(operation.path);
    if (operation.do !== 'write' || paper === undefined || copied.has(paper) || !wouldGo(paper, operation.bytes)) return [operation];
    spared.push(paper);
    const aside = archived(paper.path, clock.now(), clock.random(2));
    // What no read gives (EIO, far too long) gets a second name; moved away, it would be missing for an instant, and the
    // next read may succeed and find the only durable keys in it.
    const bytes = paper.is === 'blank' ? undefined : paper.bytes;
    return [bytes === undefined ? { do: 'keep', path: paper.path, to: aside } : { do: 'write', path: aside, bytes, purpose: 'keys' }, operation];
  });
  return { all, spared };
}

/** What stands in this file would stand nowhere in what is written over it. A checkpoint that Vault rejects may be another cluster's. */
function wouldGo(paper: Paper, bytes: Uint8Array): boolean {
  if (paper.is === 'unreadable') return paper.bytes?.length !== 0;
  if (paper.is !== 'checkpoint') return false;
  const next = parseCheckpoint(bytes);
  const kept = next.is === 'checkpoint' ? setsIn({ ...paper, checkpoint: next.checkpoint, bytes }) : [];
  return setsIn(paper).some(({ set }) => !kept.some((other) => sameShares(other.set, set)));
}

/** Does each manager's operations, all managers at once, and tells apart who took them and who did not. */
export async function applyOnAll(hands: Hands, work: readonly { sight: ReachedManager; operations: readonly FileOperation[] }[]): Promise<{ written: Written[]; failed: Failure[] }> {
  const written: Written[] = [];
  const failed: Failure[] = [];
  const outcomes = await each(work, async ({ sight, operations: wanted }) => {
    if (wanted.length === 0) return new Map<string, Uint8Array>();
    const { all: operations, spared } = sparing(sight, wanted, hands.clock);
    const answer = await handsOn(hands, sight.manager.name).apply(operations, hands.lock.fence(sight.manager.paths.lock));
    for (const operation of operations) {
      if (operation.do !== 'write') continue;
      if (!sameBytes(answer.readBack.get(operation.path), operation.bytes)) throw new HostError(sight.manager.name, 'io', `${operation.path} reads back different from what was written`);
    }
    for (const paper of spared) copied.add(paper);
    return answer.readBack;
  });
  outcomes.forEach((outcome, index) => {
    const { sight } = work[index]!;
    if (outcome.is === 'ok') written.push({ sight, readBack: outcome.value });
    else failed.push(failureOf(sight.manager.name, outcome.error));
  });
  return { written, failed };
}

export function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}

/** `2026-11-22T23-11-50Z`, for names of what is set aside. */
export function stamp(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z').replaceAll(':', '-');
}

export function archived(path: string, nowMs: number, salt: string): string {
  return `${path}.archived-${stamp(nowMs)}-${salt}`;
}

/** Renamed, never deleted, and 0600 from then on. A symbolic link is renamed itself: what it leads to is not ours. */
export function setAside({ path, tooOpen, throughLink }: Paper, clock: Clock): FileOperation[] {
  const move = { do: 'move', path, to: archived(path, clock.now(), clock.random(2)) } as const;
  return tooOpen && throughLink !== true ? [{ do: 'tighten', path }, move] : [move];
}

export function hasFile(sight: ReachedManager, role: 'main' | 'install' | 'rotate' | 'previous'): boolean {
  return paperOf(sight, role) !== undefined;
}
