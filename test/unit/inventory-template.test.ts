import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Templates } from '../../src/inventory/template.ts';
import { Mapping, toJson } from '../../src/inventory/value.ts';
import { load, refusal } from './inventory-world.ts';

const world = (x: string) => `all:
  children:
    managers: {hosts: {m1.example.com: , m2: {own: 7}}}
    web: {hosts: {w1: }}
  vars:
    name: Vault
    port: 8200
    flag: yes
    empty: ""
    nothing: ~
    names: [a, b, c]
    deep: {one: {two: [x, {y: z}]}}
    chain: "{{ middle }}"
    middle: "{{ name }}-1"
    raw: !unsafe "{{ name }}"
    "x": ${x}
`;

async function value(x: string, host = 'm1.example.com'): Promise<unknown> {
  const inventory = await load(world(x));
  const found = new Templates(inventory).variable(host, 'x')?.value;
  return found === undefined ? undefined : found instanceof Mapping || Array.isArray(found) ? toJson(found) : found;
}

const taken: readonly (readonly [string, unknown])[] = [
  ['"{{ name }}"', 'Vault'], ['"https://{{ name | lower }}:{{ port }}"', 'https://vault:8200'], ['"{{ port }}"', 8200], ['"{{ chain }}"', 'Vault-1'],
  ['"{{ flag }}-{{ nothing }}-"', 'True--'], ['"{{ missing | default(\'d\') }}"', 'd'], ['"{{ missing.too[0] | d(5) }}"', 5], ['"{{ empty | default(\'d\', true) }}"', 'd'], ['"{{ empty | default(\'d\') }}"', ''],
  ['"{{ missing | default(omit) }}"', undefined], ['"{{ deep.one.two[1].y }}"', 'z'], ['"{{ deep[\'one\'][\'two\'][0] }}"', 'x'], ['"{{ names[-1] | default(1) }}"', 'c'],
  ['"{{ names | join(\',\') }}"', 'a,b,c'], ['"{{ names | first | upper }}"', 'A'], ['"{{ \' x \' | trim }}"', 'x'], ['"{{ \'12\' | int }}"', 12], ['"{{ \'x\' | int(3) }}"', 3], ['"{{ \'yes\' | bool }}"', true],
  ['"{{ \'hi\' | b64encode }}"', 'aGk='], ['"{{ \'aGk=\' | b64decode }}"', 'hi'], ['"{{ name ~ \':\' ~ port }}"', 'Vault:8200'], ['"{{ [name, \'b\'] }}"', ['Vault', 'b']],
  ['"{{ hostvars[\'m2\'].own }}"', 7], ['"{{ hostvars[groups[\'managers\'][1]][\'own\'] }}"', 7], ['"{{ groups.managers | join(\' \') }}"', 'm1.example.com m2'], ['"{{ inventory_hostname }}"', 'm1.example.com'],
  ['"{{ inventory_hostname_short }}"', 'm1'], ['"{{ inventory_dir }}/ca.pem"', '/w/ca.pem'], ['"{{ \'a\' if flag else \'b\' }}"', 'a'], ['"{{ \'a\' if name == \'vault\' else \'b\' }}"', 'b'], ['"{{- name -}}"', 'Vault'],
  ['["{{ name }}", {k: "{{ port }}"}]', ['Vault', { k: 8200 }]], ['"{{ raw }}"', '{{ name }}'], ['"{{ group_names | join }}"', 'managers'], ['plain', 'plain'],
];

const refused: readonly (readonly [string, RegExp])[] = [
  ['"{{ missing }}"', /missing is not defined/], ['"{{ lookup(\'env\', \'HOME\') }}"', /calling lookup\(\)/], ['"{{ name.upper() }}"', /calling \.upper\(\)/], ['"{{ name | regex_replace(\'a\', \'b\') }}"', /filter regex_replace/],
  ['"{% if name %}a{% endif %}"', /\{% is not supported/], ['"{# note #}"', /\{# is not supported/], ['"{{ name + 1 }}"', /unexpected/], ['"{{ name"', /not closed/], ['"{{ x }}"', /refers to itself/],
  ['"{{ }}"', /expression is missing/], ['"{{ names }}-a"', /list or mapping cannot stand/], ['"{{ hostvars }}"', /hostvars/], ['"{{ hostvars[\'gone\'].a }}"', /hostvars\[gone\]/], ['"{{ \'it\\\\s\' }}"', /backslash/], ['"{{ 3.0 }}"', /not supported as a number/], ['"{{ port and }}"', /expression is missing/], ['"{{ port is odd }}"', /test "is odd" is not supported/], ['"{{ name | replace(1) }}"', /replace takes 2 options/], ['"{{ names < port }}"', /compares two numbers or two texts/], ['"{{ \'a\' | b64decode }}"', /not base64/],
  [`"{{ ${'('.repeat(100)}1${')'.repeat(100)} }}"`, /nested deeper/], ['"{{ \'\'.__class__.__mro__ }}"', /not defined/],
];

describe('the {{ }} subset', () => {
  for (const [text, expected] of taken) it(`${text} is ${JSON.stringify(expected)}`, async () => assert.deepEqual(await value(text), expected));
  for (const [text, words] of refused) {
    it(`${text.slice(0, 60)} is refused with file, line and value`, async () => {
      const { what, exit } = await refusal(value(text));
      assert.equal(exit, 2);
      assert.match(what, words);
      assert.match(what, /^\/w\/hosts\.yaml:16: x/);
    });
  }

  it('variables in a circle are named, not followed for ever', async () => {
    const inventory = load('all: {hosts: {n1: {a: "{{ b }}", b: "{{ c }}", c: "{{ a }}"}}}\n');
    assert.match((await refusal(inventory.then((each) => new Templates(each).variable('n1', 'a')))).what, /refers to itself/);
  });

  it('text that doubles itself over and over is bounded', async () => {
    const doubling = Array.from({ length: 28 }, (_, index) => `v${index + 1}: "{{ v${index} }}{{ v${index} }}"`).join(', ');
    const inventory = load(`all: {hosts: {n1: {v0: 0123456789, ${doubling}}}}\n`);
    assert.match((await refusal(inventory.then((each) => new Templates(each).variable('n1', 'v28')))).what, /grows beyond/);
  });

  it('what nobody asks for need not resolve', async () => assert.equal(await value('fine').then(String), 'fine'));
});
