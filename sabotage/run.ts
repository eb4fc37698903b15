import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Break } from './break.ts';
import { apply, copyRepository } from './copy.ts';
import { tryTest, type Verdict } from './trial.ts';

/** The longest file that is asked, the deepest exploration, takes a tenth of this on two quiet cores. */
const LIMIT_MS = 600_000;

export interface Outcome {
  readonly name: string;
  readonly is: 'caught' | 'survived' | 'undecided';
  /** The test file that noticed, and what it said. */
  readonly by?: string;
  readonly said: string;
  readonly seconds: number;
}

export interface Options {
  readonly repository: string;
  readonly breaks: readonly Break[];
  /** Test files run side by side, each in a copy of its own. */
  readonly lanes: number;
  /** Each outcome as it comes. */
  readonly heard: (outcome: Outcome) => void;
  /** The named tests without any break: the ones that fail then say nothing, and are in the answer. */
  readonly checked?: (file: string, verdict: Verdict, seconds: number) => void;
  /** Ends what runs, and begins nothing more. */
  readonly stop?: AbortSignal;
}

/** Puts one break at a time into a copy and runs its tests there until one fails. */
export async function sabotage({ repository, breaks, lanes, heard, checked = () => undefined, stop = new AbortController().signal }: Options): Promise<{ outcomes: Outcome[]; unusable: string[] }> {
  const scratch = mkdtempSync(join(tmpdir(), 'vaultctl-sabotage-'));
  try {
    const copies = Array.from({ length: lanes }, (_, lane) => join(scratch, `copy-${lane}`));
    for (const copy of copies) copyRepository(repository, copy);
    const unusable = new Set<string>();
    const alone = oneAtATime();
    const attempt = (copy: string, file: string) => {
      const work = () => tryTest(copy, file, { limitMs: LIMIT_MS, stop });
      return isPure(file) ? work() : alone(work);
    };
    await share(copies, [...new Set(breaks.flatMap(({ tests }) => tests))], async (copy, file) => {
      if (stop.aborted) return;
      const begun = performance.now();
      const verdict = await attempt(copy, file);
      if (verdict.is !== 'passed' || verdict.tests === 0) unusable.add(file);
      checked(file, verdict, secondsSince(begun));
    });
    const outcomes: Outcome[] = [];
    await share(copies, breaks, async (copy, one) => {
      if (stop.aborted) return;
      const outcome = await strike(copy, one, (file) => (unusable.has(file) || stop.aborted ? undefined : attempt(copy, file)));
      if (stop.aborted) return;
      outcomes.push(outcome);
      heard(outcome);
    });
    return { outcomes: breaks.flatMap(({ name }) => outcomes.filter((outcome) => outcome.name === name)), unusable: [...unusable] };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function strike(copy: string, one: Break, attempt: (file: string) => Promise<Verdict> | undefined): Promise<Outcome> {
  const begun = performance.now();
  const end = (is: Outcome['is'], said: string, by?: string): Outcome => ({ name: one.name, is, said, seconds: secondsSince(begun), ...(by === undefined ? {} : { by }) });
  const undo = apply(copy, one);
  try {
    let undecided: string | undefined;
    for (const file of one.tests) {
      const verdict = await attempt(file);
      if (verdict === undefined || verdict.is === 'passed') continue;
      if (verdict.is === 'failed') return end('caught', verdict.test, file);
      if (verdict.is === 'crashed') return end('caught', verdict.why, file);
      undecided = verdict.is === 'hung' ? `${file} did not end within ${LIMIT_MS / 1000} s` : `the break itself is mistyped: ${verdict.why}`;
    }
    return undecided === undefined ? end('survived', one.danger) : end('undecided', undecided);
  } finally {
    undo();
  }
}

/** Tests of real servers and hosts share addresses and the machine's attention. */
const isPure = (file: string) => /^test\/(unit|crash|sim)\//.test(file) || /^test\/contract\/(disk|vault-sim)\./.test(file);

function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** Every copy takes the next of the work as soon as it is free. */
async function share<T>(copies: readonly string[], work: readonly T[], one: (copy: string, item: T) => Promise<void>): Promise<void> {
  const left = [...work];
  await Promise.all(copies.map(async (copy) => { for (let item = left.shift(); item !== undefined; item = left.shift()) await one(copy, item); }));
}

const secondsSince = (begun: number) => Math.round((performance.now() - begun) / 100) / 10;
