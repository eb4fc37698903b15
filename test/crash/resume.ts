import type { Flow } from '../../src/engine/flow.ts';
import { distribute } from '../../src/flows/distribute.ts';
import { install } from '../../src/flows/install.ts';
import { recoverSnapshot } from '../../src/flows/recover.ts';
import { rotate } from '../../src/flows/rotate.ts';
import type { Boundary } from '../sim/process.ts';
import type { Ending, Finished, RunOptions, World } from '../sim/world.ts';
import { check, checkDone, forget, type Seen, sightOf } from './invariant.ts';
import { judge } from './truth.ts';

export const verbs = { install, rotate, distribute, 'recover --restore-snapshot': recoverSnapshot } as const;
export type Verb = keyof typeof verbs;

/** What the operator is left with: `runs` commands later it is quiet, or `wrong` says what must never be. */
export interface Outcome {
  readonly wrong?: string;
  readonly runs: number;
  /** How each run ended, in order: `halt undelivered`, `done`. */
  readonly story: readonly string[];
  readonly said: readonly string[];
  /** Where the run that mends it began to act: the first step that was not done already, or `halt CODE`. */
  readonly resumedAt?: string;
}

/** More runs than this are no resume. */
const MOST_RUNS = 6;
/** Without a fault in that very run these are lies: the simulated operator has one cluster, one process, and no other tool. */
const NEVER = new Set(['credentials-lost', 'keys-rejected', 'unreadable', 'conflicting-main', 'other-cluster', 'foreign-rekey', 'locked', 'restored', 'unproven', 'cannot-tell', 'initialised-by-other', 'no-snapshot', 'no-keys-for-snapshot', 'import-rejected', 'verify-failed', 'empty-first', 'auto-unseal']);

/** The calls after which keys may be on fewer platters, or on more: names and contents of files that hold them, and Vault itself. */
const MATTERS = /^(rename|remove|syncFolder|file\.write|file\.truncate|file\.sync) /;
const KEYLESS = /\.(lock|plain)$|about\.json$|\.snap$/;

/** Looks at the platters after every such call. */
export function watching(world: World, seen: Seen): Boundary {
  return (call, when) => {
    if (when === 'before' || !call.changes || call.port === 'host') return;
    if (call.port === 'disk' && (!MATTERS.test(call.what) || KEYLESS.test(call.what))) return;
    const wrong = check(world, seen);
    if (wrong !== undefined) throw new Error(`${wrong} (after call ${call.index}: ${call.port} ${call.where} ${call.what})`);
  };
}

export function flowOf(verb: Verb): Flow<Record<string, unknown>> { return verbs[verb] as unknown as Flow<Record<string, unknown>>; }

/** One watched run; what it broke comes back as text and never as a throw. */
export async function watched(world: World, verb: Verb, seen: Seen, options: RunOptions = {}): Promise<Finished & { wrong?: string }> {
  // Keys of a Vault that was emptied open nothing any more, and nobody is to blame.
  if (!world.vault.initialised) { forget(seen); seen.lastLive = undefined; }
  try {
    const boundary = watching(world, seen);
    const finished = await world.run(flowOf(verb), { ...options, ...(seen.restored ? { flags: { acceptRestored: true } } : {}), boundary: (call, when) => { options.boundary?.(call, when); boundary(call, when); } });
    const wrong = check(world, seen);
    return wrong === undefined ? finished : { ...finished, wrong };
  } catch (error) {
    return { ending: { is: 'died' }, calls: [], said: [], wrong: (error as Error).message };
  }
}

export function describe(ending: Ending): string {
  if (ending.is === 'halt') return `halt ${ending.halt.text.code}`;
  return ending.is === 'error' ? `error ${(ending.error as Error).message}` : ending.is;
}

export type Next = { readonly verb: Verb } | { readonly wrong: string } | { readonly quiet: string };

/**
 * What a careful operator types next, and what the page must not have said.
 * @param faulty something went wrong in that very run: a page may then speak of it
 * @param hand `reads`: a second operator, who believes the page and leaves the work to the first
 */
