import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Vault } from 'ansible-vault';
import fc from 'fast-check';
import { nodeInventoryFiles } from '../../src/adapters/node-inventory-files.ts';
import { readAnsibleConfig } from '../../src/inventory/ansible-config.ts';
import { BadHostPattern, expandHosts } from '../../src/inventory/addresses.ts';
import { listJson } from '../../src/inventory/list.ts';
import { loadInventory } from '../../src/inventory/load.ts';
import { settingsFrom } from '../../src/inventory/settings.ts';
import { parseSshArguments } from '../../src/inventory/ssh-args.ts';
import { Halt, haltPage, UsageError } from '../../src/model/halt.ts';
import { Secret } from '../../src/model/secret.ts';
import { damage, misspelt, shows } from './fuzz-damage.ts';
import { filesOf, load } from './inventory-world.ts';

const CANARY = 'Zq9wXk7vCanaryPass';
const VALID = `all:
  vars:
    ansible_user: deploy
    ansible_become: true
    ansible_become_password: ${CANARY}
    ansible_ssh_common_args: -o StrictHostKeyChecking=yes -J bastion
    addresses: &nodes [https://10.0.0.1:8200, "https://10.0.0.2:8200"]
    vault_cluster_name: 'production'
  children:
    managers:
      hosts:
        node[1:3]: {ansible_host: "{{ inventory_hostname }}.{{ domain | default('example') }}", rack: 7}
        m4.example:2222:
      vars:
        vault_addresses: "{{ addresses }}"
        vault_key_shares: 5
        vault_key_threshold: !!int 3
        again: *nodes
        text: |
          two
          lines
        <<: {merged: yes}
    others: {hosts: {x1: , x2: null}}
`;
const asObject = {
  all: { vars: { vault_addresses: ['https://10.0.0.1:8200'], vault_key_shares: 3, ansible_port: 22, ansible_become_password: CANARY, a: '{{ b }}', b: 'c' }, hosts: { lone: { x: 1 } }, children: { managers: { hosts: { 'node[1:2]': { ansible_host: '10.0.0.1' }, other: null }, children: { sub: { hosts: { y: {} } } } } } },
};
const SLOWEST_MS = 20_000;

