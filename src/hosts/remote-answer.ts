import { redact } from '../model/secret.ts';
import { type FileSight, type FolderSight, HostError, type HostErrorKind, type HostSight, type LookQuestion } from '../ports/hosts.ts';
import type { ShellResult } from '../ports/shell.ts';
import { kindOfMessage } from './host-error.ts';
import { folderOf, isSiblingOf, nameOf } from './sibling.ts';

const kinds: readonly HostErrorKind[] = ['unreachable', 'denied', 'hostkey', 'fenced', 'full', 'readonly', 'io', 'refused', 'tool'];
const mends: Partial<Record<HostErrorKind, string>> = {
  fenced: 'vaultctl status', tool: 'apt-get install coreutils util-linux   (or a busybox with flock, stat, dd, sync and timeout)',
};

/** What a failed script said: its own `VAULTCTL kind message`, else the tool's last line. */
export function errorOf(host: string, { code, stderr }: Pick<ShellResult, 'code' | 'stderr'>): HostError {
  const lines = redact(stderr).split('\n').map((line) => line.trim()).filter((line) => line !== '' && !/^\d+\+\d+ records (in|out)$|^\d+ bytes .*copied/.test(line));
  const own = lines.findLast((line) => line.startsWith('VAULTCTL '))?.split(' ');
  const kind = kinds.find((name) => name === own?.[1]);
  if (own !== undefined && kind !== undefined) return new HostError(host, kind, own.slice(2).join(' ').slice(0, 500), mends[kind]);
  const said = lines.join('; ').slice(-500);
  if (code < 0) return new HostError(host, 'unreachable', `the connection was lost in the middle of a command${said === '' ? '' : `: ${said}`}`);
  const found = code === 127 || code === 126 ? { kind: 'tool' as const, mend: mends.tool } : kindOfMessage(said);
  return new HostError(host, found.kind, said === '' ? `the command ended with ${code}` : said, found.mend ?? mends[found.kind]);
}

interface Stat { readonly kind: 'file' | 'folder' | 'link' | 'other'; readonly mode: number; readonly size: number; readonly uid: number; readonly gid: number; readonly modifiedMs: number }

interface Name { readonly path: string; readonly size: number | undefined; readonly modifiedMs: number }

/** What the look script printed, by path. */
interface Printed {
  readonly stats: Map<string, Stat>;
  readonly targets: Map<string, Stat>;
  readonly contents: Map<string, { bytes: Uint8Array; status: number }>;
  readonly folders: Map<string, { link: boolean; writable: boolean; uid: number; mode: number; spaceBytes: number; mount: string }>;
  readonly names: { path: string; size: number; modifiedMs: number }[];
  readonly unlisted: Set<string>;
  readonly readOnly: Set<string>;
  /** Lines of the tools, errors among them. */
  readonly said: string[];
  user: { uid: number; clockMs: number; hostname: string } | undefined;
  whole: boolean;
}

/** `stat: cannot statx …`. A line of a file that lost its mark does not begin like this, and is never shown. */
const TOOL_SPOKE = /^[\w./-]{1,60}: /;

/** @throws HostError where a folder cannot be listed or the answer is not whole: what is not seen is never absent. */
export function lookAnswer(host: string, question: LookQuestion, mark: string, result: ShellResult): HostSight {
  const printed = readPrinted(result.stdout, mark);
  if (result.code !== 0 || !printed.whole || printed.user === undefined) throw errorOf(host, { code: result.code === 0 ? 1 : result.code, stderr: `${printed.said.filter((line) => TOOL_SPOKE.test(line)).join('\n')}\n${result.stderr}` });
  const names = namesByFolder(printed);
  const asked = new Set([...question.folders, ...question.files.map(folderOf)]);
  const folders = new Map<string, FolderSight>();
  for (const path of asked) {
    const sight = folderSight(host, printed, path, names.get(path) ?? []);
    if (question.folders.includes(path)) folders.set(path, sight);
  }
  const files = new Map(question.files.map((path) => [path, fileSight(printed, path, question.limitBytes)]));
  const siblings = new Map<string, FileSight>();
  for (const { path } of [...asked].flatMap((folder) => names.get(folder) ?? [])) {
    if (question.files.some((file) => folderOf(file) === folderOf(path) && isSiblingOf(nameOf(file), nameOf(path)))) siblings.set(path, fileSight(printed, path, question.limitBytes));
  }
  const { uid, clockMs, hostname } = printed.user;
  return { files, siblings, folders, clockMs, user: { uid }, hostname };
}

