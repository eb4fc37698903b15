import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Vault } from 'ansible-vault';
import { Secret } from '../../src/model/secret.ts';
import { readAnsibleConfig } from '../../src/inventory/ansible-config.ts';
import { listJson } from '../../src/inventory/list.ts';
import { loadInventory } from '../../src/inventory/load.ts';
import { filesOf, load, refusal } from './inventory-world.ts';

/** name, text, line expected (0: none), words that the message must hold. */
const broken: readonly (readonly [string, string, number, RegExp])[] = [
  ['an empty file', '', 0, /empty/],
  ['a file of comments', '# nothing\n', 0, /empty/],
  ['an empty mapping', '{}\n', 0, /empty/],
  ['a list', '- a\n', 1, /a list/],
  ['a tab as indentation', 'all:\n\thosts:\n', 2, /[Tt]ab/],
  ['an unknown group key', 'all:\n  hosts: {n1: }\n  host: {n2: }\n', 3, /unknown key host/],
  ['a group that is a text', 'all: x\n', 1, /group all must hold/],
  ['hosts as a list', 'all:\n  hosts: [n1, n2]\n', 2, /hosts of group all must be a mapping/],
  ['a host that is a list', 'all:\n  hosts:\n    n1: [a]\n', 3, /n1 must hold variables/],
  ['a host that is a number', 'all:\n  hosts:\n    101:\n', 3, /101 is a number/],
  ['a group that is a boolean', 'no: {hosts: {n1: }}\n', 1, /false is a boolean/],
  ['an empty range', 'all:\n  hosts:\n    n[9:2]:\n', 3, /n\[9:2\].*begins after its end/],
  ['a range of unequal width', 'all: {hosts: {"n[01:100]": }}\n', 1, /same number of digits/],
  ['a range without an end', 'all: {hosts: {"n[1:]": }}\n', 1, /no end/],
  ['a range with step 0', 'all: {hosts: {"n[1:3:0]": }}\n', 1, /step/],
  ['a range of words', 'all: {hosts: {"n[ab:cd]": }}\n', 1, /numbers, or both one letter/],
  ['an IPv6 address in brackets without a port', 'all: {hosts: {"[2001:db8::1]": }}\n', 1, /not a range/],
  ['a million hosts', 'all: {hosts: {"n[0:999999]": }}\n', 1, /more than 100000/],
  ['a million hosts by two ranges', 'all: {hosts: {"n[0:999]-[0:999]": }}\n', 1, /more than 100000/],
  ['a group within itself', 'a: {children: {a: }}\n', 1, /contain each other/],
  ['groups in a circle', 'a: {children: {b: {children: {c: }}}}\nc: {children: {a: }}\n', 2, /contain each other/],
  ['all below another group', 'g: {children: {all: {hosts: {n1: }}}}\n', 1, /contain each other/],
  ['a plug-in', 'plugin: aws_ec2\nregions: [x]\n', 1, /plug-in "aws_ec2"/],
  ['what ansible-inventory --list printed', '{"all": {"children": ["ungrouped"]},\n"_meta": {"hostvars": {}}}\n', 2, /_meta .* --list/],
  ['two documents', 'all: {hosts: {n1: }}\n---\nall: {hosts: {n2: }}\n', 2, /second YAML document/],
  ['an undefined alias', 'all: {hosts: {n1: *x}}\n', 1, /\*x/],
  ['an anchor defined twice', 'a: &x {hosts: {n1: }}\nb: &x {hosts: {n2: }}\n', 2, /second time/],
  ['an anchor that contains itself', 'all: {hosts: {n1: {a: &x [*x]}}}\n', 1, /contains itself/],
  ['an unknown tag', 'all:\n  hosts:\n    n1:\n      a: !env HOME\n', 4, /!env/],
  ['a Python object', 'all: {hosts: {n1: {a: !!python/object/apply:os.system [id]}}}\n', 1, /python/],
  ['an impossible date', 'all:\n  hosts:\n    n1:\n      a: 2026-02-30\n', 4, /2026-02-30/],
  ['a bare =', 'all:\n  hosts:\n    n1:\n      a: =\n', 4, /bare =/],
  ['a control character', 'all:\n  hosts:\n    n1: {a: "\u0007"}\n', 3, /U\+0007/],
  ['a merge of a text', 'all: {hosts: {n1: {<<: x}}}\n', 1, /merges/],
  ['an unclosed bracket', 'all: {hosts: {n1: [}\n', 1, /YAML/],
  ['a priority that is no number', 'g: {vars: {ansible_group_priority: high}}\n', 1, /whole number/],
];

const laughs = `a: &a [${'x, '.repeat(10)}]\n${[...'bcdefghi'].map((name, index) => `${name}: &${name} [${`*${'abcdefgh'[index]}, `.repeat(10)}]`).join('\n')}\nall: {hosts: {n1: }}\n`;

