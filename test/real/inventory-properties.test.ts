import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { nodeInventoryFiles } from '../../src/adapters/node-inventory-files.ts';
import { listJson } from '../../src/inventory/list.ts';
import { loadInventory } from '../../src/inventory/load.ts';
import { jsonText } from '../../src/inventory/value.ts';
import { BadScalar, plainScalar } from '../../src/inventory/yaml-scalars.ts';
import { askAnsible, listed } from './ansible-answers.ts';
import type { Answer, Question } from './ansible-answers.ts';

// A fixed seed keeps `npm test` the same for everybody; another one searches elsewhere.
const seed = Number(process.env['VAULTCTL_TEST_SEED'] ?? 20261122);
const home = mkdtempSync(join(tmpdir(), 'vaultctl-inventory-random-'));
after(() => rmSync(home, { recursive: true, force: true }));

/** Few names, so that groups, hosts and variables meet in many places. Groups only point downwards: no circles. */
const groups = ['a', 'b', 'c', 'd', 'e', 'f'];
const hosts = ['h1', 'h2', 'h[3:4]', 'h5:2222'];
const variables = fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.integer({ min: 0, max: 99 }), { maxKeys: 3 });
const groupBody = (index: number): fc.Arbitrary<object> => fc.record({
  hosts: fc.dictionary(fc.constantFrom(...hosts), fc.option(variables), { maxKeys: 3 }),
  vars: fc.tuple(variables, fc.option(fc.integer({ min: 0, max: 3 }))).map(([own, priority]) => priority === null ? own : { ...own, ansible_group_priority: priority }),
  children: index >= groups.length - 1 ? fc.constant({}) : fc.dictionary(fc.constantFrom(...groups.slice(index + 1)), fc.constant(null), { maxKeys: 3 }),
}, { requiredKeys: [] });
const inventories = fc.record({
  bodies: fc.tuple(...groups.map((_, index) => groupBody(index))),
  order: fc.shuffledSubarray(groups, { minLength: 1 }),
  all: fc.option(fc.record({ vars: variables, hosts: fc.dictionary(fc.constantFrom(...hosts), fc.option(variables), { maxKeys: 2 }) }, { requiredKeys: [] })),
  files: fc.dictionary(fc.constantFrom(...['inv', 'work'].flatMap((folder) => [
    ...['all', ...groups].map((group) => `${folder}/group_vars/${group}.yml`), ...['h1', 'h2', 'h3'].map((host) => `${folder}/host_vars/${host}`)])), variables, { maxKeys: 6 }),
  extra: fc.option(variables),
});

function document(each: { bodies: readonly object[]; order: readonly string[]; all: object | null }): object {
  return { ...(each.all === null ? {} : { all: each.all }), ...Object.fromEntries(each.order.map((group) => [group, each.bodies[groups.indexOf(group)]])) };
}

describe(`random inventories (VAULTCTL_TEST_SEED=${seed})`, () => {
  const samples = fc.sample(inventories, { numRuns: 100, seed });
  let answers: Answer[] = [];
  const optionsOf = (index: number) => {
    const extra = samples[index]!.extra;
    return { sources: [join(home, String(index), 'inv/hosts.yaml')], cwd: join(home, String(index), 'work'), extraVars: extra === null ? [] : [JSON.stringify(extra)] };
  };

  before(() => {
    const questions = samples.map((each, index): Question => {
      const root = join(home, String(index));
      mkdirSync(join(root, 'work'), { recursive: true });
      for (const [path, content] of Object.entries({ 'inv/hosts.yaml': document(each), ...each.files })) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), JSON.stringify(content, null, 1));
      }
      const { sources, cwd, extraVars } = optionsOf(index);
      return { cwd, args: ['-i', sources[0]!, ...extraVars.flatMap((text) => ['-e', text]), '--list'] };
    });
    answers = askAnsible(home, questions);
  });

  it('have the same groups, members and variables for both, whatever the layers', async () => {
    for (const [index, each] of samples.entries()) {
      const found = listJson(await loadInventory(nodeInventoryFiles, optionsOf(index)));
      assert.deepEqual(JSON.parse(jsonText(found)), listed(answers[index]!), `seed ${seed}, sample ${index}: ${JSON.stringify({ ...each, bodies: document(each) })}`);
    }
  });
});

describe(`random plain words (VAULTCTL_TEST_SEED=${seed})`, () => {
  const letters = fc.constantFrom(...'0123456789..::__--++eExXbBoOTtZz yYnNfFsSaAlLiIuUr~,=');
  const dates = fc.tuple(fc.integer({ min: 0, max: 2100 }), fc.integer({ min: 0, max: 14 }), fc.integer({ min: 0, max: 33 }), fc.constantFrom('', 'T01:02:03', ' 1:02:03.5Z', 't23:59:59 -5', ' 24:00:00', 'T01:02:03.1234567+05:30', 'T1:2:3'))
    .map(([year, month, day, time]) => `${String(year).padStart(4, '0')}-${month < 7 ? month : String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}${time}`);
  const numbers = fc.stringMatching(/^[-+]?(0|0x|0b|0o)?[0-9_]{1,6}(:[0-9]{1,2}){0,3}(\.[0-9_]{0,3})?(e[-+]?[0-9]{1,2})?$/);
  const words = fc.oneof(fc.string({ unit: letters, minLength: 1, maxLength: 9 }), dates, numbers)
    .filter((word) => !/^\s|\s$|: |:$| #|^[-?:](?: |$)|^[,=~]$|^---|^~/.test(word) && !/^[,]/.test(word));
  const samples = [...new Set(fc.sample(words, { numRuns: 4000, seed }))];
  const rejected = samples.filter((word) => { try { plainScalar(word); return false; } catch (error) { return error instanceof BadScalar; } });
  const accepted = samples.filter((word) => !rejected.includes(word));

  const write = (name: string, list: readonly string[]): string => {
    const path = join(home, name);
    writeFileSync(path, `all:\n  hosts:\n    n1:\n${list.map((word, index) => `      v${index}: ${word}\n`).join('')}`);
    return path;
  };

  it('are typed as PyYAML types them', async () => {
    const path = write('words.yaml', accepted);
    const [answer] = askAnsible(home, [{ cwd: home, args: ['-i', path, '--list'] }]);
    const expected = (listed(answer!) as { _meta: { hostvars: Record<string, Record<string, unknown>> } })._meta.hostvars['n1'];
    assert.ok(expected !== undefined, `seed ${seed}: ansible-inventory rejects one of the words that vaultctl takes: ${answer!.err}`);
    const inventory = await loadInventory(nodeInventoryFiles, { sources: [path], cwd: home, extraVars: [] });
    const found = (JSON.parse(jsonText(listJson(inventory))) as { _meta: { hostvars: Record<string, Record<string, unknown>> } })._meta.hostvars['n1']!;
    for (const [index, word] of accepted.entries()) assert.deepEqual(found[`v${index}`], expected[`v${index}`], `seed ${seed}: ${word}`);
  });

  it('are rejected where PyYAML rejects them', () => {
    const tried = rejected.slice(0, 40);
    const answers = askAnsible(home, tried.map((word, index) => ({ cwd: home, args: ['-i', write(`bad${index}.yaml`, [word]), '--list'] })));
    for (const [index, word] of tried.entries()) assert.match(answers[index]!.err, /Failed to parse/, `seed ${seed}: ${word}`);
  });
});
