import { KilledWorld, type Strike } from '../test/real/killed-world.ts';
import { chosen, type Experiment, type Scope } from './experiment.ts';
import { type Flow, flows, leftAlone, makeReady } from './flow.ts';
import { judged } from './judge.ts';
import { inLanes, type Lane } from './lanes.ts';

interface Boundary { readonly flow: Flow; readonly at: number; readonly when: Strike['when']; readonly request: string }

export const terminalClosed: Experiment = {
  name: 'terminal-closed',
  title: 'the terminal closed (SIGHUP, and no line of output taken any more) before and after every request of `install` and `rotate` to Vault',
  missing: () => undefined,
  trials: (scope) => inLanes(flows.map((flow) => lane(flow, scope.all ? scope : { ...scope, short: Math.ceil(scope.short / flows.length) }))),
};

function lane(flow: Flow, scope: Scope): Lane<Boundary> {
  return {
    start: () => KilledWorld.start(),
    items: async (world) => {
      await leftAlone(world, flow);
      return chosen(world.requests().flatMap((request, index) => (['before', 'after'] as const).map((when) => ({ flow, at: index + 1, when, request }))), scope);
    },
    strike: async (world, { at, when, request }) => {
      await makeReady(world, flow);
      const struck = await world.onTerminal(flow, { at, when });
      const what = `the terminal of ${flow} closed ${when} request ${at} (${world.requests()[at - 1] ?? request})`;
      // How often a run polls for a leader is not the same every time.
      if (world.requests().length < at) return { what, outcome: 'missed' };
      // Whatever it had in hand it brings to a safe point: not even the reply of init may be lost.
      return judged(world, what, flow, struck);
    },
  };
}
