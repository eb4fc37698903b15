import { access } from 'node:fs/promises';
import { withoutSecrets } from '../kubernetes/pod-reasons.ts';
import { messageOf } from '../model/halt.ts';
import type { ProgramHands } from '../ports/programs.ts';
import { runProgram } from './run-program.ts';

const LAST_LINES = 8;

/** @param timeoutMs what runs longer is ended, with everything that it started */
export function programsHere(timeoutMs: number): ProgramHands {
  const ran = (argv: readonly string[]) => runProgram(argv, { timeoutMs }).catch((error: unknown) => ({ code: 127, out: '', err: messageOf(error), late: false }));
  return {
    holds: async (argv) => (await ran(argv)).code === 0,
    exists: (path) => access(path).then(() => true, () => false),
    run: async (argv) => {
      const { code, out, err, late } = await ran(argv);
      if (code === 0) return undefined;
      const said = `${out}\n${err}`.split('\n').map((line) => withoutSecrets(line).trimEnd()).filter((line) => line !== '').slice(-LAST_LINES);
      return [late ? `did not end within ${Math.round(timeoutMs / 1000)} s, and was ended` : `ended with ${code}`, ...said];
    },
  };
}
