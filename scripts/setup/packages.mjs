// node_modules, Node 24 and dist/: what the program itself is made of.
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { isStale } from '../is-stale.mjs';
import { isProgram, onPath, run } from './run.mjs';
import { Missing, spoken, tell } from './tell.mjs';

/** Installs node_modules unless they are what the lock file says. */
export async function nodeModules(repository) {
  if (followsLockFile(repository)) return;
  const npm = onPath('npm');
  if (npm === undefined) throw new Missing('npm is missing, and node_modules is not what package-lock.json says; sudo apt-get install -y npm');
  tell('npm ci, because node_modules is missing or not what package-lock.json says; usually 15 s to 1 min');
  const startedMs = Date.now();
  // npm removes node_modules first: it must not itself run on the Node in there, nor must `prepare`.
  const path = process.env.PATH.split(':').filter((folder) => !folder.includes('node_modules')).join(':');
  const code = await run('npm', ['ci'], { cwd: repository, env: { ...process.env, PATH: path } });
  if (code !== 0) throw new Missing(`npm ci failed with exit code ${code}; mend what it says above and run again`);
  tell(`npm ci took ${spoken(Date.now() - startedMs)}`);
}

function followsLockFile(repository) {
  const packagesIn = (path) => JSON.parse(fs.readFileSync(join(repository, path), 'utf8')).packages;
  try {
    const installed = packagesIn('node_modules/.package-lock.json');
    const wanted = Object.entries(packagesIn('package-lock.json')).filter(([path]) => path !== '');
    // An optional package may be one for another machine.
    return wanted.every(([path, entry]) => installed[path] === undefined ? entry.optional === true : installed[path].version === entry.version)
      && Object.keys(installed).length > 0;
  } catch {
    return false;
  }
}

/** The path of a Node that runs TypeScript and our libraries: this one where it is recent enough, else npm's. */
export function node24(repository) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major >= 26 || (major === 24 && minor >= 15)) return process.execPath;
  const brought = join(repository, `node_modules/node-linux-${process.arch}/bin/node`);
  if (isProgram(brought)) return brought;
  throw new Missing(`Node 24.15 or newer is missing (this is ${process.version}) and npm has none for ${process.platform}-${process.arch}; get it from https://nodejs.org/en/download`);
}

/** Builds dist/ when src/ is newer. */
export async function dist(repository) {
  if (!isStale(fs, repository)) return;
  const { build } = await import('../build.mjs');
  const { tookMs } = await build();
  tell(`dist/ bundled from src/, because src/ is newer; took ${tookMs} ms`);
}

/** PATH with this Node first, for the scripts of packages that say `env node`. */
export function pathWith(node) {
  return `${dirname(node)}:${process.env.PATH}`;
}
