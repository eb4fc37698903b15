import { play } from './play.ts';
import { prepare } from './prepare.ts';
import type { Round, Schedule } from './schedule.ts';
import { settingNamed } from './settings.ts';

/** Plays of one shrinking; a schedule that is still long then is printed as it is. */
const MOST_PLAYS = 150;

export interface Shrunk { readonly setting: string; readonly rounds: readonly Round[]; readonly wrong: string; readonly story: readonly string[] }

/** What goes wrong when this schedule is played; undefined: nothing, or it is no schedule of this world. */
async function outcomeOf(setting: string, rounds: readonly Round[]): Promise<{ wrong: string; story: readonly string[] } | undefined> {
  try {
    const found = settingNamed(setting);
    const { wrong, story } = await play(await prepare(found), found.verb, rounds);
    return wrong === undefined ? undefined : { wrong, story };
  } catch {
    return undefined;
  }
}

/** Fewer rounds and faults first, then simpler ones, then a smaller world: whatever still goes wrong, in whichever way. */
export async function shrink(setting: string, rounds: readonly Round[]): Promise<Shrunk | undefined> {
  const first = await outcomeOf(setting, rounds);
  if (first === undefined) return undefined;
  let best: Shrunk = { setting, rounds, ...first };
  let plays = 0;
  for (let smaller = true; smaller;) {
    smaller = false;
    for (const [name, candidate] of simpler(best)) {
      if ((plays += 1) > MOST_PLAYS) return best;
      const outcome = await outcomeOf(name, candidate);
      if (outcome === undefined) continue;
      best = { setting: name, rounds: candidate, ...outcome };
      smaller = true;
      break;
    }
  }
  return best;
}

function* simpler({ setting, rounds }: Shrunk): Generator<[string, readonly Round[]]> {
  for (const [at, round] of rounds.entries()) {
    if (rounds.length > 1) yield [setting, rounds.toSpliced(at, 1)];
    if (round.length > 1) for (const fault of round.keys()) yield [setting, rounds.with(at, round.toSpliced(fault, 1))];
  }
  for (const [at, round] of rounds.entries()) for (const [place, fault] of round.entries()) for (const plain of plainer(fault)) yield [setting, rounds.with(at, round.with(place, plain))];
  for (const name of smallerWorlds(setting)) yield [name, rounds];
}

function* plainer(fault: Schedule): Generator<Schedule> {
  const { kind, at, detail } = fault;
  if (kind === 'power' || kind === 'reboot') yield { ...fault, kind: 'die', detail: [] };
  if (kind === 'power') for (const letter of 'kl') if (detail[0] !== letter.repeat(8)) yield { ...fault, detail: [letter.repeat(8)] };
  if (kind === 'node-gone' || kind === 'disk-full' || kind === 'reply-lost') yield { ...fault, kind: 'fails' };
  if (kind === 'second' && detail.includes('unlock')) yield { ...fault, detail: detail.slice(0, 3) };
  if (kind === 'second' && Number(detail[2]) < 9000) yield { ...fault, detail: detail.with(2, '9999') };
  if (kind === 'rollback' || kind === 'restore') if (detail[0] !== '0') yield { ...fault, detail: ['0'] };
  if (at > 0 && fault.when === 'a') yield { ...fault, when: 'b' };
}

function* smallerWorlds(setting: string): Generator<string> {
  const found = /^(\w+)-(\d)x(\d)(.*)$/.exec(setting);
  if (found === null) return;
  const [, verb, managers, nodes, traits = ''] = found;
  if (nodes !== '1') yield `${verb}-${managers}x1${traits}`;
  if (Number(managers) > 1) yield `${verb}-${Number(managers) - 1}x${nodes}${traits}`;
  for (const trait of traits.split('-').slice(1)) if (trait !== 'local' && trait !== 'remote') yield `${verb}-${managers}x${nodes}${traits.replace(`-${trait}`, '')}`;
}
