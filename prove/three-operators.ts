import { setTimeout as sleep } from 'node:timers/promises';
import { type Ended, KilledWorld } from '../test/real/killed-world.ts';
import { chosen, type Experiment, type Trial } from './experiment.ts';
import { type Flow, makeReady } from './flow.ts';
import { judged } from './judge.ts';
import { inLanes } from './lanes.ts';

/** How long after each other they press the key. An install takes two seconds, a rotation one. */
const APART_MS = [0, 0, 0, 10, 30, 60, 120, 250, 500, 900];
const TOGETHER: readonly { readonly first: Flow; readonly verbs: readonly string[] }[] = [
  { first: 'install', verbs: ['install', 'install', 'install'] },
  { first: 'rotate', verbs: ['rotate', 'rotate', 'rotate'] },
  { first: 'rotate', verbs: ['rotate', 'install', 'unseal'] },
  { first: 'rotate', verbs: ['distribute', 'rotate', 'verify'] },
  { first: 'install', verbs: ['install', 'rotate', 'unseal'] },
];
interface Meeting { readonly first: Flow; readonly verbs: readonly string[]; readonly apartMs: number }

/** Three managers, and each operator works from another one. */
export const threeOperators: Experiment = {
  name: 'three-operators',
  title: 'three operators at once, each from another manager: the same flow, and different ones',
  missing: () => undefined,
  trials: (scope) => inLanes([{
    start: () => KilledWorld.start('plain', undefined, 3),
    items: async () => chosen(APART_MS.flatMap((apartMs) => TOGETHER.map(({ first, verbs }): Meeting => ({ first, verbs, apartMs }))), scope),
    strike,
  }]),
};

async function strike(world: KilledWorld, { first, verbs, apartMs }: Meeting): Promise<Trial> {
  await makeReady(world, first);
  const before = world.front.requests.length;
  const all = await Promise.all(verbs.map(async (verb, index) => {
    await sleep(index * apartMs);
    return { verb, ...await world.begin([verb, '-l', world.names[index]!]).ended };
  }));
  const asked = (request: string) => world.front.requests.slice(before).filter(({ method, path }) => `${method} ${path}` === request).length;
  const what = `${verbs.join(', ')} at once, ${apartMs} ms apart`;
  const wrong = amiss(all, asked);
  if (wrong !== undefined) return { what, outcome: all.some(({ code }) => code === 3) ? 'lost' : 'wrong', seen: `${wrong}\n${all.map(({ verb, code, text }) => `--- ${verb} ended with ${code}:\n${text}`).join('\n')}` };
  return judged(world, what, first, { code: 4, signal: null, text: `(${what})` });
}

type Run = Ended & { readonly verb: string };

function amiss(all: readonly Run[], asked: (request: string) => number): string | undefined {
  const strange = all.find((one) => !isAnswer(one, all));
  if (strange !== undefined) return `${strange.verb} ended with ${strange.code ?? strange.signal}`;
  const lying = all.find((one) => one.code === 6 && !one.text.includes('has not yet written who it is') && !all.some((other) => other !== one && one.text.includes(operationOf(other))));
  if (lying !== undefined) return `${lying.verb} does not say whose turn it is`;
  // Who had the lock may have found nothing to rotate or to open.
  if (all.every(({ code }) => code === 6)) return 'none of them did it, and none of them could';
  if (all.some(({ verb }) => verb === 'install') && asked('PUT sys/init') > 1) return 'Vault was initialised more than once';
  // A rotation begins one rekey, and ends it; who did not rotate began none. (A proof is a rekey as well.)
  const rotated = all.filter(({ code }) => code === 0).length;
  return all.every(({ verb }) => verb === 'rotate') && asked('PUT sys/rekey/init') !== rotated ? `${rotated} rotated, and ${asked('PUT sys/rekey/init')} rekeys were begun` : undefined;
}

/** Done, or somebody else's turn; what looks at an install or a rotation in the middle may find it there; and before an install there is nothing to rotate or open. */
function isAnswer({ verb, code, text }: Run, all: readonly Run[]): boolean {
  if (code === 0 || code === 6) return true;
  const installing = all.some((one) => one.verb === 'install');
  if (code === 4) return verb === 'unseal' || (verb === 'rotate' && installing) || (verb === 'install' && all.some((one) => one.verb === 'rotate'));
  // An install that waits for the reply of init has no keys on any disk yet, and no page may say it had.
  return verb !== 'install' && installing && (/not initialised/i.test(text) || (code === 8 && text.includes('no keys could be read on any manager') && !text.includes('The keys are in')));
}

function operationOf({ text }: Run): string { return /\(operation ([0-9a-f]{12})\)/.exec(text)?.[1] ?? 'none'; }
