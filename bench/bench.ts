import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { checkpoint } from './checkpoint.ts';
import { delivery } from './delivery.ts';
import { flows } from './flows.ts';
import { inventories } from './inventory.ts';
import type { Row } from './measure.ts';
import { startUp } from './start-up.ts';

/** Ratios side by side in one run; `--full` adds 50 and 100 managers. Written to docs/bench.md. */
const full = process.argv.includes('--full');
const rows: Row[] = [];
const add = (...more: Row[]) => {
  for (const row of more) console.log(`${row.met ? 'met   ' : 'MISSED'} ${row.what}\n         ours ${row.ours}\n         ${row.other}\n         ${row.ratio}, aim ${row.aim}`);
  rows.push(...more);
};
console.log(`taking turns, median (min–max); ${full ? 'all sizes' : '3 and 10 managers, 100 hosts; --full for 50 and 100 managers'}`);
add(...await startUp(4));
add(...await inventories(10_000, 3));
add(await checkpoint(5));
add(await delivery(100, 5));
for (const [managers, rounds] of full ? [[3, 3], [10, 3], [50, 2], [100, 2]] as const : [[3, 3], [10, 2]] as const) add(...await flows(managers, rounds));

writeFileSync(resolve(import.meta.dirname, '../docs/bench.md'), `# Measured

Written by \`npm run bench${full ? ' -- --full' : ''}\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), Node ${process.version}, ${process.env['VAULTCTL_SERVERS_USED'] ?? ''}.
Each pair was run in turns; the numbers are medians with (minimum–maximum), the ratios pair by pair. Everything is on loopback, which flatters us and
punishes Ansible, whose remote modules share these cores. *Own overhead* is wall time minus the server's own answers, both measured through one front.

| what | vaultctl | against | ratio | aim | |
|---|---|---|---|---|---|
${rows.map(({ what, ours, other, ratio, aim, met }) => `| ${what} | ${ours} | ${other} | **${ratio}** | ${aim} | ${met ? 'met' : 'missed'} |`).join('\n')}
`);
