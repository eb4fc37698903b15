import type { Choose, SimMachine } from '../sim/disk.ts';
import type { World } from '../sim/world.ts';

/** Of more combinations than this only the plain patterns and the first ones are tried; the count says so. */
const MOST_COMBINATIONS = 64;

/** k, l, t or z for each unsynced change in the order in which the disk asks: kept, lost, torn, zeroed. */
export type Choices = string;

const LETTERS: Record<string, string> = { kept: 'k', lost: 'l', torn: 't', zeroed: 'z' };

/** Answers from `choices`; beyond its end with the first option, and notes what could have been. */
function follow(choices: Choices): { choose: Choose; asked: { options: readonly string[]; taken: number }[] } {
  const asked: { options: readonly string[]; taken: number }[] = [];
  const choose: Choose = (options) => {
    const letter = choices[asked.length];
    const taken = Math.max(0, letter === undefined ? 0 : options.findIndex((option) => LETTERS[option] === letter));
    asked.push({ options, taken });
    return options[taken]!;
  };
  return { choose, asked };
}

export function reboot(machine: SimMachine, choices: Choices): void { machine.reboot(follow(choices).choose); }

/** Every way in which a reboot of this machine can leave its disk; the machine itself is not touched. */
export function everyReboot(machine: SimMachine): { all: Choices[]; truncated: boolean } {
  const all: Choices[] = [];
  let choices: Choices | undefined = '';
  while (choices !== undefined && all.length < MOST_COMBINATIONS) {
    const { choose, asked } = follow(choices);
    machine.clone().reboot(choose);
    const letters = asked.map(({ options, taken }) => LETTERS[options[taken]!]!);
    all.push(letters.join(''));
    choices = nextOf(asked, letters);
  }
  if (choices !== undefined) all.push('l'.repeat(32), 'k'.repeat(32));
  return { all, truncated: choices !== undefined };
}

/** Like counting: the last answer that has another option takes it, everything behind it starts again. */
function nextOf(asked: readonly { options: readonly string[]; taken: number }[], letters: readonly string[]): Choices | undefined {
  for (let at = asked.length - 1; at >= 0; at -= 1) {
    const { options, taken } = asked[at]!;
    if (taken + 1 < options.length) return [...letters.slice(0, at), LETTERS[options[taken + 1]!]!].join('');
  }
  return undefined;
}

/** Everything loses its power: the managers as `choices` say, and every server comes back sealed. */
export function powerCut(world: World, choices: Choices): void {
  for (const machine of world.machines.values()) reboot(machine, choices);
  for (const { name } of world.vault.nodes) world.vault.restartNode(name);
}
