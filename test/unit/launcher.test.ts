import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { notRun } from '../not-run.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'vaultctl-launcher-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** A main that tells what it was given and which Node it runs under. */
const tellingMain = `export async function main(argv) {
  if (argv[0] === 'exit') process.exitCode = Number(argv[1]);
  else if (argv[0] === 'die') process.kill(process.pid, 'SIGKILL');
  else if (argv[0] === 'wait') {
    const timer = setInterval(() => {}, 1000);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => { console.log('got ' + signal); clearInterval(timer); process.exitCode = 42; });
    console.log('waiting');
  } else console.log(JSON.stringify({ argv, node: process.version }));
}\n`;

/** An installation as a user has it: bin/, dist/ and the libraries, no src/. */
function installation(parts: { dist?: string; libraries?: boolean } = {}): string {
  const folder = mkdtempSync(join(scratch, 'with space '));
  mkdirSync(join(folder, 'bin'));
  cpSync(join(repository, 'bin/vaultctl.js'), join(folder, 'bin/vaultctl.js'));
  writeFileSync(join(folder, 'package.json'), '{"type": "module", "version": "1.2.3"}');
  if (parts.dist !== undefined) {
    mkdirSync(join(folder, 'dist'));
    writeFileSync(join(folder, 'dist/main.js'), parts.dist);
  }
  if (parts.libraries !== false) symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** A clone: an installation with src/ and the build beside it. */
function clone(main: string): string {
  const folder = installation();
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'src/main.ts'), main);
  cpSync(join(repository, 'scripts'), join(folder, 'scripts'), { recursive: true });
  return folder;
}

const recent = [process.execPath];
/** Any Node takes the way of an old one when it believes to be one; the one it goes on under knows nothing of it. */
const pretendedOld = [process.execPath, '--import', `data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '20.19.0' })`];

function reallyOld(): string[] | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];
  const isOld = (program: string) => /^v2[0-3]\./.test(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout);
  const program = folders.map((folder) => join(folder, 'node')).find((path) => existsSync(path) && isOld(path));
  return program === undefined ? undefined : [program];
}

function run(node: string[], folder: string, ...args: string[]) {
  const [program = '', ...options] = node;
  return spawnSync(program, [...options, join(folder, 'bin/vaultctl.js'), ...args], { encoding: 'utf8', timeout: 60_000 });
}

function runWith(env: Record<string, string>, node: string[], folder: string, ...args: string[]) {
  const [program = '', ...options] = node;
  return spawnSync(program, [...options, join(folder, 'bin/vaultctl.js'), ...args], { encoding: 'utf8', timeout: 60_000, env: { PATH: process.env['PATH'], ...env } });
}

const olds: [name: string, node: string[]][] = [['a Node that is too old', pretendedOld]];
const old = reallyOld();
if (old === undefined) notRun('the launcher under a real Node 20 to 23', 'this machine has none');
else olds.push([`${spawnSync(old[0] ?? '', ['--version'], { encoding: 'utf8' }).stdout.trim()} of this machine`, old]);

