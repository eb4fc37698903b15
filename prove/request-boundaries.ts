import { KilledWorld, type Strike } from '../test/real/killed-world.ts';
import type { FrontMode } from '../test/real/token-front.ts';
import { chosen, type Experiment, type Scope, type Trial } from './experiment.ts';
import { judged } from './judge.ts';

interface Boundary { readonly at: number; readonly when: Strike['when']; readonly request: string }

/** Servers whose rekey is elsewhere, or wants a token, are hurt where they differ: in a rotation. */
const families: readonly { mode: FrontMode; like: string; flows: readonly ('install' | 'rotate')[] }[] = [
  { mode: 'plain', like: '', flows: ['install', 'rotate'] },
  { mode: 'token', like: ', the server demands a token', flows: ['rotate'] },
  { mode: 'rotate', like: ', the server has sys/rotate/root', flows: ['rotate'] },
];

export const requestBoundaries: Experiment = {
  name: 'request-boundaries',
  title: 'SIGKILL before and after every request of `install` and `rotate` to Vault',
  missing: () => undefined,
  trials: async function* trials(scope) {
    for (const { mode, like, flows } of families) {
      const world = await KilledWorld.start(mode);
      try {
        for (const flow of flows) yield* killedAtRequests(world, flow, like, scope.all ? scope : { ...scope, short: Math.ceil(scope.short / 4) });
      } finally {
        await world.end();
      }
    }
  },
};

async function* killedAtRequests(world: KilledWorld, flow: 'install' | 'rotate', like: string, scope: Scope): AsyncIterable<Trial> {
  const clean = await cleanRun(world, flow);
  if (clean !== undefined) { yield clean; return; }
  const all = world.requests().flatMap((request, index): Boundary[] => (['before', 'after'] as const).map((when) => ({ at: index + 1, when, request })));
  for (const { at, when, request } of chosen(all, scope)) {
    if (flow === 'install') await world.empty();
    const struck = await world.run(flow, { at, when, signals: ['SIGKILL'] });
    // How often a run polls for a leader is not the same every time.
    const hit = world.requests()[at - 1];
    const what = `${flow} killed ${when} request ${at} (${hit ?? request})${like}`;
    if (struck.signal === 'SIGKILL') yield await judged(world, what, flow, struck, { mayLoseInit: hit === 'PUT sys/init' && when === 'after' });
    else yield { what, outcome: struck.code === 0 && world.requests().length < at ? 'missed' : 'wrong', seen: struck.text };
  }
}

/** What is struck is counted in a run that is not. @returns a trial that says why it cannot be, or undefined */
export async function cleanRun(world: KilledWorld, flow: 'install' | 'rotate'): Promise<Trial | undefined> {
  if (flow === 'rotate') await world.run('install');
  const clean = await world.run(flow);
  return clean.code === 0 ? undefined : { what: `${flow}, not struck at all`, outcome: 'wrong', seen: clean.text };
}
