// The real server of the tests: yours where there is one, else Vault built from Go modules and kept outside the repository.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { answerOf, isProgram, onPath, runTold } from './run.mjs';
import { Missing, spoken, tell } from './tell.mjs';

const vault = 'github.com/hashicorp/vault';
// `minimal` leaves out the plugins: raft and everything about keys stays, and it builds in half the time.
const flags = ['-mod=readonly', '-trimpath', '-tags', 'minimal', '-ldflags', '-s -w'];

/** `{ path, name, origin }`: an executable that answers `server`, "Vault v1.21.0" or "OpenBao v2.6.2", and whence. */
export async function server(repository) {
  const given = process.env.VAULTCTL_TEST_SERVER;
  if (given) {
    const name = nameOf(given);
    if (name === undefined) throw new Missing(`VAULTCTL_TEST_SERVER=${given} does not answer \`version\` as Vault or OpenBao; name one that does, or: unset VAULTCTL_TEST_SERVER`);
    return { path: given, name, origin: 'from VAULTCTL_TEST_SERVER' };
  }
  for (const program of ['vault', 'bao']) {
    const path = onPath(program);
    const name = path && nameOf(path);
    if (name) return { path, name, origin: 'found on PATH' };
    if (path) tell(`${path} is passed over: it does not answer \`version\` as Vault or OpenBao`);
  }
  return built(join(repository, 'test/servers'));
}

function nameOf(path) {
  return /^(Vault|OpenBao) v[^\s,]+/m.exec(answerOf(path, ['version']) ?? '')?.[0];
}

async function built(module) {
  const path = cachedPath(module);
  const origin = 'built here from Go modules';
  if (!isProgram(path)) await build(module, path);
  const name = nameOf(path);
  if (name === undefined) throw new Missing(`the Vault built at ${path} does not run; rm -r ${dirname(path)}`);
  return { path, name, origin };
}

/** Where the build is kept: keyed by all that decides what it is. */
export function cachedPath(module) {
  const goMod = readFileSync(join(module, 'go.mod'), 'utf8');
  const version = new RegExp(`^\\s*${vault} v(\\S+)`, 'm').exec(goMod)?.[1];
  const hash = createHash('sha256').update(JSON.stringify([goMod, flags, process.arch])).digest('hex').slice(0, 12);
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vaultctl', `vault-${version}-${hash}`, 'vault');
}

// The kernel frees the lock of a build that died: whoever waited for it finds the server there, or builds it itself.
const script = `test -x "$1" && exit 0
echo building
"$2" build -v "\${@:3}" -o "$1.new" ${vault} && mv "$1.new" "$1"`;

async function build(module, path) {
  const folder = dirname(path);
  const go = goProgram();
  if (onPath('flock') === undefined) throw new Missing('flock is missing (two runs must not build the server twice); sudo apt-get install -y util-linux');
  mkdirSync(folder, { recursive: true });
  tell(`building Vault from Go modules: the tests want a real server, and there is no vault or bao on PATH and no VAULTCTL_TEST_SERVER;`);
  tell(`  usually 4 to 8 minutes on two cores, once: it is kept in ${folder}`);
  const progress = { phase: 'another run is building it; waiting', compiled: 0, last: [] };
  const startedMs = Date.now();
  const ticker = setInterval(() => tell(`  ${spoken(Date.now() - startedMs)}: ${progress.phase}`), 15_000);
  const code = await runTold('flock', [join(folder, 'lock'), 'bash', '-c', script, 'bash', path, go, ...flags], {
    cwd: module, env: { ...process.env, CGO_ENABLED: '0' },
  }, (line) => note(progress, line)).finally(() => clearInterval(ticker));
  if (code > 128) throw new Missing(`the build of Vault was stopped by a signal after ${spoken(Date.now() - startedMs)}; run again, what is compiled stays compiled`);
  if (code !== 0) throw new Missing(`Vault could not be built (exit code ${code}):\n  ${progress.last.join('\n  ')}\nmend that and run again, or name a server: VAULTCTL_TEST_SERVER=/path/to/vault-or-bao`);
  tell(`Vault is ready after ${spoken(Date.now() - startedMs)}`);
}

/** `go build -v` names each package it compiles, and `go: downloading` each module. */
function note(progress, line) {
  if (line === 'building') progress.phase = 'looking at what is already compiled';
  else if (line.startsWith('go: downloading')) progress.phase = line.replace('go: ', '');
  else if (/^[\w.-]+(\/[\w.~-]+)*$/.test(line)) progress.phase = `${++progress.compiled} packages compiled (of about 1,900 when nothing is cached), last ${line}`;
  progress.last = [...progress.last, line].slice(-15);
}

function goProgram() {
  const go = onPath('go', ['/usr/local/go/bin', '/usr/lib/go/bin']);
  const get = 'curl -fsSL https://go.dev/dl/go1.25.5.linux-$(dpkg --print-architecture).tar.gz | sudo tar -C /usr/local -xz';
  if (go === undefined) throw new Missing(`no Vault server here, and no Go (1.25.1 or newer) to build one; ${get}`);
  const said = answerOf(go, ['env', 'GOVERSION', 'GOTOOLCHAIN']) ?? '';
  const [version = '', toolchain = ''] = said.trim().split('\n');
  const [, major = 0, minor = 0, patch = 0] = (/go(\d+)\.(\d+)(?:\.(\d+))?/.exec(version) ?? []).map(Number);
  const isAtLeast = (wantedMinor, wantedPatch) => major > 1 || minor > wantedMinor || (minor === wantedMinor && patch >= wantedPatch);
  // From 1.21 on, Go fetches the newer toolchain that a module asks for, unless it is told not to.
  if (isAtLeast(25, 1) || (isAtLeast(21, 0) && toolchain !== 'local')) return go;
  throw new Missing(`${go} is ${version || 'of unknown version'}, and Vault needs Go 1.25.1 or newer; sudo rm -rf /usr/local/go && ${get}`);
}
