import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { nodeInventoryFiles } from '../../src/adapters/node-inventory-files.ts';
import { loadInventory } from '../../src/inventory/load.ts';
import { Templates } from '../../src/inventory/template.ts';
import { toJson } from '../../src/inventory/value.ts';
import type { Json } from '../../src/inventory/value.ts';
import { UsageError } from '../../src/model/halt.ts';
import { templatedByAnsible } from './ansible-answers.ts';

const seed = Number(process.env['VAULTCTL_TEST_SEED'] ?? 20261122);
const home = mkdtempSync(join(tmpdir(), 'vaultctl-templates-'));
after(() => rmSync(home, { recursive: true, force: true }));

const variables: Record<string, Json> = {
  name: 'Vault', port: 8200, half: 1.5, negative: -3, flag: true, off: false, empty: '', nothing: null, digits: '12', word: 'yes', spaced: ' a b ', names: ['a', 'b', 'c'], none: [], numbers: [3, 1],
  deep: { one: { two: ['x', { y: 'z' }] } }, chain: '{{ middle }}', middle: '{{ name }}-1', umlaut: 'Größe', encoded: 'aMO2', broken: '{{ gone }}',
};
const world = { all: { vars: variables, children: { managers: { hosts: { 'm1.example.com': { own: 6 }, m2: { own: 7, ansible_host: '{{ own }}.local' } } }, web: { hosts: { m2: null, '10.0.0.9': null } }, bare: null }, hosts: { lone: null } } };

/** Each must come out as with Ansible, or be refused where Ansible fails. */
const table = [
  'name', 'port', 'chain', 'deep.one.two[1].y', 'deep["one"]["two"][0]', 'deep.one.two.0', 'names[-1]', 'names[0]', 'gone | default("d")', 'gone.too[0] | d(5)', 'empty | default("d", true)', 'empty | default("d", boolean=true)',
  'empty | default("d")', 'off | default("d", true)', 'nothing | default("d")', 'nothing | default("d", true)', 'name | lower', 'name | upper', 'umlaut | upper', 'nothing | lower', 'flag | upper', 'port | lower', 'spaced | trim', 'names | join(",")', 'names | join',
  'numbers | join("-")', 'names | first', 'names | last', 'name | first', 'name | last', 'none | first | default("e")', 'none | last | default("e")', 'names | length', 'name | count', 'deep | length', 'name | replace("a", "b")', 'name | replace("", "-")',
  'digits | int', '"1.9" | int', '"1e3" | int', '"x" | int', '"x" | int(3)', '" 7 " | int', '"1_0" | int', '"-5" | int', 'flag | int', 'nothing | int', 'half | int', '"0x1f" | int', '"inf" | int', 'word | bool', '"y" | bool', '"t" | bool', '"on" | bool', '1 | bool', '"1" | bool',
  '2 | bool', 'flag | bool', '"no" | bool', '"TRUE" | bool', 'name | b64encode', 'umlaut | b64encode', 'encoded | b64decode', '"aGk=" | b64decode', '"aGk" | b64decode', 'name ~ ":" ~ port', 'name ~ nothing', 'name ~ flag', 'half ~ ""', '[name, "b"]', '[]', '[1, [2]]',
  'hostvars["m2"].own', 'hostvars.m2.own', 'hostvars["m2"]["ansible_host"]', 'hostvars[groups["managers"][1]]["own"]', 'hostvars["gone"].own | default("nobody")', 'hostvars["m2"].gone | default("nothing")', 'groups["managers"]', 'groups.managers | join(" ")', 'groups["all"]', 'groups["gone"] | default([])',
  'groups["bare"]', 'groups["ungrouped"]', 'group_names', 'inventory_hostname', 'inventory_hostname_short', 'inventory_dir', 'inventory_file', '"a" if flag else "b"', '"a" if off else "b"', '"a" if none else "b" if name else "c"', 'flag | ternary("a", "b")', 'off | ternary("a", "b")', 'nothing | ternary("a", "b")',
  'nothing | ternary("a", "b", "c")', 'name == "Vault"', 'name != "Vault"', 'port == 8200', 'port == "8200"', 'flag == 1', 'names == ["a", "b", "c"]', 'none == []', 'port > 80', 'port >= 8200', 'half < 2', '"a" < "b"', '"10" < "9"', '1 < 2 < 3', '1 < 3 < 2', '1 == 1 == 1', 'name < 3', 'nothing == none',
  'flag and off', 'flag or off', 'off or "x"', 'empty or name', 'name and port', 'not flag', 'not not flag', 'not name == "x"', '"a" in names', '"x" in names', '"x" not in names', '"au" in name', '"own" in hostvars["m2"]', '"managers" in group_names', '"m2" in groups["managers"]', '"managers" in groups', '"gone" in groups', '"one" in deep',
  '1 in port', 'flag and not off or gone', 'off and gone', 'flag or gone', 'gone or flag', 'name is defined', 'gone is defined', 'gone is not defined', 'gone is undefined', 'nothing is none', 'name is not none', 'deep.gone is defined', 'not gone is defined', '"a" if gone is defined else "b"',
  '(name ~ "x") | upper', '"x" ~ name | lower', 'names | first ~ names | last', '-3 | int', '1.5', '"it\'s"', "'a\\'b'", 'true', 'True', 'false', 'None', 'gone', 'broken', 'broken | default("x")', 'name | string', 'port | string', 'flag | string',
];
const texts = [...table.map((expression) => `{{ ${expression} }}`), '{{ name }}:{{ port }}', 'a{{ nothing }}b', 'a{{ flag }}b', '{{name}}', '{{- name -}}', ' {{ name }} ', '{{ name }}\n', 'a {{- name -}} b', '{{ "{{" }}', '{{ "}}" }}', 'https://{{ inventory_hostname }}:{{ port | default(8200) }}/v1'];

