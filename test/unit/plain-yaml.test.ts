import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parsePlainYaml } from '../../src/inventory/plain-yaml.ts';
import { parseAnyYaml } from '../../src/inventory/yaml.ts';
import { corpus } from '../real/inventory-corpus.ts';

/** Both readers on one text: what the quick one takes, the library must take alike, with the same lines and warnings. */
function quick(text: string): boolean {
  const said: [string[], string[]] = [[], []];
  const plain = parsePlainYaml(text, 'f', (warning) => said[0].push(warning));
  if (plain === undefined) return false;
  assert.deepEqual(plain.value, parseAnyYaml(text, 'f', (warning) => said[1].push(warning)), text);
  assert.deepEqual(said[0], said[1], text);
  return true;
}

const words = fc.constantFrom('a', 'b', 'n1', 'node[01:05].x', 'no', 'on', '1', '0644', '1:30', '1e3', '~', 'null', '.5', '-5', '- 5', '-', '--x', '10.0.0.1', 'x y', 'x  y', 'a#b', 'a #b', '#c', 'it\'s', 'a:b', 'a: b', 'a:', 'https://x:80/y', '2026-01-02', '2026-02-30', '/x', '+1', '(x)', '=', '<<', '*a', '&a x', '!vault x', '|', '>', '?', '? x', ':x', '@x', '%x', '`x', 'x,y', 'x]', 'x}', 'a\\b', '<x', 'é', 'ü y', '_', '...', '---', '0x1F', '!x', 'x "y"', 'x|y', '{{ x }}', '"{{ x }}"');
const quotes = fc.constantFrom('"a"', "'b'", '"a b"', "'it''s'", '"a\\nb"', '" #x"', "': '", '""', "''", '"a" b', '"a" # c', '"a"#c', "'a", '"a: b"', "'0644'");
const flows = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, { weight: 3, arbitrary: words }, quotes,
    fc.tuple(fc.array(tie('value'), { maxLength: 3 }), fc.constantFrom(', ', ',', ' , ')).map(([items, comma]) => `[${items.join(comma)}]`),
    fc.tuple(fc.array(fc.tuple(fc.oneof(words, quotes), fc.constantFrom(': ', ':', ' : ', ':  ', ''), tie('value')), { maxLength: 3 }), fc.constantFrom('', ' ', ',')).map(([pairs, end]) => `{${pairs.map((pair) => pair.join('')).join(', ')}${end}}`)),
})).value;
const value = fc.oneof(fc.constant(''), words, quotes, flows);
const line = fc.tuple(fc.constantFrom('', '', '  ', '  ', '    ', '      ', ' ', '\t'), fc.oneof(fc.constant(''), fc.constant('- '), fc.constant('- - ')), fc.oneof({ weight: 4, arbitrary: fc.constantFrom('a', 'b', 'c', 'all', 'hosts', 'n1') }, { weight: 1, arbitrary: fc.oneof(words, quotes) }), fc.constantFrom(': ', ':', ': ', ':  ', ' : ', ''), value, fc.constantFrom('', '', '', ' # c', ' ', '#c'))
  .map((parts) => parts.join(''));
const lines = fc.tuple(fc.constantFrom('', '', '---\n', '# c\n', '\n', '%YAML 1.1\n---\n', '--- x\n', '\ufeff'), fc.array(fc.oneof({ weight: 6, arbitrary: line }, { weight: 1, arbitrary: fc.constantFrom('', '# c', '    # c', '---', '...', '- x', 'x') }), { minLength: 1, maxLength: 7 }), fc.constantFrom('\n', '', '\n\n', '\r\n'))
  .map(([start, all, end]) => start + all.join('\n') + end);

/** As operators write them: nested mappings and lists, one value a line. */
const tidy = fc.letrec<{ block: string[] }>((tie) => ({
  block: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'yes', '01', 'n[1:3]', '"q"', 'c'), fc.oneof({ depthSize: 'medium' },
    fc.oneof(words, quotes).map((text) => [` ${text}`]), flows.map((text) => [` ${text}`]), fc.constant(['']), fc.constant([' # c']),
    fc.tuple(fc.constantFrom(0, 1, 2, 4), fc.array(fc.oneof(words, quotes, flows), { minLength: 1, maxLength: 3 })).map(([deep, items]) => ['', ...items.map((item) => `${' '.repeat(deep)}- ${item}`)]),
    fc.tuple(fc.constantFrom(1, 2, 4), tie('block')).map(([deep, below]) => ['', ...below.map((each) => ' '.repeat(deep) + each)])))
    .map(([key, [first, ...rest]]) => [`${key}:${first!}`, ...rest]), { minLength: 1, maxLength: 3 }).map((entries) => entries.flat()),
})).block.map((all) => `${all.join('\n')}\n`);

describe('the quick reader of plain YAML', () => {
  it('takes nothing that the library would not take alike', () => {
    let taken = 0;
    fc.assert(fc.property(fc.oneof(tidy, tidy, lines), (text) => { taken += quick(text) ? 1 : 0; }), { numRuns: 6000, seed: Number(process.env['VAULTCTL_TEST_SEED'] ?? 20261123) });
    assert.ok(taken > 600, `it took ${taken} of 6000`);
  });

  it('reads the corpus as the library does', () => {
    const taken = corpus.flatMap(({ files }) => Object.values(files)).filter((text) => !text.startsWith('{') && quick(text));
    assert.ok(taken.length > 40, String(taken.length));
  });

  it('takes the shapes of large inventories', () => {
    for (const text of [
      '---\nall:\n  hosts:\n    node1:\n      ansible_host: 10.0.0.1   # first\n      ip: 10.0.0.1\n    "n[2:3]": {ansible_host: "{{ x }}", rack: 7, up: yes, tags: [a, b], none: }\n    n4:\n  children:\n    kube_node:\n      hosts: {node1: , n4: }\n    etcd:\n      hosts:\n        node1:\n',
      'vault_addresses:\n- https://10.0.0.1:8200\n- "https://10.0.0.2:8200"\nlist:\n  - a b\n  - 0644\nempty: []\nnone: {}\ntext: it is what it is\nargs: -o StrictHostKeyChecking=no\n',
    ]) assert.ok(quick(text), text);
  });

  it('leaves to the library whatever ends it deeper, wider or elsewhere', () => {
    for (const text of ['', '# c\n', 'a: 1\n  b: 2\n', ' a: 1\nb: 2\n', 'a: &x 1\n', 'a: |\n  x\n', 'a: x\n  y\n', 'a: 1\n---\nb: 2\n', '---\n---\na: 1\n', 'a: 2026-02-30\n', `a: ${'['.repeat(200)}${']'.repeat(200)}\n`, Array.from({ length: 120 }, (_, at) => `${' '.repeat(at)}a:`).join('\n'), 'a: 1\n- b\n']) {
      assert.equal(parsePlainYaml(text, 'f', () => {}), undefined, text);
    }
  });
});
