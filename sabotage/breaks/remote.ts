import type { Break } from '../break.ts';

const FILE = 'src/hosts/remote-script.ts';
const SECRETS = 'test/contract/hosts-secrets.test.ts';
const HOSTS = 'test/contract/hosts.test.ts';

/** The same write on a manager behind a shell. */
export const remote: readonly Break[] = [
  {
    name: 'remote-write-without-sync', danger: 'a manager that loses its power has a name without content',
    file: FILE, from: 'sync "$1" || spoilt "$1" "$2"', to: ':', tests: [SECRETS],
  },
  {
    name: 'remote-commit-without-sync', danger: 'the keys of an init are in the cache of a manager when it is told that they are safe',
    file: FILE, from: 'conv=notrunc,fsync || spoilt "$S"', to: 'conv=notrunc || spoilt "$S"', tests: [SECRETS],
  },
  {
    name: 'remote-rename-without-sync', danger: 'a manager that loses its power has the old file back',
    file: FILE, from: 'place() { mv -f -- "$1" "$2" && sync "$3" ||', to: 'place() { mv -f -- "$1" "$2" ||', tests: [SECRETS],
  },
  {
    name: 'remote-write-without-fence', danger: 'a run that lost its lock overwrites what its successor has written',
    file: FILE, from: 'fence() {\n', to: 'fence() { return 0\n', tests: [HOSTS],
  },
  {
    name: 'remote-rename-without-fence', danger: 'a lock that is broken while a slow write is under way does not stop its rename',
    file: FILE, from: '; fenced; place ${sibling}', to: '; place ${sibling}', tests: [SECRETS],
  },
  {
    name: 'remote-commit-without-fence', danger: 'the checkpoint of a run that lost its lock replaces the checkpoint of its successor',
    file: FILE, from: 'guard ${quoted(folderOf(fence.lockPath))}; fence ${quoted(fence.lockPath)} ${quoted(fenceText(fence.operation))}\nplace "$S" ${quoted(path)} ${quoted(folderOf(path))}\nprintf', to: 'place "$S" ${quoted(path)} ${quoted(folderOf(path))}\nprintf', tests: [HOSTS],
  },
  {
    name: 'remote-written-through-a-symlink', danger: 'a planted link sends the keys into a file of somebody else',
    file: FILE, from: '[ ! -h "$t" ] || fail refused', to: 'true || fail refused', tests: [HOSTS],
  },
  {
    name: 'remote-keys-in-an-argument', danger: 'every user of the manager reads them in the list of processes',
    file: FILE, from: '{ printf "$c" >&7; } 2>/dev/null ||', to: '{ sh -c \'sleep 0.5; printf "$1"\' sh "$c" >&7; } 2>/dev/null ||', tests: [SECRETS],
  },
  {
    name: 'remote-keys-readable', danger: 'what is written is for every user of the manager to read until the chmod',
    file: FILE, from: 'umask 077', to: 'umask 022', tests: [SECRETS, HOSTS],
  },
  {
    name: 'remote-existing-file-opened-as-new', danger: 'a file that somebody planted under the name, and holds open, takes the keys',
    file: FILE, from: 'fail refused "$1 is there already: it is not ours"; set -C;', to: 'true;', tests: [SECRETS],
  },
  {
    name: 'remote-short-snapshot-put-into-place', danger: 'a connection that is cut leaves half a snapshot where rotate counts on a whole one',
    file: FILE, from: '[ "$(size "$S")" = ${bytes} ] || { drop "$S"; fail io "only a part', to: 'true || { drop "$S"; fail io "only a part', tests: [SECRETS],
  },
  {
    name: 'remote-move-over-what-is-there', danger: 'what was set aside an instant ago is replaced by what is set aside now',
    file: FILE, from: 'if [ -e "$1" ] || [ -h "$1" ]; then fail refused', to: 'if false; then fail refused', tests: [HOSTS],
  },
  {
    name: 'remote-read-back-not-compared', danger: 'a manager that stored something else is believed',
    file: 'src/hosts/shell-host.ts', from: 'if (part === undefined || !same(part, bytes)) throw', to: 'if (part === undefined) throw', tests: [SECRETS],
  },
  {
    name: 'remote-denied-read-as-absent', danger: 'a manager that may not read its own folder counts as one without keys',
    file: 'src/hosts/remote-answer.ts', from: 'return /No such file or directory|Not a directory/.test(whatWasSaid(printed, path));', to: 'return !printed.stats.has(path);', tests: ['test/unit/remote-answer.test.ts'],
  },
  {
    name: 'remote-half-an-answer-read-as-whole', danger: 'what a dying connection did not say counts as absent',
    file: 'src/hosts/remote-answer.ts', from: 'if (result.code !== 0 || !printed.whole ||', to: 'if (', tests: ['test/unit/remote-answer.test.ts'],
  },
  {
    name: 'remote-broken-lock-forgets-the-proof', danger: 'recover --unlock makes a stranger\'s rekey of what its dead holder had open, and every later run refuses',
    file: FILE, from: 'case $w$p in *\'"proof":\'*)', to: 'case $w$p in *\'"none":\'*)', tests: [HOSTS],
  },
];
