import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coverageText, explored, reportOf } from './coverage-report.ts';

for (const name of explored) {
  test(`${name}: every step × fault × place to resume from is tried, or it is written down why nothing falls there`, async (context) => {
    const report = await reportOf(name);
    const { seen, unexplained, refuted } = report;
    const [sum = '', ...cells] = coverageText(name, report).split('\n');
    context.diagnostic(sum);
    assert.deepEqual(unexplained, [], 'holes that nobody explains');
    assert.deepEqual(refuted, [], 'seen, although it is written that nothing falls there');
    assert.ok(seen.size > 100);
    assert.ok(cells.length > 20);
  });
}
