import type { Break } from '../break.ts';

const ROTATE = 'test/crash/rotate.test.ts';
const PROMISES = 'test/crash/promises.test.ts';
const REFUSALS = 'test/unit/refusals.test.ts';
const REGRESSIONS = 'test/crash/regressions.test.ts';
const HARMED = 'test/crash/regressions-harmed.test.ts';

/** From the old keys to the new ones. */
export const rotate: readonly Break[] = [
  {
    name: 'failed-snapshot-ignored', danger: 'a server killed in its own commit can be brought back by nothing',
    file: 'src/steps/take-snapshot.ts', from: 'if (snapshots.length < Math.min(2, order.length)) throw', to: 'if (snapshots.length > order.length) throw', tests: [REFUSALS],
  },
  {
    name: 'snapshot-on-one-manager', danger: 'the one thing that cures a half-committed server stands on one disk',
    file: 'src/steps/take-snapshot.ts', from: 'if (snapshots.length < Math.min(2, order.length)) throw', to: 'if (snapshots.length < Math.min(1, order.length)) throw', tests: [REFUSALS],
  },
  {
    name: 'empty-snapshot-accepted', danger: 'nothing is kept, and it is called a snapshot',
    file: 'src/steps/take-snapshot.ts', from: 'if (bytes === 0) throw', to: 'if (bytes < 0) throw', tests: ['test/unit/strange-servers.test.ts'],
  },
  {
    name: 'rekey-not-reversible', danger: 'the last old share kills the old keys while the new ones are in memory only',
    file: 'src/vault/hands.ts', from: 'require_verification: true };', to: 'require_verification: false };', tests: [ROTATE],
  },
  {
    name: 'irreversible-rekey-gone-on-with', danger: 'a server that ignores require_verification takes the old keys away with the last share',
    file: 'src/steps/start-rekey.ts', from: 'if (!begun.verificationRequired) {', to: 'if (begun.nonce === \'\') {', tests: ['test/unit/strange-servers.test.ts'],
  },
  {
    name: 'nonce-not-recorded', danger: 'the rekey of a run that died is taken for somebody else\'s, and no rotation ever begins again',
    file: 'src/steps/start-rekey.ts', from: 'await record(begun.nonce);', to: "await record('');", tests: [REGRESSIONS, ROTATE],
  },
  {
    name: 'rekey-not-intended', danger: 'a rekey whose run died before its nonce was written is taken for somebody else\'s',
    file: 'src/steps/start-rekey.ts', from: "await record('');", to: '', tests: [REGRESSIONS, ROTATE],
  },
  {
    name: 'new-shares-not-checked', danger: 'of five new shares two are wrong, and nobody knows until they are needed',
    file: 'src/steps/collect-new-shares.ts', from: "if (broken.is !== 'ok') throw", to: "if (broken.is !== 'ok' && fresh.shares.length === 0) throw", tests: ['test/unit/strange-servers.test.ts'],
  },
  {
    name: 'staged-on-one-manager', danger: 'the new keys become live while one disk alone holds them',
    file: 'src/steps/stage-keys.ts', from: 'applyOnAll(hands, managers.map((sight) => ({', to: 'applyOnAll(hands, managers.slice(0, 1).map((sight) => ({', tests: [PROMISES],
  },
  {
    name: 'failed-staging-ignored', danger: 'the new keys become live, and a manager does not have them',
    file: 'src/steps/stage-keys.ts', from: 'if (failed.length > 0) throw await calledOff', to: 'if (failed.length > managers.length) throw await calledOff', tests: [REFUSALS],
  },
  {
    name: 'promoted-before-verify', danger: 'main holds keys that Vault does not know yet, and a death leaves it so',
    file: 'src/steps/verify-rekey.ts', from: "let why = 'the server did not answer';", to: "let why = 'the server did not answer'; await (await import('./deliver-keys.ts')).deliverKeys<Held>('rotate').act(hands, { ...staged, set: staged.fresh, replaces: staged.set });", tests: [PROMISES],
  },
  {
    name: 'verified-from-memory', danger: 'Vault takes new keys that are not the ones that the managers hold',
    file: 'src/steps/verify-rekey.ts', from: 'const share = readBack[index % readBack.length]?.set.shares[index];', to: 'const share = readBack.length > 0 ? fresh.shares[index] : undefined;', tests: ['test/unit/strange-servers.test.ts'],
  },
  {
    name: 'gone-read-as-committed', danger: 'a rekey that the server dropped is taken for done, and mains get keys that open nothing',
    file: 'src/steps/verify-rekey.ts', from: "if (result === 'over') return await proveOutcome(hands, staged, why);", to: "if (result === 'over') return committed(hands, staged);", tests: [ROTATE],
  },
  {
    name: 'verify-again-without-reset', danger: 'a server that counts a share twice commits a set that was never whole, or refuses for ever',
    file: 'src/steps/verify-rekey.ts', from: 'const nonce = again || status.verificationProgress > 0 ||', to: 'const nonce =', tests: [ROTATE],
  },
  {
    name: 'pending-verification-cancelled', danger: 'the rekey in the server\'s memory, which alone can heal a commit cut short, is thrown away',
    file: 'src/steps/which-set-lives.ts', from: 'if (pending?.verificationPending === true) {', to: 'if (pending?.verificationPending === undefined) {', tests: [ROTATE],
  },
  {
    name: 'followers-not-waited-for', danger: 'a follower that still replays its log opens with the old keys after the rotation',
    file: 'src/steps/caught-up.ts', from: 'if (followers.length === 0) return;', to: 'if (followers.length >= 0) return;', tests: ['test/unit/strange-servers.test.ts'],
  },
  {
    name: 'old-token-revoked-first', danger: 'a death leaves every file with a dead root token and the new one in nobody\'s hands',
    file: 'src/steps/change-token.ts', from: 'const token = await tokenNow(hands, address, held);', to: 'const token = await tokenNow(hands, address, held); await hands.vault.revokeSelf(address, held.set.rootToken);', tests: [PROMISES],
  },
  {
    name: 'unread-checkpoint-called-off', danger: 'a checkpoint that gave EIO once is set aside with the set that its snapshot needs, and the live keys are replaced once more',
    file: 'src/steps/which-set-lives.ts', from: "return isNew(survey, candidate) || !cameFrom(candidate, 'main')", to: 'return isNew(survey, candidate)', tests: [REGRESSIONS],
  },
  {
    name: 'token-delivered-by-an-old-look', danger: 'the main that was just delivered is moved aside, and a death leaves the live keys under no name that anybody looks for',
    file: 'src/steps/change-token.ts', from: '{ ...held, survey: await survey(hands), set:', to: '{ ...held, set:', tests: [HARMED],
  },
  {
    name: 'staged-checkpoint-the-only-copy', danger: 'a rotation that is called off sets aside the only copy of the live keys on a manager whose main is gone',
    file: 'src/steps/stage-keys.ts', from: '...mainAgain(hands, held.survey, sight, held.set),', to: '', tests: [HARMED],
  },
  {
    name: 'tokens-swept-under-a-lost-lock', danger: 'whoever slept revokes the root token that the operator who broke his lock has just delivered everywhere',
    file: 'src/steps/change-token.ts', from: 'await hands.lock.reassert?.();', to: '', tests: [REGRESSIONS],
  },
  {
    name: 'older-main-left-without-its-checkpoint', danger: 'a manager whose main is older keeps no copy of the live keys once the rotation is called off',
    file: 'src/steps/call-off.ts', from: 'return [...setAside(main, hands.clock), write];', to: 'return [];', tests: [HARMED],
  },
  {
    name: 'edited-main-called-off-beside', danger: 'the checkpoint beside an edited main, the only living copy there, is set aside for a run that ends in a refusal',
    file: 'src/steps/call-off.ts', from: 'if (live !== undefined) await refuseConflicts(hands, seen, live);', to: '', tests: [HARMED],
  },
  {
    name: 'living-token-in-the-archive-alone', danger: 'a death while the previous keys become main again leaves the only living root token where nobody looks',
    file: 'src/steps/deliver-keys.ts', from: 'borrowed && main.set', to: 'false && main.set', tests: [HARMED],
  },
];
