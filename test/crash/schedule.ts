/*
 * A schedule says what goes wrong, in the order in which it happens, and its text replays it: rounds joined by "+", each
 * a run with its faults joined by ",", or something that befalls the world while nobody runs.
 *
 *   install-1x1/fails@12                  the call fails
 *   install-1x1/fails@12,die@40b          … and in the same run the process dies before call 40
 *   rotate-2x1/reboot:m1:kl@57a+fails@21  m1 loses its power after call 57; then call 21 of the run that mends it fails
 *   rotate-1x1/commit@2                   the server dies before the third write of its commit (of an install: of its init)
 *   rotate-2x1/older:m2:0+fails@3         m2 comes back with the disk of the run before; then a run with a fault
 *   rotate-1x1/commit@1+well+die@9b       … and a run in between in which nothing goes wrong
 *   rotate-2x1/second:rotate:m2:30@12     a second operator on m2 begins at call 12, stands still at its own call 30
 *                                         until the first run is over, and goes on (:unlock@12: it breaks the lock first)
 */

/** One thing that goes wrong. `at` is a call's number within its run, -1 for what happens between two runs. */
export interface Schedule { readonly kind: string; readonly at: number; readonly when: 'a' | 'b' | ''; readonly detail: readonly string[] }

/** What goes wrong in one run; or one thing that happens between two. */
export type Round = readonly Schedule[];

export const isBetween = (round: Round): boolean => round.some(({ at }) => at < 0);

export function formatSchedule({ kind, at, when, detail }: Schedule): string {
  const text = [kind, ...detail].join(':');
  return at < 0 ? text : `${text}@${at}${when}`;
}

export function formatRounds(setting: string, rounds: readonly Round[]): string {
  return `${setting}/${rounds.map((round) => (round.length === 0 ? 'well' : round.map(formatSchedule).join(','))).join('+')}`;
}

/** @throws Error where the text is none. */
export function parseRounds(text: string): { setting: string; rounds: Round[] } {
  const cut = text.indexOf('/');
  const rounds = text.slice(cut + 1).split('+').map((round) => (round === 'well' ? [] : round.split(',').map(parseSchedule)));
  if (cut < 1) throw new Error(`"${text}" is not a schedule: WORLD/FAULT@CALL+FAULT@CALL`);
  return { setting: text.slice(0, cut), rounds };
}

export function parseSchedule(text: string): Schedule {
  const found = /^([a-z-]+)((?::[^@:]*)*)(?:@(\d+)([ab]?))?$/.exec(text);
  if (found === null) throw new Error(`"${text}" is not a fault: KIND[:DETAIL]@CALL`);
  const detail = found[2] === '' ? [] : found[2]!.slice(1).split(':');
  return { kind: found[1]!, at: found[3] === undefined ? -1 : Number(found[3]), when: (found[4] ?? '') as Schedule['when'], detail };
}