/** Everything that a command does with an inventory; every refusal is a Halt that ends in words. */
async function read(text: string | Uint8Array, more: Parameters<typeof load>[1] = {}): Promise<'read' | UsageError> {
  const begun = performance.now();
  try {
    const inventory = await load(text as string, more);
    JSON.stringify(listJson(inventory), (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    await settingsFrom(inventory, { localNames: ['node1'], home: '/home/op' });
    return 'read';
  } catch (error) {
    assert.ok(error instanceof UsageError, String((error as Error).stack).slice(0, 2000));
    assert.equal(error.exitCode, 2);
    const page = haltPage(error.text);
    assert.ok(page.length < 40_000, `a page of ${page.length} signs`);
    return error;
  } finally {
    assert.ok(performance.now() - begun < SLOWEST_MS, `${performance.now() - begun} ms`);
  }
}
const refusedAs = async (text: string, words: RegExp, more: Parameters<typeof load>[1] = {}) => {
  const found = await read(text, more);
  assert.ok(found instanceof Halt, `it was read: ${text.slice(0, 80)}`);
  assert.match(found.text.what, words);
};

describe('an inventory', () => {
  it('that was damaged is read or refused in words, never a crash', async () => {
    assert.equal(await read(VALID), 'read');
    await fc.assert(fc.asyncProperty(damage, async (damaged) => { await read(damaged(Buffer.from(VALID))); }), { numRuns: 800 });
  });

  it('whose password is damaged is refused without the rest of it', async () => {
    const line = VALID.split('\n').findIndex((each) => each.includes(CANARY));
    await fc.assert(fc.asyncProperty(damage, async (damaged) => {
      const lines = VALID.split('\n');
      lines[line] = damaged(Buffer.from(lines[line]!)).toString('utf8').replaceAll('\n', ' ');
      // The name of the variable is what says that it is a secret.
      if (!/ansible_become_password *:/.test(lines[line])) return;
      const found = await read(lines.join('\n'));
      if (found instanceof Halt) assert.equal(shows(haltPage(found.text), [CANARY], 8), undefined, haltPage(found.text));
    }), { numRuns: 500 });
  });

  it('of any JSON values in any place is read or refused', async () => {
    await fc.assert(fc.asyncProperty(misspelt(asObject), async (text) => { await read(text); }), { numRuns: 700 });
    await fc.assert(fc.asyncProperty(fc.json({ maxDepth: 5 }), async (text) => { await read(text); }), { numRuns: 500 });
  });

  it('of any text, and of the signs that YAML is made of, is read or refused', async () => {
    const signs = fc.array(fc.constantFrom(':', ' ', '\n', '- ', '? ', '&a', '*a', '!', '!!', '!vault', '!unsafe', '|', '>', '"', "'", '{', '}', '[', ']', ',', '#', '%YAML 1.2\n', '---\n', '...\n', '<<', '=', '~', 'all', 'hosts', 'a', '1', '1:1', '2026-13-45', '0x', '{{', '}}', '{%', '\t', '\r', '\u2028', '\ufeff', '\u0085', '@', '`'), { maxLength: 60 }).map((parts) => parts.join(''));
    await fc.assert(fc.asyncProperty(fc.oneof(signs, signs.map((text) => `all:\n  vars:\n    x: ${text}\n`), fc.string({ maxLength: 200, unit: 'binary' }), fc.uint8Array({ maxLength: 200 })), async (text) => { await read(text); }), { numRuns: 1200 });
  });

  it('whose templates are damaged is read or refused', async () => {
    const expression = fc.array(fc.constantFrom('{{ ', ' }}', 'b', 'hostvars', "['", "']", '.', ' | ', 'default', "('x')", 'join', 'first', 'lower', 'int', 'b64decode', ' if ', ' else ', ' == ', ' ~ ', ' + ', '[', ']', '0', "'", '"', '{%', '{#', 'groups', 'omit', 'inventory_hostname', '(', ')', '__proto__', 'constructor'), { maxLength: 14 }).map((parts) => parts.join(''));
    await fc.assert(fc.asyncProperty(expression, expression, async (address, host) => {
      await read(JSON.stringify({ all: { vars: { vault_addresses: [address], b: 'https://10.0.0.1' }, children: { managers: { hosts: { m1: { ansible_host: host } } } } } }));
    }), { numRuns: 2000 });
  });
});

describe('the limits of an inventory', () => {
  it('a file of 100 MB is refused at once, and one of ten without being read as YAML', async () => {
    const begun = performance.now();
    await refusedAs('#'.repeat(100 << 20), /larger than 10 MiB/);
    await refusedAs(`all: &all {}\n${'# x\n'.repeat(2_000_000)}`, /YAML of more than \d MiB/);
    assert.ok(performance.now() - begun < 5000);
  });

  it('depth: brackets, dashes, mappings, indents, by the thousand', async () => {
    for (const text of [`a: ${'['.repeat(50_000)}`, '{a: '.repeat(10_000), '- '.repeat(20_000), '? '.repeat(5_000), `a: ${'['.repeat(300)}${']'.repeat(300)}`, `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, Array.from({ length: 800 }, (_, at) => `${' '.repeat(at)}a:`).join('\n')]) await refusedAs(text, /nested deeper|not valid YAML/);
  });

  it('width: what a document of the greatest size costs is bounded, whatever it is made of', async () => {
    const size = 400_000;
    for (const unit of ['- a\n', ',', '[a,', '"', '\n', '&a ', '!a ', ': ', 'a: b: c\n', '%a\n']) await read(unit.repeat(size / unit.length / 4));
    // The quick reader and INI take larger files than the library.
    for (const [length, line] of [[2_200_000, () => 'a: 1\n'], [1_000_000, (at: number) => `a${at}:\n  b: [${'1,'.repeat(20)}2]\n`], [1_000_000, (at: number) => `[g${at}]\nn${at} a=1\n`]] as const) {
      let text = '';
      for (let at = 0; text.length < length; at += 1) text += line(at);
      await read(text);
    }
  });

  it('laughs: aliases of aliases do not unfold for ever', async () => {
    const laughs = (of: (level: number) => string) => `${Array.from({ length: 30 }, (_, level) => `l${level}: &l${level} ${of(level)}`).join('\n')}\n`;
    const ten = (sign: string) => Array.from({ length: 10 }, () => sign).join(',');
    await refusedAs(laughs((level) => (level === 0 ? `[${ten('lol')}]` : `[${ten(`*l${level - 1}`)}]`)), /unfold to more than/);
    await refusedAs(laughs((level) => (level === 0 ? '{a: lol}' : `{${Array.from({ length: 10 }, (_, at) => `k${at}: *l${level - 1}`).join(',')}}`)), /unfold to more than/);
    await refusedAs(laughs((level) => (level === 0 ? '{a: lol}' : `{<<: [${ten(`*l${level - 1}`)}], k${level}: *l${level - 1}}`)), /unfold to more than/);
    for (const text of ['a: &a [*a]', 'a: &a {b: *a}', 'a: &a {<<: *a}', 'a: *nowhere', 'a: &a 1\nb: &a 2']) await refusedAs(text, /contains itself|not defined above|a second time/);
  });

  it('templates: references that double at every step, or go round, come to an end', async () => {
    const chain = (of: (next: string) => unknown, last: unknown) => JSON.stringify({ all: { vars: { vault_addresses: '{{ v0 }}', ...Object.fromEntries(Array.from({ length: 28 }, (_, at) => [`v${at}`, at === 27 ? last : of(`{{ v${at + 1} }}`)])) }, children: { managers: { hosts: { m1: null } } } } });
    await refusedAs(chain((next) => `${next}${next}`, 'x'), /grows beyond|more than/);
    await refusedAs(chain((next) => `${next}${next}`, ''), /more than \d+ references/);
    await refusedAs(chain((next) => [next, next], 'x'), /more than \d+ references/);
    await refusedAs(chain((next) => ({ a: next, b: next }), 'x'), /more than \d+ references/);
    await refusedAs(chain((next) => next, '{{ v0 }}'), /refers to itself|leads through/);
  });

  it('host ranges: no pattern, and no hundred of them, name more hosts than there is room for', async () => {
    const groups = (count: number, pattern: (at: number) => string) => JSON.stringify({ all: { vars: { vault_addresses: ['https://10.0.0.1:8200'] }, children: { managers: { hosts: { m1: null } }, ...Object.fromEntries(Array.from({ length: count }, (_, at) => [`g${at}`, { hosts: { [pattern(at)]: null } }])) } } });
    await refusedAs(groups(1, () => 'n[1:999999999]'), /more than 100000 hosts/);
    await refusedAs(groups(1, () => 'n[1:999][1:999][1:999]'), /more than 100000 hosts/);
    await refusedAs(groups(60, (at) => `n${at}-[1:99999]`), /more than \d+ hosts/);
    fc.assert(fc.property(fc.oneof(fc.string({ maxLength: 40 }), fc.array(fc.constantFrom('[', ']', ':', '1', '01', '99999', 'a', 'z', '.', '-', '_', '::', 'fe80', '[1:3]', '[a:c]', ',', ' '), { maxLength: 20 }).map((parts) => parts.join(''))), (pattern) => {
      try {
        assert.ok(expandHosts(pattern).names.length <= 100_000);
      } catch (error) {
        assert.ok(error instanceof BadHostPattern, String(error));
      }
    }), { numRuns: 2000 });
    for (const pattern of ['a-'.repeat(20_000), ':'.repeat(20_000), 'a:'.repeat(10_000), '[1:2]'.repeat(10), '['.repeat(20_000), '1.'.repeat(20_000), `${'a'.repeat(60_000)}_`]) {
      const begun = performance.now();
      try { expandHosts(pattern); } catch (error) { assert.ok(error instanceof BadHostPattern, String(error)); }
      assert.ok(performance.now() - begun < 3000, `${pattern.slice(0, 10)}: ${performance.now() - begun} ms`);
    }
  });

  it('groups: long chains, wide nets and hosts in every group come to an end', async () => {
    const ini = (text: string, words: RegExp) => refusedAs('', words, { files: { '/w/x.ini': text }, sources: ['x.ini'] });
    const each = (count: number, line: (at: number) => string) => Array.from({ length: count }, (_, at) => line(at)).join('');
    const chain = each(30_000, (at) => `[g${at}:children]\ng${at + 1}\n`);
    await ini(`${chain}[g30000]\nn1\n`, /nested deeper than 1000 levels/);
    await ini(`${chain}g0\n[g30000]\nn1\n`, /cannot be a child of g29999/);
    await ini(each(300, (at) => `[g${at}]\nn[1:99999]\n`), /into groups more than 2000000 times/);
    const net = each(400, (at) => `[p${at}:children]\n${each(400, (below) => `m${below}\n`)}`) + each(400, (at) => `[m${at}]\n[m${at}:children]\nl\n`);
    await ini(`${net}[l:children]\n${each(20_000, (at) => `b${at}\n`)}${each(20_000, (at) => `[b${at}]\nn${at}\n`)}`, /too many groups above them/);
  });

  it('a device or a pipe in place of a file ends too', async () => {
    for (const path of ['/dev/zero', '/dev/urandom']) await assert.rejects(loadInventory(nodeInventoryFiles, { sources: [path], cwd: '/', extraVars: [] }), (error) => error instanceof UsageError && /larger than 10 MiB/.test(error.message));
  });
});

describe('an INI inventory', () => {
  const VALID_INI = `lone x=1\n[managers]\nnode[1:3] ansible_host="{{ inventory_hostname }}.example" rack=7\nm4.example:2222 ansible_become_password='${CANARY}'\n[managers:vars]\nvault_addresses=["https://10.0.0.1:8200"]\nlist={'a': [1, 0x1F, None]}\n[site:children]\nmanagers\n[site:vars]\nansible_user=deploy\n`;
  const readIni = (bytes: string | Uint8Array) => read('', { files: { '/w/x.ini': bytes }, sources: ['x.ini'] });

  it('that was damaged is read or refused in words, never a crash', async () => {
    assert.equal(await readIni(VALID_INI), 'read');
    await fc.assert(fc.asyncProperty(damage, async (damaged) => { await readIni(damaged(Buffer.from(VALID_INI))); }), { numRuns: 800 });
  });

  it('whose password is damaged is refused without the rest of it', async () => {
    await fc.assert(fc.asyncProperty(damage, async (damaged) => {
      const value = damaged(Buffer.from(`'${CANARY}'`)).toString('utf8').replaceAll(/[\n\r\v\f\x1C-\x1E\x85\u2028\u2029]/g, ' ');
      const found = await readIni(VALID_INI.replace(`'${CANARY}'`, () => value));
      if (found instanceof Halt) assert.equal(shows(haltPage(found.text), [CANARY], 8), undefined, haltPage(found.text));
    }), { numRuns: 500 });
  });

  it('of the signs that INI is made of is read or refused', async () => {
    const signs = fc.array(fc.constantFrom('[', ']', ':', '=', ' ', '\n', '[a]\n', '[a:vars]\n', '[b:children]\n', 'a', 'b', 'n1', '#', ';', '"', "'", '\\', '{', '}', ',', '1', '0x', '1j', '(', ')', "b'", '...', '---', '\r', '\f', '\u2028', '\ufeff', '\0', 'None', '[1:2]', 'ansible_port=', 'ansible_group_priority='), { maxLength: 40 }).map((parts) => parts.join(''));
    await fc.assert(fc.asyncProperty(signs, async (text) => { await readIni(text); }), { numRuns: 1500 });
  });
});

describe('an ansible.cfg', () => {
  it('that was damaged, or made of any signs, is read or refused', async () => {
    const valid = Buffer.from('[defaults]\ninventory = hosts, ~/x ; c\nprivate_key_file = keys/id\nremote_port = 22\nhost_key_checking = no\n[ssh_connection]\nssh_args = -o A=b\n  -o C=d\n[inventory]\nignore_patterns = a, ^b\n[privilege_escalation]\nbecome = yes\n');
    const signs = fc.array(fc.constantFrom('[', ']', '=', ':', ';', '#', ' ', '\n', '[defaults]\n', 'timeout', 'inventory', ',', '~', '$HOME', '${', '}', '%', '\r', '1', '('), { maxLength: 30 }).map((parts) => Buffer.from(parts.join('')));
    await fc.assert(fc.asyncProperty(fc.oneof(damage.map((damaged) => damaged(valid)), signs), async (bytes) => {
      try {
        readAnsibleConfig(filesOf({ '/w/ansible.cfg': bytes }), { cwd: '/w', home: '/home/op', env: () => undefined });
      } catch (error) {
        assert.ok(error instanceof UsageError, String((error as Error).stack));
      }
    }), { numRuns: 1500 });
  });
});

describe('what stands beside the inventory', () => {
  it('an Ansible Vault text that was damaged is refused, and shows nothing of what is in it', async () => {
    const password = 'Opens-Zq9wXk7v-blob';
    const blob = await new Vault({ password }).encrypt(CANARY, '') as string;
    const within = (text: string) => `all:\n  vars:\n    vault_addresses: [https://10.0.0.1:8200]\n    ansible_become: true\n    ansible_become_password: !vault |\n${text.split('\n').map((line) => `      ${line}`).join('\n')}\n  children: {managers: {hosts: {m1: }}}\n`;
    const vaultPassword = () => new Secret(password);
    assert.equal(await read(within(blob), { vaultPassword }), 'read');
    await fc.assert(fc.asyncProperty(damage, async (damaged) => {
      const found = await read(within(damaged(Buffer.from(blob)).toString('latin1')), { vaultPassword });
      if (found instanceof Halt) assert.equal(shows(haltPage(found.text), [CANARY, password], 8), undefined);
    }), { numRuns: 60 });
    for (const whole of [blob, blob.slice(0, -40), `${blob}0`, '$ANSIBLE_VAULT', '$ANSIBLE_VAULT;9.9;ROT13\n00', `$ANSIBLE_VAULT;1.1;AES256\n${'0'.repeat(1 << 20)}`]) await read(whole, { vaultPassword });
  });

  it('-e of any text, and of damaged YAML and JSON, is read or refused', async () => {
    const text = fc.oneof(fc.string({ maxLength: 60 }), fc.array(fc.constantFrom('a', '=', ' ', '"', "'", '{{', '}}', '\\', '{', '}', '[', ']', ':', '@', '/', '.', ','), { maxLength: 16 }).map((parts) => parts.join('')), misspelt({ vault_key_shares: 5, nested: { a: [1] } }));
    await fc.assert(fc.asyncProperty(fc.array(text, { maxLength: 3 }), async (extraVars) => { await read(VALID, { extraVars }); }), { numRuns: 300 });
  });

  it('ssh arguments of any words are taken or refused', () => {
    const words = fc.array(fc.oneof(fc.constantFrom('-o', '-oPort=22', '-J', '-i', '-p', '-l', '-F', 'ProxyCommand=', 'StrictHostKeyChecking', '=', 'no', '"', "'", '\\', 'UserKnownHostsFile=/dev/null', '-C', '~', '--'), fc.string({ maxLength: 12 })), { maxLength: 8 }).map((parts) => parts.join(' '));
    fc.assert(fc.property(words, (args) => {
      try {
        assert.ok(Array.isArray(parseSshArguments([{ text: args, name: 'ansible_ssh_common_args', place: { file: 'f' } }], '/home/op').identityFiles));
      } catch (error) {
        assert.ok(error instanceof UsageError, String((error as Error).stack));
      }
    }), { numRuns: 2000 });
  });
});
