import process from 'node:process';

/**
 * A signal at any instant leaves nothing behind: `end` is called once, also where npm, the set-up and a terminal each send
 * theirs, and the process exits when it is over.
 * @returns whether a signal has come: what breaks from then on is nobody's news
 */
export function endOnSignals(end: () => Promise<void>): () => boolean {
  let stopped = false;
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const) {
    process.on(signal, () => {
      if (stopped) return;
      stopped = true;
      void end().catch((cause: unknown) => { console.error(cause); }).finally(() => process.exit(code));
    });
  }
  return () => stopped;
}
