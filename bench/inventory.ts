import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { median, ratios, type Row, spread, timed } from './measure.ts';

const program = resolve(import.meta.dirname, '../bin/vaultctl.js');

/** Three forms of one inventory: `count` hosts with two variables each. */
function written(count: number): Readonly<Record<string, string>> {
  const hosts = Array.from({ length: count }, (_, at) => ({ name: `node${String(at).padStart(5, '0')}`, address: `10.${Math.floor(at / 62_500)}.${Math.floor(at / 250) % 250}.${at % 250}`, rack: at % 40 }));
  return {
    'hosts.yaml': `all:\n  children:\n    workers:\n      hosts:\n${hosts.map(({ name, address, rack }) => `        ${name}:\n          ansible_host: ${address}\n          rack: ${rack}\n`).join('')}`,
    'hosts.ini': `[workers]\n${hosts.map(({ name, address, rack }) => `${name} ansible_host=${address} rack=${rack}\n`).join('')}`,
  };
}

/** `inventory --list` of a large inventory, as a whole process, against ansible-inventory on the same file. */
export async function inventories(count: number, rounds: number): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vaultctl-bench-inventory-'));
  try {
    const rows: Row[] = [];
    for (const [name, text] of Object.entries(written(count))) {
      const path = join(folder, name);
      writeFileSync(path, text);
      const ours: number[] = [];
      const other: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const mine = await timed(process.execPath, [program, 'inventory', '--list', '-i', path], { cwd: folder });
        const theirs = await timed('ansible-inventory', ['--list', '-i', path], { cwd: folder });
        assert.deepEqual(JSON.parse(mine.text), JSON.parse(theirs.text), `${name}: the two print different inventories`);
        ours.push(mine.wallMs);
        other.push(theirs.wallMs);
      }
      const smaller = ratios(other, ours);
      rows.push({ what: `inventory --list of ${count} hosts, ${name}, ms (whole process)`, ours: spread(ours), other: `ansible-inventory: ${spread(other)}`, ratio: `${spread(smaller, 1)} × smaller`, aim: '≥ 10 ×, under a second', met: median(smaller) >= 10 && median(ours) < 1000 });
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
