import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const src = fileURLToPath(new URL('../../src', import.meta.url));

/** What each layer may import besides itself: never something above it. `hosts` and `vault` are pure builders of
 *  commands and requests; `vault` proves shares, and so knows how `credentials` combines them, never the reverse. */
const mayImport: Record<string, readonly string[]> = {
  model: [],
  ports: ['model'],
  vault: ['model', 'ports', 'credentials'],
  hosts: ['model', 'ports'],
  credentials: ['model', 'ports'],
  kubernetes: ['model', 'ports'],
  inventory: ['model', 'ports'],
  engine: ['model', 'ports', 'vault', 'hosts', 'credentials', 'inventory', 'kubernetes'],
  steps: ['model', 'ports', 'vault', 'hosts', 'credentials', 'inventory', 'kubernetes', 'engine'],
  flows: ['model', 'ports', 'vault', 'hosts', 'credentials', 'inventory', 'kubernetes', 'engine', 'steps'],
  commands: ['model', 'ports', 'vault', 'hosts', 'credentials', 'inventory', 'kubernetes', 'engine', 'steps', 'flows'],
  adapters: ['model', 'ports', 'vault', 'hosts', 'inventory', 'kubernetes'],
  'wire.ts': ['model', 'ports', 'vault', 'hosts', 'credentials', 'inventory', 'kubernetes', 'engine', 'steps', 'flows', 'commands', 'adapters'],
  'main.ts': ['model', 'ports', 'vault', 'hosts', 'credentials', 'inventory', 'engine', 'steps', 'flows', 'commands', 'wire.ts'],
};

/** The layers that touch the machine. Every other one reaches it through a port, and can therefore be simulated. */
const touchTheMachine = new Set(['adapters', 'wire.ts', 'main.ts']);

/** Builtins that only calculate. */
const pureBuiltins = new Set(['node:assert', 'node:assert/strict', 'node:buffer', 'node:crypto', 'node:path', 'node:path/posix', 'node:string_decoder', 'node:url', 'node:util', 'node:zlib']);

/** Libraries that touch the machine, and who alone may load them. */
const heldBy: Record<string, readonly string[]> = {
  ssh2: ['adapters'],
  '@kubernetes/client-node': ['adapters'],
  ws: ['adapters'],
  'socks-proxy-agent': ['adapters'],
  'node-vault': ['vault'],
  'write-file-atomic': ['adapters'],
  'ssh-config': ['adapters', 'hosts', 'inventory'],
  ora: ['adapters', 'commands'],
  commander: ['commands', 'main.ts'],
};

const machineGlobals = /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\bMath\.random\b|(?<![.\w$])process\.|(?<=(?:await|return|[=(,])\s*)fetch\(|\brandomBytes\b|\brandomUUID\b|\brandomInt\b/g;

/** Timers decide when a step goes on, and the simulator must be able to: only the bound on a real shell's answer is
 *  outside of what it replaces. */
const timers = /\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b/g;
const mayTime = new Set([...touchTheMachine, 'hosts']);

const layerOf = (path: string): string => path.split('/')[0] ?? path;

/** `code` with comments blanked out, and with them what they say about imports and clocks. */
function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\/|(?<=^|[\s;{(,])\/\/[^\n]*/g, '');
}

/** Every module named by an import, a re-export, or a dynamic import, as it is written. */
function importsOf(code: string): string[] {
  const found = code.matchAll(/(?:^|[\s;])(?:import|export)\s[^;'"`]*?\bfrom\s*['"]([^'"]+)['"]|(?:^|[\s;])import\s*['"]([^'"]+)['"]|\bimport\s*\(\s*['"]([^'"]+)['"]/g);
  return [...found].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

/** Every way in which `path` (relative to src/) with text `source` breaks the rule. */
function breaches(path: string, source: string): string[] {
  const layer = layerOf(path);
  const allowed = mayImport[layer];
  if (allowed === undefined) return [`${path}: ${layer} is no layer of the house`];
  const code = withoutComments(source);
  const wrongImports = importsOf(code).flatMap((name) => {
    if (name.startsWith('.')) {
      const target = layerOf(normalize(join(dirname(path), name)));
      return target === layer || allowed.includes(target) ? [] : [`${path} imports ${name}: ${layer} knows nothing of ${target}`];
    }
    if (touchTheMachine.has(layer) && name.startsWith('node:')) return [];
    if (name.startsWith('node:')) return pureBuiltins.has(name) ? [] : [`${path} imports ${name}: only adapters touch the machine`];
    const library = name.split('/').slice(0, name.startsWith('@') ? 2 : 1).join('/');
    const holders = heldBy[library];
    return holders === undefined || holders.includes(layer) ? [] : [`${path} imports ${name}: only ${holders.join(' and ')} may`];
  });
  const strings = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g;
  const bare = code.replace(strings, "''");
  const touched = [...(touchTheMachine.has(layer) ? [] : bare.match(machineGlobals) ?? []), ...(mayTime.has(layer) ? [] : bare.match(timers) ?? [])];
  const wrongGlobals = touched.map((name) => `${path} uses ${name}: the clock, chance and the process come through ports`);
  return [...wrongImports, ...wrongGlobals];
}

function sourceFiles(): string[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts')).map((path) => relative('.', path)).toSorted();
}

describe('the import rule', () => {
  it('every file of src/ imports only what its layer may know', () => {
    const files = sourceFiles();
    assert.ok(files.length > 20, `only ${files.length} files found below ${src}`);
    assert.deepEqual(files.flatMap((path) => breaches(path, readFileSync(join(src, path), 'utf8'))), []);
  });

  it('an import of a layer above is found, however it is written', () => {
    assert.match(breaches('model/keys.ts', "import { run } from '../engine/run.ts';")[0] ?? '', /model knows nothing of engine/);
    assert.match(breaches('steps/init.ts', "import type {\n  Flow,\n} from '../flows/install.ts';")[0] ?? '', /steps knows nothing of flows/);
    assert.match(breaches('engine/run.ts', "export * from '../steps/places.ts';")[0] ?? '', /engine knows nothing of steps/);
    assert.match(breaches('commands/status.ts', "const { wire } = await import('../wire.ts');")[0] ?? '', /commands knows nothing of wire\.ts/);
    assert.match(breaches('flows/install.ts', "import '../adapters/disk.ts';")[0] ?? '', /flows knows nothing of adapters/);
    assert.match(breaches('helpers/x.ts', '')[0] ?? '', /no layer of the house/);
  });

  it('the machine is found wherever it is touched outside of adapters, wire and main', () => {
    for (const line of ["import { readFile } from 'node:fs/promises';", "import net from 'node:net';", 'const t = Date.now();', 'const t = new Date();', 'Math.random()', 'process.exit(1)', 'setTimeout(f, 1)', "await fetch('x')", 'randomBytes(16)']) {
      assert.equal(breaches('steps/init-vault.ts', line).length, 1, line);
      assert.deepEqual(breaches('adapters/node-disk.ts', line), [], line);
    }
    assert.equal(breaches('steps/x.ts', "import { Client } from 'ssh2';").length, 1);
  });

  it('comments, texts and look-alikes are no breach', () => {
    const harmless = "// Date.now() would lie\n/* import x from '../main.ts' */\nconst text = 'Date.now() and process.exit';\nhost.fetch(path); new Date(ms).toISOString(); this.process.x;\nimport { join } from 'node:path';";
    assert.deepEqual(breaches('engine/run.ts', harmless), []);
  });
});
