import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { nodeInventoryFiles } from '../../src/adapters/node-inventory-files.ts';
import { parseConfigFile } from '../../src/inventory/config-file.ts';
import { BadQuotes, iniWords } from '../../src/inventory/ini-words.ts';
import { listJson } from '../../src/inventory/list.ts';
import { loadInventory } from '../../src/inventory/load.ts';
import { pythonLiteral } from '../../src/inventory/python-literal.ts';
import { jsonText, toJson } from '../../src/inventory/value.ts';
import { UsageError } from '../../src/model/halt.ts';
import { askAnsible, listed, readAsAnsible } from './ansible-answers.ts';
import type { Answer, Question } from './ansible-answers.ts';

const seed = Number(process.env['VAULTCTL_TEST_SEED'] ?? 20261122);
const home = mkdtempSync(join(tmpdir(), 'vaultctl-ini-random-'));
after(() => rmSync(home, { recursive: true, force: true }));

/** Python's JSON has numbers that JavaScript's has not. */
const parsed = (json: string): unknown => JSON.parse(json.replaceAll(/(?<=^|[\s:[])(-?Infinity|NaN)(?=$|[\s,}\]])/g, '"$1"'));

describe(`random values of INI (VAULTCTL_TEST_SEED=${seed})`, () => {
  const atoms = fc.oneof(
    fc.constantFrom('1', '0', '08', '0x1F', '0o17', '0b1', '1_0', '1__0', '-1', '+1', '--1', '1.5', '.5', '5.', '1e3', '1e-3', '1j', '01.5', '1L', 'True', 'False', 'None', 'true', 'x', '...', 'set()', '{{ x }}', "{{ 'x' }}", 'a.b', '10.0.0.1', '-x', 'not 1', '1+2', '1-2j', '1 2', '-0', '-0.0', '1e400', '123456789012345678901', '()', '[]', '{}'),
    fc.constantFrom('"a"', "'a'", '"it\'s"', "'''x'''", '"""y"""', 'r"\\n"', 'b"x"', 'u"x"', 'f"x"', 'Rb"x"', '"\\n"', '"\\x41"', '"\\x4"', '"\\101"', '"\\u00e9"', '"\\q"', '"\\N{DASH}"', '"open', "open'", "b'\\xff'", '"a" "b"', '"a" b"b"', '"#"', "''", '"é"', '"😀"'),
    fc.stringMatching(/^[-+]?(0|0x|0b|0o)?[0-9_.]{1,5}(e[-+]?[0-9]{1,2})?j?$/),
  );
  const sound = fc.oneof(fc.constantFrom('1', '-2', '3.50', '1e20', '1e-7', '1e16', '-0.0', 'True', 'None', '0x1F', '"a"', "'b c'", 'r"\\n"', '"\\t"', '"é"', '1_000', '[]', '()', '{}', '123456789012345678901'), fc.integer().map(String), fc.double({ noNaN: true, noDefaultInfinity: true }).map((each) => String(each).replace(/^(-?\d+)$/, '$1.0')));
  const expressions = (leaves: fc.Arbitrary<string>, damaged: number) => fc.letrec<{ expression: string }>((tie) => ({
    expression: fc.oneof({ depthSize: 'small', withCrossShrink: true }, { weight: 4, arbitrary: leaves },
      { weight: 1, arbitrary: fc.tuple(fc.constantFrom('()', '[]', '{}'), fc.array(tie('expression'), { maxLength: 3 }), fc.constantFrom('', ',', ' ')).map(([signs, items, end]) => `${signs[0]}${items.join(', ')}${end}${signs[1]}`) },
      { weight: 1, arbitrary: fc.array(fc.tuple(tie('expression'), tie('expression')), { maxLength: 3 }).map((pairs) => `{${pairs.map(([key, value]) => `${key}: ${value}`).join(',')}}`) },
      { weight: damaged, arbitrary: fc.tuple(tie('expression'), fc.constantFrom('-', '+', ' ', ',', ' # c', '.', '(', ')', ':', '*', '@', ' if 1 else 2')).map(([text, more]) => text + more) },
      { weight: damaged, arbitrary: fc.tuple(fc.constantFrom('-', '+', ' ', '~', '#', '*', '(', '\t'), tie('expression')).map(([more, text]) => more + text) }),
  })).expression;
  const anything = fc.string({ unit: fc.constantFrom(...'01289._-+eEjxob"\'\\ ,()[]{}:#TrueNoneFalsuU'), maxLength: 10 });
  const samples = [...new Set(fc.sample(fc.oneof(expressions(atoms, 1), expressions(sound, 0), expressions(sound, 0), anything), { numRuns: 6000, seed }))];

  it('are typed as Ansible types them', () => {
    const counts = { value: 0, text: 0, unprintable: 0 };
    for (const [index, theirs] of readAsAnsible(home, samples.map((text) => ({ as: 'value', text }))).entries()) {
      const text = samples[index]!;
      const ours = pythonLiteral(text, { file: 'f', line: 1 });
      const what = `seed ${seed}: ${text} → ${JSON.stringify(theirs)}`;
      counts[ours.is] += 1;
      // A set within a set, or a list as a key: Ansible 2.14 gives the whole file up, and so often for a template that it is kept as text.
      if (theirs.error === 'TypeError' && ours.is === 'text') assert.match(text, /[{]/, what);
      else if (theirs.error !== undefined) assert.equal(ours.is, 'unprintable', what);
      else if (ours.is === 'unprintable') assert.match(text, /\\N\{|b['"]/i, what);
      else assert.deepEqual(parsed(ours.is === 'value' ? jsonText(toJson(ours.value)) : JSON.stringify(text)), parsed(theirs.json!), what);
    }
    assert.ok(counts.value > 500 && counts.text > 500 && counts.unprintable > 50, JSON.stringify(counts));
  });
});

describe(`random lines (VAULTCTL_TEST_SEED=${seed})`, () => {
  const texts = (signs: string, numRuns: number) => [...new Set(fc.sample(fc.string({ unit: fc.constantFrom(...signs), maxLength: 14 }), { numRuns, seed }))];

  it('of hosts are split as Ansible splits them', () => {
    const samples = texts('ab=#"\'\\ \t"\'', 3000);
    for (const [index, theirs] of readAsAnsible(home, samples.map((text) => ({ as: 'words', text }))).entries()) {
      const text = samples[index]!;
      let ours: readonly string[] | undefined;
      try { ours = iniWords(text); } catch (error) { assert.ok(error instanceof BadQuotes); }
      assert.deepEqual(ours, theirs.json === undefined ? undefined : JSON.parse(theirs.json), `seed ${seed}: ${JSON.stringify(text)}`);
    }
  });

  it('of settings are read as Python\'s ConfigParser reads them', () => {
    const lines = fc.constantFrom('[a]', '[b] x', ' [c]', '[DEFAULT]', 'k=v', 'K : v ; c', 'l = v;w', '  more', '\tmore ; c', '', ' ', '; c', '  # c', '# c', 'm=', 'n', '=v', 'o = a = b', 'p:q=r', '[', '[]', 'k2=v # c', '  x = y', 'k3=v  ');
    const samples = [...new Set(fc.sample(fc.array(lines, { maxLength: 9 }).map((all) => `${all.join('\n')}\n`), { numRuns: 3000, seed }))];
    let read = 0;
    for (const [index, theirs] of readAsAnsible(home, samples.map((text) => ({ as: 'config', text }))).entries()) {
      const text = samples[index]!;
      let ours: ReturnType<typeof parseConfigFile> | undefined;
      try { ours = parseConfigFile(text, 'f'); } catch (error) { assert.ok(error instanceof UsageError); }
      const what = `seed ${seed}: ${JSON.stringify(text)} → ${JSON.stringify(theirs)}`;
      assert.equal(ours === undefined, theirs.error !== undefined, what);
      if (ours === undefined) continue;
      read += 1;
      for (const [section, entries] of JSON.parse(theirs.json!) as [string, [string, string][]][]) {
        for (const [name, value] of entries) assert.equal(ours.entry(section, name)?.value, value, what);
      }
    }
    assert.ok(read > 100, String(read));
  });
});

/** Few names, so that groups, hosts and variables meet in many places. Groups only point downwards: no circles. */
const groups = ['a', 'b', 'c', 'd', 'e'];
const values = fc.constantFrom('1', '"2"', 'x', '[1, 2]', "{'k': None}", 'True', 'a b', '08', '1,2', '{{ x }}', "'q'", '', '5 # c');
const variables = fc.dictionary(fc.constantFrom('x', 'y', 'z'), values, { maxKeys: 3 });
const quoted = (value: string) => `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
const hostLine = fc.tuple(fc.constantFrom('h1', 'h2', 'h[3:4]', 'h5:2222', 'h6', 'a'), variables, fc.constantFrom('', ' # c'))
  .map(([name, own, end]) => `${name}${Object.entries(own).map(([key, value]) => ` ${key}=${quoted(value)}`).join('')}${end}`);
const hostSection = fc.tuple(fc.constantFrom(...groups, 'all', 'ungrouped'), fc.array(hostLine, { maxLength: 3 })).map(([name, lines]) => [`[${name}]`, ...lines]);
const varsSection = fc.tuple(fc.constantFrom(...groups, 'all'), variables, fc.option(fc.integer({ min: 0, max: 3 })))
  .map(([name, own, priority]) => [`[${name}:vars]`, ...Object.entries(own).map(([key, value]) => `${key} = ${value}`), ...(priority === null ? [] : [`ansible_group_priority=${priority}`])]);
const childrenSection = fc.integer({ min: 0, max: groups.length - 2 }).chain((at) => fc.subarray(groups.slice(at + 1)).map((below) => [`[${groups[at]}:children]`, ...below]));
const inventories = fc.record({
  lone: fc.array(hostLine, { maxLength: 2 }),
  sections: fc.array(fc.oneof(hostSection, varsSection, childrenSection), { maxLength: 8 }),
  order: fc.shuffledSubarray(groups, { minLength: groups.length }),
  declared: fc.boolean(),
  files: fc.dictionary(fc.constantFrom(...['all', ...groups].map((group) => `group_vars/${group}.yml`), 'host_vars/h1', 'host_vars/h3.json'), fc.dictionary(fc.constantFrom('x', 'y'), fc.integer({ min: 0, max: 99 }), { maxKeys: 2 }), { maxKeys: 3 }),
});

describe(`random INI inventories (VAULTCTL_TEST_SEED=${seed})`, () => {
  const samples = fc.sample(inventories, { numRuns: 150, seed });
  let answers: Answer[] = [];
  const root = (index: number) => join(home, String(index));
  /** Every group is declared, before the rest or after it, so that Ansible takes the file. */
  const text = (each: (typeof samples)[number]) => {
    const declarations = each.order.map((group) => `[${group}]`);
    const rest = each.sections.flat();
    return `${[...each.lone, ...(each.declared ? [...declarations, ...rest] : [...rest, ...declarations]), '[z]', 'last'].join('\n')}\n`;
  };

  before(() => {
    answers = askAnsible(home, samples.map((each, index): Question => {
      for (const [path, content] of Object.entries({ hosts: text(each), ...each.files })) {
        mkdirSync(dirname(join(root(index), path)), { recursive: true });
        writeFileSync(join(root(index), path), typeof content === 'string' ? content : JSON.stringify(content));
      }
      return { cwd: root(index), args: ['-i', join(root(index), 'hosts'), '--list'] };
    }));
  });

  it('have the same groups, members and variables for both', async () => {
    for (const [index, each] of samples.entries()) {
      const found = listJson(await loadInventory(nodeInventoryFiles, { sources: [join(root(index), 'hosts')], cwd: root(index), extraVars: [] }));
      assert.deepEqual(JSON.parse(jsonText(found)), listed(answers[index]!), `seed ${seed}, sample ${index}:\n${text(each)}\n${answers[index]!.err}`);
    }
  });
});