export function nextAfter(ending: Ending, verb: Verb, world: World, seen: Seen, faulty: boolean, hand: 'acts' | 'reads' = 'acts'): Next {
  if (ending.is !== 'halt') return { verb };
  const { code, next = [], exit } = ending.halt.text;
  if (code === 'restored' && hand === 'acts') seen.restored = true;
  if ((code === 'init-cut-off' || code === 'restore-cut-off') && !world.vault.initCutOff()) return { wrong: 'it says that Vault was cut off in its init, and it was not' };
  if (code === 'init-reply-lost' && seen.held) return { wrong: 'it says that the init reply was lost, and a disk has the keys' };
  // A server that became older than every set looks the same from outside, and so does one that another operator has just emptied
  // and initialised for the snapshot: then the page is wrong about why, and right about what.
  if (code === 'half-commit' && !world.vault.halfCommitted() && sightOf(world).some(({ live }) => live)) return { wrong: 'it says that no set opens Vault, and one does' };
  if (code === 'foreign-rekey' && seen.diedOvertaken && judge(code, world).is === 'done as it says') return { verb };
  if (world.harm > 0 && (exit === 'lost' || !faulty) && code !== 'half-commit') {
    const judged = judge(code, world);
    if (judged.is === 'lie') return { wrong: judged.why };
    if (judged.is === 'true end') return { quiet: code };
    if (judged.is === 'done as it says') return { verb: code === 'restored' ? 'install' : verb };
  }
  if (code === 'init-reply-lost') {
    if (hand === 'acts') wipe(world);
    if (hand === 'acts' && next.some((line) => line.includes('recover --archive'))) archive(world);
    return { verb: 'install' };
  }
  if (code === 'init-cut-off') {
    if (hand === 'acts') wipe(world);
    return { verb: 'install' };
  }
  if (code === 'half-commit' || code === 'restore-cut-off') {
    if (hand === 'acts') wipe(world);
    return { verb: 'recover --restore-snapshot' };
  }
  // Its run died between the reply of that init and the disk: a server that holds nothing is emptied once more.
  if (code === 'empty-first' && !mayGoOnRestoring(world) && !sightOf(world).some(({ live }) => live)) {
    if (hand === 'acts') wipe(world);
    return { verb };
  }
  if (exit === 'lost' || (!faulty && NEVER.has(code))) return { wrong: `it ended in ${code}: ${ending.halt.text.what} (${(ending.halt.text.details ?? []).join('; ')})` };
  if (code === 'nodes-closed' && hand === 'acts') beginAfresh(world, ending.halt.text.details ?? []);
  // Its page offers three ways that destroy or replace; a file that could not be read this once is simply looked at again.
  if (code === 'other-cluster') return { verb };
  for (const line of next) {
    const named = /vaultctl (install|rotate|distribute|recover --restore-snapshot)/.exec(line)?.[1];
    if (named !== undefined) return { verb: named as Verb };
  }
  return { verb };
}

/** The keys of a restoring that was begun stand beside its snapshot. */
const mayGoOnRestoring = (world: World): boolean => [...world.machines.values()].some((machine) => [...machine.files()].some(([path, bytes]) => path.endsWith('.snap.restoring') && bytes.length > 0));

/** The operator empties Vault, as the page says. */
function wipe(world: World): void {
  for (const { name } of world.vault.nodes) world.vault.wipeNode(name);
}

/** The storage of a node of which the page says so is moved away. */
function beginAfresh(world: World, details: readonly string[]): void {
  for (const { name, address } of world.vault.nodes) {
    const said = details.findIndex((line) => line.startsWith(`${address}:`));
    if (said >= 0 && details[said + 1]?.includes('it joins afresh') === true) world.vault.wipeNode(name);
  }
}

/** `recover --archive` on an empty Vault, as the page says: renamed, nothing deleted. */
function archive(world: World): void {
  for (const machine of world.machines.values()) {
    const folder = machine.find('/etc/kubernetes')!;
    for (const [name, inode] of Array.from(folder.names)) {
      if (!/^(vault-|\.vault-).*\.(json|tmp|keys|intent)$/.test(name) || name.includes('.archived-')) continue;
      folder.names.delete(name);
      folder.names.set(`${name.replace(/^\./, '')}.archived-by-hand`, inode);
    }
    folder.safe = new Map(folder.names);
    folder.changes = [];
  }
}

const QUESTIONS = /^(which-|find-|choose-|must-|is-)/;

/** The first step that a run did, questions apart. */
function firstDeed({ said, ending }: Finished): string {
  for (const line of said) {
    const found = /^(done|failed) ([a-z-]+)/.exec(line);
    if (found === null || (found[1] === 'done' && QUESTIONS.test(found[2]!))) continue;
    return ending.is === 'halt' && found[1] === 'failed' ? `halt ${ending.halt.text.code}` : found[2]!;
  }
  return ending.is === 'done' ? 'nothing' : describe(ending);
}

/**
 * Who was sent away to end another flow first comes back. In a world that nobody harmed all is well by then; where Vault was
 * restored, equal files on an open node say nothing of that, and only what he came for finds it out.
 */
export function errandOf(ending: Ending, verb: Verb, { harm }: World): Verb | undefined {
  return harm > 0 && ending.is === 'halt' && ending.halt.text.code === 'finish-install' ? verb : undefined;
}

/** Runs the command again, or the one that a halt names, until all is quiet. */
export async function resume(world: World, start: Verb, seen: Seen, { mayMeetASleeper = false, errand: given }: { mayMeetASleeper?: boolean; errand?: Verb | undefined } = {}): Promise<Outcome> {
  const story: string[] = [];
  const said: string[] = [];
  let resumedAt = '';
  let verb = start;
  let errand = given;
  for (let runs = 1; runs <= MOST_RUNS; runs += 1) {
    const finished = await watched(world, verb, seen);
    story.push(`${verb}: ${describe(finished.ending)}`);
    said.push(...finished.said.map((line) => `  ${line}`));
    if (runs === 1) resumedAt = firstDeed(finished);
    if (finished.wrong !== undefined) return { wrong: finished.wrong, runs, story, said, resumedAt };
    if (finished.ending.is === 'done' && errand !== undefined && errand !== verb) {
      verb = errand;
      continue;
    }
    if (finished.ending.is === 'done') {
      const wrong = await checkDone(world, seen, verb);
      return { ...(wrong === undefined ? {} : { wrong }), runs, story, said, resumedAt };
    }
    const next = nextAfter(finished.ending, verb, world, seen, mayMeetASleeper);
    if ('wrong' in next) return { wrong: next.wrong, runs, story, said, resumedAt };
    if ('quiet' in next) return { runs, story, said, resumedAt };
    errand = errandOf(finished.ending, verb, world) ?? errand;
    verb = next.verb;
  }
  return { wrong: `not quiet after ${MOST_RUNS} runs`, runs: MOST_RUNS, story, said, resumedAt };
}
