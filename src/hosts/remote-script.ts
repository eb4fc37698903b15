import { quoted } from '../model/shell-word.ts';
import type { Fence, FileOperation, LockWords, LookQuestion, SiblingPurpose } from '../ports/hosts.ts';
import { BROKEN, fenceText, formatWords } from './lock-words.ts';
import { folderOf, nameOf, siblingPath } from './sibling.ts';

/**
 * Scripts for any POSIX shell with coreutils or busybox. No script text holds content: what is written comes on stdin, one
 * line a file in `printf` escapes (see `asLine`), read by the shell's own `read` and written by its own `printf`,
 * so that it is in no process's arguments or environment and never over-read.
 * A failing script prints `VAULTCTL kind message` on stderr and exits 70 (`fail`), or lets the tool's message speak.
 */
export interface RemoteScript {
  readonly text: string;
  readonly stdin: Uint8Array;
}

/** Bytes as one line that `printf "$line"` turns back into the same bytes. */
export function asLine(bytes: Uint8Array): string {
  let line = '';
  for (const byte of bytes) {
    // A leading `-` would be an option of printf.
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c && byte !== 0x25 && !(byte === 0x2d && line === '');
    line += plain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
  }
  return line;
}

export function asStdin(...contents: readonly Uint8Array[]): Uint8Array {
  return new TextEncoder().encode(contents.map((bytes) => `C ${asLine(bytes)}\n`).join(''));
}

export const FAILED = 70;

/**
 * What every script builds on. `guard FOLDER` and `fence LOCK TEXT` hold others off; `safe FOLDER TARGET` refuses links,
 * foreign and open folders; `make SIBLING` opens it as descriptor 7, new and 0600 (noclobber alone lets a device, a pipe
 * and a link to one pass); `fill SIBLING SIZE` writes the next line of stdin into it and syncs it; `place` renames and syncs
 * the folder. A process costs a manager more than all the rest (1 to 2 ms), so the shell itself writes and tests, and dd is
 * asked only for what the shell's printf does not say: why the disk took no more.
 * `spoilt`: keys that were written whole and could not be synced stay as evidence, anything less goes.
 */
