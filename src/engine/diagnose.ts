import { exitCodes, type ExitName } from '../model/halt.ts';
import { sameSet } from '../model/keys.ts';
import { candidatesOf, isIntent } from './candidates.ts';
import { paperOf, papersOf, reached, type Survey, unreachable } from './survey.ts';

export interface Diagnosis {
  readonly exit: ExitName;
  readonly code: number;
  /** One sentence. */
  readonly verdict: string;
  readonly problems: readonly string[];
  /** Commands, in order; empty where all is well. */
  readonly next: readonly string[];
}

type Rule = (survey: Survey) => Omit<Diagnosis, 'code' | 'next' | 'problems'> & { problems?: string[]; run: string[] } | undefined;

const standing = (survey: Survey) => survey.nodes.some((sight) => sight.reached && sight.status.initialized);
const keysOn = (survey: Survey) => candidatesOf(survey).length > 0;

/** From the worst to the mildest: the first rule that applies is the verdict, and its command the next one. */
const rules: readonly Rule[] = [
  (survey) => (survey.nodes.every((sight) => !sight.reached) ? { exit: 'unreachable', verdict: 'Vault cannot be reached', problems: survey.nodes.map((sight) => `${sight.node.name}: ${sight.reached ? '' : sight.error.message}`), run: [] } : undefined),
  (survey) => {
    const other = survey.nodes.find((sight) => sight.reached && sight.status.type !== 'shamir');
    return other?.reached === true ? { exit: 'refused', verdict: `this Vault has a "${other.status.type}" seal: it unseals itself, and vaultctl keeps Shamir unseal keys`, run: [] } : undefined;
  },
  (survey) => (!standing(survey) && survey.nodes.some((sight) => !sight.reached) ? { exit: 'unreachable', verdict: 'whether Vault is initialised cannot be told: a node does not answer', run: [] } : undefined),
  (survey) => (!standing(survey) && keysOn(survey) ? { exit: 'refused', verdict: 'Vault is not initialised, and keys are on the managers: of another cluster, or of one that lost its data', run: ['recover'] } : undefined),
  (survey) => (!standing(survey) && unreachable(survey).length > 0 ? { exit: 'undelivered', verdict: 'Vault is not initialised, and not every manager can be reached', run: ['install'] } : undefined),
  (survey) => (standing(survey) ? undefined : { exit: 'resumable', verdict: 'Vault is not initialised yet', run: ['install'] }),
  (survey) => (papersOf(survey, 'rotate').length > 0 ? { exit: 'resumable', verdict: 'a rotation was interrupted: its checkpoint is on the managers', problems: papersOf(survey, 'rotate').map(({ host, path }) => `checkpoint: ${host}:${path}`), run: ['rotate'] } : undefined),
  (survey) => {
    const checkpoints = papersOf(survey, 'install').filter((paper) => paper.is === 'checkpoint' && !isIntent(paper));
    return checkpoints.length > 0 ? { exit: 'resumable', verdict: 'an install was interrupted: its checkpoint holds the keys', problems: checkpoints.map(({ host, path }) => `checkpoint: ${host}:${path}`), run: ['install'] } : undefined;
  },
  (survey) => (!keysOn(survey) && unreachable(survey).length > 0 ? { exit: 'undelivered', verdict: 'no keys found, and a manager does not answer: this cannot be told from a loss', run: ['status'] } : undefined),
  (survey) => (!keysOn(survey) && papersOf(survey, 'main', 'install', 'previous', 'sibling').some(({ is }) => is === 'unreadable') ? { exit: 'refused', verdict: 'a credentials file cannot be read, and there is no other copy', run: ['recover'] } : undefined),
  (survey) => (keysOn(survey) ? undefined : { exit: 'lost', verdict: 'Credentials LOST: Vault is initialised and no manager holds its keys', run: ['recover'] }),
  (survey) => {
    const sealed = survey.nodes.flatMap((sight) => (sight.reached && (sight.status.sealed || !sight.status.initialized) ? [`${sight.node.name}: ${sight.status.initialized ? 'sealed' : 'not joined'}`] : []));
    return sealed.length > 0 ? { exit: 'resumable', verdict: `${sealed.length} of ${survey.nodes.length} nodes ${sealed.length === 1 ? 'is' : 'are'} sealed`, problems: sealed, run: ['unseal'] } : undefined;
  },
  (survey) => (survey.nodes.every((sight) => sight.reached) && !survey.nodes.some((sight) => sight.reached && sight.health === 'active')
    ? { exit: 'unreachable', verdict: 'every node is open, and no node is active: Vault answers nobody', problems: survey.nodes.map((sight) => `${sight.node.name}: ${sight.reached ? sight.health : ''}`), run: ['status'] } : undefined),
  (survey) => {
    const since = reached(survey).flatMap(({ about }) => (about?.rejectedAt === undefined ? [] : [about.rejectedAt])).toSorted()[0];
    return since === undefined ? undefined : { exit: 'refused', verdict: `Vault rejected the keys in the main files (${since}): was it restored from before a rotation?`, run: ['install'] };
  },
  (survey) => {
    const wrong = unequal(survey);
    return wrong.length > 0 ? { exit: 'resumable', verdict: 'not every manager holds the same keys', problems: wrong, run: ['distribute'] } : undefined;
  },
  (survey) => {
    const away = unreachable(survey).map(({ manager, error }) => `${manager.name}: ${error.message}`);
    return away.length > 0 ? { exit: 'undelivered', verdict: 'a manager does not answer', problems: away, run: ['status'] } : undefined;
  },
  (survey) => {
    const away = survey.nodes.flatMap((sight) => (sight.reached ? [] : [`${sight.node.name}: ${sight.error.message}`]));
    return away.length > 0 ? { exit: 'unreachable', verdict: 'a Vault node does not answer', problems: away, run: ['status'] } : undefined;
  },
];

function unequal(survey: Survey): string[] {
  const [model] = papersOf(survey, 'main').filter((paper) => paper.is === 'set');
  return reached(survey).flatMap((sight) => {
    const main = paperOf(sight, 'main');
    const name = `${sight.manager.name}:${sight.manager.paths.main}`;
    if (main === undefined) return [`${name}: missing`];
    if (main.is !== 'set') return [`${name}: ${main.is === 'unreadable' ? main.why : 'not a credentials file'}`];
    if (model?.is === 'set' && !sameSet(main.set, model.set)) return [`${name}: differs from ${model.host}`];
    if (main.tooOpen) return [`${name}: can be read by others than its owner`];
    return sight.papers.filter(({ role, is }) => role === 'install' || (role === 'sibling' && is !== 'blank')).map(({ path }) => `${sight.manager.name}:${path}: left over`);
  });
}

/** The verdict on one look at the world, and the next command. Pure: `status`, `recover` and the tests share it. */
export function diagnose(survey: Survey, inventory: string): Diagnosis {
  for (const rule of rules) {
    const found = rule(survey);
    if (found === undefined) continue;
    const { run, problems, ...rest } = found;
    return { ...rest, code: exitCodes[rest.exit], problems: problems ?? [], next: run.map((verb) => `vaultctl ${verb} -i ${inventory}`) };
  }
  return { exit: 'done', code: 0, verdict: 'healthy: every node is open and every manager holds the same keys', problems: [], next: [] };
}
