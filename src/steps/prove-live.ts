import { cameFrom, type Candidate } from '../engine/candidates.ts';
import { lookAtNode, type NodeSight } from '../engine/survey.ts';
import type { Eyes, Hands, Prover } from '../engine/world.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import type { KeySet } from '../model/keys.ts';
import type { Secret } from '../model/secret.ts';
import { type RekeyStatus, VaultError } from '../vault/answers.ts';
import { proveByRekey } from '../vault/prove.ts';
import { openNode } from '../vault/unseal.ts';
import { isOpen } from './places.ts';

/** Raft elects within seconds; a follower's challenge and a busy disk may take longer. */
const ACTIVE_WITHIN_MS = 30_000;
/** Once may be somebody who sealed it at that very moment. */
const SEALS_ITSELF_AFTER = 2;
const ROUNDS = SEALS_ITSELF_AFTER + 1;

export type Verdict =
  | { readonly is: 'live'; readonly candidate: Candidate; readonly rejected: readonly Candidate[] }
  | { readonly is: 'none'; readonly rejected: readonly Candidate[] }
  | { readonly is: 'cannot-prove'; readonly why: string };

/**
 * Which of the candidates an ACTIVE node accepts. Unsealing is only the way in: the one configured node that a set
 * opened and that then became active has answered; among several nodes a cancelled rekey on the active one answers.
 * @throws Halt `no-leader` where there is none, `foreign-rekey` where the one rekey slot is somebody else's.
 */
export async function proveLive(hands: Hands & Prover, candidates: readonly Candidate[]): Promise<Verdict> {
  let sights = await reachedNodes(hands);
  const refusals = new Map<string, Set<Candidate>>();
  const tries = new Map<string, number>();
  for (let round = 0; round <= ROUNDS; round += 1) {
    const active = activeOf(sights);
    if (active !== undefined) return proveOnActive(hands, active.node.address, candidates);
    const opened = await openWhatOpens(hands, sights, candidates, refusals);
    // A node that is open already may be in the middle of an election.
    if (opened.size === 0 && !sights.some(isOpen)) break;
    sights = await waitForActive(hands);
    const only = hands.nodes.length === 1 && !mayBeHalfCommitted(candidates) ? [...opened.values()][0] : undefined;
    if (only !== undefined && activeOf(sights) !== undefined) return { is: 'live', candidate: only, rejected: candidates.filter((candidate) => candidate !== only) };
    if (opened.size === 0 && activeOf(sights) === undefined) break;
    noteSealedAgain(sights, opened, refusals, tries);
  }
  if (isRefused(hands, sights, candidates, refusals)) return { is: 'none', rejected: candidates };
  throw new Halt(haltTexts.noLeader(sights.map(describeNode), hands.settings.inventory));
}

/**
 * Every node that stores anything refuses every set. One that answers "not initialised" (a replica that has not joined)
 * has nothing that a set could open; one that does not answer may open with any. Pods that are gone by now have refused nothing.
 * One that is still open says nothing either, but where most refuse, it finds nobody to elect it.
 */
function isRefused({ nodes }: Hands, sights: readonly NodeSight[], candidates: readonly Candidate[], refusals: ReadonlyMap<string, ReadonlySet<Candidate>>): boolean {
  const isEmpty = (address: string) => sights.some((sight) => sight.node.address === address && sight.reached && !sight.status.initialized);
  const storing = nodes.filter(({ address }) => !isEmpty(address));
  const refusing = storing.filter(({ address }) => refusals.get(address)?.size === candidates.length);
  const isOpenStill = (address: string) => sights.some((sight) => sight.node.address === address && isOpen(sight));
  return refusing.length > storing.length / 2 && storing.every((node) => refusing.includes(node) || isOpenStill(node.address));
}

/**
 * A server killed within its commit can open with OLD by what its disk had applied, and then replays the rest of its
 * raft log: from there on it rejects OLD, and sealed once more nothing opens it. Only the open server's word counts then.
 */
function mayBeHalfCommitted(candidates: readonly Candidate[]): boolean {
  return candidates.some((candidate) => cameFrom(candidate, 'rotate'));
}

/** Cut off late in its commit, a node takes NEW, cannot read its keyring with what is within, and seals itself, every time. */
function noteSealedAgain(sights: readonly NodeSight[], opened: ReadonlyMap<string, Candidate>, refusals: Map<string, Set<Candidate>>, tries: Map<string, number>): void {
  for (const sight of sights) {
    const candidate = opened.get(sight.node.address);
    if (candidate === undefined || !sight.reached || !sight.status.sealed) continue;
    const count = (tries.get(sight.node.address) ?? 0) + 1;
    tries.set(sight.node.address, count);
    if (count >= SEALS_ITSELF_AFTER) refuse(refusals, sight.node.address, candidate);
  }
}

function refuse(refusals: Map<string, Set<Candidate>>, address: string, candidate: Candidate): void {
  refusals.set(address, (refusals.get(address) ?? new Set()).add(candidate));
}

export function activeOf(sights: readonly NodeSight[]): Extract<NodeSight, { reached: true }> | undefined {
  return sights.find((sight): sight is Extract<NodeSight, { reached: true }> => sight.reached && sight.health === 'active');
}

export function describeNode(sight: NodeSight): string {
  if (!sight.reached) return `${sight.node.name}: ${sight.error.message}`;
  const { sealed, initialized, progress, threshold } = sight.status;
  return `${sight.node.name}: ${sight.health}${sealed && initialized ? ` (${progress} of ${threshold} shares given)` : ''}`;
}