export const library = (guardWaitS: number) => `LC_ALL=C; export LC_ALL; umask 077; { ulimit -c 0; echo 0 >/proc/self/coredump_filter; } 2>/dev/null; PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin" k=
fail() { printf 'VAULTCTL %s %s\\n' "$1" "$2" >&2; exit ${FAILED}; }
P=$PATH; PATH=/nonexistent; printf '' 2>/dev/null; i=$?; PATH=$P
[ $i -eq 0 ] || { echo "VAULTCTL tool printf is not built into sh: what it writes would be seen among the processes" >&2; exit ${FAILED}; }
size() { stat -c %s -- "$1"; }
guard() {
  exec 8<"$1" || fail io "the folder $1 cannot be opened"
  command -v flock >/dev/null || fail tool "flock is missing"
  i=0; until flock -n 8; do i=$((i+1)); [ $i -le ${guardWaitS * 10} ] || fail io "another write in $1 has not ended within ${guardWaitS} s"; sleep 0.1 2>/dev/null || { sleep 1; i=$((i+9)); }; done
}
fence() {
  o=; { IFS= read -r o <"$1"; } 2>/dev/null
  case $o in "$2"*) ;; *) fail fenced "$1 no longer names this operation";; esac
}
ours_alone() {
  m=$(stat -c %u:%a -- "$d") || fail tool "stat does not work"
  case $m in 0:*) ;; *) [ -O "$d" ] || fail refused "the folder $d belongs to uid \${m%%:*}, who could replace what is written there";; esac
  case $m in *:[1357]???) ;; *:*[2367]?|*:*[2367]) fail refused "the folder $d can be written by others (mode \${m#*:})";; esac
  k=$d
}
safe() {
  d=$1 t=$2
  [ ! -h "$d" ] || fail refused "the folder $d is a symbolic link: nothing is written through one"
  [ -d "$d" ] || { [ -e "$d" ] && fail refused "$d is not a folder"; fail io "the folder $d does not exist"; }
  [ "$d" = "$k" ] || ours_alone
  [ ! -h "$t" ] || fail refused "$t is a symbolic link: it is never written through or over"
  [ ! -e "$t" ] || [ -f "$t" ] || fail refused "$t is not a plain file: it is never written over"
}
free() { if [ -e "$1" ] || [ -h "$1" ]; then fail refused "$1 exists already: nothing is put over it"; fi; }
owned() { [ -O "$1" ] && [ -G "$1" ]; }
own() { chown "$(id -u):$(id -g)" "$1" && chmod 600 "$1"; }
make() { [ ! -e "$1" ] && [ ! -h "$1" ] || fail refused "$1 is there already: it is not ours"; set -C; { exec 7>"$1"; } || exit ${FAILED}; set +C; }
line() { IFS= read -r c && case $c in "C "*) c=\${c#C };; *) false;; esac || fail io "the content did not arrive whole"; }
spoilt() { case $1 in *.keys) [ "$(size "$1")" != "$2" ] || exit ${FAILED};; esac; drop "$1"; exit ${FAILED}; }
fill() {
  { printf "$c" >&7; } 2>/dev/null || printf "$c" | dd of="$1" bs=65536 || spoilt "$1" "$2"
  sync "$1" || spoilt "$1" "$2"
  exec 7>&-
  shape "$1" "$2"
}
shape() {
  case $(stat -c '%s %a' -- "$1") in
    "$2 600") owned "$1" || { own "$1" && sync "$1"; } || exit ${FAILED};;
    "$2 "*) { own "$1" && sync "$1"; } || exit ${FAILED};;
    *) drop "$1"; fail full "the disk took less than $2 bytes of $1";;
  esac
}
drop() { rm -f -- "$1"; }
place() { mv -f -- "$1" "$2" && sync "$3" || exit ${FAILED}; }
`;

/**
 * The order of DiskHost.apply, in one script: guard, fence, then each operation, durable before the next.
 * The mark stands before and after each file read back: unpredictable, so that no content can contain it.
 */
export function applyScript(operations: readonly FileOperation[], fence: Fence, ids: { mark: string; hex: (index: number) => string }): RemoteScript {
  const contents: Uint8Array[] = [];
  const steps = operations.map((operation, index) => {
    if (operation.do === 'write') contents.push(operation.bytes);
    return operationText(operation, ids.mark, ids.hex(index));
  });
  const text = `fenced() { fence ${quoted(fence.lockPath)} ${quoted(fenceText(fence.operation))}; }
guard ${quoted(folderOf(fence.lockPath))}
fenced
${steps.join('')}`;
  return { text, stdin: asStdin(...contents) };
}

function operationText(operation: FileOperation, mark: string, hex: string): string {
  const path = quoted(operation.path);
  const folder = quoted(folderOf(operation.path));
  switch (operation.do) {
    case 'write': {
      const sibling = quoted(siblingPath(operation.path, hex, operation.purpose));
      return `safe ${folder} ${path}; line; make ${sibling}; fill ${sibling} ${operation.bytes.length}; fenced; place ${sibling} ${path} ${folder}
printf '\\n${mark}\\n'; cat -- ${path} || exit ${FAILED}; printf '\\n${mark}\\n'
`;
    }
    case 'move': {
      const to = quoted(operation.to);
      const toFolder = folderOf(operation.to) === folderOf(operation.path) ? '' : ` && sync ${quoted(folderOf(operation.to))}`;
      return `if [ -e ${path} ] || [ -h ${path} ]; then
  free ${to}; fenced; mv -f -- ${path} ${to} || exit ${FAILED}
fi
sync ${folder}${toFolder} || exit ${FAILED}
`;
    }
    case 'keep': {
      const to = quoted(operation.to);
      return `if [ -e ${path} ] || [ -h ${path} ]; then
  free ${to}; fenced; ln -- ${path} ${to} && sync ${quoted(folderOf(operation.to))} || exit ${FAILED}
fi
`;
    }
    case 'remove':
      return `[ -h ${path} ] || [ ! -d ${path} ] || fail refused ${quoted(`${operation.path} is a folder: it is not removed`)}
fenced; rm -f -- ${path} && sync ${folder} || exit ${FAILED}
`;
    case 'tighten':
      return `if [ -h ${path} ] || { [ -e ${path} ] && [ ! -f ${path} ]; }; then fail refused ${quoted(`${operation.path} is not a plain file: its mode and owner are left as they are`)}; fi
if [ -e ${path} ]; then fenced; { owned ${path} && chmod 600 ${path} || own ${path}; } && sync ${path} || exit ${FAILED}; fi
`;
  }
}