describe('bin/vaultctl.js', () => {
  it('prints the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string };
    const result = run(recent, repository, '--version');
    assert.equal(result.stderr, '');
    assert.match(result.stdout, new RegExp(`^(vaultctl )?${version}\n$`));
  });

  it('runs in place under a recent Node, with the arguments and the exit code as they are', () => {
    const folder = installation({ dist: tellingMain });
    assert.deepEqual(JSON.parse(run(recent, folder, 'a b', '--x=ü').stdout), { argv: ['a b', '--x=ü'], node: process.version });
    assert.equal(run(recent, folder, 'exit', '7').status, 7);
  });

  for (const [name, node] of olds) {
    it(`goes on under the Node that npm brought when started by ${name}`, () => {
      const folder = installation({ dist: tellingMain });
      const told = JSON.parse(run(node, folder, 'a b', '--x=ü').stdout) as { argv: string[]; node: string };
      assert.deepEqual(told.argv, ['a b', '--x=ü']);
      assert.match(told.node, /^v24\./);
      assert.equal(run(node, folder, 'exit', '7').status, 7);
      assert.equal(run(node, folder, 'die').signal, 'SIGKILL');
    });

    it(`passes signals on, and waits for the end, when started by ${name}`, async () => {
      const folder = installation({ dist: tellingMain });
      const [program = '', ...options] = node;
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        const child = spawn(program, [...options, join(folder, 'bin/vaultctl.js'), 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
        const ended = once(child, 'exit');
        const output: string[] = [];
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          output.push(text);
          if (text.includes('waiting')) child.kill(signal);
        });
        assert.deepEqual(await ended, [42, null], signal);
        assert.match(output.join(''), new RegExp(`got ${signal}`));
      }
    });

    it(`says in one line what to install when npm brought no Node and it is started by ${name}`, () => {
      const result = run(node, installation({ dist: tellingMain, libraries: false }), '--version');
      assert.equal(result.status, 1);
      assert.match(result.stderr, /^vaultctl: needs Node 24\.15 or newer .*npm ci.*\n$/);
    });
  }

  const telling: [env: Record<string, string>, said: string][] = [
    [{ NODE_DEBUG: 'http,net,stream' }, 'NODE_DEBUG'], [{ NODE_DEBUG_NATIVE: 'http' }, 'NODE_DEBUG_NATIVE'],
    ...['--inspect=0', '--heapsnapshot-signal=SIGUSR2', '--tls-keylog=/nonexistent/log', '--report-uncaught-exception', '--abort-on-uncaught-exception', '--max-old-space-size=200 --require=node:fs', '--import data:text/javascript,0']
      .map((options): [Record<string, string>, string] => [{ NODE_OPTIONS: options }, 'NODE_OPTIONS']),
    [{ NODE_DEBUG: 'tls', NODE_OPTIONS: '--trace-tls' }, 'NODE_DEBUG and NODE_OPTIONS'],
  ];
  for (const [env, said] of telling) {
    it(`starts afresh without ${JSON.stringify(env)}, and says so`, () => {
      const folder = installation({ dist: `export async function main(argv) { console.log(JSON.stringify([argv, process.env.NODE_DEBUG, process.env.NODE_DEBUG_NATIVE, process.env.NODE_OPTIONS])); process.exitCode = 7; }` });
      const { status, stdout, stderr } = runWith(env, recent, folder, 'a b');
      assert.deepEqual([status, JSON.parse(stdout.trim().split('\n').at(-1)!)], [7, [['a b'], null, null, null]]);
      assert.ok(stderr.includes(`vaultctl: ${said} would show or save what is in memory, keys too: left out\n`), stderr);
    });
  }

  it('lets the options of Node pass that tell nobody anything, and no library see DEBUG', () => {
    const folder = installation({ dist: `export async function main() { console.log(JSON.stringify([process.env.NODE_OPTIONS, process.env.DEBUG, process.ppid])); }` });
    const NODE_OPTIONS = '--max-old-space-size=4096 --use-openssl-ca --dns-result-order ipv4first';
    const { stdout, stderr } = runWith({ NODE_OPTIONS, DEBUG: '*' }, recent, folder);
    assert.equal(stderr, '');
    assert.deepEqual(JSON.parse(stdout), [NODE_OPTIONS, null, process.pid]);
  });

  it('says in one line how to get dist/ when it is missing', () => {
    const result = run(recent, installation(), '--version');
    assert.equal(result.status, 1);
    assert.match(result.stderr, /^vaultctl: dist\/main\.js is missing; .*npm ci.*\n$/);
  });
});

describe('in a clone', () => {
  const says = (word: string) => `export async function main(): Promise<void> { console.log('${word}'); }\n`;

  it('the program is built at its first start, and again after its source has changed', () => {
    const folder = clone(says('first'));
    assert.equal(run(recent, folder).stdout, 'first\n');
    writeFileSync(join(folder, 'src/main.ts'), says('second'));
    const later = Date.now() / 1000 + 5;
    utimesSync(join(folder, 'src/main.ts'), later, later);
    assert.equal(run(recent, folder).stdout, 'second\n');
  });

  it('a source that does not build is reported, and the older program is not run in its place', () => {
    const folder = clone(says('first'));
    assert.equal(run(recent, folder).stdout, 'first\n');
    writeFileSync(join(folder, 'src/main.ts'), 'export async function main( {');
    const later = Date.now() / 1000 + 5;
    utimesSync(join(folder, 'src/main.ts'), later, later);
    const result = run(recent, folder);
    assert.equal(result.status, 1);
    assert.equal(result.stdout, '');
    assert.match(result.stderr, /vaultctl: dist\/ is missing or older than src\/ and could not be built .*npm run build/);
  });
});
