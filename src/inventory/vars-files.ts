import { Mapping, refuse, shown } from './value.ts';
import type { Variable } from './value.ts';
import type { SourceFiles } from './read-file.ts';

const endings = ['', '.yml', '.yaml', '.json'];
const nothing: ReadonlyMap<string, Variable> = new Map();

/** group_vars/ and host_vars/ below the given folders. */
export class VarsFiles {
  readonly #files: SourceFiles;
  readonly #warn: (text: string) => void;
  readonly #found = new Map<string, ReadonlyMap<string, Variable>>();
  /** The names in each folder; undefined where there is no such folder. */
  readonly #folders = new Map<string, ReadonlySet<string> | undefined>();

  constructor(files: SourceFiles, warn: (text: string) => void) {
    this.#files = files;
    this.#warn = warn;
  }

  variables(folder: string, kind: 'group_vars' | 'host_vars', name: string): ReadonlyMap<string, Variable> {
    const base = `${folder === '/' ? '' : folder}/${kind}`;
    // Such names are paths into a chroot: Ansible seeks no files for them.
    const names = name.startsWith('/') ? undefined : this.#namesIn(base);
    if (names === undefined) return nothing;
    // Ten thousand hosts with a file for three of them: the folder is listed once.
    if (!name.includes('/') && !endings.some((ending) => names.has(name + ending))) return nothing;
    const key = `${base}/${name}`;
    let found = this.#found.get(key);
    if (found === undefined) this.#found.set(key, found = this.#read(key));
    return found;
  }

  #namesIn(path: string): ReadonlySet<string> | undefined {
    if (!this.#folders.has(path)) {
      const kind = this.#files.files.kind(path);
      if (kind === 'file') this.#warn(`${path} is a file; Ansible reads a folder of that name only, so it is ignored`);
      this.#folders.set(path, kind === 'folder' ? new Set(this.#files.list(path)) : undefined);
    }
    return this.#folders.get(path);
  }

  #read(path: string): ReadonlyMap<string, Variable> {
    const variables = new Map<string, Variable>();
    for (const file of this.#filesOf(path)) {
      const value = this.#files.value(file);
      // Python's falsy values count as an empty file.
      if (value === undefined || value === null || value === false || value === 0 || value === '' || (Array.isArray(value) && value.length === 0)) continue;
      if (!(value instanceof Mapping)) refuse({ file, line: 1 }, `a file of variables must be a mapping, not ${shown(value)}`, 'Write `name: value` lines.');
      for (const [name, entry] of value.entries) variables.set(name, { value: entry.value, place: value.place(name) });
    }
    return variables;
  }

  /** NAME, then .yml, .yaml, .json: the first that exists, and a folder hides the files beside it. */
  #filesOf(path: string): string[] {
    for (const candidate of endings.map((ending) => path + ending)) {
      const kind = this.#files.files.kind(candidate);
      if (kind === 'folder') return this.#folderFiles(candidate, 0);
      if (kind !== 'absent') return [candidate];
    }
    return [];
  }

  #folderFiles(folder: string, depth: number): string[] {
    if (depth > 20) refuse({ file: folder }, 'folders of variables are nested deeper than 20 levels', 'Look for a link that leads back to its own folder.');
    return this.#files.list(folder).flatMap((name) => {
      if (name.startsWith('.') || name.endsWith('~')) return [];
      const dot = name.lastIndexOf('.');
      const ending = dot === -1 ? '' : name.slice(dot);
      const kind = this.#files.files.kind(`${folder}/${name}`);
      if (kind === 'folder') return ending === '' ? this.#folderFiles(`${folder}/${name}`, depth + 1) : [];
      return kind === 'file' && endings.includes(ending) ? [`${folder}/${name}`] : [];
    });
  }
}
