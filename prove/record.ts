import { hits, type Tally } from './tally.ts';

const begins = '<!-- prove: written by `npm run prove`, do not edit by hand -->';
const ends = '<!-- prove: end -->';

/** The table of docs/crash-record.md. */
export function table(tallies: readonly Tally[]): string {
  const rows = tallies.map((one) => `| ${one.experiment.title} | ${hits(one)} | ${one.counts.lost} | ${one.counts['by-snapshot']} | ${one.counts['never-saved']} | ${one.counts.wrong} | ${one.seconds} s |`);
  const sum = (of: (one: Tally) => number) => tallies.reduce((total, one) => total + of(one), 0);
  return ['| what was struck | how many | lost | recovered by snapshot | init reply never saved (each recognised) | otherwise wrong | took |', '|---|---|---|---|---|---|---|', ...rows,
    `| **all** | **${sum(hits)}** | **${sum(({ counts }) => counts.lost)}** | **${sum(({ counts }) => counts['by-snapshot'])}** | **${sum(({ counts }) => counts['never-saved'])}** | **${sum(({ counts }) => counts.wrong)}** | ${sum(({ seconds }) => seconds)} s |`].join('\n');
}

/** The record with this part between its marks, or at its end where it has none yet. */
export function recorded(record: string, part: string): string {
  const block = `${begins}\n${part}\n${ends}`;
  const from = record.indexOf(begins);
  const to = record.indexOf(ends);
  return from >= 0 && to > from ? record.slice(0, from) + block + record.slice(to + ends.length) : `${record.trimEnd()}\n\n## What \`npm run prove\` did to the real program\n\n${block}\n`;
}
