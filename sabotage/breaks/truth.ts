import type { Break } from '../break.ts';

const REGRESSIONS = 'test/crash/regressions.test.ts';

/** Which keys are live: proof, and nothing else; and what the operator is told. */
export const truth: readonly Break[] = [
  {
    name: 'install-checkpoint-believed', danger: 'a checkpoint of another day is delivered over the keys that open Vault',
    file: 'src/steps/which-keys-live.ts', from: 'const verdict = await proveLive(hands, candidates);', to: "const verdict: Awaited<ReturnType<typeof proveLive>> = await Promise.resolve({ is: 'live', candidate: candidates[0]!, rejected: [] });", tests: [REGRESSIONS, 'test/crash/install.test.ts'],
  },
  {
    name: 'rotate-checkpoint-believed', danger: 'new keys that never became live replace the old ones everywhere',
    file: 'src/steps/which-set-lives.ts', from: 'const verdict = await proveLive(hands, candidates);', to: "const verdict: Awaited<ReturnType<typeof proveLive>> = await Promise.resolve({ is: 'live', candidate: candidates[0]!, rejected: [] });", tests: [REGRESSIONS, 'test/crash/rotate.test.ts'],
  },
  {
    name: 'opening-one-node-is-proof', danger: 'a follower that was away during a rotation opens with dead keys, and they are delivered',
    file: 'src/steps/prove-live.ts', from: 'const only = hands.nodes.length === 1 &&', to: 'const only = hands.nodes.length >= 1 &&', tests: ['test/unit/refusals.test.ts'],
  },
  {
    name: 'half-committed-server-believed', danger: 'a server that takes the old keys once and loses them with its log decides which set is archived',
    file: 'src/steps/prove-live.ts', from: "return candidates.some((candidate) => cameFrom(candidate, 'rotate'));", to: "return candidates.some((candidate) => cameFrom(candidate) && cameFrom(candidate, 'rotate'));", tests: ['test/unit/strange-servers.test.ts'],
  },
  {
    name: 'proof-left-on-the-server', danger: 'every look at the keys leaves the one rekey slot taken',
    file: 'src/vault/prove.ts', from: 'await vault.rekeyCancel(address, nonce, token);', to: '', tests: ['test/contract/vault-sim.test.ts', REGRESSIONS],
  },
  {
    name: 'cancel-without-the-nonce', danger: 'a cancel meant for our own proof hits the rekey that an operator has begun meanwhile',
    file: 'src/vault/hands.ts', from: "{ method: 'DELETE', end: 'init', body: { nonce } }", to: "{ method: 'DELETE', end: 'init', body: { nonce: '' } }", tests: ['test/contract/vault-sim.test.ts', REGRESSIONS],
  },
  {
    name: 'threshold-off-by-one', danger: 'Vault never gets its last share, and a set that opens it counts as unusable',
    file: 'src/vault/unseal.ts', from: 'set.shares.slice(0, set.threshold)', to: 'set.shares.slice(0, set.threshold - 1)', tests: ['test/unit/open-node.test.ts'],
  },
  {
    name: 'one-rejection-is-final', danger: 'another unsealer\'s share among ours makes live keys count as dead',
    file: 'src/vault/unseal.ts', from: 'const REJECTIONS_NEEDED = 2;', to: 'const REJECTIONS_NEEDED = 1;', tests: ['test/unit/open-node.test.ts'],
  },
  {
    name: 'storage-failure-read-as-rejection', danger: 'a leader that did not answer makes live keys count as dead',
    file: 'src/vault/hands.ts', from: 'error.says(...REJECTIONS) && !error.says(...NO_VERDICT)', to: 'error.says(...REJECTIONS)', tests: ['test/contract/vault-sim.test.ts', 'test/unit/open-node.test.ts'],
  },
  {
    name: 'last-shares-not-proved', danger: 'of five shares the last ones are wrong, and nobody knows until they are needed',
    file: 'src/credentials/shamir.ts', from: 'for (const other of shares.slice(threshold - 1))', to: 'for (const other of shares.slice(threshold - 1, threshold))', tests: ['test/unit/shamir.test.ts'],
  },
  {
    name: 'rejected-keys-believed-again', danger: 'keys that Vault rejected an hour ago count as proven because the files are equal',
    file: 'src/steps/which-keys-live.ts', from: 'if (about.rejectedAt !== undefined || about.clusterId', to: 'if (about.clusterId', tests: ['test/unit/which-keys-live.test.ts'],
  },
  {
    name: 'another-clusters-files-believed', danger: 'files of another cluster pass for proven because they are equal',
    file: 'src/steps/which-keys-live.ts', from: 'about.clusterId !== clusterId ||', to: '', tests: ['test/unit/which-keys-live.test.ts'],
  },
  {
    name: 'restored-without-asking', danger: 'previous keys become the main ones because a test server was restored for a minute',
    file: 'src/steps/which-keys-live.ts', from: 'if (hands.flags.acceptRestored) return;', to: 'if (hands.flags.acceptRestored || survey.nodes.length > 0) return;', tests: ['test/unit/refusals.test.ts'],
  },
  {
    name: 'lost-said-while-a-manager-is-away', danger: 'an operator empties a Vault whose keys are on the manager that was switched off',
    file: 'src/steps/which-keys-live.ts', from: 'if (silent !== undefined) return silent;\n  // What a power cut', to: '// What a power cut', tests: ['test/unit/refusals.test.ts'],
  },
  {
    name: 'status-exits-0-with-problems', danger: 'monitoring stays green while a checkpoint waits and a manager lacks its file',
    file: 'src/engine/diagnose.ts', from: 'code: exitCodes[rest.exit]', to: 'code: 0 * exitCodes[rest.exit]', tests: ['test/unit/candidates-and-diagnosis.test.ts'],
  },
  {
    name: 'status-swallows-its-verdict', danger: 'monitoring stays green while a checkpoint waits and a manager lacks its file',
    file: 'src/commands/status.ts', from: 'return verdict.code;', to: 'return verdict.code * 0;', tests: ['test/unit/status.test.ts'],
  },
  {
    name: 'differing-managers-called-equal', danger: 'a manager with old keys is called healthy until the day it is the last one',
    file: 'src/engine/diagnose.ts', from: 'if (model?.is === \'set\' && !sameSet(main.set, model.set)) return', to: 'if (model?.is !== \'set\') return', tests: ['test/unit/candidates-and-diagnosis.test.ts'],
  },
  {
    name: 'silent-node-rejects-too', danger: 'a Vault is emptied while a node that is away for a moment would have opened with the keys at hand',
    file: 'src/steps/prove-live.ts', from: 'sight.node.address === address && sight.reached && !sight.status.initialized', to: 'sight.node.address === address && !(sight.reached && sight.status.initialized)', tests: ['test/unit/prove-live.test.ts'],
  },
  {
    name: 'restored-by-an-about', danger: 'install --accept-restored is done by an about that nobody could correct, and main does not open Vault',
    file: 'src/steps/which-keys-live.ts', from: 'eyes.flags.acceptRestored ? undefined : await', to: 'await', tests: ['test/crash/regressions-harmed.test.ts'],
  },
  {
    name: 'open-node-hides-a-half-commit', danger: 'a cluster that only its snapshot brings back is told for ever to wait for a leader',
    file: 'src/steps/prove-live.ts', from: 'refusing.includes(node) || isOpenStill(node.address)', to: 'refusing.includes(node)', tests: [REGRESSIONS],
  },
  {
    name: 'loss-said-without-the-lock', danger: 'whoever lost his lock reads "Credentials LOST" while the other moves the keys, and empties Vault',
    file: 'src/engine/run.ts', from: 'await lock.reassert?.();', to: '', tests: [REGRESSIONS],
  },
  {
    name: 'status-looks-once', danger: 'status says LOST of keys that a run moved between two of its looks',
    file: 'src/commands/status.ts', from: "first.verdict.exit === 'lost'", to: 'first.verdict.code < 0', tests: ['test/unit/status.test.ts'],
  },
  {
    name: 'plan-looks-once', danger: 'a plan says LOST of keys that a run moved between two of its looks',
    file: 'src/engine/plan.ts', from: "|| error.text.exit !== 'lost') throw error", to: '|| error.text.exit.length > 0) throw error', tests: ['test/unit/status.test.ts'],
  },
];
