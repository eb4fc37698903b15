// Types, lint, then every test under Node's own runner.
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from './setup/run.mjs';
import { tell } from './setup/tell.mjs';

const everyTest = 'test/**/*.test.ts';

/** Runs the whole suite, or only the files, folders and options of the runner in `args`; resolves to an exit code. */
export async function runTests(repository, node, args, env) {
  const options = args.filter((arg) => arg.startsWith('-'));
  const chosen = args.filter((arg) => !arg.startsWith('-')).map((path) => isFolder(path) ? join(path, '**/*.test.ts') : path);
  if (args.length > 0) tell('types and lint are left to the run of the whole suite: this one was told what to test');
  else {
    for (const [what, program, ...rest] of [['types', 'tsc', '--noEmit'], ['lint', 'oxlint', '--type-aware', '--deny-warnings']]) {
      const code = await run(join(repository, 'node_modules/.bin', program), rest, { cwd: repository, env });
      if (code !== 0) {
        console.error(`\n${what}: failed, see above; no test was run`);
        return code;
      }
      tell(`${what}: right`);
    }
  }
  return run(node, [
    '--test',
    // Tests of real servers wait a third of their time, for elections and pods: one file more than there are cores.
    `--test-concurrency=${availableParallelism() + 1}`,
    // Nothing may hang for ever; the longest file takes a few minutes.
    '--test-timeout=1200000',
    `--test-reporter=${join(repository, 'scripts/test-reporter.mjs')}`,
    '--test-reporter-destination=stdout',
    ...options,
    ...(chosen.length > 0 ? chosen : [everyTest]),
  ], { cwd: repository, env });
}

function isFolder(path) {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
