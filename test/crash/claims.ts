import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { coverageText, type Explored, reportOf } from './coverage-report.ts';
import { Exploration } from './explore.ts';
import { parseRounds } from './schedule.ts';
import { settingNamed } from './settings.ts';
import { longestResume, type Tally } from './tally.ts';

/** `VAULTCTL_SCHEDULE=rotate-1x1/fails@12 npm test -- test/crash/rotate.test.ts` runs that one and tells its story. */
const wanted = process.env['VAULTCTL_SCHEDULE'];

const SHOWN = 8;

/** What was tried, in numbers: printed with the test, so that a run that tried nothing is seen. */
export function summary(tally: Tally): string {
  const kinds = [...tally.kinds].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([kind, count]) => `${kind} ${count}`).join(', ');
  return `${tally.setting}: ${tally.calls} calls, ${tally.schedules} schedules (${kinds}), ${tally.states.size} distinct states to resume from, at most ${longestResume(tally)} runs until quiet${tally.truncated > 0 ? `, ${tally.truncated} disks with more outcomes than were tried` : ''}`;
}

export function failuresOf(tally: Tally): string {
  const all = tally.failures.map(({ schedule, wrong, story }) => `VAULTCTL_SCHEDULE=${schedule}\n  ${wrong}\n  ${story.join(' > ')}`);
  return [`${all.length} of ${tally.schedules} schedules went wrong:`, ...all.slice(0, SHOWN), ...(all.length > SHOWN ? [`… and ${all.length - SHOWN} more`] : [])].join('\n');
}

/** One claim about one setting; the least number of schedules keeps it from becoming true by trying nothing. */
export function claim(text: string, name: string, atLeast: number, explore: (exploration: Exploration) => Promise<Tally>): void {
  if (wanted !== undefined) return;
  test(text, async (context) => {
    isWell(await explore(new Exploration(settingNamed(name))), atLeast, context);
  });
}

/** The same for a world whose holes are written down: every step × fault × place to resume from is tried, or it is known why nothing falls there. */
export function claimAll(text: string, name: Explored, atLeast: number): void {
  if (wanted !== undefined) return;
  test(`${text}; every step × fault × place to resume from is tried, or it is written down why nothing falls there`, async (context) => {
    const report = await reportOf(name);
    const { seen, unexplained, refuted, tally } = report;
    isWell(tally, atLeast, context);
    context.diagnostic(coverageText(name, report).split('\n')[0] ?? '');
    assert.deepEqual(unexplained, [], 'holes that nobody explains');
    assert.deepEqual(refuted, [], 'seen, although it is written that nothing falls there');
    assert.ok(seen.size > 100);
  });
}

function isWell(tally: Tally, atLeast: number, context: TestContext): void {
  context.diagnostic(summary(tally));
  assert.equal(tally.failures.length, 0, failuresOf(tally));
  assert.ok(tally.schedules >= atLeast, `only ${tally.schedules} schedules were tried`);
}

/** The schedule that the environment names, where it belongs to this command. */
export function replay(verb: 'install' | 'rotate'): void {
  if (wanted === undefined || !wanted.startsWith(`${verb}-`)) return;
  test(`replay of ${wanted}`, async (context) => {
    const { setting, rounds } = parseRounds(wanted);
    const outcome = await new Exploration(settingNamed(setting)).one(rounds);
    for (const line of [...outcome.story, ...outcome.said]) context.diagnostic(line);
    assert.equal(outcome.wrong, undefined);
  });
}
