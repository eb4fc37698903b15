import { type Candidate, candidatesOf } from '../engine/candidates.ts';
import type { Step } from '../engine/flow.ts';
import { lookAtManager, type ManagerSight, type NodeSight, papersOf } from '../engine/survey.ts';
import type { Eyes, Hands } from '../engine/world.ts';
import { refuseForbidden } from '../kubernetes/rights.ts';
import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts, type Place } from '../model/halts.ts';
import { HostError } from '../ports/hosts.ts';
import { joinRaft, openNode } from '../vault/unseal.ts';
import { silentNodesOf } from './places.ts';
import { activeOf, reachedNodes, waitForActive } from './prove-live.ts';
import { closedNode, joinAgain, leaderTls } from './unseal-vault.ts';

/** `leftover`: checkpoints that some later run must finish: they make the exit code 4. */
export interface Opened { readonly opened: readonly string[]; readonly leftover: readonly Place[] }

/** Keys from the nearest manager that can be read, then the next: the first that opens a node is enough. */
export const openFromAny: Step<undefined, Opened> = {
  name: 'open-from-any', title: 'unseal every node', kind: 'repeat',
  look: async () => ({ is: 'pending' }),
  act: async (hands) => {
    const nodes = await reachedNodes(hands);
    refuse(hands, nodes);
    const sealed = new Map(nodes.flatMap((sight) => (sight.reached && sight.status.initialized && sight.status.sealed ? [[sight.node.name, sight.node.address] as const] : [])));
    const unreached = nodes.flatMap((sight) => (sight.reached ? [] : [{ host: sight.node.name, why: sight.error.message }]));
    const pass: Pass = { opened: [], leftover: [], found: [], problems: new Map(), alone: [] };
    await openSealed(hands, sealed, pass);
    const joining = await joinNew(hands, nodes, pass);
    if (joining.size > 0) await openSealed(hands, joining, pass);
    for (const [name, address] of joining) sealed.set(name, address);
    const { opened, leftover, found, problems, alone } = pass;
    const failed = [...unreached, ...alone, ...[...sealed.keys()].map((host) => closedNode(hands, host, problems.get(host) ?? 'no keys could be read on any manager'))];
    // An intent, or a file that cannot be read, is no place where keys are.
    const read = candidatesOf({ managers: found, nodes: [] }).flatMap(({ sources }) => sources);
    if (failed.length > 0) throw new Halt(haltTexts.nodesClosed(failed, read, 'unseal', hands.settings.inventory));
    return { opened, leftover };
  },
};

interface Pass {
  readonly opened: string[]; readonly leftover: Place[]; readonly found: ManagerSight[]; readonly problems: Map<string, string>;
  /** Nodes that could not join. */
  readonly alone: { readonly host: string; readonly why: string }[];
}
type Sealed = Map<string, string>;

/** Manager after manager until nothing is sealed any more; one manager is read in any case, for what it says of a checkpoint. */
async function openSealed(hands: Hands, sealed: Sealed, { opened, leftover, found, problems }: Pass): Promise<void> {
  const known = found.splice(0);
  for (const [host, manager] of nearestFirst(hands)) {
    if (sealed.size === 0 && found.length > 0) break;
    const before = known.find((candidate) => candidate.manager === manager);
    const sight = before ?? await lookAtManager(host, manager).catch((error: unknown): ManagerSight => {
      if (!(error instanceof HostError)) throw error;
      return { reached: false, manager, host, error };
    });
    found.push(sight);
    const survey = { managers: [sight], nodes: [] };
    if (before === undefined) leftover.push(...papersOf(survey, 'install', 'rotate').map(({ host: name, path }) => ({ host: name, path })));
    for (const [name, address] of sealed) {
      for (const candidate of candidatesOf(survey)) {
        const { set } = candidate;
        const result = await openNode(hands.vault, hands.clock, address, set, () => joinAgain(hands, { name, address })).catch((error: unknown) => ({ is: 'cannot-tell' as const, why: messageOf(error) }));
        if (result.is === 'open') { opened.push(name); sealed.delete(name); warnWhereOld(hands, name, candidate); break; }
        problems.set(name, result.is === 'rejected' ? 'it rejects every set of keys that was found' : result.why);
      }
    }
  }
}

/** Nodes that were added or lost their storage: they join whoever leads, and are sealed then. Nothing is ever initialised here. */
async function joinNew(hands: Hands, nodes: readonly NodeSight[], { alone }: Pass): Promise<Sealed> {
  const joined: Sealed = new Map();
  const fresh = nodes.filter((sight) => sight.reached && !sight.status.initialized);
  if (fresh.length === 0) return joined;
  const leader = activeOf(await waitForActive(hands));
  for (const { node: { name, address } } of fresh) {
    try {
      if (leader === undefined) throw new Error('it has not joined, and there is no leader to join yet');
      await joinRaft(hands.vault, hands.clock, address, leader.node.joinAddress ?? leader.node.address, leaderTls(hands));
      joined.set(name, address);
    } catch (error) {
      alone.push({ host: name, why: messageOf(error) });
    }
  }
  return joined;
}

function refuse(eyes: Eyes, nodes: readonly NodeSight[]): void {
  const answered = nodes.filter((sight) => sight.reached);
  const other = answered.find(({ status }) => status.type !== 'shamir');
  if (other !== undefined) throw new Halt(haltTexts.autoUnseal(other.status.type));
  if (answered.length === 0) refuseForbidden(nodes.map((sight) => (sight.reached ? undefined : sight.error)), eyes.settings.inventory);
  if (answered.length === 0) throw new Halt(haltTexts.vaultUnreachable(silentNodesOf(nodes), eyes.settings.inventory, false));
  if (answered.every(({ status }) => !status.initialized)) throw new Halt(haltTexts.notInitialised('unseal', eyes.settings.inventory));
}

/** A follower that was away during a rotation opens so and catches up; a server that was restored opens so and stays. */
function warnWhereOld(hands: Hands, node: string, { sources }: Candidate): void {
  const [first] = sources;
  if (first?.role === 'previous') hands.tell({ is: 'warning', text: `${node} opened with the previous keys (${first.host}:${first.path}), not with the main ones: vaultctl verify says which are live` });
}

function nearestFirst(hands: Hands) {
  const pairs = hands.hosts.map((host, index) => [host, hands.settings.managers[index]!] as const);
  const near = ([host]: (typeof pairs)[number]) => (host.local ? 0 : host.name === hands.settings.master ? 1 : 2);
  return pairs.toSorted((a, b) => near(a) - near(b));
}
