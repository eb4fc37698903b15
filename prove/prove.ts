// npm run prove [-- NAME… --seed N --short N --dry]: every experiment, or those named; ends with the table, written to docs/crash-record.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Scope } from './experiment.ts';
import { experiments } from './experiments.ts';
import { recorded, table } from './record.ts';
import { hits, tally, type Tally } from './tally.ts';

const repository = resolve(import.meta.dirname, '..');
const { values, positionals } = parseArgs({ allowPositionals: true, options: { seed: { type: 'string', default: '1' }, short: { type: 'string' }, dry: { type: 'boolean', default: false } } });
const unknown = positionals.filter((name) => !experiments.some((one) => one.name === name));
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(', ')}; there are: ${experiments.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const seed = Number(values.seed);
const scope: Scope = values.short === undefined ? { all: true, seed } : { all: false, short: Number(values.short), seed };
const wanted = experiments.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const tallies: Tally[] = [];
const notRun: string[] = [];
for (const experiment of wanted) {
  const missing = experiment.missing();
  if (missing !== undefined) {
    notRun.push(`${experiment.title}: ${missing}`);
    continue;
  }
  console.log(`\n${experiment.name}: ${experiment.title}`);
  const done = await tally(experiment, scope, ({ what, outcome, seen }) => {
    if (outcome !== 'missed') console.log(`  ${outcome.padEnd(11)} ${what}${seen === undefined ? '' : `\n${seen.replace(/^/gm, '      ')}`}`);
  });
  tallies.push(done);
  console.log(`  ${hits(done)} strikes in ${done.seconds} s; lost ${done.counts.lost}, wrong ${done.counts.wrong}`);
}
const day = new Date().toISOString().slice(0, 10);
const machine = `${day}, ${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), Node ${process.version}, seed ${seed}${scope.all ? '' : `, about ${scope.short} of each (\`--short\`)`}`;
const part = [`${machine}.`, '', table(tallies), ...(notRun.length > 0 ? ['', 'Not run here:', '', ...notRun.map((line) => `- ${line}`)] : [])].join('\n');
console.log(`\n${part}`);
const whole = positionals.length === 0 && scope.all && !values.dry;
if (whole) {
  const file = join(repository, 'docs/crash-record.md');
  writeFileSync(file, recorded(readFileSync(file, 'utf8'), part));
  console.log('\nwritten to docs/crash-record.md');
}
process.exitCode = tallies.some(({ failures }) => failures.length > 0) ? 1 : 0;
