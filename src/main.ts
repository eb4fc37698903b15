declare const VAULTCTL_VERSION: string | undefined;

/** The only place that exits. Whatever was thrown becomes a page for the operator and the exit code of its class. */
export async function main(argv: readonly string[]): Promise<void> {
  const version = typeof VAULTCTL_VERSION === 'string' ? VAULTCTL_VERSION : 'development';
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    // The stream behind process.stdout costs a tenth of a bare start; this answer needs none.
    process.getBuiltinModule('node:fs').writeSync(1, `${version}\n`);
    return;
  }
  // Node throws and catches an error inside every createCipheriv, and ssh2 makes a cipher for every packet: with a stack
  // that nobody reads, it is the dearest part of a packet.
  if (process.env.VAULTCTL_DEBUG !== '1') Error.stackTraceLimit = 0;
  try {
    const [{ keepMemoryPrivate, machine, outliveReaders, outliveStrays }, { runCommand }] = await Promise.all([import('./wire.ts'), import('./commands/program.ts')]);
    outliveReaders();
    outliveStrays();
    await keepMemoryPrivate();
    process.exitCode = await runCommand(machine, argv, version);
  } catch (error) {
    process.exitCode = await report(error, argv.includes('--json'));
  }
}

async function report(error: unknown, json: boolean): Promise<number> {
  const [{ exitCodes, Halt, haltPage, messageOf }, { redact, redactedJson }] = await Promise.all([import('./model/halt.ts'), import('./model/secret.ts')]);
  if (error instanceof Halt) {
    if (json) process.stdout.write(`${redactedJson({ is: 'halt', ...error.text, exit: error.exitCode })}\n`);
    else process.stderr.write(redact(haltPage(error.text)));
    return error.exitCode;
  }
  const cause = error instanceof Error && error.cause !== undefined ? ` (${messageOf(error.cause)})` : '';
  const page = [
    `Unexpected: ${messageOf(error)}${cause}`, '', 'Safe:', '  every step that was reported done is on disk; nothing is deleted before every manager holds the keys.',
    '', 'Next:', '  vaultctl status', '  then the same command again: it looks at the world and goes on from there', '',
  ].join('\n');
  if (json) process.stdout.write(`${redactedJson({ is: 'halt', code: 'unexpected', what: messageOf(error), exit: exitCodes.unexpected })}\n`);
  else process.stderr.write(redact(page + (process.env.VAULTCTL_DEBUG === '1' && error instanceof Error ? `\n${error.stack}\n` : '')));
  return exitCodes.unexpected;
}
