import { refuse } from './value.ts';
import type { Place } from './value.ts';

export interface ConfigEntry { readonly value: string; readonly place: Place }

/** The entries of an `ansible.cfg`, by section and lower-case name. */
export class ConfigFile {
  readonly #sections = new Map<string, Map<string, ConfigEntry>>();

  /** As in Python, [DEFAULT] stands in for what a section that exists does not say itself. */
  entry(section: string, name: string): ConfigEntry | undefined {
    const found = this.#sections.get(section);
    return found?.get(name) ?? (found === undefined ? undefined : this.#sections.get('DEFAULT')?.get(name));
  }

  section(name: string): Map<string, ConfigEntry> {
    let found = this.#sections.get(name);
    if (found === undefined) this.#sections.set(name, found = new Map());
    return found;
  }
}

/** Where the comment of a line begins: `;` after white space anywhere, `#` only as the first sign. */
function commentAt(line: string): number | undefined {
  if (/^\s*[#;]/.test(line)) return 0;
  return /(?<=\s);/.exec(line)?.index;
}

/** Reads what Python's ConfigParser(inline_comment_prefixes=(';',)) reads, raw. UsageError with file and line where that fails. */
export function parseConfigFile(text: string, file: string): ConfigFile {
  const config = new ConfigFile();
  const seen = new Set<string>();
  let section: { readonly name: string; readonly entries: Map<string, ConfigEntry> } | undefined;
  let open: { name: string; lines: string[]; place: Place } | undefined;
  let indent = 0;
  const close = () => {
    if (open !== undefined) section?.entries.set(open.name, { value: open.lines.join('\n').trimEnd(), place: open.place });
    open = undefined;
  };
  for (const [index, line] of text.split('\n').entries()) {
    const place = { file, line: index + 1 };
    const comment = commentAt(line);
    const value = line.slice(0, comment).trim();
    if (value === '') {
      if (comment === undefined) open?.lines.push('');
      continue;
    }
    const indented = line.search(/\S/);
    if (open !== undefined && indented > indent) {
      open.lines.push(value);
      continue;
    }
    close();
    indent = indented;
    const header = /^\[(.+)\]/.exec(value)?.[1];
    if (header !== undefined) {
      if (header !== 'DEFAULT' && seen.has(header)) refuse(place, `section [${header}] begins a second time`, 'Merge the two; Ansible does not start with such a file.');
      seen.add(header);
      section = { name: header, entries: config.section(header) };
      continue;
    }
    if (section === undefined) refuse(place, 'a setting stands before the first section', 'Put [defaults] above it.');
    const [, name, said] = /^(.*?)\s*[=:]\s*(.*)$/.exec(value) ?? [];
    if (name === undefined || name === '') refuse(place, 'this is no setting', 'Write name = value.');
    const key = name.toLowerCase();
    if (section.entries.has(key)) refuse(place, `${key} stands twice in [${section.name}]`, 'Remove one of the two; Ansible does not start with such a file.');
    section.entries.set(key, { value: '', place });
    open = { name: key, lines: [said ?? ''], place };
  }
  close();
  return config;
}