type Came = { readonly value: unknown } | { readonly error: string };

async function ours(host: string, asked: readonly string[]): Promise<Came[]> {
  const path = join(home, 'asked.json');
  writeFileSync(path, JSON.stringify(Object.fromEntries(asked.map((text, index) => [`asked_${index}`, text]))));
  const inventory = await loadInventory(nodeInventoryFiles, { sources: [join(home, 'hosts.yaml')], cwd: home, extraVars: [`@${path}`] });
  const templates = new Templates(inventory);
  return asked.map((_text, index) => {
    try {
      const found = templates.variable(host, `asked_${index}`);
      return { value: found === undefined ? undefined : toJson(found.value) };
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      return { error: error.text.what };
    }
  });
}

/** Before 2.19 Ansible made texts of numbers on the way; what was a number may be its text. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (value === null) return '';
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : value;
}

before(() => writeFileSync(join(home, 'hosts.yaml'), JSON.stringify(world)));

describe('{{ }} is resolved as Ansible does', () => {
  for (const host of ['m1.example.com', 'm2', '10.0.0.9']) {
    it(`in ${texts.length} texts, for ${host}`, async () => {
      const theirs = templatedByAnsible(home, { source: join(home, 'hosts.yaml'), host, texts });
      const mine = await ours(host, texts);
      const differ = texts.flatMap((text, index) => {
        const [a, b] = [mine[index]!, theirs[index]!];
        if ('error' in a || 'error' in b) return 'error' in a && 'error' in b ? [] : [[text, a, b]];
        return JSON.stringify(normal(a.value)) === JSON.stringify(normal(b.value)) ? [] : [[text, a, b]];
      });
      assert.deepEqual(differ, []);
    });
  }

  it(`or refused, in expressions put together at random (VAULTCTL_TEST_SEED=${seed})`, async () => {
    const atoms = fc.constantFrom('name', 'port', 'flag', 'off', 'empty', 'nothing', 'digits', 'names', 'none', 'gone', '1', '0', '"a"', '"b"', '""', 'true', '[1]', 'deep.one', 'names[1]', 'hostvars["m2"].own', 'group_names');
    const { expression } = fc.letrec<{ expression: string }>((tie) => ({
      expression: fc.oneof({ maxDepth: 3, withCrossShrink: true }, atoms, fc.tuple(tie('expression'), fc.constantFrom('==', '!=', '<', 'in', 'not in', 'and', 'or', '~'), tie('expression')).map(([a, sign, b]) => `(${a} ${sign} ${b})`),
        fc.tuple(tie('expression'), fc.constantFrom('lower', 'int', 'bool', 'default("d")', 'default("d", true)', 'first', 'last', 'length', 'join("-")', 'ternary("y", "n")', 'string', 'trim', 'b64encode')).map(([a, filter]) => `(${a}) | ${filter}`),
        tie('expression').map((a) => `not (${a})`), fc.tuple(tie('expression'), tie('expression'), tie('expression')).map(([a, b, c]) => `(${a} if ${b} else ${c})`)),
    }));
    const random = [...new Set(fc.sample(expression, { numRuns: 400, seed }))].map((each) => `{{ ${each} }}`);
    const theirs = templatedByAnsible(home, { source: join(home, 'hosts.yaml'), host: 'm2', texts: random });
    const mine = await ours('m2', random);
    const taken = mine.filter((each) => 'value' in each).length;
    assert.ok(taken > random.length / 3, `${taken} of ${random.length}`);
    // To refuse more than Ansible is allowed; to come to another value, or to one where Ansible fails, is not.
    assert.deepEqual(random.flatMap((text, index) => {
      const [a, b] = [mine[index]!, theirs[index]!];
      return 'error' in a || (!('error' in b) && JSON.stringify(normal(a.value)) === JSON.stringify(normal(b.value))) ? [] : [[text, a, b]];
    }), []);
  });

  it('and nothing that is typed as an expression breaks or hangs it', async () => {
    const signs = fc.array(fc.constantFrom('{{', '}}', '(', ')', '[', ']', '|', '.', ',', '~', '=', '==', '<', 'not', 'in', 'is', 'if', 'else', 'and', 'or', 'name', 'names', 'gone', 'default', 'join', 'int', 'first', '"a"', "'", '\\', '1', '-', '{%', '%}', '{#', ' ', '\n', 'ü', '\u{1F511}'), { maxLength: 14 }).map((parts) => parts.join(' '));
    const any = fc.sample(fc.oneof(signs.map((text) => `{{ ${text} }}`), signs, fc.string().map((text) => `{{ ${text} }}`)), { numRuns: 3000, seed });
    const long = ['(', 'not ', '[', 'name | lower ', '1 ~ ', 'flag and ', 'names[', '-', '1 < ', 'flag if '].flatMap((part) => [`{{ ${part.repeat(20_000)}`, `{{ ${part.repeat(20_000)} 1 }}`, `{{ name${part.repeat(20_000)} }}`]);
    const came = await ours('m2', [...any, ...long]);
    assert.equal(came.length, any.length + long.length);
  });
});
