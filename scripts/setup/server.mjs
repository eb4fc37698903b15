// The real server of the tests: yours where there is one, else Vault built from Go modules and kept outside the repository.
import { dirname, join } from 'node:path';
import { cachedPath as pathInCache, goBuilt, versionInGoMod } from './go-build.mjs';
import { answerOf, onPath } from './run.mjs';
import { Missing, tell } from './tell.mjs';

const vault = 'github.com/hashicorp/vault';

/** What to build: `minimal` leaves out the plugins: raft and everything about keys stays, and it builds in half the time. */
const wanted = (module) => ({
  what: 'Vault', module, package: vault, keptAs: 'vault', program: 'vault', version: versionInGoMod(module, vault),
  flags: ['-mod=readonly', '-trimpath', '-tags', 'minimal', '-ldflags', '-s -w'],
  usually: '4 to 8 minutes', packages: '1,900',
  why: 'the tests want a real server, and there is no vault or bao on PATH and no VAULTCTL_TEST_SERVER',
  instead: ', or name a server: VAULTCTL_TEST_SERVER=/path/to/vault-or-bao',
});

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
  const path = await goBuilt(wanted(module));
  const name = nameOf(path);
  if (name === undefined) throw new Missing(`the Vault built at ${path} does not run; rm -r ${dirname(path)}`);
  return { path, name, origin: 'built here from Go modules' };
}

/** Where the build is kept: keyed by all that decides what it is. */
export function cachedPath(module) {
  return pathInCache(wanted(module));
}
