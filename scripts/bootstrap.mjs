// `npm test`, `npm run demo | demo:kubernetes | bench | docs | prove | simulate | sabotage | cluster`: gets what is missing, says so, and goes on under Node 24.
// Plain JavaScript without dependencies: in a fresh clone there is nothing else yet, and npm's Node may be 20.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clusterPrograms } from './setup/cluster-programs.mjs';
import { clusterTools, debianTools, isRoot, versionOf } from './setup/debian.mjs';
import { dist, node24, nodeModules, pathWith } from './setup/packages.mjs';
import { answerOf, run } from './setup/run.mjs';
import { server } from './setup/server.mjs';
import { Missing } from './setup/tell.mjs';

const repository = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** What each command needs; `main` is the TypeScript it goes on with (`test` has the test runner instead). */
const commands = {
  test: { server: true, tools: ['sshd', 'ssh', 'sudo', 'doas', 'krb5kdc', 'kadmin.local', 'kinit', 'softhsm2-util', 'pkcs11-tool', 'ansible-inventory', 'flock', 'busybox', 'strace'] },
  demo: { server: true, tools: ['sshd', 'ssh', 'flock'], main: 'demo/demo.ts' },
  'demo:kubernetes': { server: false, tools: [], main: 'demo/kubernetes.ts' },
  bench: { server: true, tools: ['sshd', 'ssh', 'flock', 'ansible-playbook'], main: 'bench/bench.ts' },
  prove: { server: true, tools: ['sshd', 'ssh', 'sudo', 'flock', 'busybox', 'strace', 'ip', 'mkfs.ext4'], main: 'prove/prove.ts' },
  simulate: { server: false, tools: [], main: 'test/crash/simulate.ts' },
  sabotage: { server: true, tools: ['sshd', 'ssh', 'sudo', 'flock', 'busybox', 'strace'], main: 'sabotage/sabotage.ts' },
  cluster: { server: false, tools: [], main: 'test/cluster/main.ts' },
  docs: { server: false, tools: [], main: 'scripts/docs.ts' },
};

async function bootstrap([name, ...args]) {
  const command = Object.hasOwn(commands, name ?? '') ? commands[name] : undefined;
  if (command === undefined) throw new Missing(`no such command: ${name ?? '(none)'}; node scripts/bootstrap.mjs ${Object.keys(commands).join(' | ')}`);
  await nodeModules(repository);
  const node = node24(repository);
  await dist(repository);
  const tools = await debianTools([...command.tools, ...(args.includes('--half-commit') ? ['strace'] : [])]);
  const found = command.server ? await server(repository) : undefined;
  if (name === 'test' && testsUseCluster(args)) {
    await debianTools(clusterTools);
    await clusterPrograms(repository);
  }
  const used = serversUsed(found, tools, node);
  if (command.server) console.log(`servers used: ${used}`);

  const scratch = mkdtempSync(join(tmpdir(), `vaultctl-${name.replace(':', '-')}-`));
  const env = {
    ...process.env,
    PATH: pathWith(node),
    VAULTCTL_NOT_RUN_FILE: join(scratch, 'not-run'),
    VAULTCTL_SERVERS_USED: used,
    ...(found && { VAULTCTL_TEST_SERVER: found.path, VAULTCTL_TEST_SERVER_NAME: found.name }),
    ...(tools.sshd && { VAULTCTL_TEST_SSHD: tools.sshd }),
  };
  try {
    if (command.main === undefined) return await (await import('./run-tests.mjs')).runTests(repository, node, args, env);
    return await run(node, [join(repository, command.main), ...args], { cwd: repository, env });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Its parts are then made before the tests, which are not given a quarter of an hour each. */
function testsUseCluster(args) {
  const paths = args.filter((arg) => !arg.startsWith('-'));
  const isChosen = paths.length === 0 || paths.some((path) => /^(\.\/)?test(\/real)?\/?$|cluster|kubernetes/.test(path));
  return isChosen && isRoot && answerOf('unshare', ['--net', '--mount', '--pid', '--fork', 'true']) !== undefined;
}

function serversUsed(found, tools, node) {
  const versions = Object.entries(tools)
    .filter(([name, path]) => path !== undefined && ['sshd', 'ansible-inventory', 'ansible-playbook'].includes(name))
    .map(([name, path]) => `${versionOf(name, path)} (${path})`);
  return [
    ...(found ? [`${found.name} (${found.origin}: ${found.path})`] : []),
    ...versions,
    `under Node ${answerOf(node, ['--version'])?.trim() ?? node}, ${isRoot ? 'as root' : 'without root'}`,
  ].join(', ');
}

try {
  process.exitCode = await bootstrap(process.argv.slice(2));
} catch (cause) {
  if (!(cause instanceof Missing)) throw cause;
  console.error(`\n${cause.message}`);
  process.exitCode = 1;
}
