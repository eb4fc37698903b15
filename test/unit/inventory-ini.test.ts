import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listJson } from '../../src/inventory/list.ts';
import { settingsFrom } from '../../src/inventory/settings.ts';
import { pythonLiteral } from '../../src/inventory/python-literal.ts';
import { load, refusal } from './inventory-world.ts';

const read = (text: string, file = 'hosts.ini') => load('', { files: { [`/w/${file}`]: text }, sources: [file] });

/** name, text, line expected (0: none), words that the message must hold. */
const broken: readonly (readonly [string, string, number, RegExp])[] = [
  ['an empty file', '', 0, /empty/],
  ['a file of comments', '# nothing\n; nothing\n', 0, /empty/],
  ['a section of an unknown kind', '[a]\nn1\n[a:var]\nx=1\n', 3, /\[a:var\] is of no known kind/],
  ['a section with a space', '[my group]\nn1\n', 1, /"\[my" is no section/],
  ['a section that is not closed', '[managers\nn1\n', 1, /bad host "\[managers"/],
  ['an IPv6 address in brackets without a port', '[2001:db8::1]\n', 1, /no section/],
  ['variables of an undeclared group', '[a]\nn1\n[b:vars]\nx=1\n', 3, /\[b:vars\] stands for a group that is declared nowhere/],
  ['an undeclared child', '[a:children]\n# one\nb\n', 3, /\[a:children\] names the group b, which is declared nowhere/],
  ['a child with variables', '[a]\nn1\n[p:children]\na x=1\n', 4, /"a" is no name of a group/],
  ['groups in a circle', '[a:children]\nb\n[b:children]\na\n', 4, /contain each other/],
  ['a group within itself', '[a:children]\na\n', 2, /contain each other/],
  ['a variable without =', '[a]\nn1\n[a:vars]\nx 1\n', 4, /every line is name=value/],
  ['spaces around = on a host line', '[a]\nn1 x = 1\n', 2, /"n1" stands something that is not name=value/],
  ['a second host on a line', 'n1, n2\n', 1, /not name=value/],
  ['variables among the hosts', '[a]\nn1\nx=1\n', 3, /"x=…" stands where the name of a host is expected/],
  ['a variable without a name', 'n1 =x\n', 1, /not name=value/],
  ['a quotation that is not closed', "n1\nn2 x='y\n", 2, /single quotation mark is not closed/],
  ['a backslash at the end', 'n1 x=y\\\n', 1, /backslash/],
  ['an empty range', '[a]\nn[9:2]\n', 2, /n\[9:2\].*begins after its end/],
  ['a range of unequal width', 'n[01:100]\n', 1, /same number of digits/],
  ['a range without an end', 'n[1:]\n', 1, /no end/],
  ['a million hosts', 'n[0:999999]\n', 1, /more than 100000/],
  ['a host that ends in a colon', '[a]\nn1:\n', 2, /"n1:" ends in a colon/],
  ['an empty name', '""\n', 1, /empty name/],
  ['a set', "[all:vars]\nx={'a', 'b'}\n", 2, /x is a set to Ansible/],
  ['a complex number', 'n1 x=3j\n', 1, /x is a complex number/],
  ['a priority that is no number', '[a]\nn1\n[a:vars]\nansible_group_priority=high\n', 4, /whole number/],
  ['broken YAML', '---\nall: [\n', 1, /looks like YAML/],
];