describe('an inventory that Ansible would half understand is refused', () => {
  for (const [name, text, line, words] of broken) {
    it(`${name}: exit 2 with file, line and fix`, async () => {
      const { what, next, exit } = await refusal(load(text));
      assert.equal(exit, 2);
      assert.match(what, words);
      assert.ok(what.startsWith(line === 0 ? '/w/hosts.yaml' : `/w/hosts.yaml:${line}: `), what);
      assert.notEqual(next, undefined);
    });
  }

  it('billion laughs are refused at once', async () => {
    const { what } = await refusal(load(laughs));
    assert.match(what, /aliases unfold to more than/);
  });

  it('merges of merges are bounded too', async () => {
    const chain = [...'bcdefghi'].map((name, index) => `${name}: &${name} {${Array.from({ length: 10 }, (_, each) => `k${each}: {<<: *${'abcdefgh'[index]}}`).join(', ')}}`).join('\n');
    assert.match((await refusal(load(`a: &a {x: 1}\n${chain}\nall: {hosts: {n1: }}\n`))).what, /unfold/);
  });

  it('a deeply nested value is refused, not a stack overflow', async () => {
    for (const depth of [300, 5000, 200_000]) {
      assert.match((await refusal(load(`all: {hosts: {n1: {a: ${'['.repeat(depth)}${']'.repeat(depth)}}}}`))).what, /nested deeper/, String(depth));
    }
  });

  it('a number of a million digits is refused in no time, in YAML and in JSON', async () => {
    for (const text of [`all: {hosts: {n1: {a: ${'1'.repeat(1e6)}}}}`, `{"all": {"hosts": {"n1": {"a": ${'1'.repeat(1e6)}}}}}`, `all: {hosts: {n1: {a: ${'1'.repeat(10)}${':11'.repeat(1e5)}}}}`]) {
      assert.match((await refusal(load(text))).what, /^\/w\/hosts\.yaml:1: .*digits/);
    }
  });

  it('a missing file, a folder, a huge file and bytes that are not UTF-8 each say so', async () => {
    assert.match((await refusal(load('', { sources: ['/nowhere.yaml'] }))).what, /^\/nowhere\.yaml: no such file/);
    assert.match((await refusal(load('', { sources: ['/w'] }))).what, /^\/w\/hosts\.yaml: the inventory is empty/);
    assert.match((await refusal(load('', { files: { '/e/a.md': '' }, sources: ['/e'] }))).what, /^\/e: the folder holds no inventory/);
    assert.match((await refusal(load('', { sources: [' ,'] }))).what, /names no host/);
    assert.match((await refusal(load('x'.repeat(11 * 1024 * 1024)))).what, /larger than 10 MiB/);
    assert.match((await refusal(load('', { files: { '/w/b.yaml': Uint8Array.of(0xff, 0xfe, 0x61) }, sources: ['b.yaml'] }))).what, /not UTF-8/);
  });

  it('TOML comes with the way out', async () => {
    assert.match((await refusal(load('', { files: { '/w/hosts.toml': '[a.hosts]\nn1 = {}\n' }, sources: ['hosts.toml'] }))).next, /ansible-inventory -i \/w\/hosts\.toml --list --yaml --export > hosts\.yaml/);
  });

  it('a folder with .ini beside others is not guessed at: old Ansible passes .ini over, new Ansible reads it', async () => {
    const files = { '/f/a.yaml': 'all: {hosts: {n1: }}\n', '/f/b.ini': 'n2\n', '/g/b.ini': 'n2\n' };
    const { what, next } = await refusal(load('', { files, sources: ['/f'] }));
    assert.match(what, /^\/f\/b\.ini: .*before version 2\.19.*a\.yaml/);
    assert.match(next, /inventory_ignore_extensions/);
    assert.deepEqual([...(await load('', { files, sources: ['/g'] })).topology.hosts.keys()], ['n2']);
    const config = (text: string) => readAnsibleConfig(filesOf({ '/w/ansible.cfg': `[defaults]\ninventory_ignore_extensions = ${text}\n` }), { cwd: '/w', home: '/', env: () => undefined });
    assert.deepEqual([...(await load('', { files, sources: ['/f'], config: config('.ini') })).topology.hosts.keys()], ['n1']);
    assert.deepEqual([...(await load('', { files, sources: ['/f'], config: config('.bak') })).topology.hosts.keys()], ['n1', 'n2']);
  });

  it('an empty -i, and a folder that may not be listed, say so', async () => {
    assert.match((await refusal(load('', { sources: [''] }))).what, /-i is empty/);
    const files = { ...filesOf({ '/f/a.yaml': 'all: {hosts: {n1: }}\n' }), list: () => { throw Object.assign(new Error('EACCES'), { code: 'EACCES' }); } };
    assert.match((await refusal(loadInventory(files, { sources: ['/f'], cwd: '/w', extraVars: [] }))).what, /^\/f: may not be read \(permission denied\)/);
  });

  it('one broken file of a folder refuses them all', async () => {
    const files = { '/f/a.yaml': 'all: {hosts: {n1: }}\n', '/f/b.yaml': 'all: {hosts: [n2]}\n' };
    assert.match((await refusal(load('', { files, sources: ['/f'] }))).what, /^\/f\/b\.yaml:1: /);
  });

  it('a program is refused, an executable YAML file is not', async () => {
    const run = (text: string) => loadInventory(filesOf({ '/w/hosts.yaml': text }, ['/w/hosts.yaml']), { sources: ['hosts.yaml'], cwd: '/w', extraVars: [] });
    assert.match((await refusal(run('#!/bin/sh\necho {}\n'))).what, /is a program/);
    assert.equal((await run('all: {hosts: {n1: }}\n')).topology.hosts.size, 1);
    const plain = (text: string) => load('', { files: { '/w/hosts': text }, sources: ['hosts'] });
    assert.match((await refusal(plain('#!/usr/bin/env python3\nimport json\nprint(json.dumps({}))\n'))).what, /is a program/);
    assert.match((await refusal(load('', { files: { '/w/hosts': Uint8Array.of(0x7F, 0x45, 0x4C, 0x46, 0xFF) }, sources: ['hosts'] }))).what, /is a program/);
    assert.equal((await plain('#!/usr/bin/env ansible\n[a]\nn1\n')).topology.hosts.size, 1);
  });

  it('broken variables are found while loading: file, line', async () => {
    const files = (text: string) => ({ files: { '/w/group_vars/all.yml': text } });
    const good = 'all: {hosts: {n1: }}\n';
    assert.match((await refusal(load(good, files('a: [\n')))).what, /^\/w\/group_vars\/all\.yml:\d+: not valid YAML/);
    assert.match((await refusal(load(good, files('- a\n')))).what, /^\/w\/group_vars\/all\.yml:1: .*mapping, not a list/);
  });

  it('-e that is no variable, no mapping or an unclosed quotation is refused', async () => {
    const good = 'all: {hosts: {n1: }}\n';
    assert.match((await refusal(load(good, { extraVars: ['/etc/x.yml'] }))).next, /-e @\/etc\/x\.yml/);
    assert.match((await refusal(load(good, { extraVars: ['[1]'] }))).what, /mapping/);
    assert.match((await refusal(load(good, { extraVars: ['a="b'] }))).what, /not closed/);
    assert.match((await refusal(load(good, { extraVars: ['@gone.yml'] }))).what, /\/w\/gone\.yml: no such file/);
  });

  it('duplicate keys warn with both lines', async () => {
    const { warnings } = await load('all:\n  hosts: {n1: }\n  hosts: {n2: }\n');
    assert.deepEqual(warnings, ['/w/hosts.yaml:3: duplicate key hosts (first at line 2); the last one counts, as in Ansible']);
  });

  it('ten thousand hosts load, and take ten times as long as a thousand, not a hundred times', async () => {
    const text = (count: number) => `all:\n  hosts:\n${Array.from({ length: count }, (_, index) => `    host${index}: {ansible_host: 10.0.${index >> 8}.${index & 255}, ansible_port: 22}\n`).join('')}`;
    const cpuMs = async (count: number) => {
      const before = process.cpuUsage();
      const inventory = await load(text(count));
      assert.equal(Object.keys((listJson(inventory)['_meta'] as { hostvars: object }).hostvars).length, count);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    };
    await cpuMs(1000);
    const few = await cpuMs(1000);
    const many = await cpuMs(10_000);
    assert.ok(many < 50 * few, `1,000: ${few} ms, 10,000: ${many} ms`);
  });
});

