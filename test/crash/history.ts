import assert from 'node:assert/strict';
import type { FaultKind } from '../sim/process.ts';
import { befall } from './befall.ts';
import { prepare, type Start } from './prepare.ts';
import { describe, flowOf, nextAfter, type Outcome, resume, type Verb } from './resume.ts';
import { parseSchedule, type Schedule } from './schedule.ts';
import { settingNamed } from './settings.ts';
import { struck } from './strike.ts';

export interface Placed {
  readonly kind: FaultKind | 'die' | 'reboot' | 'power' | 'commit';
  /** Matches `port where what`; the `nth` of them, from 0. */
  readonly on: RegExp;
  /** 99: the last of them. */
  readonly nth?: number;
  readonly when?: 'before' | 'after';
  readonly detail?: readonly string[];
}

export async function callsOf(start: Start, verb: Verb): Promise<string[]> {
  const { calls } = await start.world.clone().run(flowOf(verb));
  return calls.map(({ port, where, what }) => `${port} ${where} ${what}`);
}

export async function place(start: Start, verb: Verb, { kind, on, nth = 0, when = 'after', detail = [] }: Placed): Promise<Schedule> {
  const found = (await callsOf(start, verb)).flatMap((call, index) => (on.test(call) ? [index] : []));
  const at = nth === 99 ? found.at(-1) : found[nth];
  assert.ok(at !== undefined, `${verb} makes ${found.length} calls like ${String(on)}, not ${nth + 1}`);
  return { kind, at, when: kind === 'die' || kind === 'reboot' || kind === 'power' ? (when === 'before' ? 'b' : 'a') : '', detail };
}

/** One run for each fault, or what befalls the world between two (`rollback:0`), or nothing (`well`); `forgets`: the operator leaves away the flag that a page named. Then runs without any until it is quiet. */
export async function history(name: string, faults: readonly (Placed | string)[]): Promise<Outcome> {
  const setting = settingNamed(name);
  const start = await prepare(setting);
  let verb = setting.verb;
  const story: string[] = [];
  const said: string[] = [];
  for (const fault of faults) {
    if (fault === 'well') {
      const { ending } = await struck(start, verb, []);
      story.push(`${verb}: ${describe(ending)}`);
      const next = nextAfter(ending, verb, start.world, start.seen, false);
      if ('wrong' in next) return { wrong: next.wrong, runs: story.length, story, said: [] };
      if ('verb' in next) verb = next.verb;
      continue;
    }
    if (fault === 'forgets') { start.seen.restored = false; continue; }
    if (typeof fault === 'string') {
      assert.ok(befall(start.world, parseSchedule(fault)), `${fault} found nothing there`);
      story.push(fault);
      continue;
    }
    const finished = await struck(start, verb, [fault.kind === 'commit' ? { kind: 'commit', at: fault.nth ?? 0, when: '', detail: [] } : await place(start, verb, fault)]);
    story.push(`${verb}: ${describe(finished.ending)}`);
    said.push(...finished.said);
    if (finished.wrong !== undefined) return { wrong: finished.wrong, runs: story.length, story, said: finished.said };
    const next = nextAfter(finished.ending, verb, start.world, start.seen, true);
    if ('wrong' in next) return { wrong: next.wrong, runs: story.length, story, said: finished.said };
    if ('verb' in next) verb = next.verb;
  }
  const after = await resume(start.world, verb, start.seen);
  return { ...after, story: [...story, ...after.story], said: [...said, ...after.said] };
}

export async function endsWell(name: string, faults: readonly (Placed | string)[]): Promise<Outcome> {
  const outcome = await history(name, faults);
  assert.equal(outcome.wrong, undefined, `${outcome.wrong ?? ''}\n${[...outcome.story, ...outcome.said].join('\n')}`);
  return outcome;
}