describe('an INI inventory', () => {
  for (const [name, text, line, words] of broken) {
    it(`with ${name} is refused: exit 2 with file, line and fix`, async () => {
      const { what, next, exit } = await refusal(read(text));
      assert.equal(exit, 2);
      assert.match(what, words);
      assert.ok(what.startsWith(line === 0 ? '/w/hosts.ini: ' : `/w/hosts.ini:${line}: `), what);
      assert.notEqual(next, '');
    });
  }

  it('whose line cannot be read is named without its password', async () => {
    const canary = 'Zq9wXk7vCanaryPass';
    for (const text of [`n1 ansible_password='${canary}\n`, `n1 ansible_password = ${canary}\n`, `[a:vars]\nansible_password ${canary}\n[a]\n`, `[p:children]\nansible_password=${canary}\n`, `[x ansible_password=${canary}]\n`, `ansible_password=${canary}\nn1 x\n`, `n1 ansible_password="{'${canary}'}"\n`]) {
      const { what, next } = await refusal(read(text));
      assert.ok(!`${what}${next}`.includes(canary), what);
    }
  });

  it('that sets a variable twice is read, the last counts, and it is said', async () => {
    const { warnings } = await read('[a]\nn1 x=1 x=2\n[a:vars]\ny=1\ny=2\n');
    assert.deepEqual(warnings, ['/w/hosts.ini:2: x is set twice for n1; the last one counts, as in Ansible', '/w/hosts.ini:5: y is set a second time (first at line 4); the last one counts, as in Ansible']);
  });

  it('is told from YAML as Ansible tells it, and the error is about what the file wants to be', async () => {
    const hosts = async (file: string, text: string) => [...(await read(text, file)).topology.hosts.keys()];
    assert.deepEqual(await hosts('hosts', 'n1\nn2\n'), ['n1', 'n2']);
    assert.deepEqual(await hosts('hosts', 'all: {hosts: {n1: }}\n'), ['n1']);
    assert.deepEqual(await hosts('hosts.yaml', '[a]\nn1\n'), ['n1']);
    assert.match((await refusal(read('all:\n\thosts:\n', 'hosts'))).what, /^\/w\/hosts:2: not valid YAML/);
    assert.match((await refusal(read('all:\n  hosts: [\n', 'hosts.yaml'))).what, /^\/w\/hosts\.yaml:\d: not valid YAML/);
    assert.match((await refusal(read('x: y\n[a]\nn1\nn2 y\n', 'hosts'))).what, /^\/w\/hosts:1: host "x:" ends in a colon/);
    assert.match((await refusal(read('{"all": {\n', 'hosts.json'))).what, /^\/w\/hosts\.json:\d: not valid YAML/);
    assert.match((await refusal(read('{}\n', 'hosts'))).what, /empty/);
    assert.match((await refusal(read('all:\n  hosts:\n    n1:\n', 'hosts.prod'))).what, /this is YAML, and in a file that ends in \.prod Ansible reads INI only/);
  });

  it('of bytes that are not UTF-8 is refused with the line, unless they are a comment', async () => {
    const text = (lines: string) => Buffer.from(lines, 'latin1');
    const bytes = (content: Buffer) => load('', { files: { '/w/hosts.ini': content }, sources: ['hosts.ini'] });
    assert.equal((await bytes(text('# caf\u00e9\nn1\n'))).topology.hosts.size, 1);
    assert.match((await refusal(bytes(text('n1\nn2 x=caf\u00e9\n')))).what, /^\/w\/hosts\.ini:2: this is not UTF-8/);
  });

  it('whose password is a number, however long, has it as it was written', async () => {
    const inventory = await read('[managers]\nm1 ansible_password=12345678901234567890 ansible_become=yes ansible_become_password=0123\n[all:vars]\nvault_addresses=["https://10.0.0.1:8200"]\n');
    const [m1] = (await settingsFrom(inventory, { localNames: [], home: '/home/op' })).managers;
    assert.equal(m1!.password?.reveal(), '12345678901234567890');
    assert.equal(m1!.becomePassword?.reveal(), '0123');
  });

  it('types what Python would: a mapping of a variable is one in --list', async () => {
    const listed = listJson(await read("n1 a=\"{'x': [1, 0x10, None]}\"\n")) as { _meta: { hostvars: { n1: object } } };
    assert.deepEqual(listed._meta.hostvars.n1, { a: { x: [1, 16, null] } });
  });
});

describe('a literal of Python', () => {
  const kind = (text: string) => pythonLiteral(text, { file: 'f' }).is;

  it('that is nested too deep, or too long a number, is text, in no time', () => {
    for (const text of ['['.repeat(100_000), `${'('.repeat(201)}1${')'.repeat(201)}`, '1'.repeat(4301), '-'.repeat(100_000), `'${'x'.repeat(1_000_000)}`, '"a"'.repeat(100_000).slice(1)]) {
      const begun = performance.now();
      assert.equal(kind(text), 'text');
      assert.ok(performance.now() - begun < 2000);
    }
    assert.equal(kind(`${'('.repeat(200)}1${')'.repeat(200)}`), 'value');
  });

  it('without JSON is told from text', () => {
    for (const text of ['{1}', 'set()', '1j', '1+2j', '...', "[b'x']", '{(1, 2): 3}', '"\\N{DASH}"']) assert.equal(kind(text), 'unprintable', text);
    for (const text of ['{[1]}', '{[1]: 2}', '{1, x}', "{{ 'x' }}", '1+2', '"\\x4"', "b'\u00e9'", '"a\0"', "'a' b'b'", '{1: 2', '{1 2}', '(,)']) assert.equal(kind(text), 'text', text);
  });
});