/** Everything at once; `lookAnswer` in remote-answer.ts reads what it prints. */
export function lookScript(question: LookQuestion, mark: string): RemoteScript {
  const folders = [...new Set([...question.folders, ...question.files.map(folderOf)])];
  const text = `M=${mark}
printf '%s u %s %s %s\\n' $M "$(id -u)" "$(date +%s)" "$(uname -n)"
names() { for n in "$1"/* "$1"/.[!.]* "$1"/..?*; do case $n in "$1/*"|"$1/.[!.]*"|"$1/..?*") [ -e "$n" ] || [ -h "$n" ] || continue;; esac; set -- "$@" "$n"; done; f=$1; shift; [ $# -eq 0 ] || stat -c "$M n %s %Y %n" -- "$@" 2>&1 || [ $? -lt 126 ] || printf '%s x %s\\n' $M "$f"; }
folder() {
  [ -h "$1" ] && l=1 || l=0; [ -w "$1" ] && [ -x "$1" ] && w=1 || w=0
  if [ -d "$1" ]; then
    printf '%s d %s %s %s %s\\n' $M $l $w "$(stat -L -c '%u %a' -- "$1")" "$1"; df -Pk -- "$1"
    if [ -r "$1" ] && [ -x "$1" ]; then names "$1"; else printf '%s x %s\\n' $M "$1"; fi
  fi
}
content() {
  if [ -f "$1" ]; then printf '%s c %s\\n' $M "$1"; head -c ${question.limitBytes + 1} -- "$1" 2>&1; printf '\\n%s e %s\\n' $M $?; fi
}
file() { [ ! -h "$1" ] || stat -L -c "$M t %f %s %u %g %Y %n" -- "$1" 2>&1; content "$1"; }
printf '%s f\\n' $M
stat -c "$M s %f %s %u %g %Y %n" -- ${[...folders, ...question.files].map(quoted).join(' ')} 2>&1
${folders.map((folder) => `folder ${quoted(folder)}`).join('\n')}
printf '%s r\\n' $M; grep ' ro[ ,]' /proc/mounts 2>/dev/null
printf '%s f\\n' $M
for p in ${question.files.map(quoted).join(' ')}${question.files.map((path) => ` ${quoted(folderOf(path))}/.${quoted(nameOf(path))}.*.*`).join('')}; do
  if [ -e "$p" ] || [ -h "$p" ]; then case $p in */.*.intent|*/.*.keys|*/.*.plain) stat -c "$M s %f %s %u %g %Y %n" -- "$p" 2>&1;; esac; file "$p"; fi
done
printf '%s z\\n' $M
`;
  return { text, stdin: new Uint8Array() };
}

/** First half of a prepared write: the sibling, 0600, with its space taken and synced. */
export function prepareScript(path: string, size: number, fence: Fence, ids: { hex: string }): RemoteScript {
  const sibling = quoted(siblingPath(path, ids.hex, 'keys'));
  const text = `S=${sibling}
guard ${quoted(folderOf(fence.lockPath))}; fence ${quoted(fence.lockPath)} ${quoted(fenceText(fence.operation))}
safe ${quoted(folderOf(path))} ${quoted(path)}; make "$S"
dd if=/dev/zero bs=${size} count=1 conv=fsync >&7 || { drop "$S"; exit ${FAILED}; }
exec 7>&-
shape "$S" ${size}
command -v truncate >/dev/null || { drop "$S"; fail tool "truncate is missing"; }
`;
  return { text, stdin: new Uint8Array() };
}

