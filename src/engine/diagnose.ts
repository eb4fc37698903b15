import { exitCodes, type ExitName } from '../model/halt.ts';
import { sameSet } from '../model/keys.ts';
import { candidatesOf, isIntent } from './candidates.ts';
import { looseBeside, type Paper, paperOf, papersOf, reached, type Survey, unreachable } from './survey.ts';

export interface Diagnosis {
  readonly exit: ExitName;
  readonly code: number;
  /** One sentence. */
  readonly verdict: string;
  readonly problems: readonly string[];
  /** Commands, in order; empty where all is well. */
  readonly next: readonly string[];
}

type Finding = Omit<Diagnosis, 'code' | 'next'> & { readonly run: readonly string[] };
type Rule = (survey: Survey) => Finding | undefined;

const finding = (exit: ExitName, verdict: string, run: readonly string[], problems: readonly string[] = []): Finding => ({ exit, verdict, run, problems });
/** A finding that stands on a list: none where the list is empty. */
const listed = (problems: readonly string[], exit: ExitName, verdict: string, run: readonly string[]) => (problems.length > 0 ? finding(exit, verdict, run, problems) : undefined);

const standing = (survey: Survey) => survey.nodes.some((sight) => sight.reached && sight.status.initialized);
const keysOn = (survey: Survey) => candidatesOf(survey).length > 0;
const places = (papers: readonly Paper[]) => papers.map(({ host, path }) => `checkpoint: ${host}:${path}`);
const silentNodes = (survey: Survey) => survey.nodes.flatMap((sight) => (sight.reached ? [] : [`${sight.node.name}: ${sight.error.message}`]));
const silentManagers = (survey: Survey) => unreachable(survey).map(({ manager, error }) => `${manager.name}: ${error.message}`);

/** From the worst to the mildest: the first rule that applies is the verdict, and its command the next one. */
const rules: readonly Rule[] = [
  halfEmptied,
  podsUnknown,
  (survey) => (survey.nodes.every((sight) => !sight.reached) ? finding('unreachable', 'Vault cannot be reached', [], [...silentNodes(survey), ...podsNotThere(survey)]) : undefined),
  foreignSeal,
  (survey) => (standing(survey) ? undefined : notInitialised(survey)),
  (survey) => listed(places(papersOf(survey, 'rotate')), 'resumable', 'a rotation was interrupted: its checkpoint is on the managers', ['rotate']),
  (survey) => listed(places(papersOf(survey, 'install').filter((paper) => paper.is === 'checkpoint' && !isIntent(paper))),
    'resumable', 'an install was interrupted: its checkpoint holds the keys', ['install']),
  (survey) => (keysOn(survey) ? undefined : noKeys(survey)),
  closedNodes,
  nobodyLeads,
  rejectedSince,
  (survey) => listed(unequal(survey), 'resumable', 'not every manager holds the same keys', ['distribute']),
  (survey) => listed(silentManagers(survey), 'undelivered', 'a manager does not answer', ['status']),
  (survey) => listed(podsNotThere(survey), 'unreachable', 'a Vault pod is not running', ['status']),
  (survey) => listed(silentNodes(survey), 'unreachable', 'a Vault node does not answer', ['status']),
];

/** While it is being emptied, nothing else about it matters. */
function halfEmptied({ cluster }: Survey): Finding | undefined {
  if (cluster?.reached !== true || cluster.emptying === undefined) return undefined;
  const { purpose, startedAt, replicas } = cluster.emptying;
  return finding('resumable', 'emptying this Vault was interrupted', [`recover --${purpose}`], [`StatefulSet ${cluster.set}: begun ${startedAt}, to be scaled back to ${replicas}`]);
}

/** Vault is found through Kubernetes, and Kubernetes does not say where: what the managers hold is all that is known. */
function podsUnknown(survey: Survey): Finding | undefined {
  const { cluster, nodes } = survey;
  if (nodes.length > 0 || cluster === undefined) return undefined;
  if (cluster.reached) return cluster.set === undefined ? finding('unreachable', `there is no Vault in namespace ${cluster.namespace} yet: no StatefulSet has its pods`, ['plan install']) : undefined;
  const left = papersOf(survey, 'rotate', 'install').filter((paper) => !isIntent(paper));
  return finding('unreachable', 'Kubernetes cannot be reached, and with it no Vault pod', ['status'], [`Kubernetes: ${cluster.why}`, ...places(left), ...unequal(survey), ...silentManagers(survey)]);
}

