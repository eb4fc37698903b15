import type { Break } from '../break.ts';

const FILES = 'test/unit/credential-files.test.ts';
const LOOK = 'test/unit/look-disk.test.ts';

/** What the files hold, and how they are read. */
export const files: readonly Break[] = [
  {
    name: 'main-has-a-fourth-key', danger: 'scripts and old playbooks that read the file today no longer do',
    file: 'src/credentials/key-file.ts', from: 'key_threshold: set.threshold };', to: 'key_threshold: set.threshold, version: 1 };', tests: [FILES],
  },
  {
    name: 'keys-in-another-order', danger: 'equal files stop being equal byte by byte, and every manager seems to differ',
    file: 'src/credentials/key-file.ts', from: 'return { root_token: set.rootToken.reveal(), unseal_keys: set.shares.map((share) => share.reveal()), key_threshold: set.threshold };', to: 'return { unseal_keys: set.shares.map((share) => share.reveal()), root_token: set.rootToken.reveal(), key_threshold: set.threshold };', tests: [FILES],
  },
  {
    name: 'incomplete-set-accepted', danger: 'a set with fewer shares than its threshold opens nothing and replaces one that does',
    file: 'src/credentials/key-file.ts', from: 'if (threshold > shares.length)', to: 'if (threshold > shares.length + 1)', tests: [FILES],
  },
  {
    name: 'share-counted-twice', danger: 'a file with one share twice passes for complete and opens nothing',
    file: 'src/credentials/key-file.ts', from: 'if (new Set(shares).size !== shares.length)', to: 'if (shares.length === 0)', tests: [FILES],
  },
  {
    name: 'zeros-read-as-blank-end', danger: 'a file that was cut off in the middle of its keys passes for whole',
    file: 'src/credentials/key-file.ts', from: "if (text.includes('\\0')) return", to: "if (text.startsWith('\\0')) return", tests: [FILES],
  },
  {
    name: 'newer-format-read-as-ours', danger: 'an older vaultctl drops what a newer one had noted in a checkpoint',
    file: 'src/credentials/checkpoint.ts', from: "if (typeof fields['format'] === 'number' && fields['format'] > 1)", to: "if (fields['format'] === undefined)", tests: [FILES],
  },
  {
    name: 'new-keys-at-the-top-too-early', danger: 'an old playbook that finds the checkpoint distributes keys that Vault does not know yet',
    file: 'src/steps/start-rekey.ts', from: "fresh !== undefined && state.phase === 'committed' ?", to: 'fresh !== undefined ?', tests: ['test/crash/promises.test.ts'],
  },
  {
    name: 'siblings-not-looked-at', danger: 'keys that a crash left between write and rename are reported as lost',
    file: 'src/hosts/look-disk.ts', from: 'if (!question.files.some((file) =>', to: 'if (name !== \'\' || !question.files.some((file) =>', tests: [LOOK],
  },
  {
    name: 'failing-read-as-absent', danger: 'a disk that gives EIO once makes the only copy of the keys absent',
    file: 'src/hosts/look-disk.ts', from: "return { is: 'unreadable', why: messageOf(error) };", to: "return { is: 'absent' };", tests: [LOOK],
  },
  {
    name: 'unlistable-folder-read-as-empty', danger: 'a sibling with keys hides in a folder that could not be listed this once',
    file: 'src/hosts/look-disk.ts', from: "throw new HostError(host, 'denied',", to: "if (host !== '') return []; throw new HostError(host, 'denied',", tests: [LOOK],
  },
  {
    name: 'unreadable-read-as-blank', danger: 'a damaged checkpoint is deleted as if it had never held a key',
    file: 'src/engine/survey.ts', from: "if (found.is === 'unreadable') return { ...base, is: 'unreadable', why: found.why };", to: "if (found.is === 'unreadable') return { ...base, is: 'blank' };", tests: ['test/crash/regressions.test.ts', 'test/crash/rotate.test.ts'],
  },
  {
    name: 'archive-deletes', danger: 'a file that was rejected by mistake is gone and not renamed',
    file: 'src/steps/places.ts', from: "const move = { do: 'move', path, to: archived(path, clock.now(), clock.random(2)) } as const;", to: "const move = { do: 'remove', path } as const; void clock;", tests: ['test/unit/refusals.test.ts'],
  },
  {
    name: 'every-checkpoint-deleted', danger: 'a checkpoint with a set that stands nowhere else is deleted and not set aside',
    file: 'src/steps/clear-checkpoints.ts', from: 'isHeldElsewhere(paper, held) ?', to: 'paper.path !== \'\' ?', tests: ['test/unit/refusals.test.ts'],
  },
  {
    name: 'previous-set-not-kept', danger: 'a backup from before a rotation opens with nothing that anybody has',
    file: 'src/steps/deliver-keys.ts', from: "FileOperation => ({ do: 'write', path, bytes: formatKeyFile(set), purpose: 'keys' });", to: 'FileOperation => ({ do: \'remove\', path: `${path}.${set.threshold}` });', tests: ['test/unit/refusals.test.ts'],
  },
];
