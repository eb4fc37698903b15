import { KilledWorld, type Strike } from '../test/real/killed-world.ts';
import type { FrontMode } from '../test/real/token-front.ts';
import { chosen, type Experiment, type Scope } from './experiment.ts';
import { type Flow, leftAlone, makeReady } from './flow.ts';
import { judged } from './judge.ts';
import { inLanes, type Lane } from './lanes.ts';

interface Boundary { readonly flow: Flow; readonly at: number; readonly when: Strike['when']; readonly request: string }

/** Servers whose rekey is elsewhere, or wants a token, are hurt where they differ: in a rotation. */
const families: readonly { mode: FrontMode; like: string; flows: readonly Flow[] }[] = [
  { mode: 'plain', like: '', flows: ['install', 'rotate'] },
  { mode: 'token', like: ', the server demands a token', flows: ['rotate'] },
  { mode: 'rotate', like: ', the server has sys/rotate/root', flows: ['rotate'] },
];

export const requestBoundaries: Experiment = {
  name: 'request-boundaries',
  title: 'SIGKILL before and after every request of `install` and `rotate` to Vault',
  missing: () => undefined,
  trials: (scope) => inLanes(families.map((family) => lane(family, scope.all ? scope : { ...scope, short: Math.ceil(scope.short / 4) }))),
};

function lane({ mode, like, flows }: (typeof families)[number], scope: Scope): Lane<Boundary> {
  return {
    start: () => KilledWorld.start(mode),
    items: async (world) => {
      const boundaries: Boundary[] = [];
      for (const flow of flows) {
        await leftAlone(world, flow);
        boundaries.push(...chosen(world.requests().flatMap((request, index) => (['before', 'after'] as const).map((when) => ({ flow, at: index + 1, when, request }))), scope));
      }
      return boundaries;
    },
    strike: async (world, { flow, at, when, request }) => {
      await makeReady(world, flow);
      const struck = await world.run(flow, { at, when, signals: ['SIGKILL'] });
      const hit = world.requests()[at - 1];
      const what = `${flow} killed ${when} request ${at} (${hit ?? request})${like}`;
      if (struck.signal === 'SIGKILL') return judged(world, what, flow, struck, { mayLoseInit: hit === 'PUT sys/init' && when === 'after' });
      // How often a run polls for a leader is not the same every time.
      return struck.code === 0 && world.requests().length < at ? { what, outcome: 'missed' } : { what, outcome: 'wrong', seen: `it was not killed:\n${struck.text}` };
    },
  };
}
