import type { Dice } from '../sim/dice.ts';
import type { PortCall } from '../sim/process.ts';
import { editKinds, files } from './befall.ts';
import { faultsOf, harmOf, KNOWN_COMMIT_WRITES, KNOWN_INIT_WRITES } from './faults.ts';
import type { Setting } from './prepare.ts';
import type { Round, Schedule } from './schedule.ts';

/** From where schedules are drawn: the calls of the run in which nothing goes wrong give the places. */
export interface Ground { readonly setting: Setting; readonly calls: readonly PortCall[] }

export const below = (dice: Dice, limit: number): number => ((dice.byte() << 16) | (dice.byte() << 8) | dice.byte()) % limit;
export const oneOf = <T>(dice: Dice, choices: readonly T[]): T => choices[below(dice, choices.length)]!;

/** A run with one fault. */
export function drawRun(dice: Dice, ground: Ground): Schedule {
  const { setting, calls } = ground;
  const call = oneOf(dice, calls);
  const kind = oneOf(dice, [...faultsOf(call, setting), 'die', 'die', 'reboot', 'power', ...(below(dice, 4) === 0 ? ['commit'] : [])]);
  const letters = Array.from({ length: 8 }, () => 'klt'[below(dice, 3)]).join('');
  const names = machinesOf(setting);
  if (kind === 'commit') return { kind, at: below(dice, setting.verb === 'rotate' ? KNOWN_COMMIT_WRITES : KNOWN_INIT_WRITES), when: '', detail: [] };
  if (kind === 'die' || kind === 'power' || kind === 'reboot') return { kind, at: call.index, when: oneOf(dice, ['a', 'b']), detail: kind === 'die' ? [] : kind === 'power' ? [letters] : [oneOf(dice, names), letters] };
  return { kind, at: call.index, when: '', detail: [] };
}

/** What befalls the world between two runs. */
function drawBetween(dice: Dice, { setting }: Ground): Schedule {
  const names = machinesOf(setting);
  const node = `v${1 + below(dice, setting.nodes)}`;
  const between = (kind: string, ...detail: string[]): Schedule => ({ kind, at: -1, when: '', detail });
  switch (below(dice, 8)) {
    case 0: case 1: return between('older', oneOf(dice, names), String(below(dice, 3)));
    case 2: return between('restore', String(below(dice, 3)));
    case 3: return between('rollback', String(below(dice, 3)));
    case 4: return between(oneOf(dice, ['seal', 'restart']), node);
    case 5: return below(dice, 2) === 0 ? between('new-leader') : between('hours', oneOf(dice, ['1', '48']));
    default: return between(oneOf(dice, editKinds), oneOf(dice, names), oneOf(dice, Object.keys(files)));
  }
}

function drawSecond(dice: Dice, { setting, calls }: Ground): Schedule {
  const verb = setting.verb === 'rotate' && below(dice, 4) > 0 ? 'rotate' : oneOf(dice, ['install', 'distribute']);
  const stopsAt = below(dice, 3) === 0 ? calls.length * 2 : below(dice, calls.length);
  return { kind: 'second', at: below(dice, calls.length), when: '', detail: [verb, oneOf(dice, ['laptop', ...machinesOf(setting)]), String(stopsAt), ...(below(dice, 3) > 0 ? ['unlock'] : [])] };
}

/** 2 to 4 things that go wrong, in as many rounds or fewer. */
export function drawRounds(dice: Dice, ground: Ground): Round[] {
  const rounds: Schedule[][] = [];
  const count = 2 + below(dice, 3);
  for (let drawn = 0; drawn < count; drawn += 1) {
    const last = rounds.at(-1);
    switch (below(dice, 12)) {
      case 0: case 1: rounds.push([drawBetween(dice, ground)]); break;
      case 2: rounds.push([drawSecond(dice, ground)]); break;
      case 3: { const call = oneOf(dice, ground.calls); const [kind] = harmOf(call, ground.setting); rounds.push(kind === undefined ? [drawRun(dice, ground)] : [{ kind, at: call.index, when: '', detail: [] }]); break; }
      case 4: case 5: case 6: if (last !== undefined && last.every(({ at }) => at >= 0)) { last.push(drawRun(dice, ground)); break; } rounds.push([drawRun(dice, ground)]); break;
      default: rounds.push([drawRun(dice, ground)]);
    }
  }
  return rounds.map(oneDeath);
}

/** A process dies once, and a server's commit once. */
function oneDeath(round: readonly Schedule[]): Round {
  const seen = new Set<string>();
  return round.filter(({ kind }) => {
    const group = kind === 'reboot' || kind === 'power' ? 'die' : kind;
    const isFirst = !seen.has(group) || !['die', 'commit', 'second'].includes(group);
    seen.add(group);
    return isFirst;
  });
}

const machinesOf = ({ managers }: Setting): string[] => Array.from({ length: managers }, (_, index) => `m${index + 1}`);
