import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { broken, type Break } from './break.ts';

const LEFT_OUT = new Set(['node_modules', 'dist', '.git', '.mirror']);

/** The repository as it stands in the working folder, with the packages by link: nothing that is done to the copy reaches the original. */
export function copyRepository(repository: string, to: string): void {
  cpSync(repository, to, { recursive: true, filter: (from) => !LEFT_OUT.has(relative(repository, from)) });
  symlinkSync(join(repository, 'node_modules'), join(to, 'node_modules'));
}

/** Puts the break into the copy; what it returns takes it out again. */
export function apply(copy: string, one: Break): () => void {
  const path = join(copy, one.file);
  const good = readFileSync(path, 'utf8');
  writeFileSync(path, broken(good, one));
  return () => { writeFileSync(path, good); };
}
