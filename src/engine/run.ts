import { kubernetesHalt } from '../kubernetes/rights.ts';
import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { HostError } from '../ports/hosts.ts';
import { KubeError } from '../ports/kube.ts';
import { WireError } from '../ports/vault.ts';
import { type Arrow, type Flow, type Step, arrowFrom, isUnproven } from './flow.ts';
import type { Hands, Prover } from './world.ts';

/** No flow has as many arrows; a table that loops is our bug, not the operator's wait. */
const MAX_ARROWS = 64;
const ATTEMPTS = 3;

interface Standing { readonly state: PropertyKey; readonly record: unknown }

/**
 * Runs a flow from its start: each step looks before it acts, so a first run, a re-run and a resumed run are one loop.
 * Between two steps, and only there, a signal or a lost lock stops it.
 * @throws Halt where the operator must act, also where a node or a manager was cut off; any other error is Vault's own refusal or our bug.
 */
export async function run<S>(flow: Flow<S>, hands: Hands & Prover): Promise<S[keyof S]> {
  let at: Standing = { state: flow.start, record: undefined };
  for (let count = 0; count < MAX_ARROWS; count += 1) {
    if (at.state === flow.end) return at.record as S[keyof S];
    await hands.lock.confirm?.();
    stopWhereAsked(flow.name, hands);
    at = await follow(flow.name, arrowFrom(flow, at.state as keyof S), at.record, hands);
  }
  throw new Error(`flow ${flow.name} did not end after ${MAX_ARROWS} arrows`);
}

/** Between two writes, also within a step that waits. @throws Halt where a signal came or the lock is lost */
export function stopWhereAsked(flow: string, hands: Hands): void {
  const signal = hands.operator.stopRequested();
  if (signal !== undefined) throw new Halt(haltTexts.stopped(signal, flow, hands.settings.inventory));
  const lost = hands.lock.lost();
  if (lost !== undefined) throw new Halt(haltTexts.lockLost(lost, flow, hands.settings.inventory));
}

async function follow<S>(flow: string, arrow: Arrow<S>, record: unknown, hands: Hands & Prover): Promise<Standing> {
  if (arrow.is === 'step' && arrow.step.unasked?.(hands) === true) return { state: arrow.to, record };
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
    const { how, out } = await take(arrow.step, record, hands);
    mark(how);
    return { state: arrow.to, record: out };
  } catch (error) {
    const told = await unlessOvertaken(error, flow, hands);
    mark('failed', told instanceof Halt ? told.text.what : messageOf(told));
    throw cutOff(told, title, flow, hands);
  }
}

/**
 * Whoever broke our lock may have moved the keys between two of our looks: what then reads as a loss, or as keys that
 * Vault rejects, is said by nobody who no longer has the lock.
 */
async function unlessOvertaken(error: unknown, flow: string, { lock, settings }: Hands): Promise<unknown> {
  if (!(error instanceof Halt) || (error.text.exit !== 'lost' && error.text.exit !== 'refused')) return error;
  await lock.reassert?.();
  const lost = lock.lost();
  return lost === undefined ? error : new Halt(haltTexts.lockLost(lost, flow, settings.inventory), { cause: error });
}

type Taken = { readonly how: 'done' | 'already' | 'skipped'; readonly out: unknown };

/** Looks, and acts where the look says pending. Looking may always be repeated; a `once` step acts one time in a run. */
async function take(step: Step<never, unknown>, record: unknown, hands: Hands & Prover): Promise<Taken> {
  const look = async (): Promise<Taken | undefined> => {
    const sight = await step.look(hands, record as never);
    if (sight.is === 'stuck') throw sight.halt;
    if (sight.is === 'pending') return undefined;
    return { how: step.kind === 'check' ? 'done' : sight.skipped === true ? 'skipped' : 'already', out: sight.out };
  };
  const act = async (): Promise<Taken> => ({ how: 'done', out: await step.act(hands, record as never) });
  if (step.kind === 'once') return await patiently(hands, true, look) ?? act();
  return patiently(hands, true, async () => await look() ?? act());
}

/** A node or a manager went away in the middle: the operator reads which, and that the same command goes on from there. */
function cutOff(error: unknown, during: string, flow: string, { settings: { inventory } }: Hands): unknown {
  if (error instanceof WireError) return new Halt(haltTexts.vaultCutOff(during, messageOf(error), inventory), { cause: error });
  if (error instanceof KubeError) return kubernetesHalt(error, inventory, during);
  if (error instanceof HostError && error.kind === 'fenced') return new Halt(haltTexts.lockLost(`${error.host}: ${error.message}`, flow, inventory), { cause: error });
  if (error instanceof HostError) return new Halt(haltTexts.managerCutOff(error.host, during, messageOf(error), error.mend, inventory), { cause: error });
  return error;
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
