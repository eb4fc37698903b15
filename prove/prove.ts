// npm run prove [-- NAME… --seed N --short N --minutes M --dry]: every experiment, or those named, each for at most so many minutes; ends with the table, written to docs/crash-record.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Scope } from './experiment.ts';
import { experiments } from './experiments.ts';
import { recorded, renewed, row, table } from './record.ts';
import { hits, tally } from './tally.ts';

const file = join(resolve(import.meta.dirname, '..'), 'docs/crash-record.md');
const { values, positionals } = parseArgs({ allowPositionals: true, options: { seed: { type: 'string', default: '1' }, short: { type: 'string' }, minutes: { type: 'string' }, dry: { type: 'boolean', default: false } } });
const unknown = positionals.filter((name) => !experiments.some((one) => one.name === name));
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(', ')}; there are: ${experiments.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const seed = Number(values.seed);
const scope: Scope = values.short === undefined ? { all: true, seed } : { all: false, short: Number(values.short), seed };
const when = `${new Date().toISOString().slice(0, 10)}, seed ${seed}${scope.all ? '' : ', a sample'}`;
const machine = `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), Node ${process.version}; each row as it was last run, beside whatever else the machine was doing.`;
/** Ctrl-C ends what is in hand, puts its worlds away and writes what was seen; a second one is the shell's own. */
const asked = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { console.log('stopping: the strikes in hand are the last ones'); asked.abort(); });
const titles = experiments.map(({ title }) => title);

/** After each experiment, so that one that is interrupted takes nothing of the others with it. */
function written(fresh: ReadonlyMap<string, string>): string {
  const record = readFileSync(file, 'utf8');
  const part = [machine, '', table(renewed(record, fresh, titles))].join('\n');
  if (!values.dry) writeFileSync(file, recorded(record, part));
  return part;
}

const fresh = new Map<string, string>();
const notRun: string[] = [];
let failed = false;
let part = '';
for (const experiment of experiments.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
  const missing = experiment.missing();
  if (asked.signal.aborted) break;
  if (missing !== undefined) {
    notRun.push(`${experiment.title}: ${missing}`);
    continue;
  }
  console.log(`\n${experiment.name}: ${experiment.title}`);
  const stop = values.minutes === undefined ? asked.signal : AbortSignal.any([asked.signal, AbortSignal.timeout(Number(values.minutes) * 60_000)]);
  const done = await tally(experiment, scope, ({ what, outcome, seen }) => {
    if (outcome !== 'missed') console.log(`  ${outcome.padEnd(11)} ${what}${seen === undefined ? '' : `\n${seen.replace(/^/gm, '      ')}`}`);
  }, stop);
  console.log(`  ${hits(done)} strikes in ${done.seconds} s; lost ${done.counts.lost}, wrong ${done.counts.wrong}`);
  fresh.set(experiment.title, row(done, done.stopped ? `${when}, stopped before its end` : when));
  failed ||= done.failures.length > 0;
  part = written(fresh);
}
console.log(`\n${part}`);
for (const line of notRun) console.log(`not run here: ${line}`);
console.log(values.dry ? '\nnothing written (--dry)' : '\nwritten to docs/crash-record.md');
process.exitCode = failed ? 1 : 0;
