import { aboutNames } from '../credentials/about.ts';
import { proveAllShares } from '../credentials/shamir.ts';
import type { Step } from '../engine/flow.ts';
import { paperOf, papersOf, reached } from '../engine/survey.ts';
import type { Eyes } from '../engine/world.ts';
import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { type KeySet, sameSet } from '../model/keys.ts';
import { missingOf } from './places.ts';
import { activeOf, proveLive, reachedNodes } from './prove-live.ts';
import type { Scene } from './records.ts';

export interface Proven extends Scene { readonly set: KeySet }

const stuck = (eyes: Eyes, problems: readonly string[]) => ({ is: 'stuck' as const, halt: new Halt(haltTexts.verifyFailed(problems, eyes.settings.inventory)) });
const never = async (): Promise<never> => { throw new Error('a check has nothing to do'); };

export const compareFiles: Step<Scene, Proven> = {
  name: 'compare-files', title: 'every manager holds the same complete file, and nothing is left over', kind: 'check',
  look: async (eyes, { survey }) => {
    const missing = missingOf(eyes, survey);
    if (missing.length > 0) return { is: 'stuck', halt: new Halt(haltTexts.managersUnreachable(missing, 'verify', eyes.settings.inventory)) };
    const problems: string[] = [];
    let first: KeySet | undefined;
    for (const sight of reached(survey)) {
      const main = paperOf(sight, 'main');
      const path = `${sight.manager.name}:${sight.manager.paths.main}`;
      if (main === undefined) { problems.push(`${path}: absent`); continue; }
      if (main.is !== 'set') { problems.push(`${path}: ${main.is === 'unreadable' ? main.why : 'not a credentials file'}`); continue; }
      first ??= main.set;
      if (!sameSet(first, main.set)) problems.push(`${path}: differs from the others`);
      if (main.tooOpen) problems.push(`${path}: can be read by others than its owner`);
      if (main.set.shares.length < main.set.threshold) problems.push(`${path}: fewer shares than its threshold`);
    }
    for (const paper of papersOf(survey, 'install', 'rotate')) problems.push(`${paper.host}:${paper.path}: a checkpoint of an unfinished ${paper.role}`);
    return problems.length > 0 || first === undefined ? stuck(eyes, problems.length > 0 ? problems : ['no manager holds keys']) : { is: 'done', out: { survey, set: first } };
  },
  act: never,
};

export const checkEveryShare: Step<Proven, Proven> = {
  name: 'check-every-share', title: 'every share belongs to the same key, by overlapping subsets', kind: 'check',
  look: async (eyes, proven) => {
    const shares = await proveAllShares(proven.set);
    return shares.is === 'ok' ? { is: 'done', out: proven } : stuck(eyes, [`shares that do not fit the others: number ${shares.bad.map((index) => index + 1).join(', ')}`]);
  },
  act: never,
};

export const bindToCluster: Step<Proven, Proven> = {
  name: 'bind-to-cluster', title: 'the files are bound to this very cluster', kind: 'check',
  look: async (eyes, proven) => {
    const id = activeOf(proven.survey.nodes)?.status.clusterId;
    const problems: string[] = [];
    for (const { manager, about } of reached(proven.survey)) {
      if (about === undefined) problems.push(`${manager.name}:${manager.paths.about}: absent or unreadable (vaultctl distribute writes it)`);
      else if (id !== undefined && about.clusterId !== id) problems.push(`${manager.name}: its files say cluster ${about.clusterId}, Vault says ${id}`);
      else if (!(await aboutNames(about, proven.set, 'current'))) problems.push(`${manager.name}: its about file names other keys than its main file holds`);
    }
    return problems.length > 0 ? stuck(eyes, problems) : { is: 'done', out: proven };
  },
  act: never,
};

export const proveKeys: Step<Proven, Proven> = {
  name: 'prove-keys', title: 'Vault accepts them (a rekey with verification that is cancelled)', kind: 'repeat',
  look: async () => ({ is: 'pending' }),
  act: async (hands, proven) => {
    const sealed = proven.survey.nodes.flatMap((sight) => (sight.reached && sight.status.initialized && sight.status.sealed ? [sight.node.name] : []));
    const verdict = await proveLive(hands, [{ set: proven.set, sources: [] }]);
    if (sealed.length > 0) hands.tell({ is: 'warning', text: `sealed before, and given these shares to prove them: ${sealed.join(', ')}; seal again what is to stay sealed` });
    if (verdict.is === 'cannot-prove') throw new Halt(haltTexts.unproven(verdict.why, hands.settings.inventory));
    if (verdict.is === 'none') throw new Halt(haltTexts.keysRejected(papersOf(proven.survey, 'main'), hands.settings.inventory));
    return proven;
  },
};

export const tryToken: Step<Proven, Proven> = {
  name: 'try-token', title: 'the root token is alive', kind: 'check',
  look: async (eyes, proven) => {
    if (proven.set.rootToken.empty) { eyes.tell({ is: 'note', text: 'the files hold no root token (revoked on purpose)' }); return { is: 'done', out: proven }; }
    const active = activeOf(await reachedNodes(eyes));
    if (active === undefined) return stuck(eyes, ['no node is active: the token could not be tried']);
    try {
      await eyes.vault.lookupSelf(active.node.address, proven.set.rootToken);
      return { is: 'done', out: proven };
    } catch (error) {
      return stuck(eyes, [`the root token in the files is not accepted: ${messageOf(error)}`, 'the unseal keys are fine']);
    }
  },
  act: never,
};
