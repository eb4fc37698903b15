import { spawnSync } from 'node:child_process';
import { KilledWorld } from '../test/real/killed-world.ts';
import { chosen, type Experiment, type Scope, type Trial } from './experiment.ts';
import { type Fault, deedOf, faultsFor, injectionOf } from './faults.ts';
import { type FileCall, straceMissing, traced } from './file-calls.ts';
import { type Flow, flows, makeReady } from './flow.ts';
import { judged } from './judge.ts';
import { dealt, inLanes, type Lane } from './lanes.ts';

const LANES = 2;

interface Strike { readonly flow: Flow; readonly call: FileCall; readonly fault: Fault; readonly restarted: boolean }

/** Both managers are this machine: vaultctl itself makes every call. */
export const syscallsLocal: Experiment = {
  name: 'syscalls-local',
  title: 'SIGKILL, EIO, ENOSPC, EROFS, short and false writes and delay at every system call of `install` and `rotate` on the files, locally',
  missing: straceMissing,
  trials: (scope) => inLanes(Array.from({ length: LANES }, (_, index) => lane(scope, index))),
};

function lane(scope: Scope, index: number): Lane<Strike> {
  return {
    start: () => KilledWorld.start(),
    items: async (world) => {
      const all: Strike[] = [];
      for (const flow of flows) all.push(...await strikesOn(world, flow));
      return dealt(chosen(all, scope), index, LANES);
    },
    strike,
  };
}

/** Counted in a run that is not struck. */
async function strikesOn(world: KilledWorld, flow: Flow): Promise<Strike[]> {
  await makeReady(world, flow);
  const { ended, calls } = await traced(world, flow);
  if (ended.code !== 0) throw new Error(`${flow}, traced and not struck, ended with ${ended.code ?? ended.signal}:\n${ended.text}`);
  return onManagers(world, calls).flatMap((call, index) => faultsFor(deedOf(call.name, call.line)).map((fault, which) => ({ flow, call, fault, restarted: (index + which) % 2 === 1 })));
}

function onManagers(world: KilledWorld, calls: readonly FileCall[]): FileCall[] {
  return calls.filter(({ path }) => world.names.some((name) => path.startsWith(`${world.folder}/${name}/`)));
}

async function strike(world: KilledWorld, { flow, call, fault, restarted }: Strike): Promise<Trial> {
  await makeReady(world, flow);
  const { ended, calls } = await traced(world, flow, { inject: [injectionOf(fault, call.name, call.nth)], ...(fault === 'short' ? { hear: cutsShort(call) } : {}) });
  // Managers are worked on at once, in no fixed order: what was really struck is read from the trace.
  const hit = onManagers(world, calls).find(({ name, nth }) => name === call.name && nth === call.nth);
  const what = `${fault} at ${call.name} ${call.nth} of ${flow} (${asName(world, hit ?? call)})${restarted ? ', then Vault restarted' : ''}`;
  const died = fault === 'SIGKILL' && ended.signal === 'SIGKILL';
  const trial = await judged(world, what, flow, ended, { restarted, mayLoseInit: died && world.requests().includes('PUT sys/init') });
  if (fault === 'delay' && ended.code !== 0) return { ...trial, outcome: 'wrong', seen: `a slow disk is no reason to stop:\n${ended.text}` };
  const wasHit = hit !== undefined && (died || fault === 'delay' || (fault === 'short' ? wroteLess(hit.line) : hit.line.includes('INJECTED')));
  return wasHit || trial.outcome === 'wrong' || trial.outcome === 'lost' ? trial : { what, outcome: 'missed' };
}

/** `m1/etc/.vault-unseal.json.*.keys` */
function asName(world: KilledWorld, { path }: FileCall): string { return path.slice(world.folder.length + 1).replace(/\.[0-9a-f]{16}\./, '.*.'); }

/**
 * A true short write is the kernel's: RLIMIT_FSIZE ends it in its middle. The limit stands only while strace holds this
 * one write, so that the next one goes on where it stopped.
 */
function cutsShort({ nth }: FileCall): (said: string, pid: number) => void {
  let stands: 'not yet' | 'set' | 'lifted' = 'not yet';
  return (said, pid) => {
    const begun = [...said.matchAll(/^pwrite64\(\d+<[^>]*>, ""(?:\.{3})?, (\d+), (\d+)(\) += .*\n)?/gm)][nth - 1];
    if (begun === undefined) return;
    const [, length, offset, returned] = begun;
    if (stands === 'not yet' && returned === undefined) { limit(pid, String(Number(offset) + Math.floor(Number(length) / 2))); stands = 'set'; }
    else if (stands === 'set' && returned !== undefined) { limit(pid, 'unlimited'); stands = 'lifted'; }
  };
}

function limit(pid: number, soft: string): void { spawnSync('prlimit', ['--pid', String(pid), `--fsize=${soft}:`]); }

function wroteLess(line: string): boolean {
  const [, asked, written] = /, (\d+), \d+\) += (\d+)/.exec(line) ?? [];
  return asked !== undefined && Number(written) < Number(asked);
}
