import { setTimeout as sleep } from 'node:timers/promises';
import { type Ended, KilledWorld } from '../test/real/killed-world.ts';
import { chosen, type Experiment, type Trial } from './experiment.ts';
import { makeReady } from './flow.ts';
import { judged } from './judge.ts';
import { inLanes } from './lanes.ts';

const ROUNDS = 8;
const TOGETHER: readonly { readonly first: 'install' | 'rotate'; readonly verbs: readonly string[] }[] = [
  { first: 'install', verbs: ['install', 'install', 'install'] },
  { first: 'rotate', verbs: ['rotate', 'rotate', 'rotate'] },
  { first: 'rotate', verbs: ['rotate', 'install', 'unseal'] },
  { first: 'rotate', verbs: ['distribute', 'rotate', 'verify'] },
];
interface Meeting { readonly first: 'install' | 'rotate'; readonly verbs: readonly string[]; readonly staggerMs: number }

export const threeOperators: Experiment = {
  name: 'three-operators',
  title: 'Three operators at once, from different managers: the same flow, and different ones',
  missing: () => undefined,
  trials: (scope) => inLanes([{
    start: () => KilledWorld.start(),
    items: () => Promise.resolve(chosen(TOGETHER.flatMap(({ first, verbs }) => Array.from({ length: ROUNDS }, (_, round): Meeting => ({ first, verbs, staggerMs: round * 45 }))), scope)),
    strike,
  }]),
};

/** Done, somebody else's turn (6), somebody else's work half seen (4, 5, 7, 8 are answers too, if they are true). */
async function strike(world: KilledWorld, { first, verbs, staggerMs }: Meeting): Promise<Trial> {
  await makeReady(world, first);
  const what = `${verbs.join(', ')} at once, ${staggerMs} ms apart`;
  const ended = await Promise.all(verbs.map(async (verb, index) => {
    await sleep(index * staggerMs);
    return world.begin([verb, '-l', world.names[index % world.names.length]!]).ended;
  }));
  const amiss = ended.find((one) => !isAnswer(one));
  if (amiss !== undefined) return { what, outcome: amiss.code === 3 ? 'lost' : 'wrong', seen: `one of them ended with ${amiss.code ?? amiss.signal}:\n${amiss.text}` };
  if (!ended.some(({ code }) => code === 0)) return { what, outcome: 'wrong', seen: `none of them did it:\n${ended.map(({ text }) => text).join('\n---\n')}` };
  const silent = ended.find(({ code, text }) => code === 6 && !/m1|m2|pid|Another|another/.test(text));
  if (silent !== undefined) return { what, outcome: 'wrong', seen: `it does not say who holds the lock:\n${silent.text}` };
  return judged(world, what, first, { code: 4, signal: null, text: '(three at once)' });
}

function isAnswer({ code }: Ended): boolean { return code !== null && [0, 4, 6].includes(code); }
