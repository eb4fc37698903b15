import { existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DemoWorld } from '../demo/world.ts';
import { median, ratios, type Row, spread, type Timed, timed } from './measure.ts';

const here = import.meta.dirname;
const program = resolve(here, '../bin/vaultctl.js');
interface Cost { readonly wallMs: number; readonly ownMs: number; readonly cpuMs: number }

/** Own overhead = wall time minus what the server itself took to answer, both through the same front. */
export async function flows(managers: number, rounds: number): Promise<Row[]> {
  const world = await DemoWorld.start('bench', 51, managers);
  const spent = serverTime(world);
  const measure = async (run: () => Promise<Timed>): Promise<Cost> => {
    spent.reset();
    const { code, text, wallMs, cpuMs } = await run();
    if (code !== 0) throw new Error(text.slice(-2000));
    return { wallMs, cpuMs, ownMs: wallMs - spent.ms() };
  };
  const vaultctl = (verb: string) => measure(() => timed(process.execPath, [program, verb, '-i', world.inventory]));
  const ansible = (verb: string) => measure(() => timed('ansible-playbook', ['-i', world.inventory, '-e', `vault=${world.front.address}`, join(here, 'ansible', `${verb}.yaml`)], {
    cwd: world.folder, env: { ANSIBLE_CONFIG: join(here, 'ansible/ansible.cfg'), ANSIBLE_LOCALHOST_WARNING: 'False' },
  }));
  const ours: Record<string, Cost[]> = { install: [], rotate: [] };
  const theirs: Record<string, Cost[]> = { install: [], rotate: [] };
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const [run, costs] of [[ansible, theirs], [vaultctl, ours]] as const) {
        await emptied(world);
        costs['install']!.push(await run('install'));
        costs['rotate']!.push(await run('rotate'));
      }
    }
  } finally {
    await world.end();
  }
  return ['install', 'rotate'].flatMap((verb) => {
    const cpu = (costs: Record<string, Cost[]>) => costs[verb]!.map(({ cpuMs }) => cpuMs);
    const spared = ratios(cpu(theirs), cpu(ours));
    const [a, b] = [theirs[verb]!.map(({ ownMs }) => ownMs), ours[verb]!.map(({ ownMs }) => ownMs)];
    const times = ratios(a, b);
    return [{
      what: `${verb}, ${managers} managers: own overhead, ms`, ours: `${spread(b)}; wall ${median(ours[verb]!.map(({ wallMs }) => wallMs)).toFixed(0)}`,
      other: `Ansible ${spread(a)}; wall ${median(theirs[verb]!.map(({ wallMs }) => wallMs)).toFixed(0)}`, ratio: `${spread(times, 1)} × smaller`, aim: '≥ 20 ×', met: median(times) >= 20,
    }, {
      what: `${verb}, ${managers} managers: CPU on the operator's side, ms`, ours: spread(cpu(ours)), other: `Ansible ${spread(cpu(theirs))}`, ratio: `${spread(spared, 1)} × smaller`, aim: '≥ 20 ×', met: median(spared) >= 20,
    }];
  });
}

function serverTime(world: DemoWorld): { reset(): void; ms(): number } {
  const began = new Map<number, number>();
  let total = 0;
  world.front.onRequest(({ number }) => { began.set(number, performance.now()); });
  world.front.dropReply(({ number }) => { total += performance.now() - began.get(number)!; return false; });
  return { reset: () => { total = 0; }, ms: () => total };
}

async function emptied(world: DemoWorld): Promise<void> {
  const node = world.vault.node(0);
  await node.kill('SIGKILL');
  node.wipe();
  await node.start();
  for (const { folder } of world.sshd.managers) {
    for (const name of ['vault-unseal.json', 'vault-unseal.previous.json', 'vault-unseal.about.json', 'vault-creds-init.json.tmp', 'vault-creds-rotate.json.tmp']) {
      if (existsSync(join(folder, name))) rmSync(join(folder, name));
    }
  }
}
