// Programs built from Go modules, each an ordinary dependency of a small module of ours below test/servers, and kept
// outside the repository.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { answerOf, isProgram, onPath, runTold } from './run.mjs';
import { Missing, spoken, tell } from './tell.mjs';

/** Where everything that is built is kept. */
export const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vaultctl');

/**
 * A program to build: `what` it is called in messages, the folder of its `module`, the `package` to build there, its
 * `version`, the `flags` of `go build`, `usually` how long that takes, about how many `packages` when nothing is cached,
 * `why` it is built, and what to do `instead` where it cannot be. `keptAs` names its folder in the cache, `program` the file
 * there; `sources` are texts of ours that decide what it is, beside its go.mod.
 */

/** Where a build is kept: keyed by all that decides what it is. */
export function cachedPath({ module, keptAs, program, version, flags, sources = [] }) {
  const goMod = readFileSync(join(module, 'go.mod'), 'utf8');
  const hash = createHash('sha256').update(JSON.stringify([goMod, flags, process.arch, ...sources])).digest('hex').slice(0, 12);
  return join(cache, `${keptAs}-${version}-${hash}`, program);
}

/** The path of the program, built where it is not there yet. */
export async function goBuilt(wanted) {
  const path = cachedPath(wanted);
  if (!isProgram(path)) await build(wanted, path);
  return path;
}

/** "1.21.0": the version of a module that the go.mod in `module` asks for. */
export function versionInGoMod(module, name) {
  return new RegExp(`^(?:require)?\\s*${name} v(\\S+)`, 'm').exec(readFileSync(join(module, 'go.mod'), 'utf8'))?.[1];
}

// The kernel frees the lock of a build that died: whoever waited for it finds the program there, or builds it itself.
const script = `test -x "$1" && exit 0
echo building
"$2" build -v "\${@:4}" -o "$1.new" "$3" && mv "$1.new" "$1"`;

async function build({ what, module, package: name, flags, usually, packages, why, instead }, path) {
  const folder = dirname(path);
  const go = goProgram(what, module);
  if (onPath('flock') === undefined) throw new Missing(`flock is missing (two runs must not build ${what} twice); sudo apt-get install -y util-linux`);
  mkdirSync(folder, { recursive: true });
  tell(`building ${what} from Go modules: ${why};`);
  tell(`  usually ${usually} on two cores, once: it is kept in ${folder}`);
  const progress = { packages, phase: 'another run is building it; waiting', compiled: 0, last: [] };
  const startedMs = Date.now();
  const ticker = setInterval(() => tell(`  ${spoken(Date.now() - startedMs)}: ${progress.phase}`), 15_000);
  const code = await runTold('flock', [join(folder, 'lock'), 'bash', '-c', script, 'bash', path, go, name, ...flags], {
    cwd: module, env: { ...process.env, CGO_ENABLED: '0' },
  }, (line) => note(progress, line)).finally(() => clearInterval(ticker));
  if (code > 128) throw new Missing(`the build of ${what} was stopped by a signal after ${spoken(Date.now() - startedMs)}; run again, what is compiled stays compiled`);
  if (code !== 0) throw new Missing(`${what} could not be built (exit code ${code}):\n  ${progress.last.join('\n  ')}\nmend that and run again${instead}`);
  tell(`${what} is ready after ${spoken(Date.now() - startedMs)}`);
}

/** `go build -v` names each package it compiles, and `go: downloading` each module. */
function note(progress, line) {
  if (line === 'building') progress.phase = 'looking at what is already compiled';
  else if (line.startsWith('go: downloading')) progress.phase = line.replace('go: ', '');
  else if (/^[\w.-]+(\/[\w.~-]+)*$/.test(line)) progress.phase = `${++progress.compiled} packages compiled (of about ${progress.packages} when nothing is cached), last ${line}`;
  progress.last = [...progress.last, line].slice(-15);
}

function goProgram(what, module) {
  const wanted = /^go (\S+)/m.exec(readFileSync(join(module, 'go.mod'), 'utf8'))?.[1] ?? '1.26.0';
  const go = onPath('go', ['/usr/local/go/bin', '/usr/lib/go/bin']);
  const get = 'curl -fsSL https://go.dev/dl/go1.26.8.linux-$(dpkg --print-architecture).tar.gz | sudo tar -C /usr/local -xz';
  if (go === undefined) throw new Missing(`no Go (${wanted} or newer) here to build ${what}; ${get}`);
  const said = answerOf(go, ['env', 'GOVERSION', 'GOTOOLCHAIN']) ?? '';
  const [version = '', toolchain = ''] = said.trim().split('\n');
  // From 1.21 on, Go fetches the newer toolchain that a module asks for, unless it is told not to.
  if (isAtLeast(version, wanted) || (isAtLeast(version, '1.21') && toolchain !== 'local')) return go;
  throw new Missing(`${go} is ${version || 'of unknown version'}, and ${what} needs Go ${wanted} or newer; sudo rm -rf /usr/local/go && ${get}`);
}

/** True when `version` ("go1.25.5", "go1.26rc1") is at least `wanted` ("1.25.1"). */
function isAtLeast(version, wanted) {
  const numbers = (text) => (/(\d+)\.(\d+)(?:\.(\d+))?/.exec(text) ?? []).slice(1).map((number) => Number(number ?? 0));
  const [have, want] = [numbers(version), numbers(wanted)];
  const differing = want.findIndex((number, index) => have[index] !== number);
  return have.length > 0 && (differing === -1 || have[differing] > want[differing]);
}