/** Pods that shall be there and where nobody can answer; one that is down is so though its peers hold the quorum. */
function podsNotThere({ cluster }: Survey): string[] {
  return cluster?.reached === true ? cluster.pods.flatMap(({ name, why }) => (why === undefined ? [] : [`pod ${name}: ${why}`])) : [];
}

function foreignSeal(survey: Survey): Finding | undefined {
  const other = survey.nodes.find((sight) => sight.reached && sight.status.type !== 'shamir');
  if (other?.reached !== true) return undefined;
  return finding('refused', `this Vault has a "${other.status.type}" seal: it unseals itself, and vaultctl keeps Shamir unseal keys`, []);
}

function notInitialised(survey: Survey): Finding {
  if (survey.nodes.some((sight) => !sight.reached)) return finding('unreachable', 'whether Vault is initialised cannot be told: a node does not answer', []);
  if (keysOn(survey)) return finding('refused', 'Vault is not initialised, and keys are on the managers: of another cluster, or of one that lost its data', ['recover']);
  if (unreachable(survey).length > 0) return finding('undelivered', 'Vault is not initialised, and not every manager can be reached', ['install']);
  return finding('resumable', 'Vault is not initialised yet', ['install']);
}

function noKeys(survey: Survey): Finding {
  if (unreachable(survey).length > 0) return finding('undelivered', 'no keys found, and a manager does not answer: this cannot be told from a loss', ['status']);
  const damaged = papersOf(survey, 'main', 'install', 'previous', 'sibling').some(({ is }) => is === 'unreadable');
  if (damaged) return finding('refused', 'a credentials file cannot be read, and there is no other copy', ['recover']);
  return finding('lost', 'Credentials LOST: Vault is initialised and no manager holds its keys', ['recover']);
}

function closedNodes(survey: Survey): Finding | undefined {
  const closed = survey.nodes.flatMap((sight) => (
    sight.reached && (sight.status.sealed || !sight.status.initialized) ? [`${sight.node.name}: ${sight.status.initialized ? 'sealed' : 'not joined'}`] : []));
  return listed(closed, 'resumable', `${closed.length} of ${survey.nodes.length} nodes ${closed.length === 1 ? 'is' : 'are'} sealed`, ['unseal']);
}

function nobodyLeads(survey: Survey): Finding | undefined {
  if (!survey.nodes.every((sight) => sight.reached) || survey.nodes.some((sight) => sight.reached && sight.health === 'active')) return undefined;
  const states = survey.nodes.map((sight) => `${sight.node.name}: ${sight.reached ? sight.health : ''}`);
  return finding('unreachable', 'every node is open, and no node is active: Vault answers nobody', ['status'], states);
}

function rejectedSince(survey: Survey): Finding | undefined {
  const since = reached(survey).flatMap(({ about }) => (about?.rejectedAt === undefined ? [] : [about.rejectedAt])).toSorted()[0];
  if (since === undefined) return undefined;
  return finding('refused', `Vault rejected the keys in the main files (${since}): was it restored from before a rotation?`, ['install']);
}

function unequal(survey: Survey): string[] {
  const [model] = papersOf(survey, 'main').filter((paper) => paper.is === 'set');
  return reached(survey).flatMap((sight) => {
    const main = paperOf(sight, 'main');
    const name = `${sight.manager.name}:${sight.manager.paths.main}`;
    if (main === undefined) return [`${name}: missing`];
    if (main.is !== 'set') return [`${name}: ${main.is === 'unreadable' ? main.why : 'not a credentials file'}`];
    if (model?.is === 'set' && !sameSet(main.set, model.set)) return [`${name}: differs from ${model.host}`];
    if (main.tooOpen) return [`${name}: can be read by others than its owner`];
    const [loose] = looseBeside(sight);
    if (loose !== undefined) return [`${sight.manager.name}:${loose}: can be read by others than its owner`];
    return sight.papers.filter(({ role, is }) => role === 'install' || (role === 'sibling' && is !== 'blank')).map(({ path }) => `${sight.manager.name}:${path}: left over`);
  });
}

/** The verdict on one look at the world, and the next command. Pure: `status`, `recover` and the tests share it. */
export function diagnose(survey: Survey, inventory: string): Diagnosis {
  for (const rule of rules) {
    const found = rule(survey);
    if (found === undefined) continue;
    const { run, ...rest } = found;
    return { ...rest, code: exitCodes[rest.exit], next: run.map((verb) => `vaultctl ${verb} -i ${inventory}`) };
  }
  return { exit: 'done', code: 0, verdict: 'healthy: every node is open and every manager holds the same keys', problems: [], next: [] };
}
