import process from 'node:process';
import type { Ended, RunOptions } from './shown-run.ts';

const color = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
const paint = (code: string, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);

export function say(text: string): void { console.log(text); }

export function scene(number: number, title: string): void { say(`\n${paint('1', `${number}. ${title}`)}`); }

/** The lines of `status` that matter on a stage. */
export function verdictOf(line: string): boolean { return /^(Verdict|Next):/.test(line); }

/** What a run did, without what it only looked at or found done. */
export function deeds(line: string): boolean { return /^[✓✗!]/.test(line) && !/(look at|see whether|choose the current)/.test(line); }

export interface StepOptions { readonly killAfter?: string; readonly only?: (line: string) => boolean }

/** Where commands are run: vaultctl with an inventory of its own. */
export interface Stage {
  readonly folder: string;
  run(argv: readonly string[], options: RunOptions): Promise<Ended>;
}

/** One command as an operator types it, and what it printed. */
export async function step(world: Stage, argv: readonly string[], { killAfter, only }: StepOptions = {}): Promise<Ended> {
  say(`  ${paint('36', `$ vaultctl ${argv.join(' ')}`)}${killAfter === undefined ? '' : paint('31', '        (will be killed)')}`);
  const ended = await world.run(argv, {
    ...(killAfter === undefined ? {} : { killAfter }),
    show: (line) => { if (only === undefined || only(line)) say(`    ${line.replaceAll(world.folder, '…')}`); },
  });
  if (ended.signal !== null) say(`    ${paint('31', `killed by ${ended.signal}`)}`);
  else if (ended.code !== 0) say(`    ${paint('2', `exit ${ended.code}`)}`);
  return ended;
}
