import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { startSshd } from '../test/real/sshd.ts';
import { median, ratios, type Row, spread, timed } from './measure.ts';

const BYTES = 600;

/** A durable write of one file to many hosts, from nothing to done: our adapter against OpenSSH under xargs. */
export async function delivery(hosts: number, rounds: number): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'vaultctl-bench-'));
  const world = await startSshd({ world: folder, names: Array.from({ length: hosts }, (_, index) => `h${String(index + 1).padStart(3, '0')}`), net: 52 });
  try {
    const list = join(folder, 'hosts.json');
    writeFileSync(list, JSON.stringify({ key: world.key, knownHosts: world.knownHosts, hosts: world.managers.map(({ name, address, port, user, folder: path }) => ({ name, address, port, user, path })) }));
    const content = join(folder, 'content');
    writeFileSync(content, 'x'.repeat(BYTES));
    const lines = join(folder, 'lines');
    writeFileSync(lines, world.managers.map(({ address, port, user, folder: path }) => `${address} ${port} ${user} ${path}`).join('\n'));
    const script = 'set -C; umask 077; cat > "$1/.f.$$" && sync "$1/.f.$$" && mv -f "$1/.f.$$" "$1/f" && sync "$1"';
    const openssh = `xargs -P32 -L1 sh -c 'ssh -F none -o BatchMode=yes -o UserKnownHostsFile=${world.knownHosts} -o KexAlgorithms=curve25519-sha256 -i ${world.key} -p "$1" "$2@$0" "${script.replaceAll('"', '\\"').replaceAll('$', '\\$').replaceAll('\\$1', '$3')}" < ${content}' < ${lines}`;
    const program = join(folder, 'deliver.mjs');
    await bundled(resolve(import.meta.dirname, 'deliver.ts'), program);
    const ours: number[] = [];
    const theirs: number[] = [];
    const cpu: { own: number[]; other: number[] } = { own: [], other: [] };
    for (let round = 0; round < rounds; round += 1) {
      const other = await timed('sh', ['-c', openssh]);
      if (other.code !== 0) throw new Error(other.text.slice(-1000));
      theirs.push(other.wallMs);
      cpu.other.push(other.cpuMs);
      const own = await timed(process.execPath, [program, list]);
      if (own.code !== 0) throw new Error(own.text.slice(-1000));
      ours.push(own.wallMs);
      cpu.own.push(own.cpuMs);
    }
    const times = ratios(ours, theirs);
    return { what: `durable write of ${BYTES} bytes to ${hosts} hosts, ms (whole process; ours under the lock's fence, read back)`, ours: `${spread(ours)}; CPU here ${median(cpu.own).toFixed(0)}`, other: `ssh, xargs -P32, curve25519: ${spread(theirs)}; CPU here ${median(cpu.other).toFixed(0)}`, ratio: `${spread(times, 2)} ×`, aim: '≤ 1.0 ×', met: median(times) <= 1 };
  } finally {
    await world.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As scripts/build.mjs bundles the program: what is measured starts like what is shipped. */
async function bundled(entry: string, outfile: string): Promise<void> {
  const banner = `const __module = process.getBuiltinModule('node:module'), __filename = process.getBuiltinModule('node:url').fileURLToPath(import.meta.url);
const require = __module.createRequire(__filename), __dirname = process.getBuiltinModule('node:path').dirname(__filename);
__module.enableCompileCache(__dirname + '/compile-cache');`;
  await build({ entryPoints: [entry], outfile, bundle: true, format: 'esm', platform: 'node', target: 'node24', external: ['*.node', 'cpu-features'], banner: { js: banner }, logLevel: 'error' });
}
