import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KilledWorld } from '../test/real/killed-world.ts';
import { sshdPath } from '../test/real/sshd.ts';
import { chosen, type Experiment, type Scope, type Trial } from './experiment.ts';
import { type Fault, deedOf, faultsFor, injectionOf } from './faults.ts';
import { straceMissing } from './file-calls.ts';
import { type Flow, flows, makeReady } from './flow.ts';
import { judged } from './judge.ts';
import { dealt, inLanes, type Lane } from './lanes.ts';
import { type ToolCall, ToolTraps } from './tool-traps.ts';

const LANES = 2;
/** Third octet of the first sshd's address. */
const NET = 93;
/** The manager behind the sshd, and the master: so its shell also writes the checkpoint of init and stores the snapshot. */
const STRUCK = 'm2';

interface Strike { readonly flow: Flow; readonly call: ToolCall; readonly fault: Fault; readonly restarted: boolean }

export const syscallsManager: Experiment = {
  name: 'syscalls-manager',
  title: 'the same at every system call of the shell and its tools on a manager behind a real sshd',
  missing: () => straceMissing() ?? sshdMissing(),
  trials: async function* trials(scope) {
    const folder = mkdtempSync(join(tmpdir(), 'vaultctl-traps-'));
    try {
      yield* inLanes(Array.from({ length: LANES }, (_, index) => lane(scope, index, new ToolTraps(join(folder, String(index))))));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function sshdMissing(): string | undefined {
  try { sshdPath(); return undefined; } catch (error) { return error instanceof Error ? error.message : String(error); }
}

function lane(scope: Scope, index: number, traps: ToolTraps): Lane<Strike> {
  return {
    start: async () => {
      const world = await KilledWorld.start('plain', { net: NET + index, config: traps.config });
      world.master = STRUCK;
      return world;
    },
    items: async (world) => {
      const all: Strike[] = [];
      for (const flow of flows) all.push(...await strikesOn(world, flow, traps));
      return dealt(chosen(all, scope), index, LANES);
    },
    strike: (world, item) => strike(world, item, traps),
  };
}

/** Counted in a run that is not struck. */
async function strikesOn(world: KilledWorld, flow: Flow, traps: ToolTraps): Promise<Strike[]> {
  await makeReady(world, flow);
  traps.watch();
  const { code, text } = await world.run(flow);
  const calls = traps.disarm(join(world.folder, STRUCK));
  if (code !== 0) throw new Error(`${flow}, traced and not struck, ended with ${code}:\n${text}`);
  return calls.filter(isNoMoreOfTheSame).flatMap((call, index) => faultsFor(deedOf(call.name, call.line)).map((fault, which) => ({ flow, call, fault, restarted: (index + which) % 2 === 1 })));
}

/** A shell reads a line byte by byte: the first of them stands for all. */
function isNoMoreOfTheSame(call: ToolCall, index: number, calls: readonly ToolCall[]): boolean {
  const before = calls[index - 1];
  return !(call.name === 'read' && before?.name === 'read' && before.path === call.path && before.by === call.by && before.tool === call.tool && before.round === call.round);
}

async function strike(world: KilledWorld, { flow, call, fault, restarted }: Strike, traps: ToolTraps): Promise<Trial> {
  await makeReady(world, flow);
  const { tool, round, by, name, nth } = call;
  traps.arm({ tool, round, by, ...(fault === 'short' ? { limitBytes: halfOf(call) } : { inject: injectionOf(fault, name, nth) }) });
  const struck = await world.run(flow);
  const hit = traps.disarm(join(world.folder, STRUCK)).find((one) => one.name === name && one.nth === nth);
  const what = `${fault} at ${name} ${nth} of ${by === 'tool' ? tool : 'the shell after'} ${by === 'tool' ? round : `${tool} ${round}`} in ${flow} (${(hit ?? call).path.slice(world.folder.length + 1).replace(/\.[0-9a-f]{16}\./, '.*.')})${restarted ? ', then Vault restarted' : ''}`;
  const trial = await judged(world, what, flow, struck, { restarted });
  if (fault === 'delay' && struck.code !== 0) return { ...trial, outcome: 'wrong', seen: `a slow disk is no reason to stop:\n${struck.text}` };
  return hit !== undefined || trial.outcome === 'wrong' || trial.outcome === 'lost' ? trial : { what, outcome: 'missed' };
}

/** Of what one write of the shell or of dd wrote from the file's beginning. */
function halfOf({ line }: ToolCall): number { return Math.max(1, Math.floor(Number(/= (\d+)$/.exec(line)?.[1] ?? 2) / 2)); }
