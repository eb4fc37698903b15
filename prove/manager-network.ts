import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Experiment } from './experiment.ts';
import { inLanes, lanesFor } from './lanes.ts';
import { sshdMissing } from './manager-sshd.ts';
import { Network, networkMissing } from './network.ts';
import { type Affliction, type Bench, startBench, struckLane } from './struck-manager.ts';

const LANES = 8;
const SSH_PORT = 2222;
const PAUSE_MS = 2000;

interface NetworkBench extends Bench { readonly network: Network }

/** The kernel tells the near end of a cable that it is in again when it has time: the next run is not to find it out first. */
async function mend({ network }: NetworkBench): Promise<void> {
  network.mend();
  for (let tried = 0; tried < 100; tried += 1) {
    const socket = connect({ host: network.address, port: SSH_PORT });
    try {
      await once(socket, 'connect', { signal: AbortSignal.timeout(1000) });
      return;
    } catch {
      await sleep(100);
    } finally {
      socket.destroy();
    }
  }
  throw new Error(`${network.address}:${SSH_PORT} does not come back`);
}

/** Whatever is held when the cable goes is at work there: it goes on, and what it says is lost. */
const afflictions: readonly Affliction<NetworkBench>[] = [
  { name: `is cut off for ${PAUSE_MS / 1000} s`, passes: true, strike: async (bench) => { bench.network.break('cable'); bench.traps.letGo(); await sleep(PAUSE_MS); bench.network.mend(); } },
  { name: 'answers every packet with a reset', strike: ({ network }) => network.break('resets'), lift: mend },
  { name: 'is cut off to the end of the run', every: 2, strike: ({ network }) => network.break('cable'), lift: mend },
  { name: 'hears us, and its answers are lost to the end of the run', every: 2, strike: ({ network }) => network.break('answers'), lift: mend },
  { name: 'gets 700 bytes more, and then nothing', every: 2, strike: ({ network }) => network.breakAfter(700), lift: mend },
  { name: 'gets 20 kB more, and then nothing', every: 2, strike: ({ network }) => network.breakAfter(20_000), lift: mend },
];

export const managerNetwork: Experiment = {
  name: 'manager-network',
  title: 'the network of a manager (a namespace of its own) cut in the middle of a write, of a file or of an answer, for a moment or to the end of the run, or reset, at every operation of `install` and `rotate` there',
  missing: () => sshdMissing() ?? networkMissing(),
  trials: (scope) => inLanes(lanesFor(scope, LANES).map((index, _at, { length }) => struckLane(scope, { index, of: length, start: () => startFarAway(index) }, afflictions))),
};

async function startFarAway(number: number): Promise<NetworkBench> {
  const network = Network.make(number);
  try {
    const bench = await startBench({ at: [{ address: network.address, port: SSH_PORT }], under: network.inside });
    return { ...bench, network, end: async () => { network.mend(); try { await bench.end(); } finally { network.end(); } } };
  } catch (error) {
    network.end();
    throw error;
  }
}
