import { readFileSync, writeFileSync } from 'node:fs';
import { openHosts } from '../src/adapters/open-hosts.ts';
import { systemClock } from '../src/adapters/clock.ts';
import { each } from '../src/engine/each-host.ts';
import { type Manager, plainSsh } from '../src/model/settings.ts';

// As src/main.ts does.
Error.stackTraceLimit = 0;

/** One process that delivers a file to every host of a list, as a flow does: one connection each, guard, fence, read back. */
interface List { readonly key: string; readonly knownHosts: string; readonly hosts: readonly { name: string; address: string; port: number; user: string; path: string }[] }
const list = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as List;
const managers = list.hosts.map(({ name, address, port, user }): Manager => ({
  name, address, port, user, connection: 'ssh', password: undefined, privateKeyFile: list.key, become: false, becomeMethod: 'sudo', becomeExe: undefined, becomeFlags: [], becomeUser: 'root', becomePassword: undefined, shell: undefined, transport: 'auto', connectTimeoutMs: 20_000,
  paths: { main: '', installCheckpoint: '', rotateCheckpoint: '', previous: '', about: '', lock: '', snapshots: '', journal: '' },
  ssh: { ...plainSsh, knownHostsFiles: [list.knownHosts], identitiesOnly: true },
}));
// The words of a lock that an operation already holds on every host.
for (const { path } of list.hosts) writeFileSync(`${path}/.vaultctl.lock`, '{"operation":"bench","flow":"bench","holder":"bench","host":"bench","pid":1,"sinceMs":1}');
const hosts = openHosts(managers, { clock: systemClock, askSecret: async () => undefined, warn: () => undefined });
const bytes = Buffer.from('x'.repeat(600));
const outcomes = await each(hosts, (host, index) => {
  const { path } = list.hosts[index]!;
  return host.apply([{ do: 'write', path: `${path}/f`, bytes, purpose: 'keys' }], { lockPath: `${path}/.vaultctl.lock`, operation: 'bench' });
});
await Promise.all(hosts.map((host) => host.close()));
const failed = outcomes.filter(({ is }) => is === 'failed');
if (failed.length > 0) { console.error(failed.length, (failed[0] as { error: unknown }).error); process.exitCode = 1; }
