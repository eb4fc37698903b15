import type { Flow } from '../../src/engine/flow.ts';
import { takeLock } from '../../src/engine/lock.ts';
import { run } from '../../src/engine/run.ts';
import type { Hands, Prover } from '../../src/engine/world.ts';
import { Halt } from '../../src/model/halt.ts';
import type { VaultWire, WireAnswer, WireRequest } from '../../src/ports/vault.ts';
import { VaultHands } from '../../src/vault/hands.ts';
import { SimOperator } from '../sim/operator.ts';
import { World } from '../sim/world.ts';

/** A wire on which some answers are others than the server gave: `undefined` lets an answer through. */
export function saying(wire: VaultWire, change: (request: WireRequest, answer: WireAnswer) => WireAnswer | undefined, snapshot?: readonly Uint8Array[]): VaultWire {
  return {
    request: async (address, request) => { const answer = await wire.request(address, request); return change(request, answer) ?? answer; },
    download: (address, request) => (snapshot === undefined ? wire.download(address, request) : from(snapshot)),
    upload: (address, request, body) => wire.upload(address, request, body),
    close: () => undefined,
  };
}

async function* from(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> { yield* chunks; }

/** Hands in a simulated world, on another wire than the world's own where one is given. */
export async function handsIn(world: World, wire: VaultWire = world.vault.wire()): Promise<{ hands: Hands & Prover; operator: SimOperator }> {
  const operator = new SimOperator();
  const eyes = world.eyes();
  // The hosts of a world have hands, though it lends out their eyes only.
  const hosts = eyes.hosts as Hands['hosts'];
  const lock = await takeLock(world.settings, hosts, { holder: 'ada', host: 'desk', pid: 1, operation: 'op', flow: 'test', sinceMs: eyes.clock.now() }, eyes.clock.now());
  return {
    operator,
    hands: { ...eyes, hosts, tell: (event) => operator.tell(event), vault: new VaultHands(wire, world.settings.timeoutMs), operator, operation: 'op', lock, isPassing: () => false, mayProve: true },
  };
}

/** The code of the halt that a flow ended in, or `done`; anything else that it threw is thrown. */
export async function endOf<S>(flow: Flow<S>, hands: Hands & Prover): Promise<string> {
  try {
    await run(flow, hands);
    return 'done';
  } catch (error) {
    if (error instanceof Halt) return error.text.code;
    throw error;
  } finally {
    await hands.lock.release();
  }
}
