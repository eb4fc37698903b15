import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskHost } from '../../src/hosts/disk-host.ts';
import { SimClock } from '../sim/clock.ts';
import { SimDisk } from '../sim/disk.ts';
import { PATHS, type World } from '../sim/world.ts';
import { check, checkDone } from './invariant.ts';
import { prepare, type Start } from './explore.ts';
import { describe, flowOf, resume, type Verb, watched } from './resume.ts';
import { settingNamed } from './settings.ts';

/*
 * A run that stands still somewhere while somebody else breaks its lock, runs the command to its end and goes: when the
 * first one wakes up, it must find that it is fenced before its next write, and do no harm with what it still knows.
 */

async function breakLocks(world: World): Promise<void> {
  for (const [name, machine] of world.machines) {
    const disk = new SimDisk({ machine });
    await new DiskHost({ name, disk, clock: new SimClock(world.time, 4242), local: false }).breakLock(PATHS.lock);
    disk.die();
  }
}

/** Somebody who waits for a write in progress would wait for the sleeper: what it does then is the guard's own test. */
const isGuarded = (world: World) => [...world.machines.values()].some((machine) => machine.find('/etc/kubernetes')?.holder !== undefined);

/** Every file of every manager, byte by byte. */
function filesOf(world: World): string {
  return JSON.stringify([...world.machines].map(([name, machine]) => [name, [...machine.files()].map(([path, bytes]) => [path, Buffer.from(bytes).toString('base64')]).toSorted(([a], [b]) => (a! < b! ? -1 : 1))]));
}

/** `held`: it had taken its lock everywhere when it fell asleep. */
async function overtaken(start: Start, verb: Verb, at: number, held: boolean): Promise<{ wrong?: string | undefined; story: string[] } | 'guarded'> {
  const { world, seen } = start;
  const story: string[] = [];
  let other: string | undefined;
  let guarded = false;
  let left = '';
  const first = await watched(world, verb, seen, {
    pause: {
      at,
      meanwhile: async () => {
        guarded = isGuarded(world);
        if (guarded) return;
        await breakLocks(world);
        const outcome = await resume(world, verb, seen, { mayMeetASleeper: true });
        other = outcome.wrong;
        story.push(...outcome.story.map((line) => `the second: ${line}`));
        left = filesOf(world);
      },
    },
  });
  if (guarded) return 'guarded';
  story.push(`the first: ${describe(first.ending)}`);
  const wrong = other ?? first.wrong ?? check(world, seen) ?? (!held || filesOf(world) === left ? undefined : 'it wrote on a manager after it had lost its lock');
  if (wrong !== undefined) return { wrong, story };
  const after = await resume(world, verb, seen, { mayMeetASleeper: true });
  story.push(...after.story);
  return { wrong: after.wrong ?? await checkDone(world), story };
}

for (const [name, verb] of [['install-2x1', 'install'], ['rotate-1x1', 'rotate']] as const) {
  test(`${verb}: whoever sleeps through a broken lock wakes up fenced and harms nothing`, async (context) => {
    const start = await prepare(settingNamed(name));
    const { calls } = await start.world.clone().run(flowOf(verb));
    const failures: string[] = [];
    let tried = 0;
    for (const call of calls) {
      if (call.port === 'disk') continue;
      const outcome = await overtaken({ world: start.world.clone(), seen: { ...start.seen } }, verb, call.index, call.what !== 'lock');
      if (outcome === 'guarded') continue;
      tried += 1;
      if (outcome.wrong !== undefined) failures.push(`asleep before call ${call.index} (${call.port} ${call.where} ${call.what.slice(0, 80)}): ${outcome.wrong}\n  ${outcome.story.join(' > ')}`);
    }
    context.diagnostic(`${tried} places to fall asleep`);
    assert.equal(failures.length, 0, `${failures.length} of ${tried}\n${failures.slice(0, 12).join('\n')}`);
    assert.ok(tried > 20);
  });
}
