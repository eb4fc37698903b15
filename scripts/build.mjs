// Bundles src/main.ts into dist/ as lazy chunks: `--version` must not pay for ssh2 or the Kubernetes client.
// Plain JavaScript, because `npm ci` runs it under whatever Node npm has; it runs on Node 20 and newer.
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(repository, 'src');
const dist = join(repository, 'dist');
const stamp = join(dist, 'stamp.json');

// ssh2 and its kind are CommonJS: inside an ES module they find none of these by themselves. `getBuiltinModule`
// because an `import` of a builtin costs a millisecond or two of start-up, for the wrapper that Node makes.
const banner = `const __moduleOfNode = process.getBuiltinModule('node:module'), __filename = process.getBuiltinModule('node:url').fileURLToPath(import.meta.url);
const require = __moduleOfNode.createRequire(__filename), __dirname = process.getBuiltinModule('node:path').dirname(__filename);`;

/** Writes dist/. Other runs may be using it: files are replaced by rename, the entry last, and the chunks of the
 *  build before stay for one more build. Throws an Error that esbuild has already explained on stderr. */
export async function build() {
  const esbuild = await import('esbuild');
  const startedMs = Date.now();
  const outputFiles = await bundle(esbuild);
  const before = readStamp().files;
  const entry = join(dist, 'main.js');
  for (const file of outputFiles.filter((file) => file.path !== entry)) replace(file.path, file.contents);
  for (const file of outputFiles.filter((file) => file.path === entry)) replace(file.path, file.contents);
  const files = outputFiles.map((file) => relative(dist, file.path));
  replace(stamp, JSON.stringify({ files }, undefined, 1));
  // The stamp bears the time the build began: what was edited meanwhile is newer, and is built the next time.
  utimesSync(stamp, startedMs / 1000, startedMs / 1000);
  sweep(new Set([...files, ...before, 'stamp.json']));
  return { tookMs: Date.now() - startedMs };
}

async function bundle(esbuild) {
  try {
    const { outputFiles } = await esbuild.build({
      absWorkingDir: repository,
      entryPoints: { main: join(source, 'main.ts') },
      outdir: dist,
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node24',
      define: { VAULTCTL_VERSION: JSON.stringify(JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')).version) },
      external: ['*.node', 'cpu-features'],
      banner: { js: banner },
      chunkNames: 'chunks/[name]-[hash]',
      minifySyntax: true,
      minifyWhitespace: true,
      legalComments: 'linked',
      logLevel: 'warning',
      write: false,
    });
    return outputFiles;
  } finally {
    // Its helper process would otherwise live as long as we do, and after a build the program goes on.
    await esbuild.stop();
  }
}

function readStamp() {
  try { return JSON.parse(readFileSync(stamp, 'utf8')); } catch { return { files: [] }; }
}

function replace(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}`;
  try {
    writeFileSync(fresh, contents);
    renameSync(fresh, path);
  } catch (cause) {
    rmSync(fresh, { force: true });
    throw cause;
  }
}

function sweep(kept) {
  for (const folder of ['', 'chunks']) {
    if (!existsSync(join(dist, folder))) continue;
    for (const entry of readdirSync(join(dist, folder), { withFileTypes: true })) {
      // A name with a process id at its end may be another build's, still being written.
      if (!entry.isFile() || /\.\d+$/.test(entry.name) || kept.has(join(folder, entry.name))) continue;
      try { unlinkSync(join(dist, folder, entry.name)); } catch { /* another build swept it first */ }
    }
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { tookMs } = await build();
  console.log(`dist/ built in ${tookMs} ms`);
}
