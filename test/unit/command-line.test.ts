import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Halt } from '../../src/model/halt.ts';
import { typed } from './typed-line.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** The program as a process: what a script sees. */
const real = (args: readonly string[], env: Record<string, string> = {}) => spawnSync(process.execPath, ['--input-type=module', '--eval', `const { main: run } = await import(${JSON.stringify(main)}); await run(process.argv.slice(1));`, '--', ...args], {
  encoding: 'utf8', cwd: '/', env: { PATH: process.env['PATH'] ?? '', ...env },
});

const common = ['--inventory', '--limit', '--extra-vars', '--vault-id', '--vault-password-file', '--ask-vault-pass', '--kubeconfig', '--context', '--json', '--timeout', '--verbose', '--no-color'];
const forFlows = ['--dry-run', '--check', '--yes', '--confirm', '--allow-missing', '--allow-missing-node', '--token-file'];
const forShares = ['--shares', '--threshold'];

/** Every verb and its flags, written down apart from the program. */
const verbs: Record<string, readonly string[]> = {
  install: [...common, ...forFlows, ...forShares, '--accept-restored'],
  rotate: [...common, ...forFlows, ...forShares, '--root-token', '--revoke-root', '--no-snapshot'],
  unseal: [...common, ...forFlows, '--watch'],
  status: common,
  verify: [...common, ...forFlows],
  distribute: [...common, ...forFlows, '--accept-restored'],
  configure: [...common, ...forFlows, '--diff'],
  plan: [...common, ...forFlows, ...forShares],
  recover: [...common, ...forFlows, '--import', '--unlock', '--archive', '--cancel-rekey', '--restore-snapshot', '--reinitialise'],
  inventory: [...common, '--list', '--host', '--graph', '--vars', '--check'],
  completion: [],
};
const flagsIn = (help: string) => [...help.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map((match) => match[1]!).filter((flag) => flag !== '--help' && flag !== '--version').toSorted();

describe('--help', () => {
  it('of the program lists every verb, and the exit codes that scripts may rely on', async () => {
    const { out, code } = await typed('--help');
    assert.equal(code, 0);
    for (const verb of Object.keys(verbs)) assert.match(out, new RegExp(`^ {2}${verb}\\b`, 'm'));
    for (const [exit, meaning] of [[0, 'done'], [2, 'usage'], [3, 'credentials LOST'], [4, 'interrupted'], [6, 'another operator'], [7, 'refused'], [8, 'Vault unreachable']] as const) assert.match(out, new RegExp(`${exit} ${meaning}`));
  });

  for (const [verb, flags] of Object.entries(verbs)) {
    it(`of ${verb} lists its flags, each with what it does`, async () => {
      const { out, code } = await typed(verb, '--help');
      assert.equal(code, 0);
      assert.deepEqual(flagsIn(out), flags.toSorted());
    });
  }
});

describe('a wrong command line', () => {
  const wrong: Record<string, [string[], RegExp]> = {
    'an unknown verb': [['instal'], /unknown command 'instal'.*Did you mean install/s],
    'an unknown flag': [['install', '--forse'], /unknown option '--forse'/],
    'a flag of another verb': [['status', '--no-snapshot'], /unknown option '--no-snapshot'/],
    'a flag without its value': [['install', '--limit'], /--limit <host>' argument missing/],
    'words that nothing wants': [['status', 'now'], /too many arguments/],
    'completion without a shell': [['completion'], /missing required argument 'shell'/],
    'an unknown shell': [['completion', 'tcsh'], /no completion for "tcsh"/],
    'a plan of no flow': [['plan', 'dance'], /there is no flow "dance" to plan/],
    'a plan of an object property': [['plan', 'toString'], /there is no flow "toString" to plan/],
    'recover --reinitialise and another verb': [['recover', '--reinitialise', '--unlock'], /one verb at a time/],
    'two verbs of recover': [['recover', '--unlock', '--archive'], /one verb at a time/],
    'both fates of the root token': [['rotate', '--root-token', '--revoke-root'], /cannot be used with option '--root-token'/],
    'inventory without a question': [['inventory'], /wants one of --list, --host NAME, --graph/],
    'inventory with two questions': [['inventory', '--list', '--host', 'a'], /wants one of --list, --host NAME, --graph/],
    'no inventory anywhere': [['status'], /no inventory/],
  };
  for (const [name, [argv, what]] of Object.entries(wrong)) {
    it(`with ${name} says so, touches nothing and is exit 2`, async () => {
      const { error, out } = await typed(...argv);
      assert.ok(error instanceof Halt);
      assert.match(error.text.what, what);
      assert.deepEqual([error.exitCode, error.text.notDone, out], [2, ['Nothing was touched.'], '']);
    });
  }

  it('without a verb prints the help on stderr and is exit 2', async () => {
    const { code, out, err } = await typed();
    assert.deepEqual([code, out], [2, '']);
    assert.match(err, /Usage: vaultctl/);
  });
});

describe('the program as a script sees it', () => {
  it('prints its version and its help on stdout with exit 0', () => {
    assert.deepEqual([real(['--version']).stdout, real(['--version']).status], ['development\n', 0]);
    const help = real(['--help']);
    assert.deepEqual([help.status, help.stderr], [0, '']);
  });

  it('has its usage errors on stderr with exit 2, and as one JSON document on stdout with --json', () => {
    const plain = real(['instal']);
    assert.deepEqual([plain.status, plain.stdout], [2, '']);
    assert.match(plain.stderr, /^unknown command 'instal'/);
    const json = real(['status', '--json', '-i', '/nowhere/hosts.yaml']);
    assert.equal(json.status, 2);
    const page = JSON.parse(json.stdout) as { is: string; code: string; exit: number; what: string };
    assert.deepEqual([page.is, page.code, page.exit], ['halt', 'usage', 2]);
    assert.match(page.what, /\/nowhere\/hosts\.yaml/);
  });

  it('names the inventory that it was told of by VAULTCTL_INVENTORY', () => {
    const result = real(['status'], { VAULTCTL_INVENTORY: '/nowhere/told.yaml' });
    assert.deepEqual([result.status, result.stdout], [2, '']);
    assert.match(result.stderr, /\/nowhere\/told\.yaml/);
  });
});

describe('a completion script', () => {
  it('is one that the shell can read, with every verb and flag', async () => {
    for (const shell of ['bash', 'zsh'] as const) {
      const { out, code } = await typed('completion', shell);
      assert.equal(code, 0);
      const parsed = spawnSync('bash', ['-n'], { input: out, encoding: 'utf8' });
      assert.deepEqual([parsed.status, parsed.stderr], [0, ''], shell);
      for (const [verb, flags] of Object.entries(verbs)) {
        const [, words = ''] = new RegExp(`^    ${verb}\\) .*-W "([^"]*)"`, 'm').exec(out) ?? [];
        assert.deepEqual(words.split(' ').toSorted(), [...flags, '--help'].toSorted(), verb);
      }
    }
  });

  it('completes in a real bash', async () => {
    const { out } = await typed('completion', 'bash');
    const complete = (...words: string[]) => spawnSync('bash', ['-c', `${out}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _vaultctl; printf '%s\\n' "\${COMPREPLY[@]}"`], { encoding: 'utf8' }).stdout.trim().split('\n');
    assert.deepEqual(complete('vaultctl', 'un'), ['unseal']);
    assert.deepEqual(complete('vaultctl', 'recover', '--c'), ['--context', '--check', '--confirm', '--cancel-rekey']);
    assert.deepEqual(complete('vaultctl', 'install', '-i', '/etc/host').includes('/etc/hosts'), true);
  });

  it('for fish quotes what it says about each verb', async () => {
    const { out } = await typed('completion', 'fish');
    for (const line of out.trim().split('\n')) assert.match(line, /^complete -c vaultctl -n (__fish_use_subcommand -f -a [a-z]+ -d '[^']*'|'__fish_seen_subcommand_from [a-z]+' -l [a-z-]+)$/);
  });
});

describe('the exit codes', () => {
  it('are those of the contract', async () => {
    const { exitCodes } = await import('../../src/model/halt.ts');
    assert.deepEqual(exitCodes, { done: 0, unexpected: 1, usage: 2, lost: 3, resumable: 4, undelivered: 5, locked: 6, refused: 7, unreachable: 8, interrupted: 130, terminated: 143, hungUp: 129 });
  });

  it('are set in one place: nothing but main ends the process', () => {
    assert.match(readFileSync(main, 'utf8'), /process\.exitCode =/);
    assert.doesNotMatch(readFileSync(main, 'utf8'), /process\.exit\(/, 'exit() would cut what is still on its way to a pipe');
  });
});
