import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { nodeInventoryFiles } from '../../src/adapters/node-inventory-files.ts';
import { hostsMatching } from '../../src/inventory/host-patterns.ts';
import { loadInventory } from '../../src/inventory/load.ts';
import type { Inventory } from '../../src/inventory/load.ts';
import { UsageError } from '../../src/model/halt.ts';
import { type Answer, askAnsible } from './ansible-answers.ts';

const hosts = `all:
  hosts: {lonely: , '2001:db8::7': }
  children:
    managers: {hosts: {'m[1:3]': }}
    web: {hosts: {'web[01:12]': , m1: }, children: {edge: {hosts: {edge.example.com: , edge-2: }}}}
    db: {hosts: {db1.example.com: , db2.example.com: , web02: }}
    'web-old': {hosts: {old: }}
`;
const patterns = [
  'all', '*', 'm1', 'managers', 'web', 'edge', 'ungrouped', 'lonely', 'managers,db', 'managers:db', 'managers, db', ' m2 ', 'web:!m1', 'web:&db', 'web:&db:!web02', '!web', '&db', '!web:!managers', '&web,!m1', 'm1,m1,managers',
  'web0*', 'web?1', 'web[!0]*', 'web0[1-3]', '*.example.com', 'db*', 'w*', 'edge*', '~web0[12]', '~(web|db)\\d', '~m', '~.*example', '!~web.*', '&~web.*',
  'web[0]', 'web[-1]', 'web[1:3]', 'web[10:]', 'web[0:0]', 'managers[1]', 'managers[0:99]', 'web*[2]', 'db[0],managers[-1]', 'web:!web[0]', 'web[2-4]', '2001:db8::7', '2001:db8::7,m1', 'edge.example.com', '*-2', 'web-old', 'managers;db', 'db:db:db',
];

describe('a host pattern means the hosts that it means to Ansible', () => {
  const home = mkdtempSync(join(tmpdir(), 'vaultctl-patterns-'));
  const file = join(home, 'hosts.yaml');
  let inventory: Inventory;
  let answers: readonly Answer[];
  const meant = (pattern: string) => hostsMatching(inventory.topology, pattern, () => ['m2', '', ' db[0] ']);
  before(async () => {
    writeFileSync(file, hosts);
    inventory = await loadInventory(nodeInventoryFiles, { sources: [file], cwd: home, extraVars: [] });
    answers = askAnsible(home, patterns.map((pattern) => ({ cwd: home, program: 'ansible', args: ['-i', file, '--list-hosts', '--', pattern] })));
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  for (const [index, pattern] of patterns.entries()) {
    it(pattern, () => {
      const { out, err, code } = answers[index]!;
      const theirs = [...out.matchAll(/^ {4}(\S+)$/gm)].map(([, host]) => host);
      // Ansible passes over what matches nothing with a warning, and goes on with fewer hosts.
      if (code !== 0 || /Could not match|subscripted pattern/.test(err)) assert.throws(() => meant(pattern), UsageError);
      else assert.deepEqual(meant(pattern), theirs, err);
    });
  }

  it('an address behind ! is one name (Ansible takes it apart)', () => { assert.ok(!meant('!2001:db8::7').includes('2001:db8::7')); });

  it('@file holds one a line', () => { assert.deepEqual(meant('@retry'), ['m2', 'db1.example.com']); });

  for (const [pattern, expected] of [
    ['manager', /Did you mean managers\?/], ['web99', /Did you mean web\d\d/], ['m1,nobody', /nobody matches no host/], ['web[99]', /beyond the 15 hosts/], ['~(', /no regular expression/], ['', /names no host/], [',', /names no host/], ['!nobody', /nobody matches no host/],
  ] as const) {
    it(`${JSON.stringify(pattern)} is refused: nobody is left out by a typing error`, () => {
      assert.throws(() => meant(pattern), (error) => error instanceof UsageError && expected.test([error.text.what, ...(error.text.next ?? [])].join(' ')) || assert.fail(String(error)));
    });
  }
});
