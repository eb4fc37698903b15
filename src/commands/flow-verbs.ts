import type { Flow } from '../engine/flow.ts';
import { UsageError } from '../model/halt.ts';
import type { CommonFlags, Machine } from './context.ts';
import { runFlow } from './run-flow.ts';

type FlowFlags = CommonFlags & { rootToken?: boolean; revokeRoot?: boolean };

const flows = {
  install: async () => (await import('../flows/install.ts')).install,
  rotate: async () => (await import('../flows/rotate.ts')).rotate,
  distribute: async () => (await import('../flows/distribute.ts')).distribute,
  verify: async () => (await import('../flows/verify.ts')).verify,
  configure: async () => (await import('../flows/configure.ts')).configure,
  unseal: async () => (await import('../flows/unseal.ts')).unseal,
} satisfies Record<string, () => Promise<unknown>>;

export async function runNamed(machine: Machine, flags: FlowFlags, name: 'install' | 'rotate' | 'distribute' | 'verify' | 'configure'): Promise<number> {
  await runFlow(machine, flags, await flows[name]() as unknown as Flow<Record<string, unknown>>);
  return 0;
}

/** 4 where a checkpoint still waits to be finished, though every node is open. */
export async function unsealNodes(machine: Machine, flags: FlowFlags): Promise<number> {
  const out = await runFlow(machine, flags, (await flows.unseal()) as Flow<import('../flows/unseal.ts').UnsealStates> & { end: 'opened' }, { lock: false });
  const [left] = out?.leftover ?? [];
  if (left === undefined) return 0;
  if (flags.json !== true) machine.err(`every node is open; a checkpoint still waits: ${left.host}:${left.path}\nNext: vaultctl status\n`);
  return 4;
}

export async function planNamed(machine: Machine, flags: FlowFlags, name: string): Promise<number> {
  if (!Object.hasOwn(flows, name)) throw new UsageError(`there is no flow "${name}" to plan`, `one of ${Object.keys(flows).join(', ')}`);
  await runFlow(machine, { ...flags, dryRun: true }, await flows[name as keyof typeof flows]() as unknown as Flow<Record<string, unknown>>);
  return 0;
}