/**
 * Second half, as short as can be: the bytes over the zeros, one fsync, the fence, the rename, the folder.
 * Cut first: a crash in between then leaves zeros or a part, never whole keys with zeros behind them.
 */
export function commitScript(path: string, bytes: Uint8Array, fence: Fence, ids: { mark: string; hex: string }): RemoteScript {
  const sibling = quoted(siblingPath(path, ids.hex, 'keys'));
  const text = `S=${sibling}; line
[ -f "$S" ] && [ ! -h "$S" ] && truncate -s ${bytes.length} -- "$S" || fail io "$S, which was prepared, is not there any more"
printf "$c" | dd of="$S" bs=65536 conv=notrunc,fsync || spoilt "$S" ${bytes.length}
[ "$(size "$S")" = ${bytes.length} ] || fail io "$S does not have ${bytes.length} bytes"
guard ${quoted(folderOf(fence.lockPath))}; fence ${quoted(fence.lockPath)} ${quoted(fenceText(fence.operation))}
place "$S" ${quoted(path)} ${quoted(folderOf(path))}
printf '\\n${ids.mark}\\n'; cat -- ${quoted(path)} || exit ${FAILED}; printf '\\n${ids.mark}\\n'
`;
  return { text, stdin: asStdin(bytes) };
}

/**
 * Holds the lock for as long as somebody speaks: any line within `silenceS`, else it ends and the kernel frees the flock.
 * `.` a heartbeat, `w LINE` new words, `q` the end. Each is answered with one line: `ok`, or `fenced`.
 * The words found there are told by the shell's own printf: busybox's cat hands the file's pages to the pipe as they are
 * (sendfile), and what is written over them before they are read is what the reader sees.
 */
export function lockScript(path: string, words: LockWords, ids: { mark: string; silenceS: number }): string {
  const lock = quoted(path);
  const folder = quoted(folderOf(path));
  const text = quoted(asLine(new TextEncoder().encode(formatWords(words))));
  return `NL='
'
told() { w=; p=; { IFS= read -r w; IFS= read -r p; } <${lock}; printf '%s\\n%s\\n%s\\n\\n${ids.mark}\\n' "$1" "$w" "$p"; }
held() { told taken; exit 0; }
ours() { o=; IFS= read -r o <${lock}; case $o in ${quoted(fenceText(words.operation))}*) ;; *) return 1;; esac; }
words() { printf "$1%s\\n" "\${2:+$2$NL}" | dd of=${lock} bs=65536 conv=notrunc,fsync; }
hear() { exec 8<&- 9>&-; exec timeout ${ids.silenceS} sh -c 'IFS= read -r l && printf %s "$l"'; }
command -v flock >/dev/null || fail tool "flock is missing"
command -v timeout >/dev/null || fail tool "timeout is missing"
safe ${folder} ${lock}
( exec 9<>${lock} || exit ${FAILED}; flock -n 9 || exit 75 ); r=$?
[ $r -ne 75 ] || held
[ $r -eq 0 ] || exit ${FAILED}
guard ${folder}
exec 9<>${lock}
flock -n 9 || held
told held
case $w in '') p=;; *'"proof":'*) p=$w;; esac
case $p in *'"proof":'*) ;; *) p=;; esac
words ${text} "$p" && sync ${folder} || exit ${FAILED}
exec 8<&-
printf 'ok\\n'
while l=$(hear); do
  case $l in
    .) printf 'ok\\n';;
    w*) guard ${folder}; if ours; then words "\${l#w }" '' && printf 'ok\\n' || exit ${FAILED}; else printf 'fenced\\n'; fi; exec 8<&-;;
    q) guard ${folder}; if ours; then words '' '' || exit ${FAILED}; fi; printf 'ok\\n'; exit 0;;
  esac
done
exit 74
`;
}

