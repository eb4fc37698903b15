// npm run sabotage [-- NAME… --list]: each break in a copy, one at a time, and the tests must notice.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { broken } from './break.ts';
import { breaks } from './breaks.ts';
import { type Outcome, sabotage } from './run.ts';

const repository = resolve(import.meta.dirname, '..');
const { values, positionals } = parseArgs({ allowPositionals: true, options: { list: { type: 'boolean', default: false } } });

async function main(): Promise<number> {
  const unknown = positionals.filter((name) => !breaks.some((one) => one.name === name));
  if (unknown.length > 0) {
    console.error(`unknown: ${unknown.join(', ')}; npm run sabotage -- --list`);
    return 2;
  }
  const wanted = breaks.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  if (values.list) {
    for (const { name, file, danger } of wanted) console.log(`${name}\n  ${file}\n  ${danger}`);
    return 0;
  }
  for (const one of wanted) broken(readFileSync(join(repository, one.file), 'utf8'), one);
  const begun = performance.now();
  console.log('first the tests themselves, without any break');
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { stop.abort(); });
  const { outcomes, unusable } = await sabotage({
    repository, breaks: wanted, lanes: 2, heard: tell, stop: stop.signal,
    checked: (file, verdict, seconds) => { console.log(verdict.is === 'passed' ? `  ${file}: ${verdict.tests} pass (${seconds} s)` : `  ${file}: ${verdict.is}${'why' in verdict ? `: ${verdict.why}` : ''}`); },
  });
  if (stop.signal.aborted) return 130;
  console.log(`\n${table(outcomes)}\n`);
  const count = (is: Outcome['is']) => outcomes.filter((outcome) => outcome.is === is).length;
  console.log(`${outcomes.length} breaks: ${count('caught')} caught, ${count('survived')} survived, ${count('undecided')} undecided; ${Math.round((performance.now() - begun) / 1000)} s`);
  if (unusable.length > 0) console.log(`not asked, for they do not pass without any break: ${unusable.join(', ')}`);
  const notRun = process.env['VAULTCTL_NOT_RUN_FILE'];
  if (notRun !== undefined && existsSync(notRun)) console.log(`not run:\n${[...new Set(readFileSync(notRun, 'utf8').trim().split('\n'))].map((line) => `  ${line}`).join('\n')}`);
  return count('caught') === outcomes.length && unusable.length === 0 ? 0 : 1;
}

function tell({ name, is, by, said, seconds }: Outcome): void {
  console.log(is === 'caught' ? `caught    ${name} by ${by} in ${seconds} s` : `${is === 'survived' ? 'SURVIVED' : 'UNDECIDED'}  ${name} (${seconds} s): ${said}`);
}

function table(outcomes: readonly Outcome[]): string {
  const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').replaceAll('|', '/').slice(0, 140);
  return ['| break | verdict | seconds | by | which said |', '|---|---|---|---|---|',
    ...outcomes.map(({ name, is, by, said, seconds }) => `| ${name} | ${is} | ${seconds} | ${by ?? ''} | ${oneLine(said)} |`)].join('\n');
}

process.exitCode = await main();
