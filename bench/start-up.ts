import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DemoWorld } from '../demo/world.ts';
import { median, ratios, type Row, spread, timed } from './measure.ts';

const program = resolve(import.meta.dirname, '../bin/vaultctl.js');

/** Before anything is done: starting, and looking at three managers. */
export async function startUp(rounds: number): Promise<Row[]> {
  const bare: number[] = [];
  const version: number[] = [];
  await timed(process.execPath, [program, '--version']);
  for (let round = 0; round < rounds * 5; round += 1) {
    bare.push((await timed(process.execPath, ['-e', '0'])).wallMs);
    version.push((await timed(process.execPath, [program, '--version'])).wallMs);
  }
  const world = await DemoWorld.start('bench', 53);
  const [first] = world.sshd.managers;
  const handshake = join(world.folder, 'handshake.mjs');
  writeFileSync(handshake, `import { Client } from '${resolve(import.meta.dirname, '../node_modules/ssh2/lib/index.js')}';
import { readFileSync } from 'node:fs';
const client = new Client();
client.on('ready', () => client.exec('true', (_, channel) => { channel.on('close', () => client.end()); channel.resume(); }));
client.connect({ host: '${first!.address}', port: ${first!.port}, username: '${first!.user}', privateKey: readFileSync('${world.sshd.key}'), hostVerifier: () => true, algorithms: { kex: ['curve25519-sha256'] } });
`);
  const one: number[] = [];
  const status: number[] = [];
  try {
    for (let round = 0; round < rounds * 3; round += 1) {
      one.push((await timed(process.execPath, [handshake])).wallMs);
      status.push((await timed(process.execPath, [program, 'status', '-i', world.inventory])).wallMs);
    }
  } finally {
    await world.end();
  }
  const [a, b] = [ratios(version, bare), ratios(status, one)];
  return [
    { what: '--version, ms', ours: spread(version), other: `bare node: ${spread(bare)}`, ratio: `${spread(a, 2)} ×`, aim: '≤ 1.3 ×', met: median(a) <= 1.3 },
    { what: 'status on three managers, ms', ours: spread(status), other: `one ssh2 handshake and exec: ${spread(one)}`, ratio: `${spread(b, 2)} ×`, aim: '≤ 2 ×', met: median(b) <= 2 },
  ];
}
