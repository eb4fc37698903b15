import type { Break } from '../break.ts';

const INSTALL = 'test/crash/install.test.ts';
const REGRESSIONS = 'test/crash/regressions.test.ts';

/** From the intent to keys on every manager. */
export const install: readonly Break[] = [
  {
    name: 'no-intent', danger: 'after a lost init reply nobody can tell a used Vault from another cluster\'s',
    file: 'src/steps/declare-intent.ts', from: ".apply([{ do: 'write', path, bytes, purpose: 'intent' }],", to: '.apply([].slice(path.length, bytes.length),', tests: [REGRESSIONS, INSTALL],
  },
  {
    name: 'no-preflight', danger: 'a full disk or a folder that nobody may write is found when the keys exist and have nowhere to go',
    file: 'src/steps/declare-intent.ts', from: "preflight(hands, reached(scene.survey), 'install');", to: '', tests: ['test/unit/refusals.test.ts'],
  },
  {
    name: 'full-disk-passes-the-preflight', danger: 'the keys exist and there is no room for them',
    file: 'src/steps/declare-intent.ts', from: 'if (folder.spaceBytes < SPACE_BYTES) return', to: 'if (folder.spaceBytes < 0) return', tests: ['test/unit/refusals.test.ts'],
  },
  {
    name: 'init-sent-again', danger: 'a lost reply makes a second cluster on another node, or throws the first keys away',
    file: 'src/steps/init-vault.ts', from: 'return await hands.vault.init(node.address, count, threshold);', to: 'return await hands.vault.init(node.address, count, threshold).catch(() => hands.vault.init(hands.nodes.at(-1)!.address, count, threshold));', tests: ['test/crash/promises.test.ts'],
  },
  {
    name: 'init-over-existing-keys', danger: 'the keys of another cluster, or of one that lost its data, are overwritten',
    file: 'src/steps/which-world.ts', from: '.filter((paper) => !holdsNoKeys(paper));', to: ".filter((paper) => paper.path === '' && !holdsNoKeys(paper));", tests: ['test/unit/refusals.test.ts'],
  },
  {
    name: 'uninitialised-by-hearsay', danger: 'init is sent to one node while the one that holds the data does not answer',
    file: 'src/steps/which-world.ts', from: 'if (missing.length > 0 || answered.length === 0) {', to: 'if (answered.length === 0) {', tests: ['test/unit/refusals.test.ts'],
  },
  {
    name: 'unreachable-read-as-absent', danger: 'a manager that is only switched off counts as one that never held keys',
    file: 'src/steps/places.ts', from: 'silentOf(survey).filter(({ host }) => !eyes.settings.allowMissing.includes(host))', to: 'silentOf(survey).filter(() => eyes.settings.managers.length === 0)', tests: ['test/unit/refusals.test.ts'],
  },
  {
    name: 'gives-up-with-keys-in-memory', danger: 'a failing disk of the master makes the only copy of the keys end with the process',
    file: 'src/steps/init-vault.ts', from: 'for (let round = 0; ; round += 1) {', to: 'for (let round = 0; ; round += 1) {\n    if (round === 0) throw new Error(\'the checkpoint could not be written\');', tests: ['test/crash/promises.test.ts'],
  },
  {
    name: 'no-second-copy', danger: 'Vault is opened and used while one disk alone holds its keys',
    file: 'src/steps/copy-checkpoint.ts', from: 'if (kept.length >= 2) break;', to: 'if (kept.length >= 1) break;', tests: ['test/crash/promises.test.ts'],
  },
  {
    name: 'one-failure-hides-behind-another', danger: 'a manager that took nothing is reported as delivered, and the checkpoint is deleted',
    file: 'src/steps/places.ts', from: 'else failed.push(failureOf(sight.manager.name, outcome.error));', to: '', tests: [INSTALL],
  },
  {
    name: 'checkpoints-deleted-before-delivery', danger: 'a death between the two leaves the keys nowhere',
    file: 'src/steps/deliver-keys.ts', from: 'const about = await aboutOf(hands, held);', to: "const about = await aboutOf(hands, held); await (await import('./clear-checkpoints.ts')).clearCheckpoints<R>(flow).act(hands as never, held);", tests: [INSTALL, 'test/crash/rotate.test.ts'],
  },
  {
    name: 'confirmed-without-a-look', danger: 'done is said of a manager whose file was deleted meanwhile',
    file: 'src/steps/confirm-end.ts', from: 'if (wrong.length > 0) return', to: 'if (wrong.length > 99) return', tests: ['test/unit/refusals.test.ts'],
  },
  {
    name: 'another-clusters-main-replaced', danger: 'the only keys of another cluster are archived as a stale copy of ours',
    file: 'src/steps/deliver-keys.ts', from: 'if (conflicts.length > 0) throw', to: 'if (conflicts.length > 99) throw', tests: ['test/unit/refusals.test.ts'],
  },
  {
    name: 'dies-with-its-reader', danger: 'an ssh session that drops, or a log on a full disk, kills the process with the only keys in its memory',
    file: 'src/main.ts', from: '    outliveReaders();', to: '    void outliveReaders;', tests: ['test/real/lost-reader.test.ts'],
  },
  {
    name: 'dies-of-a-stray-error', danger: 'a socket that is closed twice kills the process with the only keys in its memory, and prints what it was given',
    file: 'src/main.ts', from: '    outliveStrays();', to: '    void outliveStrays;', tests: ['test/real/lost-reader.test.ts'],
  },
];
