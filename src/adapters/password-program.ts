import { spawn } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { UsageError, messageOf } from '../model/halt.ts';
import { wipe } from '../model/secret.ts';
import { shellWord } from '../model/shell-word.ts';

const OUTPUT_LIMIT = 64 << 10;
/** It may ask a person. */
const PATIENCE_MS = 10 * 60_000;
const LAST_WORDS_MS = 200;

/**
 * What a program prints that the operator named for a password. It keeps our terminal, and the operator's whole
 * environment: as with Ansible it may ask there, or fetch the password with a token of theirs.
 * @throws UsageError where it cannot be run, fails, or prints without end; never with what it printed
 */
export function passwordFrom(argv: readonly [string, ...string[]]): Promise<Uint8Array> {
  const [program, ...args] = argv;
  const name = argv.map(shellWord).join(' ');
  if (!beginsAsProgram(program)) {
    return Promise.reject(new UsageError(`${program} is executable, and no program: vaultctl neither runs it nor takes it for the password`, `If it holds the password: chmod -x ${shellWord(program)}; if it is a script, its first line must be #!/bin/sh or the like.`));
  }
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['inherit', 'pipe', 'inherit'] });
    const chunks: Buffer[] = [];
    let [size, ended] = [0, ''];
    const end = (why: string) => { ended ||= why; child.kill('SIGKILL'); };
    const timer = setTimeout(() => end(`did not end within ${PATIENCE_MS / 60_000} minutes`), PATIENCE_MS);
    const refuse = (why: string, next: string) => {
      clearTimeout(timer);
      wipe(...chunks);
      reject(new UsageError(`the program for the vault password, ${name}, ${why}`, next));
    };
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > OUTPUT_LIMIT) end(`printed more than ${OUTPUT_LIMIT} bytes`);
    });
    child.once('error', (error) => refuse(`cannot be run: ${messageOf(error)}`, 'Check the program that its first line names.'));
    child.once('exit', (code, signal) => {
      if (code !== 0) ended ||= code === null ? `was ended by ${signal ?? 'a signal'}` : `ended with ${code}`;
      // Who is still there of those that it started (an agent, say) keeps the pipe open: what has come by now counts.
      setTimeout(() => { child.stdout.destroy(); }, LAST_WORDS_MS);
    });
    child.once('close', () => {
      if (ended !== '') return refuse(ended, 'Run it by hand: it must print the password, and nothing else, on its standard output.');
      clearTimeout(timer);
      const whole = new Uint8Array(Buffer.concat(chunks));
      wipe(...chunks);
      resolve(whole);
    });
  });
}

/** Anything else the system would hand to a shell, which takes the password for a command and prints it. */
function beginsAsProgram(path: string): boolean {
  const begin = Buffer.alloc(4);
  try {
    const file = openSync(path, 'r');
    try {
      readSync(file, begin, 0, begin.length, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    // A program that may be run and not be read tells the system what it is.
    return true;
  }
  return begin.subarray(0, 2).toString('latin1') === '#!' || begin.toString('latin1') === '\x7fELF';
}