/** Every node as it is now; one that does not answer is not reached. */
export async function reachedNodes(eyes: Eyes): Promise<NodeSight[]> {
  return Promise.all(eyes.nodes.map((node) => lookAtNode(eyes, node).catch((error: unknown): NodeSight => ({ reached: false, node, error: error as Error }))));
}

/** The set that opened each sealed node; sets that a node refused are not tried on it again. */
async function openWhatOpens(hands: Hands, sights: readonly NodeSight[], candidates: readonly Candidate[], refusals: Map<string, Set<Candidate>>) {
  const by = new Map<string, Candidate>();
  for (const sight of sights) {
    if (!sight.reached || !sight.status.initialized || !sight.status.sealed) continue;
    const { address } = sight.node;
    for (const candidate of candidates) {
      if (refusals.get(address)?.has(candidate) === true) continue;
      const result = await openNode(hands.vault, hands.clock, address, candidate.set);
      if (result.is === 'open') { by.set(address, candidate); break; }
      if (result.is === 'rejected') refuse(refusals, address, candidate);
    }
  }
  return by;
}

export async function waitForActive(hands: Hands, withinMs = ACTIVE_WITHIN_MS): Promise<NodeSight[]> {
  const until = hands.clock.now() + withinMs;
  for (let pause = 50; ; pause = Math.min(pause * 2, 500)) {
    const sights = await reachedNodes(hands);
    if (activeOf(sights) !== undefined || hands.clock.now() >= until) return sights;
    if (sights.every((sight) => !sight.reached || sight.status.sealed)) return sights;
    await hands.clock.sleep(pause);
  }
}

async function proveOnActive(hands: Hands & Prover, address: string, candidates: readonly Candidate[]): Promise<Verdict> {
  const token = await tokenAmong(hands, address, candidates);
  await cancelOwnOrphan(hands, address, token);
  const rejected: Candidate[] = [];
  let cannot: string | undefined;
  for (const candidate of candidates) {
    const result = await proveOne(hands, address, candidate.set, token);
    if (result.is === 'accepted') return { is: 'live', candidate, rejected };
    if (result.is === 'busy') throw new Halt(haltTexts.foreignRekey(result.status, hands.settings.inventory));
    if (result.is === 'cannot') { cannot ??= result.why; continue; }
    rejected.push(candidate);
  }
  return cannot === undefined ? { is: 'none', rejected } : { is: 'cannot-prove', why: cannot };
}

/** The proof's intent is on the managers before the server knows of it: its orphan is then ours to cancel. */
export async function proveOne(hands: Hands & Prover, address: string, set: KeySet, token = tokenFor(hands, set)) {
  const status = await hands.vault.sealStatus(address);
  const marks = { shares: status.shares, threshold: status.threshold };
  await hands.lock.proof(marks);
  const result = await proveByRekey(hands.vault, address, set, token, (nonce) => hands.lock.proof({ ...marks, nonce }));
  await hands.lock.proof(undefined);
  return result;
}

export function tokenFor(hands: Hands, set: KeySet): Secret | undefined {
  return hands.flags.token ?? (set.rootToken.empty ? undefined : set.rootToken);
}

/**
 * A token with which this server lets a rekey be asked for. Of several on the managers some may be revoked: one was away
 * while the root token was replaced, or the run died that revoked it. Whose shares it stands beside does not matter.
 */
export async function tokenAmong(hands: Hands, address: string, candidates: readonly Candidate[]): Promise<Secret | undefined> {
  if (hands.flags.token !== undefined) return hands.flags.token;
  const all = candidates.flatMap(({ set, tokens }) => [set.rootToken, ...(tokens ?? [])]).filter((token) => token.isWord);
  const tokens = all.filter((token, index) => all.findIndex((other) => other.equals(token)) === index);
  if (tokens.length < 2) return tokens[0];
  for (const token of tokens) {
    try {
      await hands.vault.rekeyStatus(address, token);
      return token;
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
    }
  }
  return tokens[0];
}

async function cancelOwnOrphan(hands: Hands, address: string, token: Secret | undefined): Promise<void> {
  const { orphan } = hands.lock;
  if (orphan === undefined) return;
  try {
    const status = await hands.vault.rekeyStatus(address, token);
    if (!isOrphan(status, orphan)) return;
    hands.tell({ is: 'note', text: `cancelling the proof that an earlier run of vaultctl left behind (nonce ${status.nonce})` });
    await hands.vault.rekeyCancel(address, status.nonce, token);
  } catch (error) {
    // Only tidying: a server that will not say is asked again by the proof itself.
    if (!(error instanceof VaultError)) throw error;
  }
}

/** What a proof of ours left in the one rekey slot; where it died before it could write the nonce down, only if nobody gave a share. */
export function isOrphan(status: RekeyStatus, orphan: Hands['lock']['orphan']): boolean {
  if (!status.started || orphan === undefined) return false;
  return orphan.nonce === undefined ? isUntouched(status, orphan) : orphan.nonce === status.nonce;
}

/** No share was given yet, and it asks for what our own record says we were about to ask for. */
export function isUntouched(status: RekeyStatus, wanted: { readonly shares: number; readonly threshold: number }): boolean {
  return status.progress === 0 && !status.verificationPending && status.shares === wanted.shares && status.threshold === wanted.threshold;
}