describe('Ansible Vault files', () => {
  const password = 'pass-word-1';
  const encrypted = (text: string) => new Vault({ password }).encryptSync(text, '');
  const good = 'all: {hosts: {n1: }}\n';

  it('a wholly encrypted file is opened with the password, asked for once', async () => {
    let asked = 0;
    const inventory = await load(good, {
      files: { '/w/group_vars/all.yml': encrypted('a: 5\n'), '/w/host_vars/n1.yml': encrypted('b: 6\n') },
      vaultPassword: () => { asked += 1; return new Secret(password); },
    });
    assert.equal(inventory.variablesOf('n1').get('b')?.value, 6);
    assert.equal(asked, 1);
  });

  it('no password and a wrong one are refused with the file; neither shows anything of it', async () => {
    const files = { '/w/group_vars/all.yml': encrypted('a: 5\n') };
    assert.match((await refusal(load(good, { files }))).next, /--vault-password-file/);
    const { what } = await refusal(load(good, { files, vaultPassword: () => new Secret('wrong-password') }));
    assert.match(what, /^\/w\/group_vars\/all\.yml: the vault password does not open/);
    assert.doesNotMatch(what, /wrong-password/);
  });

  it('an inline !vault needs no password to be listed', async () => {
    const inventory = await load('all: {hosts: {n1: {p: !vault "$ANSIBLE_VAULT;1.1;AES256\\n61"}}}\n');
    assert.deepEqual(listJson(inventory)['_meta'], { hostvars: { n1: { p: { __ansible_vault: '$ANSIBLE_VAULT;1.1;AES256\n61' } } } });
  });
});
