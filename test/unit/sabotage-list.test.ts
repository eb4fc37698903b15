import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { broken } from '../../sabotage/break.ts';
import { breaks } from '../../sabotage/breaks.ts';
import { sabotage } from '../../sabotage/run.ts';

const repository = resolve(import.meta.dirname, '../..');

describe('the list of npm run sabotage', () => {
  it('has what issue 4 names, at least 25 of them, each under a name of its own', () => {
    const names = new Set(breaks.map(({ name }) => name));
    assert.equal(names.size, breaks.length);
    assert.ok(breaks.length >= 25, `${breaks.length}`);
    for (const named of [
      'no-fsync-of-the-file', 'no-fsync-of-the-folder', 'no-read-back', 'no-intent', 'no-second-copy', 'verified-from-memory', 'one-failure-hides-behind-another', 'unreachable-read-as-absent',
      'promoted-before-verify', 'checkpoints-deleted-before-delivery', 'init-sent-again', 'fence-skipped', 'server-quotes-a-share',
    ]) assert.ok(names.has(named), named);
  });

  it('fits the code: what each breaks stands there exactly once, and its tests are there', () => {
    for (const one of breaks) {
      const text = readFileSync(join(repository, one.file), 'utf8');
      assert.notEqual(broken(text, one), text, one.name);
      assert.ok(one.danger.length > 20 && one.tests.length > 0, one.name);
      for (const test of one.tests) assert.ok(existsSync(join(repository, test)), `${one.name}: ${test}`);
    }
  });

  it('refuses a break that no longer fits the code', () => {
    const [one] = breaks;
    assert.throws(() => broken('another text', one!), /nowhere in src/);
    assert.throws(() => broken(`${one!.from}\n${one!.from}`, one!), /2 times in src/);
  });
});

describe('npm run sabotage', () => {
  it('sees the quick ones caught, one that changes nothing survive, and a slip of the pen be neither', async () => {
    const quick = breaks.filter(({ name }) => ['no-read-back', 'incomplete-set-accepted'].includes(name));
    const harmless = { ...quick[0]!, name: 'harmless', to: quick[0]!.from.replace('const', 'const ') };
    const mistyped = { ...quick[0]!, name: 'mistyped', to: 'const = ;' };
    const { outcomes, unusable } = await sabotage({ repository, breaks: [...quick, harmless, mistyped].map((one) => ({ ...one, tests: one.tests.slice(0, 1) })), lanes: 2, heard: () => undefined });
    assert.deepEqual(unusable, []);
    assert.deepEqual(outcomes.map(({ name, is }) => [name, is]), [['no-read-back', 'caught'], ['incomplete-set-accepted', 'caught'], ['harmless', 'survived'], ['mistyped', 'undecided']]);
    assert.match(outcomes[0]!.said, /read back different/);
    assert.match(outcomes[3]!.said, /mistyped/);
  });

  it('asks no test that fails without any break', async () => {
    const [one] = breaks;
    const { outcomes, unusable } = await sabotage({ repository, breaks: [{ ...one!, tests: ['sabotage/break.ts'] }], lanes: 1, heard: () => undefined });
    assert.deepEqual([outcomes[0]!.is, unusable], ['survived', ['sabotage/break.ts']]);
  });
});
