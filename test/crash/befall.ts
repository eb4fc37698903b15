import type { SimMachine } from '../sim/disk.ts';
import { PATHS, type World } from '../sim/world.ts';
import type { Schedule } from './schedule.ts';

/*
 * What befalls the world while nobody runs. `older`, `restore` and `rollback` bring back what once was; the rest below
 * `edits` is a person with an editor. All of these count as harm: what they destroyed is excepted from the invariant,
 * which then holds anew for what is left.
 */

/** What a person may do to a file, with the bytes that are then in it; undefined removes it. */
const edits: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array | undefined>> = {
  delete: () => undefined,
  empty: () => new Uint8Array(),
  truncate: (bytes) => bytes.slice(0, bytes.length >> 1),
  /** One sign of the first share is another: it still parses. */
  edit: (bytes) => inText(bytes, /("unseal_keys":\s*\[\s*")(.)/, (_all, before, sign) => `${before}${sign === 'A' ? 'B' : 'A'}`),
  token: (bytes) => inText(bytes, /("root_token":\s*"hvs\.)(.)/, (_all, before, sign) => `${before}${sign === '0' ? '1' : '0'}`),
  /** Everybody may read it. */
  open: (bytes) => bytes,
};
export const editKinds = Object.keys(edits);

export const files = {
  main: PATHS.main, install: PATHS.installCheckpoint, rotate: PATHS.rotateCheckpoint, previous: PATHS.previous, about: PATHS.about, lock: PATHS.lock, journal: PATHS.journal,
} as const;

/** False: there was nothing that it could befall. */
export function befall(world: World, { kind, detail: [one = '', two = ''] }: Schedule): boolean {
  switch (kind) {
    case 'older': return machineOf(world, one).older(Number(two));
    case 'restore': return world.vault.restoreOlder(Number(one));
    case 'rollback': return world.vault.rollBack(Number(one));
    case 'seal': world.vault.sealNode(one); return true;
    case 'restart': world.vault.restartNode(one); return true;
    case 'new-leader': world.vault.stepDown(); return true;
    case 'hours': world.time.nowMs += Number(one) * 3_600_000; return true;
    default: return edit(machineOf(world, one), kind, files[two as keyof typeof files]);
  }
}

function edit(machine: SimMachine, kind: string, path: string | undefined): boolean {
  const change = edits[kind];
  if (change === undefined || path === undefined) throw new Error(`"${kind}" is nothing that befalls a world`);
  const inode = machine.find(path);
  if (inode?.kind !== 'file') return false;
  const bytes = change(inode.content);
  const cut = path.lastIndexOf('/');
  const folder = machine.find(path.slice(0, cut))!;
  machine.harm += 1;
  if (bytes === undefined) for (const names of [folder.names, folder.safe]) names.delete(path.slice(cut + 1));
  else machine.file(path, bytes, { mode: kind === 'open' ? 0o644 : inode.mode });
  return true;
}

function inText(bytes: Uint8Array, pattern: RegExp, replace: (all: string, before: string, sign: string) => string): Uint8Array {
  return new TextEncoder().encode(new TextDecoder().decode(bytes).replace(pattern, replace));
}

function machineOf(world: World, name: string): SimMachine {
  const machine = world.machines.get(name);
  if (machine === undefined) throw new Error(`no manager ${name}`);
  return machine;
}
