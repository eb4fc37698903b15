import type { Candidate } from '../engine/candidates.ts';
import type { Step } from '../engine/flow.ts';
import type { NodeSight } from '../engine/survey.ts';
import type { Eyes, Hands, Prover } from '../engine/world.ts';
import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import type { ClusterNode } from '../ports/cluster.ts';
import type { LeaderTls } from '../vault/hands.ts';
import { joinRaft, openNode } from '../vault/unseal.ts';
import { markRejected } from './mark-rejected.ts';
import { isOpen, unasked } from './places.ts';
import { activeOf, proveLive, reachedNodes, waitForActive } from './prove-live.ts';
import type { Held } from './records.ts';
import { livesElsewhere } from './restored-since.ts';

/** All nodes open and one of them active; nodes that have not joined are joined to the leader first. */
export function unsealVault<R extends Held>(flow: string): Step<R, R> {
  return {
    name: 'unseal-vault', title: 'unseal every Vault node', kind: 'repeat',
    look: async (eyes, record) => {
      const sights = await reachedNodes(eyes);
      return activeOf(sights) !== undefined && sights.every((sight) => isOpen(sight) || isAllowedMissing(eyes, sight)) ? { is: 'done', out: record } : { is: 'pending' };
    },
    act: async (hands, record) => {
      const failed = await openAll(hands, record);
      // One node's word is no verdict; that of every node is.
      if (failed.length === hands.nodes.length && failed.every(({ rejected }) => rejected)) throw allDead(hands, record);
      const rejecting = failed.filter(({ rejected }) => rejected).map(({ host }) => host);
      const accepted = rejecting.length > 0 && await refuseDead(hands, record, rejecting);
      const told = failed.map((node) => (accepted && node.rejected ? strayNode(hands, node.host) : node));
      if (told.length > 0) throw new Halt(haltTexts.nodesClosed(told, record.keptAt, flow, hands.settings.inventory));
      return record;
    },
  };
}

/**
 * A node that takes none of our sets may be right: a manager's disk that came back older took the live keys with it, and
 * nothing that anybody mends would open this node. The leader's word tells, while there is one: true where it takes them.
 * @throws Halt `keys-rejected`, `restored` where it takes another set than the current one, `unproven` where it will not say
 */
async function refuseDead(hands: Hands & Prover, record: Held, rejecting: readonly string[]): Promise<boolean> {
  const { set, others, keptAt } = record;
  if (activeOf(await reachedNodes(hands)) === undefined) return false;
  const current: Candidate = { set, sources: [] };
  const verdict = await proveLive(hands, [current, ...others]);
  if (verdict.is === 'live' && verdict.candidate === current) return true;
  if (verdict.is === 'cannot-prove') throw new Halt(haltTexts.unproven(`${rejecting.join(', ')}: ${REJECTS}; whether they are the live ones: ${verdict.why}`, hands.settings.inventory));
  await markRejected(hands);
  throw verdict.is === 'none' ? allDead(hands, record) : livesElsewhere(hands, keptAt, verdict.candidate);
}

function allDead(hands: Hands, { survey, others, keptAt }: Held): Halt {
  return unasked(hands, survey) ?? new Halt(haltTexts.keysRejected([...keptAt, ...others.flatMap(({ sources }) => sources)], hands.settings.inventory));
}

const REJECTS = 'it rejects the keys';
const isAllowedMissing = (eyes: Eyes, sight: NodeSight) => eyes.settings.allowMissingNodes.includes(sight.node.name);

/** As we know the leader ourselves: its own peers have the same certificates before them. */
export function leaderTls({ settings: { vault }, authority }: Eyes): LeaderTls { return { ca: vault.ca ?? authority?.(), serverName: vault.serverName }; }

/** A follower whose leader restarted before its challenge was answered waits for ever, unless it joins once more. */
export async function joinAgain(hands: Hands, node: ClusterNode): Promise<void> {
  const leader = activeOf(await reachedNodes(hands));
  if (leader !== undefined && leader.node.address !== node.address) await hands.vault.raftJoin(node.address, leader.node.joinAddress ?? leader.node.address, leaderTls(hands));
}

/**
 * A node that dies between joining and its first unsealing has half a raft storage, and Vault takes neither up again
 * (tried on 1.21). It holds nothing that its leader does not.
 */
export function closedNode(eyes: Eyes, host: string, why: string): { host: string; why: string; mend?: string } {
  if (!why.includes('cluster already has state')) return { host, why };
  return { host, why: `${why} (it was cut off while it joined)`, mend: `only where the other nodes are open, for they have all that it has: ${afresh(eyes, host)}` };
}

/** Its storage was left behind: cut off in the middle of a rekey commit, say, and the others restored since. No key that is known opens it. */
function strayNode(eyes: Eyes, host: string): { host: string; why: string; mend: string } {
  return { host, why: `${REJECTS}, and the active node accepts them`, mend: `only where it is a node of this very cluster, for the others have what is live: ${afresh(eyes, host)}` };
}

function afresh({ settings: { kubernetes } }: Eyes, host: string): string {
  const emptied = kubernetes === undefined ? 'stop it, MOVE its storage folder away, start it again'
    : `kubectl -n ${kubernetes.namespace} delete pvc data-${host} --wait=false && kubectl -n ${kubernetes.namespace} delete pod ${host}`;
  return `${emptied}; it joins afresh in the next run`;
}

/** Initialised nodes first: only they can lead; then the ones that must join a leader. */
async function openAll(hands: Hands, { set, others }: Held): Promise<{ host: string; why: string; mend?: string; rejected: boolean }[]> {
  const failed = new Map<string, string>();
  const open = async (node: ClusterNode) => {
    const tried = [set, ...others.map((other) => other.set)];
    let why = REJECTS;
    for (const candidate of tried) {
      const result = await openNode(hands.vault, hands.clock, node.address, candidate, () => joinAgain(hands, node));
      if (result.is === 'open') return;
      if (result.is === 'cannot-tell') why = result.why;
    }
    failed.set(node.name, why);
  };
  const attempt = (sight: NodeSight, work: (node: ClusterNode) => Promise<void>) => work(sight.node).catch((error: unknown) => { failed.set(sight.node.name, messageOf(error)); });

  const sights = (await reachedNodes(hands)).filter((sight) => !isOpen(sight) && !isAllowedMissing(hands, sight));
  for (const sight of sights) if (!sight.reached) failed.set(sight.node.name, sight.error.message);
  await Promise.all(sights.filter((sight) => sight.reached && sight.status.initialized).map((sight) => attempt(sight, open)));
  const now = await waitForActive(hands);
  const leader = activeOf(now);
  const joining = sights.filter((sight) => sight.reached && !sight.status.initialized);
  if (leader === undefined) for (const { node } of joining) failed.set(node.name, 'there is no leader to join yet');
  else await Promise.all(joining.map((sight) => attempt(sight, async (node) => { await joinRaft(hands.vault, hands.clock, node.address, leader.node.joinAddress ?? leader.node.address, leaderTls(hands)); await open(node); })));
  if (leader === undefined && failed.size === 0) failed.set(hands.nodes[0]!.name, 'no node became active');
  return [...failed].map(([host, why]) => ({ ...closedNode(hands, host, why), rejected: why === REJECTS }));
}
