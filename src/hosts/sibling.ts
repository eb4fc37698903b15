import type { SiblingPurpose } from '../ports/hosts.ts';

const purposes: readonly SiblingPurpose[] = ['intent', 'keys', 'plain'];

export function folderOf(path: string): string {
  const cut = path.lastIndexOf('/');
  return cut <= 0 ? '/' : path.slice(0, cut);
}

export function nameOf(path: string): string { return path.slice(path.lastIndexOf('/') + 1); }

export function within(folder: string, name: string): string { return folder === '/' ? `/${name}` : `${folder}/${name}`; }

/** `/a/b` → `/a/.b.HEX.PURPOSE`: same folder, so that one rename puts it into place. */
export function siblingPath(path: string, hex: string, purpose: SiblingPurpose): string {
  return within(folderOf(path), `.${nameOf(path)}.${hex}.${purpose}`);
}

/** Whether `name` is a sibling that a write of a file called `target` left. */
export function isSiblingOf(target: string, name: string): boolean {
  if (!name.startsWith(`.${target}.`)) return false;
  const [hex, purpose, ...rest] = name.slice(target.length + 2).split('.');
  return rest.length === 0 && /^[0-9a-f]{8,64}$/.test(hex ?? '') && purposes.includes(purpose as SiblingPurpose);
}