function fileSight(printed: Printed, path: string, limitBytes: number): FileSight {
  const name = printed.stats.get(path);
  if (name === undefined) return missing(printed, path) ? { is: 'absent' } : { is: 'unreadable', why: whatWasSaid(printed, path) };
  const throughLink = name.kind === 'link';
  const found = throughLink ? printed.targets.get(path) : name;
  if (found === undefined) return { is: 'unreadable', why: 'a symbolic link that leads nowhere' };
  if (found.kind !== 'file') return { is: 'unreadable', why: found.kind === 'folder' ? 'a folder' : 'not a plain file' };
  const content = printed.contents.get(path);
  if (found.size > limitBytes || (content !== undefined && content.bytes.length > limitBytes)) return { is: 'unreadable', why: `too large: over ${limitBytes} bytes`, size: found.size };
  if (content === undefined) return { is: 'unreadable', why: 'it changed while it was being read', size: found.size };
  if (content.status !== 0) return { is: 'unreadable', why: wordsOfHead(content.bytes), size: found.size };
  const { mode, uid, gid, modifiedMs } = found;
  return { is: 'file', bytes: content.bytes, mode, uid, gid, modifiedMs, size: content.bytes.length, throughLink };
}

/** What head(1) said, without what it had read by then: a part of a key file is never shown. */
function wordsOfHead(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  const at = text.lastIndexOf('head: ');
  return at < 0 ? 'it cannot be read to its end' : redact(text.slice(at).split('\n')[0] ?? '').trim().slice(0, 300);
}

function folderSight(host: string, printed: Printed, path: string, entries: readonly Name[]): FolderSight {
  const nothing = { names: [], mode: 0, uid: 0, writable: false, link: false, spaceBytes: 0 };
  const name = printed.stats.get(path);
  const denied = (why: string) => new HostError(host, 'denied', `the folder ${path} cannot be listed: ${why}`, 'run as root, or set ansible_become: true for this host');
  if (name === undefined) {
    if (missing(printed, path)) return { is: 'absent', ...nothing };
    throw denied(whatWasSaid(printed, path));
  }
  const found = printed.folders.get(path);
  if (found === undefined) return { is: 'other', ...nothing, link: name.kind === 'link' };
  if (printed.unlisted.has(path)) throw denied('permission denied');
  const names = entries.map(({ path: at, size, modifiedMs }) => ({ name: nameOf(at), size, modifiedMs }));
  const { link, uid, mode, spaceBytes } = found;
  return { is: 'folder', names, mode, uid, writable: found.writable && !printed.readOnly.has(found.mount), link, spaceBytes };
}

/** The names in folders, by folder. What stat(1) could not look at is a name all the same: a sibling with keys may be behind it. */
function namesByFolder({ names, said, stats }: Printed): ReadonlyMap<string, readonly Name[]> {
  const unseen = said.flatMap((line) => {
    const path = /^\S*stat: .*'(\/.*)': (?!No such file)/.exec(line)?.[1];
    return path === undefined || stats.has(path) ? [] : [{ path, size: undefined, modifiedMs: 0 }];
  });
  return Map.groupBy([...names, ...unseen], ({ path }) => folderOf(path));
}

/** Only the system's own "no such file" makes something absent. */
function missing(printed: Printed, path: string): boolean { return /No such file or directory|Not a directory/.test(whatWasSaid(printed, path)); }

function whatWasSaid(printed: Printed, path: string): string {
  return printed.said.find((line) => line.includes(`'${path}'`) || line.includes(` ${path}:`)) ?? 'nothing was answered for it';
}

