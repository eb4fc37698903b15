import { setsIn } from '../engine/candidates.ts';
import { papersOf, type Survey, survey } from '../engine/survey.ts';
import type { Hands } from '../engine/world.ts';
import { type KeySet, sameShares } from '../model/keys.ts';
import type { Secret } from '../model/secret.ts';
import { VaultError } from '../vault/answers.ts';
import { activeOf, reachedNodes } from './prove-live.ts';

/** Every root token beside these shares in any file, and `more`, except the set's own. */
export function tokensBeside(survey: Survey, set: KeySet, ...more: Secret[]): Secret[] {
  const found = papersOf(survey, 'main', 'install', 'rotate').flatMap((paper) => setsIn(paper).filter((each) => sameShares(each.set, set)).map((each) => each.set.rootToken));
  return otherThan(set.rootToken, [...more, ...found]);
}

/** Those first; then every other one: a server that was restored may know one that stands beside keys that it rejects. */
function tokensAnywhere(seen: Survey, set: KeySet): Secret[] {
  const found = papersOf(seen, 'main', 'install', 'rotate', 'previous', 'sibling').flatMap((paper) => setsIn(paper).map((each) => each.set.rootToken));
  return otherThan(set.rootToken, [...tokensBeside(seen, set), ...found]);
}

function otherThan(own: Secret, tokens: readonly Secret[]): Secret[] {
  const distinct: Secret[] = [];
  for (const token of tokens) if (!token.empty && !token.equals(own) && !distinct.some((known) => known.equals(token))) distinct.push(token);
  return distinct;
}

/**
 * Equal shares prove nothing about the token beside them, and of several one may be damaged: the set's own counts unless
 * the server knows it no more and knows another. Without that question a dead token would be written over the only living one.
 */
export async function withLivingToken(hands: Hands, seen: Survey, set: KeySet): Promise<KeySet> {
  const known = tokensAnywhere(seen, set);
  const isHidden = papersOf(seen, 'main', 'install', 'rotate', 'sibling').some(({ is }) => is === 'unreadable');
  if (set.rootToken.empty || (known.length === 0 && !isHidden)) return set;
  const active = activeOf(await reachedNodes(hands));
  if (active === undefined || await isLiving(hands, active.node.address, set.rootToken)) return set;
  // A file that could not be read this once may hold the only living one, and is about to be written over.
  const others = isHidden ? otherThan(set.rootToken, [...known, ...tokensAnywhere(await survey(hands), set)]) : known;
  for (const other of others) {
    if (!await isLiving(hands, active.node.address, other)) continue;
    hands.tell({ is: 'warning', text: 'the managers hold several root tokens, and Vault does not know the newest: one that it knows is kept' });
    return { ...set, rootToken: other };
  }
  return set;
}

/** @throws WireError, and VaultError where the server says something else than yes or no */
export async function isLiving(hands: Hands, address: string, token: Secret): Promise<boolean> {
  if (!token.isWord) return false;
  try {
    await hands.vault.lookupSelf(address, token);
    return true;
  } catch (error) {
    if (error instanceof VaultError && error.status === 403) return false;
    throw error;
  }
}
