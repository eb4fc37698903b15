import { befall } from './befall.ts';
import { check, checkDone } from './invariant.ts';
import type { Start } from './prepare.ts';
import { describe, errandOf, nextAfter, type Outcome, resume, type Verb } from './resume.ts';
import { formatSchedule, isBetween, type Round } from './schedule.ts';
import { struck } from './strike.ts';

/** What happens when all that goes wrong has gone wrong: resumed without any fault until it is quiet. */
export type Afterwards = (start: Start, verb: Verb, errand?: Verb) => Promise<Outcome>;

export const toTheEnd: Afterwards = async ({ world, seen }, verb, errand) => {
  const wrong = check(world, seen);
  return wrong === undefined ? resume(world, verb, seen, { errand }) : { wrong, runs: 0, story: [], said: [] };
};

/**
 * One schedule from its first round to the quiet end: each run with the command that the one before it left the operator
 * with. A run that ends well ends an install; a rotation is simply run again, and harm that comes later is met by it too.
 */
export async function play(start: Start, first: Verb, rounds: readonly Round[], afterwards: Afterwards = toTheEnd): Promise<Outcome> {
  const { world, seen } = start;
  let verb = first;
  const story: string[] = [];
  const said: string[] = [];
  let runs = 0;
  let isQuiet = false;
  let errand: Verb | undefined;
  const end = (wrong?: string): Outcome => ({ runs, story, said, ...(wrong === undefined ? {} : { wrong }) });
  for (const [index, round] of rounds.entries()) {
    if (isBetween(round)) {
      const could = round.map((one) => befall(world, one));
      story.push(`${round.map(formatSchedule).join(', ')}${could.includes(true) ? '' : ' (nothing there)'}`);
      isQuiet &&= !could.includes(true);
      continue;
    }
    const { harm } = world;
    const finished = await struck(start, verb, round);
    runs += 1;
    story.push(`${verb}: ${describe(finished.ending)}`);
    said.push(...finished.said.map((line) => `  ${line}`));
    if (finished.wrong !== undefined) return end(finished.wrong);
    // Nobody is done for good who had company, or below whom a disk or Vault became older meanwhile.
    const inPeace = world.harm === harm && round.every(({ kind }) => kind !== 'second');
    if (finished.ending.is === 'done' && errand !== undefined && errand !== verb) {
      verb = errand;
      isQuiet = false;
      continue;
    }
    if (finished.ending.is === 'done') {
      const wrong = inPeace ? await checkDone(world, seen, 'struck') : undefined;
      if (wrong !== undefined) return end(wrong);
      isQuiet = inPeace;
      // An install that is done has nothing more to do, unless something befalls it.
      if (isQuiet && verb === 'install' && !rounds.slice(index).some(isBetween)) return end();
      continue;
    }
    isQuiet = false;
    const next = nextAfter(finished.ending, verb, world, seen, true);
    if ('wrong' in next) return end(next.wrong);
    if ('quiet' in next) { isQuiet = true; continue; }
    errand = errandOf(finished.ending, verb, world) ?? errand;
    verb = next.verb;
  }
  if (isQuiet) return end();
  const after = await afterwards(start, verb, errand);
  return { ...after, runs: after.runs + runs, story: [...story, ...after.story], said: [...said, ...after.said] };
}
