import type { Step } from '../engine/flow.ts';
import { papersOf } from '../engine/survey.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { isEmpty } from '../model/configuration.ts';
import type { Secret } from '../model/secret.ts';
import { setsIn } from '../engine/candidates.ts';
import { usable } from './configure-vault.ts';
import type { Scene } from './records.ts';

export interface Tokened extends Scene { readonly token: Secret | undefined }

/** The root token of any manager's main file; `--token-file` wins. Vault itself says whether it is any good. */
export const chooseToken: Step<Scene, Tokened> = {
  name: 'choose-token', title: 'take the token that may configure Vault', kind: 'check',
  look: async (eyes, { survey }) => {
    const kept = papersOf(survey, 'main').flatMap((paper) => setsIn(paper)).map(({ set }) => set.rootToken).find((token) => !token.empty);
    const token = usable(eyes, kept);
    if (token !== undefined) return { is: 'done', out: { survey, token } };
    if (isEmpty(eyes.settings.configuration)) return { is: 'done', out: { survey, token: undefined } };
    return { is: 'stuck', halt: new Halt(haltTexts.notConfigured(['no manager\'s file holds a root token, and no token was given: --token-file FILE, or - for standard input'], 'configure', eyes.settings.inventory)) };
  },
  act: async () => { throw new Error('a check has nothing to do'); },
};