/**
 * A new lock file in place of the old one: who holds the old inode is fenced from then on. It says nothing but what proof the
 * old one's holder may have left open, in words of no operation.
 */
export function breakLockScript(path: string, ids: { hex: string }): RemoteScript {
  const sibling = quoted(siblingPath(path, ids.hex, 'plain'));
  const folder = quoted(folderOf(path));
  const text = `guard ${folder}; safe ${folder} ${quoted(path)}; line
w=; p=; { { IFS= read -r w; IFS= read -r p; } <${quoted(path)}; } 2>/dev/null
NL='
'
case $w in *,*) case $w$p in *'"proof":'*) c=${quoted(fenceText(BROKEN))}\${w#*,}$NL$p$NL\${p:+$NL};; esac;; esac
make ${sibling}; printf %s "$c" >&7 || { drop ${sibling}; exit ${FAILED}; }
n=\${#c} c=; fill ${sibling} "$n"; place ${sibling} ${quoted(path)} ${folder}
`;
  return { text, stdin: asStdin(new Uint8Array()) };
}

/** First half of a large write: everything on stdin into a new sibling, synced; prints its size. */
export function storeScript(path: string, fence: Fence, ids: { mark: string; hex: string }): string {
  const sibling = quoted(siblingPath(path, ids.hex, 'plain'));
  const folder = quoted(folderOf(path));
  return `S=${sibling}
guard ${quoted(folderOf(fence.lockPath))}; fence ${quoted(fence.lockPath)} ${quoted(fenceText(fence.operation))}; exec 8<&-
[ -e ${folder} ] || { mkdir -p -m 700 -- ${folder} && sync ${quoted(folderOf(folderOf(path)))}; } || exit ${FAILED}
safe ${folder} ${quoted(path)}; make "$S"
dd bs=65536 conv=fsync >&7 || { drop "$S"; exit ${FAILED}; }
printf '\\n${ids.mark}\\n'; size "$S"
`;
}

/** Second half: only a sibling of the whole size takes the name, for a cut connection looks like the end of the input. */
export function storePlaceScript(path: string, bytes: number, fence: Fence, ids: { hex: string }): RemoteScript {
  const sibling = quoted(siblingPath(path, ids.hex, 'plain'));
  const text = `S=${sibling}
[ "$(size "$S")" = ${bytes} ] || { drop "$S"; fail io "only a part of ${bytes} bytes arrived"; }
guard ${quoted(folderOf(fence.lockPath))}; fence ${quoted(fence.lockPath)} ${quoted(fenceText(fence.operation))}
place "$S" ${quoted(path)} ${quoted(folderOf(path))}
`;
  return { text, stdin: new Uint8Array() };
}

export function dropScript(path: string, hex: string, purpose: SiblingPurpose): RemoteScript {
  return { text: `rm -f -- ${quoted(siblingPath(path, hex, purpose))} && sync ${quoted(folderOf(path))} || exit ${FAILED}\n`, stdin: new Uint8Array() };
}

/** Adds lines to a file without secrets; its folder is made where only that is missing. */
export function noteScript(path: string, lines: Uint8Array): RemoteScript {
  const folder = quoted(folderOf(path));
  const text = `[ -d ${folder} ] || mkdir -m 700 -- ${folder} || exit ${FAILED}
[ ! -h ${quoted(path)} ] || fail refused ${quoted(`${path} is a symbolic link: nothing is written through one`)}
line; printf "$c" >>${quoted(path)} || exit ${FAILED}
`;
  return { text, stdin: asStdin(lines) };
}

export function fetchScript(path: string, mark: string): string {
  return `[ -f ${quoted(path)} ] || fail io ${quoted(`${path} is not there`)}
printf '\\n${mark}\\n'; cat -- ${quoted(path)} || exit ${FAILED}
`;
}
