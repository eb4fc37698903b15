import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coverageOf, keyOf } from './coverage.ts';
import { reasonFor, tables } from './holes.ts';
import { settingNamed } from './settings.ts';

for (const name of ['install-2x1', 'rotate-2x1'] as const) {
  test(`${name}: every step × fault × place to resume from is tried, or it is written down why nothing falls there`, async (context) => {
    const { seen, holes, strikes } = await coverageOf(settingNamed(name));
    const reasons = holes.map((cell) => ({ cell, why: reasonFor(tables[name], strikes, cell) }));
    context.diagnostic(`${name}: ${seen.size} cells filled, ${holes.length} empty for a reason`);
    assert.deepEqual(reasons.filter(({ why }) => why === undefined).map(({ cell }) => keyOf(cell)), [], 'holes that nobody explains');
    const refuted = [...seen.keys()].filter((key) => {
      const [step = '', fault = '', resumed = ''] = key.split(' × ');
      return reasonFor(tables[name], strikes, { step, fault, resumed }) !== undefined;
    });
    assert.deepEqual(refuted, [], 'seen, although it is written that nothing falls there');
    assert.ok(seen.size > 100);
  });
}
