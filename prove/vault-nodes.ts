import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KilledWorld } from '../test/real/killed-world.ts';
import { chosen, type Experiment, type Scope, type Trial } from './experiment.ts';
import { type Flow, flows, leftAlone, makeReady } from './flow.ts';
import { judged, restart } from './judge.ts';
import { inLanes, type Lane } from './lanes.ts';

const HURTS = ['restarted', 'sealed', 'stepped down', 'heard, its reply lost'] as const;
type Hurt = typeof HURTS[number];
interface Strike { readonly flow: Flow; readonly at: number; readonly request: string; readonly hurt: Hurt }

/** The server is hurt just before it hears a request; vaultctl lives on. */
export const vaultNodes: Experiment = {
  name: 'vault-nodes',
  title: 'Vault restarted, sealed, stepped down, or its reply lost, at every request of `install` and `rotate`',
  missing: () => undefined,
  trials: (scope) => inLanes(flows.map((flow) => lane(flow, scope.all ? scope : { ...scope, short: Math.ceil(scope.short / flows.length) }))),
};

function lane(flow: Flow, scope: Scope): Lane<Strike> {
  return {
    start: () => KilledWorld.start(),
    items: async (world) => {
      await leftAlone(world, flow);
      return chosen(world.requests().flatMap((request, index) => HURTS.map((_hurt, which): Strike => ({ flow, at: index + 1, request, hurt: HURTS[(index + which) % HURTS.length]! }))), scope);
    },
    strike,
  };
}

async function strike(world: KilledWorld, { flow, at, request, hurt }: Strike): Promise<Trial> {
  await makeReady(world, flow);
  const before = world.front.requests.length;
  let was: string | undefined;
  const { ended } = world.begin([flow]);
  world.front.onRequest(async ({ number, method, path }) => {
    if (number - before !== at) return undefined;
    was = `${method} ${path}`;
    if (hurt === 'restarted') await restart(world);
    else if (hurt !== 'heard, its reply lost') await ask(world, hurt === 'sealed' ? 'sys/seal' : 'sys/step-down');
    return undefined;
  });
  world.front.dropReply(({ number }) => hurt === 'heard, its reply lost' && number - before === at);
  const struck = await ended;
  const what = `Vault ${hurt} at request ${at} of ${flow} (${was ?? request})`;
  const trial = await judged(world, what, flow, struck, { mayLoseInit: was === 'PUT sys/init' });
  return was === undefined && trial.outcome === 'kept' ? { what, outcome: 'missed' } : trial;
}

/** With whatever root token stands on a manager by then; before there is one nobody can seal it either. */
async function ask(world: KilledWorld, path: string): Promise<void> {
  const token = tokenIn(world);
  if (token === undefined) return restart(world);
  await fetch(`${world.vault.addresses[0]}/v1/${path}`, { method: 'PUT', headers: { 'X-Vault-Token': token } }).then((answer) => answer.arrayBuffer(), () => undefined);
}

function tokenIn(world: KilledWorld): string | undefined {
  for (const name of world.names) {
    for (const file of readdirSync(world.keysFolder(name))) {
      const found = /"root_token"\s*:\s*"([^"]+)"/.exec(readFileSync(join(world.keysFolder(name), file), 'latin1'))?.[1];
      if (found !== undefined) return found;
    }
  }
  return undefined;
}
