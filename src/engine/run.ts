import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { type Arrow, type Flow, arrowFrom, isUnproven } from './flow.ts';
import type { Hands, Prover } from './world.ts';

/** No flow has as many arrows; a table that loops is our bug, not the operator's wait. */
const MAX_ARROWS = 64;
const ATTEMPTS = 3;

interface Standing { readonly state: PropertyKey; readonly record: unknown }

/**
 * Runs a flow from its start: each step looks before it acts, so a first run, a re-run and a resumed run are one loop.
 * Between two steps, and only there, a signal or a lost lock stops it.
 * @throws Halt where the operator must act; any other error where the outcome of a call stayed unknown.
 */
export async function run<S>(flow: Flow<S>, hands: Hands & Prover): Promise<S[keyof S]> {
  let at: Standing = { state: flow.start, record: undefined };
  for (let count = 0; count < MAX_ARROWS; count += 1) {
    if (at.state === flow.end) return at.record as S[keyof S];
    stopWhereAsked(flow.name, hands);
    at = await follow(arrowFrom(flow, at.state as keyof S), at.record, hands);
  }
  throw new Error(`flow ${flow.name} did not end after ${MAX_ARROWS} arrows`);
}

function stopWhereAsked(flow: string, hands: Hands): void {
  const signal = hands.operator.stopRequested();
  if (signal !== undefined) throw new Halt(haltTexts.stopped(signal, flow, hands.settings.inventory));
  const lost = hands.lock.lost();
  if (lost !== undefined) throw new Halt(haltTexts.lockLost(lost, flow, hands.settings.inventory));
}

async function follow<S>(arrow: Arrow<S>, record: unknown, hands: Hands & Prover): Promise<Standing> {
  const { name, title } = arrow.is === 'fork' ? arrow.fork : arrow.step;
  const mark = (kind: 'start' | 'done' | 'already' | 'skipped' | 'failed', note?: string) =>
    hands.tell({ is: 'step', step: name, title, mark: kind, ...(note === undefined ? {} : { note }) });
  mark('start');
  try {
    if (arrow.is === 'fork') {
      const arrival = await patiently(hands, true, async () => {
        const sight = await arrow.fork.look(hands, record as never);
        if (!isUnproven(sight)) return sight;
        if (arrow.fork.prove === undefined) throw new Error(`${name} cannot prove`);
        return arrow.fork.prove(hands, record as never);
      });
      mark('done');
      return { state: arrival.to, record: arrival.record };
    }
    const { step } = arrow;
    let how: 'done' | 'already' | 'skipped' = 'done';
    const out = await patiently(hands, step.kind !== 'once', async () => {
      const sight = await step.look(hands, record as never);
      if (sight.is === 'stuck') throw sight.halt;
      how = sight.is === 'done' && step.kind !== 'check' ? (sight.skipped === true ? 'skipped' : 'already') : 'done';
      return sight.is === 'done' ? sight.out : step.act(hands, record as never);
    });
    mark(how);
    return { state: arrow.to, record: out };
  } catch (error) {
    mark('failed', error instanceof Halt ? error.text.what : messageOf(error));
    throw error;
  }
}

/** Looks and repeatable steps are tried again where a call's outcome stayed unknown; a Halt is an answer and is not. */
async function patiently<T>(hands: Hands, repeatable: boolean, attempt: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof Halt || !repeatable || tried >= ATTEMPTS || !hands.isPassing(error)) throw error;
      hands.tell({ is: 'note', text: `trying again: ${messageOf(error)}` });
      await hands.clock.sleep(300 * tried);
    }
  }
}
