import type { Break } from '../break.ts';

/** The durable write on a disk at hand. */
export const disk: readonly Break[] = [
  {
    name: 'no-fsync-of-the-file', danger: 'a power cut after the rename leaves an empty or torn file under the right name',
    file: 'src/hosts/durable-write.ts', from: 'await file.sync();', to: 'await Promise.resolve();',
    tests: ['test/unit/durable-write.test.ts', 'test/crash/install.test.ts'],
  },
  {
    name: 'no-fsync-of-the-folder', danger: 'a power cut brings the old name back, though the write was answered as durable',
    file: 'src/hosts/durable-write.ts', from: 'await disk.syncFolder(folderOf(path));', to: '',
    tests: ['test/unit/durable-write.test.ts', 'test/crash/install.test.ts'],
  },
  {
    name: 'no-fsync-of-the-prepared-checkpoint', danger: 'the only copy of fresh keys is in the cache of one machine while Vault already has them',
    file: 'src/hosts/disk-host.ts', from: 'await file.sync().finally(', to: 'await Promise.resolve().finally(',
    tests: ['test/unit/durable-write.test.ts'],
  },
  {
    name: 'no-read-back', danger: 'a disk that stored something else is believed',
    file: 'src/hosts/durable-write.ts', from: 'const found = await readBack(ground, path, bytes.length + 1);', to: 'const found = bytes;',
    tests: ['test/unit/durable-write.test.ts'],
  },
  {
    name: 'read-back-not-compared', danger: 'the answer says what the disk holds, and nobody looks whether it is what was written',
    file: 'src/hosts/durable-write.ts', from: 'if (!same(found, bytes)) throw', to: 'if (found.length > bytes.length) throw',
    tests: ['test/unit/durable-write.test.ts'],
  },
  {
    name: 'short-write-taken-for-whole', danger: 'a disk that took half of the keys is thanked for all of them',
    file: 'src/hosts/durable-write.ts', from: 'done += count;', to: 'done = bytes.length;',
    tests: ['test/unit/durable-write.test.ts'],
  },
  {
    name: 'keys-readable-for-a-moment', danger: 'between its creation and the chmod any user of the machine can open the file and keep it open',
    file: 'src/hosts/durable-write.ts', from: 'disk.create(sibling, 0o600)', to: 'disk.create(sibling, 0o644)',
    tests: ['test/unit/durable-write.test.ts'],
  },
  {
    name: 'mode-left-as-it-came', danger: 'a file system or an ACL that opens new files to a group shows them the keys for good',
    file: 'src/hosts/durable-write.ts', from: 'if ((made.mode & 0o7777) !== 0o600)', to: 'if (made.mode < 0)',
    tests: ['test/unit/durable-write.test.ts'],
  },
  {
    name: 'written-through-a-symlink', danger: 'a planted link sends the keys into a file of somebody else',
    file: 'src/hosts/durable-write.ts', from: "if (target !== undefined && target.kind !== 'file')", to: "if (target !== undefined && target.kind === 'folder')",
    tests: ['test/unit/durable-write.test.ts', 'test/contract/hosts.test.ts'],
  },
  {
    name: 'written-into-a-linked-folder', danger: 'whoever owns the link moves the keys to another folder between two writes',
    file: 'src/hosts/durable-write.ts', from: 'const there = await disk.stat(folder);', to: 'const there = await disk.target(folder);',
    tests: ['test/unit/durable-write.test.ts', 'test/contract/hosts.test.ts'],
  },
  {
    name: 'written-where-others-may-write', danger: 'any user can put his own file in the place of the keys',
    file: 'src/hosts/durable-write.ts', from: 'if ((there.mode & 0o022) !== 0 &&', to: 'if ((there.mode & 0o002) !== 0 &&',
    tests: ['test/unit/durable-write.test.ts', 'test/contract/hosts.test.ts'],
  },
  {
    name: 'written-into-a-foreign-folder', danger: 'its owner can replace what is written there',
    file: 'src/hosts/durable-write.ts', from: 'if (there.uid !== 0 && there.uid !== disk.uid)', to: 'if (there.uid < 0)',
    tests: ['test/unit/durable-write.test.ts', 'test/contract/hosts.test.ts'],
  },
  {
    name: 'existing-file-opened-as-new', danger: 'a file or link that somebody planted under the name takes the keys',
    file: 'src/adapters/node-disk.ts', from: 'constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_RDWR', to: 'constants.O_CREAT | constants.O_NOFOLLOW | constants.O_RDWR',
    tests: ['test/contract/disk.test.ts'],
  },
  {
    name: 'denied-read-as-absent', danger: 'a folder that this user may not enter looks as if it held no keys',
    file: 'src/adapters/node-disk.ts', from: "new Set(['ENOENT', 'ENOTDIR'])", to: "new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EIO', 'ELOOP'])",
    tests: ['test/contract/disk.test.ts'],
  },
  {
    name: 'moved-over-what-is-there', danger: 'what was set aside an instant ago is replaced by what is set aside now',
    file: 'src/hosts/disk-host.ts', from: 'if (await this.#disk.stat(to) !== undefined) throw', to: 'if (to === path) throw',
    tests: ['test/contract/hosts.test.ts'],
  },
  {
    name: 'move-not-synced', danger: 'after a power cut a rejected file stands under its old name again',
    file: 'src/hosts/disk-host.ts', from: 'await this.#disk.syncFolder(folderOf(to));', to: '',
    tests: ['test/unit/durable-write.test.ts'],
  },
  {
    name: 'remove-not-synced', danger: 'a checkpoint that was reported deleted is back after a power cut, with old keys at its top',
    file: 'src/hosts/disk-host.ts', from: 'if (found !== undefined) await this.#disk.remove(path);\n    // Absent may be an earlier run\'s unlink that was never synced.\n    await this.#disk.syncFolder(folderOf(path));', to: 'if (found !== undefined) await this.#disk.remove(path);',
    tests: ['test/unit/durable-write.test.ts'],
  },
];