function readPrinted(bytes: Uint8Array, mark: string): Printed {
  const printed: Printed = {
    stats: new Map(), targets: new Map(), contents: new Map(), folders: new Map(), names: [], unlisted: new Set(), readOnly: new Set(), said: [], user: undefined, whole: false,
  };
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const line = (): string | undefined => {
    if (at >= buffer.length) return undefined;
    const end = buffer.indexOf(10, at);
    const text = buffer.toString('utf8', at, end < 0 ? buffer.length : end);
    at = end < 0 ? buffer.length : end + 1;
    return text;
  };
  /** What unmarked lines belong to: `df` of a folder, the read-only mounts, or the tools' own words. */
  let section = '';
  let folder = '';
  for (let text = line(); text !== undefined; text = line()) {
    if (!text.startsWith(`${mark} `)) { readUnmarked(printed, section, folder, text); continue; }
    const kind = text[mark.length + 1];
    const rest = text.slice(mark.length + 3);
    section = kind ?? '';
    if (kind === 'c') {
      const end = buffer.indexOf(`\n${mark} e `, at);
      if (end < 0) return printed;
      const content = Uint8Array.from(buffer.subarray(at, end));
      at = end + 1;
      printed.contents.set(rest, { bytes: content, status: Number(line()!.slice(mark.length + 3)) });
    } else if (kind === 'd') folder = readFolder(printed, rest);
    else readMarked(printed, kind ?? '', rest);
  }
  return printed;
}

function readMarked(printed: Printed, kind: string, rest: string): void {
  const words = rest.split(' ');
  const number = (index: number) => Number(words[index]);
  switch (kind) {
    case 'u': printed.user = { uid: number(0), clockMs: number(1) * 1000, hostname: words.slice(2).join(' ') }; break;
    case 's': case 't': {
      const raw = Number.parseInt(words[0] ?? '', 16);
      const type = raw & 0o170000;
      const stat: Stat = {
        kind: type === 0o100000 ? 'file' : type === 0o040000 ? 'folder' : type === 0o120000 ? 'link' : 'other',
        mode: raw & 0o7777, size: number(1), uid: number(2), gid: number(3), modifiedMs: number(4) * 1000,
      };
      (kind === 's' ? printed.stats : printed.targets).set(words.slice(5).join(' '), stat);
      break;
    }
    case 'n': printed.names.push({ size: number(0), modifiedMs: number(1) * 1000, path: words.slice(2).join(' ') }); break;
    case 'x': printed.unlisted.add(rest); break;
    case 'z': printed.whole = true; break;
  }
}

/** `d LINK WRITABLE UID MODE PATH`; its line of `df -Pk` follows. */
function readFolder(printed: Printed, rest: string): string {
  const words = rest.split(' ');
  const path = words.slice(4).join(' ');
  printed.folders.set(path, { link: words[0] === '1', writable: words[1] === '1', uid: Number(words[2]), mode: Number.parseInt(words[3] ?? '0', 8), spaceBytes: 0, mount: '' });
  return path;
}

function readUnmarked(printed: Printed, section: string, folder: string, text: string): void {
  const [, free, mount] = section === 'd' ? /\s(\d+)\s+\S+%\s+(\/.*)$/.exec(text) ?? [] : [];
  const found = printed.folders.get(folder);
  if (found !== undefined && free !== undefined && mount !== undefined) printed.folders.set(folder, { ...found, spaceBytes: Number(free) * 1024, mount });
  else if (section === 'r') {
    const [, point, , options] = text.split(' ');
    if (point !== undefined && options !== undefined && /^ro(,|$)/.test(options)) printed.readOnly.add(point.replaceAll('\\040', ' '));
  } else printed.said.push(text);
}

/** The parts between marks: `\nMARK\n content \nMARK\n`, as often as something was read back. */
export function readBackParts(bytes: Uint8Array, mark: string): Uint8Array[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const fence = Buffer.from(`\n${mark}\n`);
  const parts: Uint8Array[] = [];
  for (let at = buffer.indexOf(fence); at >= 0;) {
    const start = at + fence.length;
    const end = buffer.indexOf(fence, start);
    if (end < 0) break;
    parts.push(Uint8Array.from(buffer.subarray(start, end)));
    at = buffer.indexOf(fence, end + fence.length);
  }
  return parts;
}
