import type { Fork, Step } from '../engine/flow.ts';
import { stopWhereAsked } from '../engine/run.ts';
import { survey } from '../engine/survey.ts';
import type { Hands } from '../engine/world.ts';
import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { Secret } from '../model/secret.ts';
import { WireError } from '../ports/vault.ts';
import { VaultError } from '../vault/answers.ts';
import { deliverKeys } from './deliver-keys.ts';
import { isLiving, tokensBeside, withLivingToken } from './living-token.ts';
import type { Held } from './records.ts';
import { leader } from './start-rekey.ts';

/** A display name that no person gives: what a dead run created under it may be revoked. */
const NAME = 'vaultctl-root';
/** A server with more tokens than this is not searched for a lost one; the operator is told. */
const SEARCHED = 2000;

/** `--root-token` and `--revoke-root`; also the rest of a change that was interrupted: two tokens beside one set of shares. */
export const whichToken: Fork<Held, { tokenKept: Held; tokenChanging: Held }> = {
  name: 'which-token', title: 'see whether the root token is to be changed',
  look: async (eyes, held) => (eyes.flags.rootToken === 'keep' && tokensBeside(held.survey, held.set).length === 0
    ? { to: 'tokenKept', record: held } : { to: 'tokenChanging', record: held }),
};

/** Create, deliver everywhere, read back, and only then revoke: at no instant is the live token known to nobody. */
export const changeToken: Step<Held, Held> = {
  name: 'change-token', title: 'change the root token on every manager, and revoke the old one last', kind: 'once',
  look: async () => ({ is: 'pending' }),
  act: async (hands, held) => {
    const address = await leader(hands);
    const token = await tokenNow(hands, address, held);
    // The keys have just been delivered: by the look from before, the main that holds them now would be one to set aside.
    const delivered = await deliverKeys<Held>('rotate').act(hands, { ...held, survey: await survey(hands), set: { ...held.set, rootToken: token }, fromCheckpoint: true });
    const { set } = delivered;
    if (!set.rootToken.empty && !await isLiving(hands, address, set.rootToken)) {
      hands.tell({ is: 'warning', text: 'Vault knows none of the root tokens that the managers hold: give a living one with --token-file, and --root-token makes another' });
      return delivered;
    }
    for (const old of tokensBeside(held.survey, set, held.set.rootToken)) if (old.isWord) await hands.vault.revokeSelf(address, old);
    return delivered;
  },
};

async function tokenNow(hands: Hands, address: string, held: Held): Promise<Secret> {
  const { rootToken } = hands.flags;
  if (rootToken === 'keep') return held.set.rootToken;
  if (rootToken === 'revoke') {
    hands.tell({ is: 'warning', text: 'no root token is left: snapshots, and the next rotation on Vault 2 or OpenBao 2.5 and newer, need another token (--token-file)' });
    return new Secret('');
  }
  const using = hands.flags.token ?? (await withLivingToken(hands, held.survey, held.set)).rootToken;
  if (using.empty) throw new Halt(haltTexts.unproven('a new root token needs a living one', hands.settings.inventory));
  try {
    // Somebody who broke our lock makes his token under it: if it is ours still, none of those that were listed before is his.
    const swept = await hands.vault.revokeByName(address, using, NAME, SEARCHED, async () => { await hands.lock.reassert?.(); stopWhereAsked('rotate', hands); });
    if (swept > 0) hands.tell({ is: 'note', text: `revoked ${swept} root token${swept === 1 ? '' : 's'} that an earlier change had left` });
  } catch (error) {
    // Vault went away: the next run searches again. Where it refuses the search, this would keep every run from its end.
    if (error instanceof WireError || error instanceof Halt) throw error;
    hands.tell({ is: 'warning', text: `tokens of an earlier change could not be searched for: ${messageOf(error)}` });
  }
  return hands.vault.createRootToken(address, using, NAME).catch((error: unknown) => {
    throw error instanceof VaultError && error.status === 403 ? new Halt(haltTexts.unproven(`a new root token needs a living one: ${error.message}`, hands.settings.inventory), { cause: error }) : error;
  });
}
