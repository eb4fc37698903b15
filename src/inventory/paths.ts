import { refuse } from './value.ts';
import type { Place } from './value.ts';

/** Where paths begin. */
export interface PathWorld {
  /** Absolute. */
  readonly cwd: string;
  readonly home: string;
  env(name: string): string | undefined;
}

/** Without `.`, `..` and double slashes; links stay as they are, for variables are sought beside the link. */
export function normalPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

export function absolutePath(path: string, cwd: string): string { return path.startsWith('/') ? path : `${cwd}/${path}`; }

/** A path of Ansible's settings: `$NAME`, `${NAME}` and `~` are filled in, `{{CWD}}` too; what is not absolute begins at `base`. */
export function expandedPath(path: string, base: string, world: PathWorld, place?: Place): string {
  const filled = path.replaceAll('{{CWD}}', world.cwd).replaceAll(/\$(?:([A-Za-z0-9_]+)|\{([^}]*)\})/g, (all, plain?: string, braced?: string) => world.env(plain ?? braced ?? '') ?? all);
  if (/^~[^/]/.test(filled)) refuse(place ?? { file: path }, `${filled}: the home of another user is not looked up`, 'Write the path out.');
  const absolute = filled.startsWith('~') ? world.home + filled.slice(1) : absolutePath(filled, base);
  return normalPath(absolute);
}
