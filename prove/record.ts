import { hits, type Tally } from './tally.ts';

const begins = '<!-- prove: written by `npm run prove`, do not edit by hand -->';
const ends = '<!-- prove: end -->';
const HEAD = ['| what was struck | how many | lost | recovered by snapshot | init reply never saved (each recognised) | otherwise wrong | took | when |', '|---|---|---|---|---|---|---|---|'];
const ALL = '| **all** |';

/** One row: an experiment as it was last run. */
export function row(tally: Tally, when: string): string {
  const { experiment, counts, seconds } = tally;
  return `| ${experiment.title} | ${hits(tally)} | ${counts.lost} | ${counts['by-snapshot']} | ${counts['never-saved']} | ${counts.wrong} | ${seconds} s | ${when} |`;
}

/** The table of docs/crash-record.md, its sums in the last line. */
export function table(rows: readonly string[]): string {
  const sum = (column: number) => rows.reduce((total, line) => total + Number.parseInt(line.split(' | ')[column] ?? '0', 10), 0);
  return [...HEAD, ...rows, `${ALL} **${sum(1)}** | **${sum(2)}** | **${sum(3)}** | **${sum(4)}** | **${sum(5)}** | ${sum(6)} s | |`].join('\n');
}

/** The rows that stand in the record, and in place of some of them what was run anew; `titles` gives the order, and what is no experiment any more goes. */
export function renewed(record: string, fresh: ReadonlyMap<string, string>, titles: readonly string[]): string[] {
  const there = new Map(between(record).split('\n').filter((line) => line.startsWith('| ') && !line.startsWith(ALL) && !HEAD.includes(line)).map((line) => [line.slice(2, line.indexOf(' | ')), line]));
  return titles.flatMap((title) => fresh.get(title) ?? there.get(title) ?? []);
}

function between(record: string): string {
  const from = record.indexOf(begins);
  const to = record.indexOf(ends);
  return from >= 0 && to > from ? record.slice(from + begins.length, to) : '';
}

/** The record with this part between its marks, or at its end where it has none yet. */
export function recorded(record: string, part: string): string {
  const block = `${begins}\n${part}\n${ends}`;
  const from = record.indexOf(begins);
  const to = record.indexOf(ends);
  return from >= 0 && to > from ? record.slice(0, from) + block + record.slice(to + ends.length) : `${record.trimEnd()}\n\n## What \`npm run prove\` did to the real program\n\n${block}\n`;
}
