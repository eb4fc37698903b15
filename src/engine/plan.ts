import { Halt } from '../model/halt.ts';
import type { Event } from '../ports/operator.ts';
import { type Flow, arrowFrom, isUnproven } from './flow.ts';
import type { Eyes } from './world.ts';

export interface PlanLine {
  readonly step: string;
  readonly title: string;
  /** `already`: its effect is there. `would`: a run would do it. `unproven`: a run would have Vault decide; the likely way is shown. */
  readonly mark: 'already' | 'skipped' | 'would' | 'unproven' | 'looked';
  readonly note?: string;
  /** What the look said: of a chart or a configuration, what differs. */
  readonly differences?: readonly string[];
}

/**
 * What a run would do, by looking alone: it has no hands to write with. Past the first step that would act, the rest is
 * the table itself, since nothing can be looked at that is not there yet. It holds no lock, so another operator's run may
 * move the keys between its looks at two files: a loss is told where two looks show it.
 * @throws Halt where a run would halt at once.
 */
export async function plan<S>(flow: Flow<S>, eyes: Eyes): Promise<PlanLine[]> {
  try {
    return await follow(flow, eyes);
  } catch (error) {
    if (!(error instanceof Halt) || error.text.exit !== 'lost') throw error;
    return follow(flow, eyes);
  }
}

async function follow<S>(flow: Flow<S>, eyes: Eyes): Promise<PlanLine[]> {
  const lines: PlanLine[] = [];
  let state = flow.start;
  let record: unknown;
  let known = true;
  for (let count = 0; state !== flow.end && count <= flow.arrows.length; count += 1) {
    const arrow = arrowFrom(flow, state);
    if (arrow.is === 'fork') {
      const { name: step, title } = arrow.fork;
      if (!known) { lines.push({ step, title, mark: 'would' }); state = arrow.to[0]!; continue; }
      const sight = await arrow.fork.look(eyes, record as never);
      const unproven = isUnproven(sight);
      lines.push(unproven ? { step, title, mark: 'unproven', note: sight.because } : { step, title, mark: 'looked' });
      const arrival = unproven ? sight.likely : sight;
      state = arrival.to as keyof S;
      record = arrival.record;
      continue;
    }
    if (arrow.step.unasked?.(eyes) === true) { state = arrow.to; continue; }
    const { name: step, title } = arrow.step;
    const differences: string[] = [];
    const looking = { ...eyes, tell: (event: Event) => { if (event.is === 'note') differences.push(event.text); eyes.tell(event); } };
    const sight = known ? await arrow.step.look(looking, record as never) : { is: 'pending' as const };
    if (sight.is === 'stuck') throw sight.halt;
    if (sight.is === 'done' || 'out' in sight) record = sight.out;
    else known = false;
    lines.push({ step, title, mark: sight.is !== 'done' ? 'would' : sight.skipped === true ? 'skipped' : 'already', ...(differences.length === 0 ? {} : { differences }) });
    state = arrow.to;
  }
  return lines;
}
