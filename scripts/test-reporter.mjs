// Node's `spec` report, but the counts come last, and before them what was really used and what was not run.
import { existsSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { spec } from 'node:test/reporters';

const isCount = ({ type, data }) => type === 'test:diagnostic' && data.nesting === 0
  && /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(data.message);

export default async function* report(events) {
  const counts = [];
  async function* withoutCounts() {
    for await (const event of events) {
      if (isCount(event)) counts.push(event.data.message);
      else yield event;
    }
  }
  for await (const text of Readable.from(withoutCounts()).pipe(new spec())) yield text;
  yield `\nservers used: ${process.env.VAULTCTL_SERVERS_USED ?? 'not known to this run'}\n`;
  yield* notRunLines();
  for (const count of counts) yield `# ${count}\n`;
}

function notRunLines() {
  const path = process.env.VAULTCTL_NOT_RUN_FILE;
  const lines = path && existsSync(path) ? [...new Set(readFileSync(path, 'utf8').split('\n').filter((line) => line !== ''))].toSorted() : [];
  return lines.length === 0 ? ['not run: nothing\n'] : [`not run (${lines.length}):\n`, ...lines.map((line) => `  ${line}\n`)];
}
