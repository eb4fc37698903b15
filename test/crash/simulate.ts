import { fork, type ChildProcess } from 'node:child_process';
import { availableParallelism, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { coverageText, explored, reportOf } from './coverage-report.ts';
import { type Job, type Report, replayText } from './jobs.ts';
import { play } from './play.ts';
import { prepare } from './prepare.ts';
import { parseRounds } from './schedule.ts';
import { settingNamed, settings } from './settings.ts';
import type { Shrunk } from './shrink.ts';
import { addTally, emptyTally, type Failure, longestResume, type Tally } from './tally.ts';

/*
 * `npm run simulate`: deeper than `npm test` looks. Without flags two minutes of schedules of two to four things that go
 * wrong, on worlds by chance. Ends with 1 where anything did.
 */

const USAGE = `npm run simulate -- [--seed S] [--minutes M] [--world NAME]   random schedules, two to four faults each
npm run simulate -- --singles [--world NAME]                   every single fault
npm run simulate -- --pairs [--world NAME]                     every pair of faults (install and rotate, 1 and 2 managers)
npm run simulate -- --coverage [--world NAME]                  step × fault × where the mending run begins; a hole fails
npm run simulate -- --replay ID                                one schedule, and its story
  --workers N   processes (default: one a core)`;

const PAIRED = ['install-1x1', 'install-2x1', 'rotate-1x1', 'rotate-2x1'];
/** Others work on this machine too. */
const NICE = 10;
const DEFAULT_MINUTES = 2;

type Message = { is: 'progress'; schedules: number; states: number; failures: number } | { is: 'report'; report: Report } | { is: 'broken'; why: string };

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, minutes: { type: 'string' }, world: { type: 'string' }, replay: { type: 'string' }, pairs: { type: 'boolean' }, singles: { type: 'boolean' }, coverage: { type: 'boolean' }, workers: { type: 'string' }, help: { type: 'boolean' } } });
  if (values.help === true) { console.log(USAGE); return 0; }
  if (values.replay !== undefined) return replay(values.replay);
  if (values.world !== undefined) settingNamed(values.world);
  if (values.coverage === true) return coverage(values.world);
  const parts = number('workers', values.workers, availableParallelism());
  const startedMs = Date.now();
  const failed: Shrunk[] = [];
  const unshrunk: Failure[] = [];
  let schedules = 0;
  const whole = values.pairs === true ? 'pairs' : values.singles === true ? 'singles' : undefined;
  const worlds = whole === undefined ? [values.world] : values.world !== undefined ? [values.world] : whole === 'pairs' ? PAIRED : settings.map(({ name }) => name);
  const seed = number('seed', values.seed, startedMs % 1_000_000_007);
  if (whole === undefined) console.log(`seed ${seed}`);
  for (const world of worlds) {
    const untilMs = startedMs + number('minutes', values.minutes, DEFAULT_MINUTES) * 60_000;
    const job = (part: number): Job => (whole === undefined ? { do: 'deeper', seed, untilMs, world, part, parts } : { do: whole, world: world!, part, parts });
    const beganMs = Date.now();
    const { tally, shrunk, others } = await onWorkers(Array.from({ length: parts }, (_, part) => job(part)));
    console.log(summary(tally, Date.now() - beganMs));
    schedules += tally.schedules;
    failed.push(...shrunk);
    unshrunk.push(...others);
  }
  if (schedules === 0) throw new Error('no schedule was tried');
  for (const one of failed) console.log(`\nWRONG: ${one.wrong}\n  ${one.story.join(' > ')}\n  npm run simulate -- --replay '${replayText(one)}'`);
  for (const { wrong, schedule } of unshrunk) console.log(`\nWRONG, as it was found: ${wrong}\n  npm run simulate -- --replay '${schedule}'`);
  return failed.length + unshrunk.length > 0 ? 1 : 0;
}

function summary({ setting, schedules, states, resumes, kinds, failures, truncated, ...tally }: Tally, tookMs: number): string {
  const told = [...kinds].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([kind, count]) => `${kind} ${count}`).join(', ');
  const times = [...resumes].toSorted(([a], [b]) => a - b).map(([runs, count]) => `${runs}: ${count}`).join(', ');
  return [
    `${setting}: ${schedules} schedules, ${states.size} distinct states to resume from, longest resume ${longestResume({ resumes })} runs, ${(tookMs / 60_000).toFixed(1)} min, ${failures.length} failures`,
    `  faults: ${told}`, `  runs until quiet: ${times}`,
    ...(tally.calls > 0 ? [`  calls of the run without any fault: ${tally.calls}`] : []), ...(truncated > 0 ? [`  disks with more outcomes than were tried: ${truncated}`] : []),
  ].join('\n');
}

/** Each job in a process of its own; their findings together. */
async function onWorkers(jobs: readonly Job[]): Promise<{ tally: Tally; shrunk: Shrunk[]; others: Failure[] }> {
  const children = new Set<ChildProcess>();
  const progress = new Map<number, { schedules: number; failures: number }>();
  let toldAt = Date.now();
  const hear = (part: number, message: Message & { is: 'progress' }) => {
    progress.set(part, message);
    if (Date.now() < toldAt + 20_000) return;
    toldAt = Date.now();
    const sum = (what: 'schedules' | 'failures') => [...progress.values()].reduce((total, one) => total + one[what], 0);
    console.log(`… ${sum('schedules')} schedules, ${sum('failures')} failures`);
  };
  const run = (job: Job) => new Promise<Report>((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('simulate-worker.ts', import.meta.url)), { serialization: 'advanced' });
    children.add(child);
    setPriority(child.pid!, NICE);
    child.on('message', (message: Message) => {
      if (message.is === 'report') resolve(message.report);
      else if (message.is === 'broken') reject(new Error(message.why));
      else hear(job.part, message);
    });
    child.once('exit', (code) => { children.delete(child); reject(new Error(`a worker ended with ${code} and no report`)); });
    child.send(job);
  });
  try {
    const reports = await Promise.all(jobs.map(run));
    const tally = emptyTally(reports[0]!.tally.setting);
    for (const report of reports) addTally(tally, report.tally);
    return { tally, shrunk: reports.flatMap(({ shrunk }) => shrunk), others: reports.flatMap(({ others }) => others) };
  } finally {
    for (const child of children) child.kill();
  }
}

async function coverage(world: string | undefined): Promise<number> {
  const names = explored.filter((name) => world === undefined || name === world);
  if (names.length === 0) throw new Error(`--world ${world}: the holes are written down for ${explored.join(' and ')} only`);
  let failed = false;
  for (const name of names) {
    const report = await reportOf(name);
    console.log(coverageText(name, report));
    failed ||= report.unexplained.length > 0 || report.refuted.length > 0;
  }
  return failed ? 1 : 0;
}

async function replay(id: string): Promise<number> {
  const { setting, rounds } = parseRounds(id);
  const found = settingNamed(setting);
  const { wrong, story, said } = await play(await prepare(found), found.verb, rounds);
  for (const line of said) console.log(line);
  console.log(story.join(' > '));
  console.log(wrong === undefined ? 'nothing goes wrong' : `WRONG: ${wrong}`);
  return wrong === undefined ? 0 : 1;
}

function number(flag: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${flag} ${text}: a number is wanted\n${USAGE}`);
  return value;
}

process.exitCode = await main();
